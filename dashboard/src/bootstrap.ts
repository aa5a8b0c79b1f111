import type { Item } from './api/types'

/** The data that the server writes into the page, see page.go. */
export interface Bootstrap {
  settings: Settings
  /** The first page of the menu, null if the server could not read it. */
  menu: Overview | null
  /** The item of the address /menu/:id, null if there is none. */
  item: Item | null
}

/** The name and the currency of the menu, and for sign-in the identity provider, the client id, and the API's identifier. */
export interface Settings {
  name: string
  currency: string
  issuer: string
  clientId: string
  audience: string
}

/** The first page of the menu. `after` continues it and is empty on the last page. */
export interface Overview {
  items: Item[]
  after: string
  etag: string
  categories: string[]
}

/** Reads the data that the page starts with. */
function readBootstrap(from: Document = document): Bootstrap {
  const empty = { settings: { name: 'Menu', currency: 'USD', issuer: '', clientId: '', audience: '' }, menu: null, item: null }
  const block = from.getElementById('bootstrap')?.textContent
  return (block ? (JSON.parse(block) as Bootstrap | null) : null) ?? empty
}

export const bootstrap = readBootstrap()
