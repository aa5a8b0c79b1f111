import { expect, test } from 'vitest'

import { parseRoute } from './route'

test.each([
  ['/', '', { name: 'menu' }],
  ['/', '#new', { name: 'new' }],
  ['/', '#arrange', { name: 'arrange' }],
  ['/menu/3', '', { name: 'item', id: 3, view: 'item' }],
  ['/menu/3/', '#edit', { name: 'item', id: 3, view: 'edit' }],
  ['/menu/3', '#history', { name: 'item', id: 3, view: 'history' }],
  ['/menu/3', '#nonsense', { name: 'item', id: 3, view: 'item' }],
  ['/menu/0', '', { name: 'unknown' }],
  ['/menu/-1', '', { name: 'unknown' }],
  ['/menu/abc', '', { name: 'unknown' }],
  ['/menu/1/x', '', { name: 'unknown' }],
  ['/profile/', '', { name: 'profile' }],
  ['/activity', '', { name: 'activity' }],
  ['/callback', '', { name: 'callback' }],
  ['/nope', '', { name: 'unknown' }],
])('%s%s', (path, hash, route) => {
  expect(parseRoute(path, hash)).toEqual(route)
})
