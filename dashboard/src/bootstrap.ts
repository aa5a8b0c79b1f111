import type { Item, Page } from './api/types'

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

/** The first page of the menu, and all its categories. */
export interface Overview extends Page {
  categories: string[]
}

export const emptyBootstrap: Bootstrap = {
  settings: { name: 'Menu', currency: 'USD', issuer: '', clientId: '', audience: '' },
  menu: null,
  item: null,
}

/** The data that the page starts with. */
export const bootstrap = (JSON.parse(document.getElementById('bootstrap')?.textContent || 'null') as Bootstrap | null) ?? emptyBootstrap
