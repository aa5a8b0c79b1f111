import { useRef, useState } from 'react'

import type { Tagged } from '../api/menu'
import { messageOf, Problem, SessionEnded, type FieldError } from '../api/problem'
import { sameItem } from '../menu/fields'
import { useMenu } from '../menu/MenuProvider'
import { useToasts } from '../ui/toasts'
import { inputOf, patchOf, previewOf, type Values } from './values'

/** The outcome of a save. `theirs` is null if another user deleted the item. */
export type Outcome =
  | { kind: 'saved' }
  | { kind: 'invalid'; message: string; errors: readonly FieldError[] }
  | { kind: 'conflict'; theirs: Tagged | null }
  | { kind: 'ended' }
  | { kind: 'failed'; message: string }

/**
 * Saves an item: a new one whole, an existing one as the changes to its base version. So fields that this page does not know
 * keep their values. The menu shows the result at once and rolls it back if the server rejects it.
 */
export function useSave(id: number | null) {
  const { api, store } = useMenu()
  const { show } = useToasts()
  const [busy, setBusy] = useState(false)
  const attempt = useRef({ key: '', body: '' })

  async function save(values: Values, base: Tagged | null): Promise<Outcome> {
    setBusy(true)
    const preview = previewOf(id ?? -1, values)
    const rollback = preview ? store.applyOptimistic(preview.id, preview) : () => {}
    try {
      const { item } = id === null || !base ? await create(values) : await api.update(id, patchOf(base.item, values), base.etag)
      store.upsert(item)
      show({ text: id === null ? `${item.name} is on the menu.` : `${item.name} is saved.`, id: `item-${item.id}` })
      return { kind: 'saved' }
    } catch (error) {
      return await outcomeOf(error, values)
    } finally {
      rollback()
      setBusy(false)
    }
  }

  // A retry of the same item has the same key, so that it is not added twice when the first response was lost.
  function create(values: Values) {
    const body = JSON.stringify(inputOf(values))
    if (attempt.current.body !== body) attempt.current = { key: crypto.randomUUID(), body }
    return api.create(inputOf(values), attempt.current.key)
  }

  async function outcomeOf(error: unknown, values: Values): Promise<Outcome> {
    if (error instanceof SessionEnded) return { kind: 'ended' }
    if (!(error instanceof Problem)) return { kind: 'failed', message: messageOf(error) }
    switch (error.status) {
      case 400:
        return { kind: 'invalid', message: error.message, errors: error.errors }
      case 404:
        return { kind: 'conflict', theirs: null }
      case 412:
        return id === null ? { kind: 'failed', message: messageOf(error) } : await compare(id, values)
      default:
        return { kind: 'failed', message: messageOf(error) }
    }
  }

  /** Compares the form with the current version of the item. */
  async function compare(id: number, values: Values): Promise<Outcome> {
    try {
      const theirs = await api.get(id)
      store.upsert(theirs.item)
      // Our write succeeded but its response was lost: the item already is what the form says.
      if (sameItem(theirs.item, previewOf(id, values))) return { kind: 'saved' }
      return { kind: 'conflict', theirs }
    } catch (error) {
      if (error instanceof Problem && error.status === 404) return { kind: 'conflict', theirs: null }
      return { kind: 'failed', message: messageOf(error) }
    }
  }

  /** Restores the deleted item and returns it, as the base of the next save. */
  async function restore(id: number): Promise<Tagged> {
    const restored = await api.restore(id, crypto.randomUUID())
    store.upsert(restored.item)
    return restored
  }

  return { save, compare, restore, busy }
}
