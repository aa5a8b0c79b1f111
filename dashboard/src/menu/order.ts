import type { ItemsPatch } from '../api/types'
import { arranged, menuKey, type Section } from './query'

const gap = 1000

const idsOf = (sections: Section[]) => sections.flatMap(({ items }) => items.map(({ id }) => id)).join()

/**
 * The positions to write so that the menu is in the order of these sections, after one item or section has moved. It writes
 * only what has moved, between its neighbours. Without a gap there, it numbers the whole menu again.
 */
export function positionsFor(wanted: Section[], moved: ReadonlySet<number>): ItemsPatch {
  const all = wanted.flatMap(({ items }) => items)
  const first = all.findIndex(({ id }) => moved.has(id))
  const before = all[first - 1]
  const after = all[first + moved.size]
  const low = before ? menuKey(before) : 0
  const high = after ? menuKey(after) : low + gap * (moved.size + 1)
  const step = (high - low) / (moved.size + 1)

  const positions = new Map<number, number>()
  all.slice(first, first + moved.size).forEach(({ id }, n) => positions.set(id, Math.floor(low + step * (n + 1))))
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
