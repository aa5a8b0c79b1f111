import type { Item } from '../api/types'
import { storage } from '../ui/storage'
import { empty, type Values } from './values'

/** Unsaved text. `base` is the version that the user edited, null for a new item. */
export interface Draft {
  base: Item | null
  values: Values
}

const nameOf = (id: number | null) => `menu.edit.${id ?? 'new'}`

/** Keeps a draft in this tab, so that a reload or a redirect to the sign-in page loses nothing. Null removes it. */
export const keepDraft = (id: number | null, draft: Draft | null) => storage.write(nameOf(id), draft)

export function readDraft(id: number | null): Draft | null {
  const draft = storage.read<Draft>(nameOf(id))
  return draft && { ...draft, values: { ...empty, ...draft.values } } // an older page may have had fewer fields
}
