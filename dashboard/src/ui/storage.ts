// A browser that blocks site data has no storage: there, values are lost with the page, and nothing else fails.
const storageIn = (area: 'sessionStorage' | 'localStorage') => ({
  read<T>(name: string): T | null {
    try {
      return JSON.parse(window[area].getItem(name) ?? 'null') as T | null
    } catch {
      return null
    }
  },
  write(name: string, value: unknown) {
    try {
      if (value === null) window[area].removeItem(name)
      else window[area].setItem(name, JSON.stringify(value))
    } catch {
      // the storage is full or blocked
    }
  },
})

/** What lasts as long as the tab. */
export const storage = storageIn('sessionStorage')
/** What this browser remembers. */
export const preferences = storageIn('localStorage')

/** Whether the browser blocks cookies or site data for this page. Signing in needs both. */
export function storageIsBlocked(): boolean {
  try {
    localStorage.getItem('')
    sessionStorage.getItem('')
    return !navigator.cookieEnabled
  } catch {
    return true
  }
}
