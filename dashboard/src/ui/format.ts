import { bootstrap } from '../bootstrap'

/** The browser's first language decides how numbers look. The words of the page are English, and so are its dates. */
export const language = navigator.languages?.[0] ?? navigator.language

// The API's prices are plain numbers.
const { currency } = bootstrap.settings

const money = new Intl.NumberFormat(language, { style: 'currency', currency })
/** The decimals of the currency. */
export const decimals = money.resolvedOptions().maximumFractionDigits ?? 2
const amount = new Intl.NumberFormat(language, { minimumFractionDigits: decimals, useGrouping: false })
const whole = new Intl.NumberFormat(language)
const moment = new Intl.DateTimeFormat('en', { dateStyle: 'medium', timeStyle: 'short' })
const relative = new Intl.RelativeTimeFormat('en', { numeric: 'auto' })

/** A price with the currency. */
export const formatPrice = (price: number) => money.format(price)

/** A price for a text field: without the currency and without grouping. */
export const formatAmount = (price: number) => amount.format(price)

export const formatNumber = (n: number) => whole.format(n)

export const formatMoment = (time: string) => moment.format(new Date(time))

/** The age of a time, in the largest unit that fits. */
export function formatAgo(time: string, now = Date.now()): string {
  const seconds = (Date.parse(time) - now) / 1000
  const units = [
    ['day', 86_400],
    ['hour', 3_600],
    ['minute', 60],
  ] as const
  const [unit, length] = units.find(([, length]) => Math.abs(seconds) >= length) ?? ['second', 1]
  return relative.format(Math.trunc(seconds / length), unit)
}
