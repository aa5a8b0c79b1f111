import { useMemo } from 'react'

import { messageOf } from '../api/problem'
import type { Item, ItemPatch, ItemsPatch } from '../api/types'
import { text } from '../text'
import { showToast } from '../ui/toasts'
import { unset } from './fields'
import { useMenu } from './MenuProvider'

type Key = Exclude<keyof ItemPatch, 'id'>

/** Changes these items, which the caller has as the user sees them. Returns whether the server accepted the changes. */
type Change = (items: readonly Item[], patch: ItemsPatch, message: string) => Promise<boolean>

/** Returns a function that changes several items in one request. It never throws: a toast shows the outcome, and offers Undo. */
export function useChange(): Change {
  const { api, store } = useMenu()
  return useMemo(() => {
    async function change(items: readonly Item[], patch: ItemsPatch, message: string) {
      const after = new Map(items.map((item) => [item.id, patched(item, patch[item.id])]))
      const done = await send(patch, after)
      if (done) showToast({ text: message, id: 'changes', action: { label: text.toast.undo, run: () => void undo(items, patch, after) } })
      return done
    }

    /** Reverts the fields that no one has changed since. */
    async function undo(items: readonly Item[], patch: ItemsPatch, after: ReadonlyMap<number, Item | null>) {
      const inverse: ItemsPatch = {}
      for (const { id, ...item } of items) {
        const now = store.get(id)
        const was = after.get(id)
        if (!was) inverse[id] = item
        const names = Object.keys(patch[id] ?? {}) as Key[]
        const unchanged = names.filter((name) => now && was && unset(now[name]) === unset(was[name]))
        if (unchanged.length > 0) inverse[id] = Object.fromEntries(unchanged.map((name) => [name, item[name] ?? null]))
      }
      const reverted = items.filter(({ id }) => inverse[id])
      if (reverted.length === 0) return showToast({ text: text.toast.notChangedAny })
      const done = await send(inverse, new Map(reverted.map((item) => [item.id, item])))
      if (done) showToast({ text: text.toast.changed(reverted.length), id: 'changes' })
    }

    async function send(patch: ItemsPatch, after: ReadonlyMap<number, Item | null>) {
      const rollback = store.applyOptimistic(...after)
      try {
        store.upsert(...(await api.updateMany(patch, crypto.randomUUID())))
        store.remove(...[...after.keys()].filter((id) => patch[id] === null))
        return true
      } catch (error) {
        showToast({ kind: 'error', text: `${text.toast.notChangedAny} ${messageOf(error)}` })
        return false
      } finally {
        rollback()
      }
    }

    return change
  }, [api, store])
}

function patched(item: Item, patch: ItemPatch | null | undefined): Item | null {
  return patch === null ? null : ({ ...item, ...patch } as Item)
}
