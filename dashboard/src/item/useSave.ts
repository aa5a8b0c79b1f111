import { useRef, useState } from 'react'

import { messageOf, Problem, SessionEnded, type FieldError } from '../api/problem'
import type { Tagged } from '../api/types'
import { useMenu } from '../menu/MenuProvider'
import { itemAddress, navigate } from '../routing/route'
import { text } from '../text'
import { useToasts } from '../ui/toasts'
import { inputOf, merge, patchOf, previewOf, valuesOf, type Values } from './values'

/** The outcome of a save. A conflict has the version of the other user. */
export type Outcome =
  | { kind: 'saved' | 'deleted' | 'ended' }
  | { kind: 'invalid'; message: string; errors: readonly FieldError[] }
  | { kind: 'conflict'; theirs: Tagged }
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
    const rollback = preview ? store.applyOptimistic([preview.id, preview]) : () => {}
    try {
      if (id !== null && base) return await update(id, values, base)
      const { item } = await create(values)
      store.upsert(item)
      const action = { label: text.toast.show, run: () => navigate(itemAddress(item.id)) }
      show({ text: text.toast.added(item.name), id: `item-${item.id}`, action })
      return { kind: 'saved' }
    } catch (error) {
      return outcomeOf(error)
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

  // If another user has changed the item, this merges both changes and tries again, unless both changed the same field.
  async function update(id: number, values: Values, base: Tagged): Promise<Outcome> {
    const patch = patchOf(base.item, values)
    let saved = base
    try {
      if (Object.keys(patch).length > 0) saved = await api.update(id, patch, base.etag)
    } catch (error) {
      if (!(error instanceof Problem) || error.status !== 412) throw error
      const theirs = await api.get(id)
      store.upsert(theirs.item)
      const merged = merge(valuesOf(base.item), values, valuesOf(theirs.item))
      if (Object.keys(merged.conflicts).length > 0) return { kind: 'conflict', theirs }
      return update(id, merged.values, theirs)
    }
    store.upsert(saved.item)
    show({ text: text.toast.saved(saved.item.name), id: `item-${id}` })
    return { kind: 'saved' }
  }

  return { save, busy }
}

function outcomeOf(error: unknown): Outcome {
  if (error instanceof SessionEnded) return { kind: 'ended' }
  if (error instanceof Problem && error.status === 400) return { kind: 'invalid', message: error.message, errors: error.errors }
  if (error instanceof Problem && error.status === 404) return { kind: 'deleted' }
  return { kind: 'failed', message: messageOf(error) }
}
