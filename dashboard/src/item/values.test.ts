import { expect, test } from 'vitest'

import { empty, inputOf, merge, valuesOf } from './values'

test.each([
  ['4.50', 4.5],
  ['4,5', 4.5],
  [' 7 ', 7],
  ['0', 0],
  ['-1', -1],
  ['abc', 'abc'],
  ['1,000', '1,000'],
  ['1e3', '1e3'],
  ['', undefined],
])('the price %j is sent as %j', (typed, sent) => {
  expect(inputOf({ ...empty, price: typed }).price).toBe(sent)
})

test('what is optional and empty is left out', () => {
  expect(inputOf({ ...empty, name: 'Tea', price: '1', tagline: ' ' })).toEqual({ name: 'Tea', price: 1, description: '', image: '' })
})

test('an item survives its form', () => {
  const item = { name: 'Tea', price: 1.99, description: 'Hot\nwet', image: 'https://x/y.png', tagline: 'T', category: 'C', calories: 0 }
  expect(inputOf(valuesOf(item))).toEqual(item)
})

test('a merge keeps the changes of both, and of one field those of the person', () => {
  const base = valuesOf({ name: 'Tea', price: 1, tagline: 'old' })
  const mine = { ...base, name: 'My tea' }
  const theirs = { ...base, name: 'Their tea', price: '2' }
  expect(merge(base, mine, theirs)).toMatchObject({ name: 'My tea', price: '2', tagline: 'old' })
})
