import { useSyncExternalStore } from 'react'

/** A place in the application. dashboard.go serves the page at the same addresses. */
export type Route =
  | { name: 'menu' }
  | { name: 'item'; id: number; view: 'item' | 'edit' | 'history' }
  | { name: 'new' }
  | { name: 'profile' }
  | { name: 'callback' }
  | { name: 'unknown' }

/** Parses an address: /menu/3 for an item, /menu/3#edit for its editor. */
export function parseRoute(path: string, hash = ''): Route {
  const id = /^\/menu\/([1-9]\d{0,15})\/?$/.exec(path)?.[1]
  if (id) {
    const view = hash === '#edit' || hash === '#history' ? (hash.slice(1) as 'edit' | 'history') : 'item'
    return { name: 'item', id: Number(id), view }
  }
  switch (path.replace(/(.)\/$/, '$1')) {
    case '/':
      return hash === '#new' ? { name: 'new' } : { name: 'menu' }
    case '/profile':
      return { name: 'profile' }
    case '/callback':
      return { name: 'callback' }
    default:
      return { name: 'unknown' }
  }
}

const listeners = new Set<() => void>()
const notify = () => listeners.forEach((listener) => listener())
window.addEventListener('popstate', notify)

/** Goes to an address of this application. `replace` adds no entry to the browser's history. */
export function navigate(to: string, { replace = false } = {}) {
  if (to === currentAddress()) return
  window.history[replace ? 'replaceState' : 'pushState']({ inside: true }, '', to)
  notify()
}

/** Closes a dialog over the menu. */
export function closeToMenu() {
  navigate(`/${window.location.search}`)
}

const currentAddress = () => window.location.pathname + window.location.search + window.location.hash

function subscribe(listener: () => void) {
  listeners.add(listener)
  return () => void listeners.delete(listener)
}

/** The current address. The component renders again when it changes. */
export function useAddress(): { route: Route; search: string; pathname: string } {
  const address = useSyncExternalStore(subscribe, currentAddress)
  const { pathname, search, hash } = new URL(address, window.location.origin)
  return { route: parseRoute(pathname, hash), search, pathname }
}
