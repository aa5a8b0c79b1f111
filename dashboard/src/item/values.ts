import type { Item, ItemInput, ItemPatch } from '../api/types'
import { fields, type Field, type FieldName } from '../menu/fields'
import { formatAmount } from '../ui/format'
import { readPrice } from '../ui/readPrice'

/** The text in each field of the form. */
export type Values = Record<FieldName, string>

export function valuesOf(item: Partial<Item>): Values {
  const textOf = ({ name, kind }: Field) => {
    const value = item[name]
    if (kind === 'flag') return value ? 'true' : ''
    return kind === 'price' && typeof value === 'number' ? formatAmount(value) : String(value ?? '')
  }
  return Object.fromEntries(fields.map((field) => [field.name, textOf(field)])) as Values
}

export const empty = valuesOf({})

/**
 * Reads the text of one field for a request. Empty text unsets an optional text field. Text that is not a number is sent as
 * it is, because the API rejects it together with all other invalid fields.
 */
export function parse({ kind }: Field, typed: string): string | number | boolean | null {
  const trimmed = typed.trim()
  if (kind === 'flag') return trimmed !== '' || null
  if (kind !== 'price' && kind !== 'integer') return trimmed
  if (trimmed === '') return null
  const number = readPrice(trimmed).at(kind === 'integer' ? -1 : 0)
  return number ?? trimmed
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

/**
 * Merges the changes that two users made to the same version. The result contains both, and in `conflicts`
 * their value of each field that both changed differently. `updated` are the fields that only the other user changed.
 */
export function merge(base: Values, mine: Values, theirs: Values): { values: Values; conflicts: Partial<Values>; updated: Field[] } {
  const changedByMe = differing(base, mine)
  const changedByThem = differing(base, theirs)
  const values = { ...theirs }
  const conflicts: Partial<Values> = {}
  for (const field of changedByMe) {
    const { name } = field
    values[name] = mine[name]
    if (changedByThem.includes(field) && parse(field, mine[name]) !== parse(field, theirs[name])) conflicts[name] = theirs[name]
  }
  return { values, conflicts, updated: changedByThem.filter((field) => !changedByMe.includes(field)) }
}

/** The fields whose values differ. */
export function differing(a: Values, b: Values): Field[] {
  return fields.filter((field) => parse(field, a[field.name]) !== parse(field, b[field.name]))
}
