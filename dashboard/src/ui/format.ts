/** The currency of the menu. The API's prices are plain numbers. */
const currency = 'USD'

const money = new Intl.NumberFormat(undefined, { style: 'currency', currency })
const whole = new Intl.NumberFormat()
const moment = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'short' })
const relative = new Intl.RelativeTimeFormat(undefined, { numeric: 'auto' })

/** A price in the reader's locale. */
export const formatPrice = (price: number) => money.format(price)

/** A whole number in the reader's locale. */
export const formatNumber = (n: number) => whole.format(n)

/** A time in the reader's locale. */
export const formatMoment = (time: string) => moment.format(new Date(time))

/** The age of a time, in the largest unit that fits. */
export function formatAgo(time: string, now = Date.now()): string {
  const seconds = (Date.parse(time) - now) / 1000
  const units = [['day', 86_400], ['hour', 3_600], ['minute', 60]] as const
  for (const [unit, length] of units) {
    if (Math.abs(seconds) >= length) return relative.format(Math.trunc(seconds / length), unit)
  }
  return relative.format(Math.trunc(seconds), 'second')
}
