import { fields, type Field, type Item, type ItemInput } from '../menu/item'

/** An item as it stands in a form. */
export type Values = Record<Field, string>

export const empty: Values = { name: '', price: '', category: '', tagline: '', description: '', calories: '', image: '' }

/** Writes an item into a form. */
export function valuesOf(item: Partial<Item>): Values {
  return Object.fromEntries(fields.map((field) => [field, String(item[field] ?? '')])) as Values
}

/**
 * Reads a form for a request. What is no number is sent as it was typed: the API knows best what is wrong with it, and
 * says so at the field.
 */
export function inputOf(values: Values): ItemInput {
  const { name, price, description, image, tagline, category, calories } = values
  return {
    name,
    ...(price.trim() !== '' && { price: numberOr(price) }),
    description,
    image: image.trim(),
    ...(tagline.trim() && { tagline }),
    ...(category.trim() && { category }),
    ...(calories.trim() && { calories: numberOr(calories) }),
  } as ItemInput
}

/**
 * The item that the form describes, as it will look, or null while it has no price. A picture that the API would refuse is
 * left out: a browser would look for it among our own addresses.
 */
export function previewOf(id: number, values: Values): Item | null {
  const input = inputOf(values)
  if (typeof input.price !== 'number') return null
  const image = /^https?:\/\//i.test(input.image) ? input.image : ''
  return { ...input, id, image, name: input.name.trim() } as Item
}

// 4,50 is how half the world writes 4.50.
function numberOr(typed: string): number | string {
  const text = typed.trim().replace(/^(\d+),(\d{1,2})$/, '$1.$2')
  return /^-?\d+(\.\d+)?$/.test(text) ? Number(text) : typed.trim()
}

/**
 * What to go on editing with after a conflict: the fields that the person changed are theirs, the others are as the other
 * left them.
 */
export function merge(base: Values, mine: Values, theirs: Values): Values {
  return Object.fromEntries(fields.map((field) => [field, mine[field] === base[field] ? theirs[field] : mine[field]])) as Values
}

/** The fields in which the two differ. */
export function differing(a: Values, b: Values): Field[] {
  return fields.filter((field) => a[field].trim() !== b[field].trim())
}
