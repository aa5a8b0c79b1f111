import { fields, type Field, type FieldName } from '../menu/fields'
import type { Item, ItemInput, ItemPatch } from '../menu/item'

/** The text in each field of the form. */
export type Values = Record<FieldName, string>

export function valuesOf(item: Partial<Item>): Values {
  return Object.fromEntries(fields.map(({ name }) => [name, String(item[name] ?? '')])) as Values
}

export const empty = valuesOf({})

/**
 * Reads the text of one field for a request. Empty text unsets an optional text field. Text that is not a number is sent as
 * it is, because the API has the better error message.
 */
export function parse({ kind }: Field, typed: string): string | number | null {
  const text = typed.trim()
  if (kind !== 'price' && kind !== 'integer') return text
  if (text === '') return null
  const number = text.replace(/^(\d+),(\d{1,2})$/, '$1.$2') // half the world writes 4,50 for 4.50
  return /^-?\d+(\.\d+)?$/.test(number) ? Number(number) : text
}

/** The body of a request that adds an item. */
export function inputOf(values: Values): ItemInput {
  const entries = fields.map((field) => [field.name, parse(field, values[field.name])] as const)
  return Object.fromEntries(entries.filter(([, value]) => value !== null)) as unknown as ItemInput
}

/** The merge patch that turns the item into what the form says. It leaves out what the user did not change. */
export function patchOf(item: Item, values: Values): ItemPatch {
  return Object.fromEntries(differing(valuesOf(item), values).map((field) => [field.name, parse(field, values[field.name])]))
}

/**
 * The item as it will look once it is saved, or null without a price. An image that the API would reject is left out:
 * a browser would resolve it against our own address.
 */
export function previewOf(id: number, values: Values): Item | null {
  const input = inputOf(values)
  if (typeof input.price !== 'number') return null
  return { ...input, id, image: /^https?:\/\//i.test(input.image) ? input.image : '' } as Item
}

/** Combines two changes of the same base. Where both changed a field, mine wins. */
export function merge(base: Values, mine: Values, theirs: Values): Values {
  return Object.fromEntries(fields.map(({ name }) => [name, mine[name] === base[name] ? theirs[name] : mine[name]])) as Values
}

/** The fields in which the two differ. */
export function differing(a: Values, b: Values): Field[] {
  return fields.filter(({ name }) => a[name].trim() !== b[name].trim())
}
