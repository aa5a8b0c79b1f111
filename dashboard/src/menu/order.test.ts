import { expect, test } from 'vitest'

import type { Item } from '../api/types'
import { move, positionsFor } from './order'
import { arranged } from './query'

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

test('a move writes only the moved item, between its neighbours', () => {
  const [mains, drinks] = arranged([...menu, item(5, 'Mains')])
  const wanted = [{ ...mains!, items: move(mains!.items, 2, 1) }, drinks!]
  expect(positionsFor(wanted, new Set([5]))).toEqual({ 5: { position: 2000 } })
})

test('a section moves with all its items', () => {
  const wanted = move(arranged(menu), 1, 0)
  const patch = positionsFor(wanted, new Set([2, 4]))
  expect(patch).toEqual({ 2: { position: 333 }, 4: { position: 666 } })
  expect(ids(arranged(menu.map((item) => ({ ...item, ...patch[item.id] }) as Item)))).toEqual([
    [2, 4],
    [1, 3],
  ])
})

test('without a gap, the whole menu gets new numbers', () => {
  const items = [item(1, 'A', 5), item(2, 'A', 6), item(3, 'A', 7)]
  const [section] = arranged(items)
  const wanted = [{ ...section!, items: move(section!.items, 2, 1) }]
  expect(positionsFor(wanted, new Set([3]))).toEqual({ 1: { position: 1000 }, 3: { position: 2000 }, 2: { position: 3000 } })
})

test.each([0, 1])('every move of an item gives the wanted order (section %i)', (section) => {
  const sections = arranged(menu)
  const wanted = sections.map((s, n) => (n === section ? { ...s, items: move(s.items, 0, 1) } : s))
  const patch = positionsFor(wanted, new Set([sections[section]!.items[0]!.id]))
  expect(ids(arranged(menu.map((item) => ({ ...item, ...patch[item.id] }) as Item)))).toEqual(ids(wanted))
})
