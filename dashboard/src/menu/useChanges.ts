import { messageOf } from '../api/problem'
import type { Item, ItemPatch, ItemsPatch } from '../api/types'
import { text } from '../text'
import { useToasts } from '../ui/toasts'
import { unset } from './fields'
import { useMenu } from './MenuProvider'

type Key = Exclude<keyof ItemPatch, 'id'>

/** Changes of several items in one request. They never throw: a toast shows the outcome, and offers to undo it. */
export function useChanges() {
  const { api, store } = useMenu()
  const { show } = useToasts()

  /** Changes these items, which it knows as the user sees them. */
  async function change(items: readonly Item[], patch: ItemsPatch, message: string): Promise<boolean> {
    const after = new Map(items.map((item) => [item.id, patched(item, patch[item.id])]))
    const done = await send(patch, after)
    if (done) show({ text: message, id: 'changes', action: { label: text.toast.undo, run: () => void undo(items, patch, after) } })
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
    if (Object.keys(inverse).length === 0) return show({ text: text.toast.notChangedAny })
    const count = Object.keys(inverse).length
    if (await send(inverse, new Map(items.filter(({ id }) => inverse[id]).map((item) => [item.id, item])))) {
      show({ text: text.toast.changed(count), id: 'changes' })
    }
  }

  async function send(patch: ItemsPatch, after: ReadonlyMap<number, Item | null>): Promise<boolean> {
    const rollback = store.applyOptimistic(...after)
    try {
      store.upsert(...(await api.updateMany(patch, crypto.randomUUID())))
      store.remove(
        ...Object.keys(patch)
          .map(Number)
          .filter((id) => patch[id] === null),
      )
      return true
    } catch (error) {
      show({ kind: 'error', text: `${text.toast.notChangedAny} ${messageOf(error)}` })
      return false
    } finally {
      rollback()
    }
  }

  return { change }
}

function patched(item: Item, patch: ItemPatch | null | undefined): Item | null {
  return patch === null ? null : ({ ...item, ...patch } as Item)
}
