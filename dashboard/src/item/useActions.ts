import { messageOf, Problem, SessionEnded } from '../api/problem'
import { closeToMenu, navigate } from '../app/route'
import { useMay, useSession } from '../auth/session'
import { sameItem } from '../menu/fields'
import type { Item } from '../menu/item'
import { useMenu } from '../menu/MenuProvider'
import { useToasts } from '../ui/toasts'
import { patchOf, valuesOf } from './values'

/** The actions without a form. They never throw: a toast shows the outcome. */
export function useActions() {
  const { api, store } = useMenu()
  const { show } = useToasts()
  const session = useSession()
  const may = useMay()

  function fail(what: string, error: unknown) {
    if (error instanceof SessionEnded) {
      show({ kind: 'error', text: `${what}: your session has ended.`, action: { label: 'Sign in again', run: session.signIn } })
    } else {
      show({ kind: 'error', text: `${what}. ${messageOf(error)}` })
    }
  }

  /** Deletes the item as the user sees it. If another user has changed it since, it stays. */
  async function remove(item: Item) {
    const { id, name } = item
    closeToMenu()
    const rollback = store.applyOptimistic(id, null)
    try {
      const current = await api.get(id)
      if (!sameItem(current.item, item)) {
        store.upsert(current.item)
        return reportChange(item)
      }
      await api.remove(id, current.etag)
      store.remove(id)
      show({
        text: `${name} is off the menu.`,
        id: `item-${id}`,
        ...(may('create:items') && { action: { label: 'Undo', run: () => void restore(id, name) } }),
      })
    } catch (error) {
      if (error instanceof Problem && error.status === 404) {
        store.remove(id)
        show({ text: `Somebody else has already deleted ${name}.` })
      } else if (error instanceof Problem && error.status === 412) {
        reportChange(item)
      } else {
        fail(`${name} was not deleted`, error)
      }
    } finally {
      rollback()
    }
  }

  function reportChange({ id, name }: Item) {
    show({
      kind: 'error',
      text: `${name} was not deleted: somebody else has just changed it.`,
      action: { label: 'Show it', run: () => navigate(`/menu/${id}${window.location.search}`) },
    })
  }

  /** Restores a deleted item. */
  async function restore(id: number, name: string) {
    try {
      const { item } = await api.restore(id, crypto.randomUUID())
      store.upsert(item)
      show({ text: `${item.name} is back on the menu.`, id: `item-${id}` })
    } catch (error) {
      if (error instanceof Problem && error.status === 409) show({ text: `${name} is on the menu already.` })
      else fail(`${name} was not restored`, error)
    }
  }

  /** Changes the item back to an earlier version. */
  async function revert(item: Item) {
    try {
      const current = await api.get(item.id)
      const saved = await api.update(item.id, patchOf(current.item, valuesOf(item)), current.etag)
      store.upsert(saved.item)
      show({ text: `${saved.item.name} is as it was then.`, id: `item-${item.id}` })
    } catch (error) {
      fail(`${item.name} was not changed`, error)
    }
  }

  return { remove, restore, revert }
}
