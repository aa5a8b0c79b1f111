import { afterEach, beforeEach, expect, test, vi } from 'vitest'

import type { Item, Page, Query } from '../api/types'
import { everything, select } from './query'
import { MenuStore } from './store'

const item = (id: number, more: Partial<Item> = {}): Item => ({ id, name: `Item ${id}`, price: id, description: '', image: '', ...more })
const many = (n: number) => Array.from({ length: n }, (_, index) => item(index + 1))
const ids = (store: MenuStore) => store.view.get().items.map(({ id }) => id)

/** A server with a menu that responds like GET /items. */
function serverWith(menu: Item[]) {
  const requests: Query[] = []
  const list = async (query: Query, { after = '', limit = 100 }: { after?: string; limit?: number } = {}): Promise<Page> => {
    requests.push(query)
    const all = select(menu, query)
    const start = after ? all.findIndex(({ id }) => String(id) === after) + 1 : 0
    const items = all.slice(start, start + limit)
    return { items, after: start + limit < all.length ? String(items.at(-1)?.id) : '', etag: '' }
  }
  return { list, requests, menu }
}

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

test('the store searches a small menu itself', () => {
  const server = serverWith([])
  const store = new MenuStore(server, { items: many(3), after: '', etag: '', categories: [] }, everything)
  store.setQuery({ ...everything, q: 'item 2' })
  expect(ids(store)).toEqual([2])
  store.setQuery({ ...everything, sort: '-price' })
  expect(ids(store)).toEqual([3, 2, 1])
  expect(server.requests).toEqual([])
})

test('the store requests a large menu page by page', async () => {
  const server = serverWith(many(250))
  const store = new MenuStore(server, { items: many(100), after: '100', etag: '', categories: ['Far'] }, everything)
  expect(store.view.get()).toMatchObject({ more: true, categories: ['Far'] })
  await store.loadMore()
  await store.loadMore()
  expect(ids(store)).toHaveLength(250)
  expect(store.view.get().more).toBe(false)
  store.setQuery({ ...everything, q: '24' })
  await vi.waitFor(() => expect(ids(store)).toEqual([24, 124, 224, ...[240, 241, 242, 243, 244, 245, 246, 247, 248, 249]]))
})

test('the store loads the rest of the menu, with the changes that arrive before it', async () => {
  const server = serverWith(many(2500))
  const store = new MenuStore(server, { items: many(100), after: '100', etag: '', categories: [] }, everything)
  await store.loadAll(1000)
  expect(store.view.get().menu, 'beyond the limit').toBeNull()
  const loaded = store.loadAll()
  store.apply({ id: 7, version: 2, action: 'update', item: item(7, { name: 'New name' }) })
  store.apply({ id: 8, version: 2, action: 'delete', item: null })
  await loaded
  const { menu, more } = store.view.get()
  expect(menu).toHaveLength(2499)
  expect(more).toBe(false)
  expect(store.get(7)?.name).toBe('New name')

  server.requests.length = 0
  store.setQuery({ ...everything, q: 'item 2444' })
  expect(ids(store)).toEqual([2444])
  expect(server.requests).toEqual([])
})

test('the store requests a missing menu', async () => {
  const store = new MenuStore(serverWith(many(2)), null, everything)
  expect(store.view.get().status).toBe('loading')
  await vi.waitFor(() => expect(ids(store)).toEqual([1, 2]))
})

test('a failed request keeps the old items', async () => {
  const list = () => Promise.reject(new Error('no'))
  const store = new MenuStore({ list }, { items: many(2), after: '', etag: '', categories: [] }, everything)
  await store.refresh()
  expect(store.view.get()).toMatchObject({ status: 'failed', error: new Error('no') })
  expect(ids(store)).toEqual([1, 2])
})

test('an event changes the menu and marks the item for a while', () => {
  const store = new MenuStore(serverWith([]), { items: many(2), after: '', etag: '', categories: [] }, everything)
  store.apply({ id: 2, version: 2, action: 'update', item: item(2, { name: 'New name' }) })
  store.apply({ id: 3, version: 1, action: 'create', item: item(3) })
  store.apply({ id: 1, version: 2, action: 'delete', item: null })
  expect(store.view.get().items.map(({ name }) => name)).toEqual(['New name', 'Item 3'])
  expect([...store.view.get().fresh]).toEqual([2, 3, 1])
  vi.advanceTimersByTime(5_000)
  expect(store.view.get().fresh.size).toBe(0)
})

test('an event of our own change marks nothing', () => {
  const store = new MenuStore(serverWith([]), { items: many(2), after: '', etag: '', categories: [] }, everything)
  store.upsert(item(2, { price: 9 }))
  store.apply({ id: 2, version: 2, action: 'update', item: item(2, { price: 9 }) })
  expect(store.view.get().fresh.size).toBe(0)
})

test('in a large menu an event inserts the item only into a loaded page', () => {
  const store = new MenuStore(
    serverWith([]),
    { items: many(100).filter(({ id }) => id !== 50), after: '100', etag: '', categories: [] },
    everything,
  )
  store.apply({ id: 50, version: 3, action: 'restore', item: item(50) })
  expect(ids(store)[49]).toBe(50)
  store.apply({ id: 500, version: 1, action: 'create', item: item(500) })
  expect(ids(store)).not.toContain(500)
})

test('a rollback removes the optimistic change and keeps events', () => {
  const store = new MenuStore(serverWith([]), { items: many(2), after: '', etag: '', categories: [] }, everything)
  const rollback = store.applyOptimistic([1, item(1, { name: 'Mine' })])
  expect(store.view.get().items[0]?.name).toBe('Mine')
  expect([...store.view.get().pending]).toEqual([1])
  store.apply({ id: 1, version: 2, action: 'update', item: item(1, { name: 'Theirs' }) })
  expect(store.view.get().items[0]?.name).toBe('Mine')
  rollback()
  expect(store.view.get().items[0]?.name).toBe('Theirs')
  const rollbackDelete = store.applyOptimistic([2, null])
  expect(ids(store)).toEqual([1])
  rollbackDelete()
  expect(ids(store)).toEqual([1, 2])
})
