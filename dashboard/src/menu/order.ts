import type { Item, ItemsPatch } from '../api/types'
import { arranged, menuKey, type Section } from './query'

const gap = 1000

const idsOf = (sections: Section[]) => sections.flatMap(({ items }) => items.map(({ id }) => id)).join()

/** A section, or an item within its section. */
export interface Place {
  section: number
  item: number | null
}

/** The positions to write after the element at this place has moved there. */
export function positionsOfMove(sections: Section[], { section, item }: Place): ItemsPatch {
  const items = itemsAt(sections, section)
  const firstOf = (section: number) => itemsAt(sections, section)[0]
  // A section is where its first item is.
  if (item === null) return positionsFor(sections, items, firstOf(section - 1), firstOf(section + 1))
  return positionsFor(sections, items.slice(item, item + 1), items[item - 1] ?? firstOf(section - 1), items[item + 1])
}

const itemsAt = (sections: Section[], section: number) => sections[section]?.items ?? []

/**
 * The positions to write so that the menu is in the order of these sections: those of the moved items, between two others.
 * Without a gap there, it numbers the whole menu again.
 */
export function positionsFor(wanted: Section[], moved: readonly Item[], before: Item | undefined, after: Item | undefined): ItemsPatch {
  const low = before ? menuKey(before) : 0
  const high = after ? menuKey(after) : low + gap * (moved.length + 1)
  const step = (high - low) / (moved.length + 1)

  const all = wanted.flatMap(({ items }) => items)
  const positions = new Map(moved.map(({ id }, n) => [id, Math.floor(low + step * (n + 1))]))
  const result = all.map((item) => ({ ...item, position: positions.get(item.id) ?? menuKey(item) }))
  if (step < 1 || idsOf(arranged(result)) !== idsOf(wanted)) {
    positions.clear()
    all.forEach((item, n) => menuKey(item) !== gap * (n + 1) && positions.set(item.id, gap * (n + 1)))
  }
  return Object.fromEntries([...positions].map(([id, position]) => [id, { position }]))
}

/** The list with the element at `from` moved to `to`. */
export function move<T>(list: readonly T[], from: number, to: number): T[] {
  const element = list[from] as T
  return list.toSpliced(from, 1).toSpliced(to, 0, element)
}
