import type { components } from '../api/schema'

export type Item = components['schemas']['Item']

/** The fields of an item in a request that adds it. */
export type ItemInput = components['schemas']['ItemInput']

/** The fields to change. `null` unsets an optional field. */
export type ItemPatch = components['schemas']['ItemPatch']

/** One step in the history of an item. */
export type Change = components['schemas']['Change']

/** One event of the change feed. */
export type ChangeEvent = components['schemas']['ChangeEvent']
