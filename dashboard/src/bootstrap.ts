import type { Item } from './menu/item'

/** What the server writes into the page, see page.go. */
export interface Bootstrap {
  settings: Settings
  /** The beginning of the menu, null when the server could not reach it. */
  menu: Overview | null
  /** The item of the address /menu/:id, null when there is none. */
  item: Item | null
}

/** How to sign in: the identity provider, this application's id there, and the API's identifier. */
export interface Settings {
  issuer: string
  clientId: string
  audience: string
}

/** The beginning of the menu: `after` continues it, and is empty when there is no more. */
export interface Overview {
  items: Item[]
  after: string
  etag: string
  categories: string[]
}

/** Reads what the page starts with. */
export function readBootstrap(from: Document = document): Bootstrap {
  const empty = { settings: { issuer: '', clientId: '', audience: '' }, menu: null, item: null }
  const block = from.getElementById('bootstrap')?.textContent
  return (block ? (JSON.parse(block) as Bootstrap | null) : null) ?? empty
}
