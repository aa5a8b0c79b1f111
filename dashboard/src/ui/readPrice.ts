import { language } from './format'

const currency = /^(\p{L}{0,3}\p{Sc}|\p{L}{2,3}\.?)\s*|\s*(\p{L}{0,3}\p{Sc}|\p{L}{2,3}\.?)$/gu
const spaces = /(?<=\d)[\s'’](?=\d{3}(\D|$))/g // between thousands, as in French and in Swiss German

/**
 * Reads a price as people write it: "$4.50", "4,5 €", ".5" or "1.234,50". Returns nothing if the text is not a price, and
 * two prices if it can mean both: "1.000" is a thousand in German. In English it is more likely a mistake than a one.
 */
export function readPrice(typed: string, locale = language): number[] {
  const text = withASCIIDigits(typed.trim(), locale).replace(currency, '').replace(spaces, '')
  if (!/^-?[\d.,]*\d[\d.,]*$/.test(text)) return []
  const separators = text.replace(/[\d-]/g, '')
  const last = separators.at(-1)
  if (!last) return [Number(text)]

  const split = text.lastIndexOf(last)
  const withoutSeparators = (part: string) => part.replace(/[.,]/g, '')
  const asDecimal = Number(`${withoutSeparators(text.slice(0, split))}.${text.slice(split + 1)}`)
  const asGroups = Number(withoutSeparators(text))
  if (separators.length === 1) {
    if (!/^-?[1-9]\d{0,2}[.,]\d{3}$/.test(text)) return [asDecimal]
    return last === groupOf(locale) ? [asGroups] : [asDecimal, asGroups]
  }
  // With several separators, the text has thousands. In India, groups can have two digits.
  const groups = /^-?\d{1,3}([.,]\d{2,3})*$/
  if (new Set(separators).size === 1) return groups.test(text) ? [asGroups] : []
  return separators.indexOf(last) === separators.length - 1 && groups.test(text.slice(0, split)) ? [asDecimal] : []
}

function groupOf(locale: string) {
  const group = new Intl.NumberFormat(locale).formatToParts(1_234_567).find(({ type }) => type === 'group')?.value ?? ''
  return withASCIIDigits(group, locale)
}

/** The text with the digits and separators of, for example, Arabic replaced by those that every browser can read. */
function withASCIIDigits(text: string, locale: string): string {
  const digits = new Intl.NumberFormat(locale, { useGrouping: false, minimumIntegerDigits: 10 }).format(123_456_789)
  const from = [...digits, '٫', '٬']
  const to = '0123456789.,'
  return [...text].map((char) => to[from.indexOf(char)] ?? char).join('')
}
