import { expect, test } from 'vitest'

import { empty, inputOf, merge, patchOf, valuesOf } from './values'

test.each([
  ['4,5', 4.5],
  ['-1', -1],
  ['abc', 'abc'],
  ['', undefined],
])('the form sends the price %j as %j', (typed, sent) => {
  expect(inputOf({ ...empty, price: typed }).price).toBe(sent)
})

test('the form shows prices with all decimals', () => {
  expect(valuesOf({ price: 4.5 }).price).toBe('4.50')
})

test('a new item has no value for an empty field', () => {
  expect(inputOf({ ...empty, name: 'Tea', price: '1', tagline: ' ' })).toEqual({
    name: 'Tea',
    price: 1,
    category: '',
    tagline: '',
    description: '',
    image: '',
  })
})

test.each([
  ['nothing', {}, {}],
  ['only spaces', { name: ' Tea ' }, {}],
  ['a number', { price: '2,50' }, { price: 2.5 }],
  ['a text', { category: 'Drinks' }, { category: 'Drinks' }],
  ['a text to nothing', { tagline: '' }, { tagline: '' }],
  ['a number to nothing', { calories: '' }, { calories: null }],
])('the patch has what the user changed: %s', (_, changes, patch) => {
  const tea = { id: 3, name: 'Tea', price: 1.99, description: '', image: '', tagline: 'Hot', calories: 2 }
  expect(patchOf(tea, { ...valuesOf(tea), ...changes })).toEqual(patch)
})

test('an item does not change when it passes through the form', () => {
  const item = { name: 'Tea', price: 1.99, description: 'Hot\nwet', image: 'https://x/y.png', tagline: 'T', category: 'C', calories: 0 }
  expect(inputOf(valuesOf(item))).toEqual(item)
})

test('a merge keeps the changes of both users, and asks about fields that both changed', () => {
  const base = valuesOf({ name: 'Tea', price: 1, tagline: 'old', description: 'old', category: 'Drinks' })
  const mine = { ...base, name: 'My tea', tagline: 'mine', description: 'same', price: '1' }
  const theirs = { ...base, name: 'Their tea', price: '2', description: 'same', calories: '3' }
  const { values, conflicts, updated } = merge(base, mine, theirs)
  expect(values).toEqual({ ...base, name: 'My tea', tagline: 'mine', description: 'same', price: '2', calories: '3' })
  expect(conflicts).toEqual({ name: 'Their tea' })
  expect(updated.map(({ name }) => name)).toEqual(['price', 'calories'])
})
