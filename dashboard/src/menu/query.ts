import { fold } from './fold'
import type { Item } from './item'

/** What a reader asks of the menu. */
export interface Query {
  q: string
  category: string
  sort: Sort
}

export const sorts = {
  id: 'As on the menu',
  name: 'Name',
  price: 'Price, low to high',
  '-price': 'Price, high to low',
} as const
export type Sort = keyof typeof sorts

export const everything: Query = { q: '', category: '', sort: 'id' }

/** Reads a query from the address, which may have been typed by hand. */
export function parseQuery(search: string): Query {
  const params = new URLSearchParams(search)
  const sort = params.get('sort') ?? ''
  return {
    q: params.get('q') ?? '',
    category: params.get('category') ?? '',
    sort: Object.hasOwn(sorts, sort) ? (sort as Sort) : 'id',
  }
}

/** Writes a query for an address, what is as usual left out. */
export function formatQuery({ q, category, sort }: Query): string {
  const params = new URLSearchParams()
  if (q.trim()) params.set('q', q.trim())
  if (category) params.set('category', category)
  if (sort !== 'id') params.set('sort', sort)
  const text = params.toString()
  return text && `?${text}`
}

/** A test for what the query looks for, by the rules of the server: every word, anywhere in the texts of the item. */
export function matcher(query: Query): (item: Item) => boolean {
  const words = fold(query.q).split(/\s+/).filter(Boolean)
  const category = fold(query.category.trim())
  return (item) => {
    if (category && fold(item.category ?? '').trim() !== category) return false
    if (words.length === 0) return true
    const text = fold([item.name, item.description, item.tagline ?? '', item.category ?? ''].join('\n'))
    return words.every((word) => text.includes(word))
  }
}

/** The order of the query. Items that are equal in it are ordered by id. */
export function comparer({ sort }: Query): (a: Item, b: Item) => number {
  switch (sort) {
    case 'name': {
      const keys = new Map<string, string>()
      const key = (item: Item) => {
        let folded = keys.get(item.name)
        if (folded === undefined) keys.set(item.name, (folded = fold(item.name)))
        return folded
      }
      return (a, b) => compareText(key(a), key(b)) || a.id - b.id
    }
    case 'price':
      return (a, b) => a.price - b.price || a.id - b.id
    case '-price':
      return (a, b) => b.price - a.price || a.id - b.id
    default:
      return (a, b) => a.id - b.id
  }
}

// By code unit, as the stores compare, and not by a language's rules: a page that is continued must go on in one order.
const compareText = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0)

/** The items that the query asks for, in its order. */
export function select(items: Iterable<Item>, query: Query): Item[] {
  return [...items].filter(matcher(query)).sort(comparer(query))
}

/** Each category once, in the spelling that comes first, in order. */
export function categoriesOf(items: Iterable<Item>, known: readonly string[] = []): string[] {
  const spelling = new Map<string, string>()
  const add = (name: string | undefined) => {
    const key = fold(name ?? '').trim()
    if (key && !spelling.has(key)) spelling.set(key, name as string)
  }
  known.forEach(add)
  for (const item of items) add(item.category)
  return [...spelling].sort(([a], [b]) => compareText(a, b)).map(([, name]) => name)
}
