import type { components } from './schema'

export type Item = components['schemas']['Item']

/** The fields of an item in a request that adds it. */
export type ItemInput = components['schemas']['ItemInput']

/** The fields to change. `null` unsets an optional field. */
export type ItemPatch = components['schemas']['ItemPatch']

/** Changes of several items, by id. `null` deletes an item, and a complete item restores a deleted one. */
export type ItemsPatch = Record<number, ItemPatch | null>

/** One step in the history of an item. */
export type Change = components['schemas']['Change']

/** One event of the change feed. */
export type ChangeEvent = components['schemas']['ChangeEvent']

/** An item and its entity tag. */
export interface Tagged {
  item: Item
  etag: string
}

/** A search, filter and order of the menu. */
export interface Query {
  q: string
  category: string
  sort: Sort
}

export type Sort = 'menu' | 'name' | 'price' | '-price'

/** A page of the menu. `after` is the page key that continues the list, empty on the last page. */
export interface Page {
  items: Item[]
  after: string
  etag: string
}
