import { expect, test } from 'vitest'

import type { Item } from '../api/types'
import { move, positionsOfMove, type Place } from './order'
import { arranged, type Section } from './query'

const item = (id: number, category: string, position?: number): Item => ({
  id,
  name: `Item ${id}`,
  price: 1,
  description: '',
  image: '',
  category,
  ...(position !== undefined && { position }),
})
const menu = [item(1, 'Mains'), item(2, 'Drinks'), item(3, 'Mains'), item(4, 'Drinks')]
const ids = (sections: ReturnType<typeof arranged>) => sections.map(({ items }) => items.map(({ id }) => id))

test('a section is where its first item is, and an item without a position has 1,000 times its id', () => {
  expect(ids(arranged(menu))).toEqual([
    [1, 3],
    [2, 4],
  ])
  expect(ids(arranged([...menu, item(5, 'Drinks', 500)]))).toEqual([
    [5, 2, 4],
    [1, 3],
  ])
})

// The menu after a move, and the ids that it wrote.
function afterMove(wanted: Section[], place: Place) {
  const patch = positionsOfMove(wanted, place)
  const items = wanted.flatMap(({ items }) => items)
  return { written: Object.keys(patch).map(Number), order: ids(arranged(items.map((item) => ({ ...item, ...patch[item.id] }) as Item))) }
}

test('a move writes only the moved item, between its neighbours', () => {
  const [mains, drinks] = arranged([...menu, item(5, 'Mains')])
  const wanted = [{ ...mains!, items: move(mains!.items, 2, 1) }, drinks!]
  expect(positionsOfMove(wanted, { section: 0, item: 1 })).toEqual({ 5: { position: 2000 } })
})

test('a section moves with all its items', () => {
  const wanted = move(arranged(menu), 1, 0)
  expect(positionsOfMove(wanted, { section: 0, item: null })).toEqual({ 2: { position: 333 }, 4: { position: 666 } })
  expect(afterMove(wanted, { section: 0, item: null }).order).toEqual(ids(wanted))
})

test('without a gap, the whole menu gets new numbers', () => {
  const items = [item(1, 'A', 5), item(2, 'A', 6), item(3, 'A', 7)]
  const [section] = arranged(items)
  const wanted = [{ ...section!, items: move(section!.items, 2, 1) }]
  expect(positionsOfMove(wanted, { section: 0, item: 1 })).toEqual({
    1: { position: 1000 },
    2: { position: 3000 },
    3: { position: 2000 },
  })
})

// The ids of three sections alternate, as in a menu that has grown.
const grown = [1, 2, 3, 4, 5, 6, 7, 8, 9].map((id) => item(id, `Section ${id % 3}`))
const moves = [0, 1, 2].flatMap((from) => [0, 1, 2].filter((to) => to !== from).map((to) => [from, to] as const))

test.each(moves)('a move of section %i to place %i writes only its items', (from, to) => {
  const wanted = move(arranged(grown), from, to)
  const { written, order } = afterMove(wanted, { section: to, item: null })
  expect(order).toEqual(ids(wanted))
  expect(written).toEqual(wanted[to]!.items.map(({ id }) => id))
})

test.each(moves)('a move of item %i of a section to place %i gives the wanted order', (from, to) => {
  for (const section of [0, 1, 2]) {
    const wanted = arranged(grown).map((s, n) => (n === section ? { ...s, items: move(s.items, from, to) } : s))
    const { written, order } = afterMove(wanted, { section, item: to })
    expect(order).toEqual(ids(wanted))
    // Without its first item, a section would be elsewhere.
    if (from !== 0) expect(written).toEqual([wanted[section]!.items[to]!.id])
  }
})
