import type { Tagged } from '../api/menu'
import { empty, type Values } from './values'

/** Unsaved text. `base` is the version that the user edited, null for a new item. */
export interface Draft {
  base: Tagged | null
  values: Values
}

const nameOf = (id: number | null) => `menu.draft.${id ?? 'new'}`

/**
 * Drafts stay in this tab, so a reload or a redirect to the sign-in page loses nothing. A browser without storage loses the
 * drafts but nothing else.
 */
export function keepDraft(id: number | null, draft: Draft) {
  try {
    sessionStorage.setItem(nameOf(id), JSON.stringify(draft))
  } catch {
    // the storage is full or disabled
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
    // without storage there is no draft
  }
}
