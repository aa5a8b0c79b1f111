import { useRef, useState } from 'react'

import { hasStatus } from '../api/problem'
import type { Item } from '../api/types'
import { useMenu } from '../menu/MenuProvider'
import { itemAddress, navigate } from '../routing/route'
import { text } from '../text'
import { showToast } from '../ui/toasts'
import { inputOf, merge, patchOf, previewOf, valuesOf, type Values } from './values'

/**
 * Saves an item: a new one whole, an existing one as the changes to its base version. So fields that this page does not know
 * keep their values. The menu shows the result at once and rolls it back if the server rejects it.
 */
export function useSave(id: number | null) {
  const { api, store } = useMenu()
  const [busy, setBusy] = useState(false)
  const attempt = useRef({ key: '', body: '' })

  /** Returns false if another user has changed the same fields. The store then has their version. */
  async function save(values: Values, base: Item | null, deleted: boolean): Promise<boolean> {
    setBusy(true)
    const preview = previewOf(id ?? -1, values)
    const rollback = preview ? store.applyOptimistic([preview.id, preview]) : () => {}
    try {
      if (id === null || !base) return await create(values)
      if (deleted) await restore(id)
      return await update(id, values, base)
    } finally {
      rollback()
      setBusy(false)
    }
  }

  // A retry of the same item has the same key, so that it is not added twice when the first response was lost.
  async function create(values: Values): Promise<boolean> {
    const body = JSON.stringify(inputOf(values))
    if (attempt.current.body !== body) attempt.current = { key: crypto.randomUUID(), body }
    const { item } = await api.create(inputOf(values), attempt.current.key)
    store.upsert(item)
    const action = { label: text.toast.show, run: () => navigate(itemAddress(item.id)) }
    showToast({ text: text.toast.added(item.name), id: `item-${item.id}`, action })
    return true
  }

  async function restore(id: number) {
    try {
      await api.restore(id, crypto.randomUUID())
    } catch (error) {
      if (!hasStatus(error, 409)) throw error // someone else may have restored it
    }
  }

  // Merges the changes of other users since the base version.
  async function update(id: number, values: Values, base: Item): Promise<boolean> {
    const current = await api.get(id)
    store.upsert(current.item)
    const merged = merge(valuesOf(base), values, valuesOf(current.item))
    if (Object.keys(merged.conflicts).length > 0) return false
    const patch = patchOf(current.item, merged.values)
    if (Object.keys(patch).length > 0) {
      try {
        store.upsert((await api.update(id, patch, current.etag)).item)
      } catch (error) {
        if (hasStatus(error, 412)) return update(id, values, base) // someone else was faster
        throw error
      }
    }
    showToast({ text: text.toast.saved(merged.values.name.trim()), id: `item-${id}` })
    return true
  }

  return { save, busy }
}
