import type { Item, Query, Sort } from '../api/types'
import { text } from '../text'
import { fold } from './fold'

/** The orders of the menu, with their labels. */
export const sorts = Object.entries(text.sorts) as [Sort, string][]

export const everything: Query = { q: '', category: '', sort: 'menu' }

/** Parses the query of an address, which may be invalid. */
export function parseQuery(search: string): Query {
  const params = new URLSearchParams(search)
  return {
    q: params.get('q') ?? '',
    category: params.get('category') ?? '',
    sort: sorts.find(([sort]) => sort === params.get('sort'))?.[0] ?? 'menu',
  }
}

/** Formats a query for an address, without default values. */
export function formatQuery({ q, category, sort }: Query): string {
  const params = new URLSearchParams()
  if (q.trim()) params.set('q', q.trim())
  if (category) params.set('category', category)
  if (sort !== 'menu') params.set('sort', sort)
  const search = params.toString()
  return search && `?${search}`
}

/** Returns a predicate for the query. Like on the server, every word must occur anywhere in the item's texts. */
export function matcher(query: Query): (item: Item) => boolean {
  const words = fold(query.q).split(/\s+/).filter(Boolean)
  const category = fold(query.category.trim())
  return (item) => {
    if (category && fold(item.category ?? '').trim() !== category) return false
    if (words.length === 0) return true
    const texts = fold([item.name, item.description, item.tagline ?? '', item.category ?? ''].join('\n'))
    return words.every((word) => texts.includes(word))
  }
}

/** Returns a comparison for the order of the query. Equal items are in the order of their ids. */
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
      return (a, b) => menuKey(a) - menuKey(b) || a.id - b.id
  }
}

/** The place of an item in the order of the menu, like the server's Item.MenuKey. An item without an id is the last one. */
export const menuKey = ({ id, position }: Item) => position ?? (id < 0 ? Infinity : 1000 * id)

// By code unit, as the stores compare and not by the rules of a language, so that the pages of a list have one order.
const compareText = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0)

/** The items that match the query, in its order. */
export function select(items: Iterable<Item>, query: Query): Item[] {
  return [...items].filter(matcher(query)).sort(comparer(query))
}

/** Each category once, sorted, in its first spelling. */
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

/** The items of a category. */
export interface Section {
  name: string
  items: Item[]
}

/** Groups items in the order of the menu by category. A section is where its first item is. */
export function sectionsOf(items: Iterable<Item>): Section[] {
  const sections = new Map<string, Section>()
  for (const item of items) {
    const key = fold(item.category ?? '').trim()
    const section = sections.get(key)
    if (section) section.items.push(item)
    else sections.set(key, { name: item.category ?? '', items: [item] })
  }
  return [...sections.values()]
}

/** The sections as the menu shows these items. */
export const arranged = (items: Iterable<Item>): Section[] => sectionsOf([...items].sort(comparer(everything)))
