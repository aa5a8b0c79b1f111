import { useSyncExternalStore } from 'react'

/** A place in the application. dashboard.go serves the page at the same addresses. */
export type Route =
  | { name: 'menu' }
  | { name: 'item'; id: number; view: 'item' | 'edit' | 'history' }
  | { name: 'new' }
  | { name: 'arrange' | 'bulk' | 'print' | 'activity' }
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
      return hash === '#new'
        ? { name: 'new' }
        : hash === '#arrange' || hash === '#bulk' || hash === '#print'
          ? { name: hash.slice(1) as 'arrange' | 'bulk' | 'print' }
          : { name: 'menu' }
    case '/profile':
      return { name: 'profile' }
    case '/activity':
      return { name: 'activity' }
    case '/callback':
      return { name: 'callback' }
    default:
      return { name: 'unknown' }
  }
}

/** The address of the menu with the current search, and the address of an item over it. */
export const menuAddress = () => `/${window.location.search}`
export const itemAddress = (id: number, view = '') => `/menu/${id}${window.location.search}${view}`

const listeners = new Set<() => void>()
const notify = () => listeners.forEach((listener) => listener())
let goingBack = false
window.addEventListener('popstate', () => {
  goingBack = false
  notify()
})

/** Goes to an address of this application. `replace` adds no entry to the browser's history. */
export function navigate(to: string, { replace = false } = {}) {
  const from = currentAddress()
  if (to === from) return
  if (replace) window.history.replaceState(window.history.state, '', to)
  else window.history.pushState({ from }, '', to)
  notify()
}

/**
 * Closes what the current address shows, and returns to `to`. If the user came from there, this goes back, so that the
 * browser's Back button never opens it again. Otherwise `to` replaces the entry.
 */
export function close(to: string) {
  const state = window.history.state as { from?: string } | null
  if (goingBack) return
  if (state?.from === to) {
    goingBack = true
    window.history.back()
  } else {
    navigate(to, { replace: true })
  }
}

/** Closes a dialog over the menu. */
export const closeToMenu = () => close(menuAddress())

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
