import type { components } from '../api/schema'

/** An item of the menu. */
export type Item = components['schemas']['Item']

/** What a person writes of an item. */
export type ItemInput = components['schemas']['ItemInput']

/** One step in the history of an item. */
export type Change = components['schemas']['Change']

/** One change of the menu, as everyone is told. */
export type ChangeEvent = components['schemas']['ChangeEvent']

/** The fields of an item that people read and write, in the order in which they are shown. */
export const fields = ['name', 'price', 'category', 'tagline', 'description', 'calories', 'image'] as const
export type Field = (typeof fields)[number]

/** What each field is called. */
export const labels: Record<Field, string> = {
  name: 'Name',
  price: 'Price',
  category: 'Category',
  tagline: 'Tagline',
  description: 'Description',
  calories: 'Calories',
  image: 'Picture (address)',
}

/** Whether two versions of an item say the same. */
export function sameItem(a: Item | null | undefined, b: Item | null | undefined): boolean {
  if (!a || !b) return !a && !b
  return fields.every((field) => a[field] === b[field])
}
