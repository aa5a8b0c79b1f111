import { useSyncExternalStore } from 'react'

const pages = ['activity', 'profile', 'callback'] as const
const dialogs = ['new', 'arrange', 'bulk', 'print'] as const // over the menu
const views = ['edit', 'history'] as const // of an item

/** A place in the application. dashboard.go serves the page at the same addresses. */
export type Route =
  | { name: 'menu' | 'unknown' | (typeof pages)[number] | (typeof dialogs)[number] }
  | { name: 'item'; id: number; view: 'item' | (typeof views)[number] }

/** Parses an address: /menu/3 for an item, /menu/3#edit for its editor, /#new for a new item. */
export function parseRoute(path: string, hash = ''): Route {
  const id = /^\/menu\/([1-9]\d{0,15})\/?$/.exec(path)?.[1]
  if (id) return { name: 'item', id: Number(id), view: views.find((view) => hash === `#${view}`) ?? 'item' }
  if (path === '/') return { name: dialogs.find((dialog) => hash === `#${dialog}`) ?? 'menu' }
  return { name: pages.find((page) => path.replace(/\/$/, '') === `/${page}`) ?? 'unknown' }
}

/** The address of the menu with the current search, and the address of an item over it. */
export const menuAddress = () => `/${window.location.search}`
export const itemAddress = (id: number, view = '') => `/menu/${id}${window.location.search}${view}`

let goingBack = false
window.addEventListener('popstate', () => (goingBack = false))

/** Goes to an address of this application. `replace` adds no entry to the browser's history. */
export function navigate(to: string, { replace = false } = {}) {
  const from = currentAddress()
  if (to === from) return
  if (replace) window.history.replaceState(window.history.state, '', to)
  else window.history.pushState({ from }, '', to)
  window.dispatchEvent(new Event('popstate')) // the browser sends it only when the user goes back or forward
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
  window.addEventListener('popstate', listener)
  return () => window.removeEventListener('popstate', listener)
}

/** The current address. The component renders again when it changes. */
export function useAddress(): { route: Route; search: string } {
  const address = useSyncExternalStore(subscribe, currentAddress)
  const { pathname, search, hash } = new URL(address, window.location.origin)
  return { route: parseRoute(pathname, hash), search }
}
