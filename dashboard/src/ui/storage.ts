/**
 * The tab's session storage. A browser that blocks site data has none: there, values are lost with the page, and nothing
 * else fails.
 */
export const storage = {
  read<T>(name: string): T | null {
    try {
      return JSON.parse(sessionStorage.getItem(name) ?? 'null') as T | null
    } catch {
      return null
    }
  },
  write(name: string, value: unknown) {
    try {
      if (value === null) sessionStorage.removeItem(name)
      else sessionStorage.setItem(name, JSON.stringify(value))
    } catch {
      // the storage is full or blocked
    }
  },
}

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
