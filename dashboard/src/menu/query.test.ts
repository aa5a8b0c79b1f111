import { describe, expect, test } from 'vitest'

import type { Item } from '../api/types'
import { categoriesOf, everything, formatQuery, parseQuery, select } from './query'

const item = (id: number, name: string, price: number, more: Partial<Item> = {}): Item => ({
  id,
  name,
  price,
  description: '',
  image: '',
  ...more,
})

const menu = [
  item(3, 'Crème brûlée', 6.5, { category: 'Dessert', description: 'Burnt sugar' }),
  item(1, 'burger', 5.99, { category: 'Main' }),
  item(2, 'Ångström soup', 5.99, { category: 'main', tagline: 'Very small' }),
]

describe('select', () => {
  test.each([
    ['', [1, 2, 3]],
    ['creme BRULEE', [3]],
    ['brulee creme', [3]],
    ['sugar', [3]],
    ['small', [2]],
    ['dessert', [3]],
    ['angstrom', [2]],
    ['nothing', []],
  ])('finds by %j', (q, ids) => {
    expect(select(menu, { ...everything, q }).map(({ id }) => id)).toEqual(ids)
  })

  test('filters by category, ignoring case', () => {
    expect(select(menu, { ...everything, category: 'MAIN' }).map(({ id }) => id)).toEqual([1, 2])
  })

  test.each([
    ['menu', [1, 2, 3]],
    ['name', [2, 1, 3]],
    ['price', [1, 2, 3]],
    ['-price', [3, 1, 2]],
  ] as const)('sorts by %s, and equal items by id', (sort, ids) => {
    expect(select(menu, { ...everything, sort }).map(({ id }) => id)).toEqual(ids)
  })
})

test('each category appears once, sorted', () => {
  expect(categoriesOf(menu, ['Starters', 'MAIN'])).toEqual(['Dessert', 'MAIN', 'Starters'])
})

test('a formatted query parses to itself', () => {
  const query = { q: 'fish & chips', category: 'Main/Über', sort: '-price' } as const
  expect(parseQuery(formatQuery(query))).toEqual(query)
  expect(formatQuery(everything)).toBe('')
})

test('an invalid address parses to defaults', () => {
  expect(parseQuery('?sort=constructor&q=%ff&category=')).toEqual({ q: '\uFFFD', category: '', sort: 'menu' })
})
