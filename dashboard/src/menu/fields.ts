import type { Item, ItemInput } from '../api/types'
import { text } from '../text'
import { formatNumber, formatPrice } from '../ui/format'

interface FieldSettings {
  /** The field's name in the API. */
  name: Exclude<keyof ItemInput, 'id'>
  label: string
  /** `price` and `integer` are numbers in the API, `flag` is a boolean, every other kind is text. */
  kind: 'text' | 'multiline' | 'url' | 'price' | 'integer' | 'flag'
  /** Not in the form, because other parts of the page change it. */
  hidden?: true
  required?: true
  /** A line of help below the input. */
  hint?: string
  /** The unit that follows the value. */
  unit?: string
}

// The list has no limits: the API checks every value and names the invalid fields, so that each rule has one place.
const list = [
  { name: 'name', label: text.fields.name, kind: 'text', required: true },
  { name: 'price', label: text.fields.price, kind: 'price', required: true, hint: text.hints.price(formatPrice(4.5)) },
  { name: 'category', label: text.fields.category, kind: 'text' },
  { name: 'calories', label: text.fields.calories, kind: 'integer', unit: 'kcal' },
  { name: 'tagline', label: text.fields.tagline, kind: 'text', hint: text.hints.tagline },
  { name: 'description', label: text.fields.description, kind: 'multiline' },
  { name: 'image', label: text.fields.image, kind: 'url', hint: text.hints.image },
  { name: 'soldOut', label: text.fields.soldOut, kind: 'flag' },
  { name: 'position', label: text.fields.position, kind: 'integer', hidden: true },
] as const satisfies readonly FieldSettings[]

/** The name of a field that this page shows and edits. */
export type FieldName = (typeof list)[number]['name']

export type Field = FieldSettings & { name: FieldName }

/**
 * Every field that this page shows and edits, in the order of the form. The form, the request that saves, the history, the
 * item's page and the comparison of two versions derive from this list. A new optional text field is one line here.
 */
export const fields: readonly Field[] = list

/** The value as a person reads it, or "" if there is none. */
export function formatField({ kind, unit }: Field, value: string | number | boolean | null | undefined): string {
  if (kind === 'flag') return value ? text.yes : ''
  const formatted = typeof value !== 'number' ? String(value ?? '') : kind === 'price' ? formatPrice(value) : formatNumber(value)
  return formatted && unit ? `${formatted} ${unit}` : formatted
}

/** The value, or null if it means the same as no value. */
export const unset = <T>(value: T) => (value === false || value === '' ? null : (value ?? null))

/** Whether two versions of an item have the same values. An optional field may be absent or empty. */
export function sameItem(a: Item | null | undefined, b: Item | null | undefined): boolean {
  if (!a || !b) return !a && !b
  return fields.every(({ name }) => unset(a[name]) === unset(b[name]))
}
