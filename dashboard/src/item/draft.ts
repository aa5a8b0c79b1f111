import type { Tagged } from '../api/menu'
import { empty, type Values } from './values'

/** What was typed and not saved. `base` is what it was typed over, null for a new item. */
export interface Draft {
  base: Tagged | null
  values: Values
}

const nameOf = (id: number | null) => `menu.draft.${id ?? 'new'}`

/**
 * Drafts stay in this tab, so that a reload, or a way over the sign-in page and back, loses nothing. A browser that keeps
 * nothing for the page loses them, and nothing else.
 */
export function keepDraft(id: number | null, draft: Draft) {
  try {
    sessionStorage.setItem(nameOf(id), JSON.stringify(draft))
  } catch {
    // storage is full or forbidden
  }
}

export function readDraft(id: number | null): Draft | null {
  try {
    const draft = JSON.parse(sessionStorage.getItem(nameOf(id)) ?? 'null') as Draft | null
    return draft && { ...draft, values: { ...empty, ...draft.values } } // an older page may have had fewer fields
  } catch {
    return null
  }
}

export function dropDraft(id: number | null) {
  try {
    sessionStorage.removeItem(nameOf(id))
  } catch {
    // then there is none
  }
}
