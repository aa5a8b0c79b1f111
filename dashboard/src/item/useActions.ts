import { hasStatus, messageOf, SessionEnded } from '../api/problem'
import type { Item } from '../api/types'
import { useMay, useSession } from '../auth/session'
import { sameItem } from '../menu/fields'
import { useMenu } from '../menu/MenuProvider'
import { closeToMenu, itemAddress, navigate } from '../routing/route'
import { text } from '../text'
import { showToast } from '../ui/toasts'
import { patchOf, valuesOf } from './values'

/** The actions without a form. They never throw: a toast shows the outcome. */
export function useActions() {
  const { api, store } = useMenu()
  const session = useSession()
  const may = useMay()

  function fail(what: string, error: unknown) {
    const ended = error instanceof SessionEnded
    const action = { label: text.session.signInAgain, run: session.signIn }
    showToast({ kind: 'error', text: `${what} ${messageOf(error)}`, ...(ended && { action }) })
  }

  /** Deletes the item as the user sees it. If another user has changed it since, it stays. */
  async function remove(item: Item) {
    const { id, name } = item
    const next = nextCard(id)
    closeToMenu()
    const rollback = store.applyOptimistic([id, null])
    try {
      const current = await api.get(id)
      if (!sameItem(current.item, item)) {
        store.upsert(current.item)
        return reportChange(item)
      }
      await api.remove(id, current.etag)
      store.remove(id)
      showToast({
        text: text.toast.deleted(name),
        id: `item-${id}`,
        // The focus is one key away from Undo. Afterwards it is where the user was.
        ...(may('create:items') && {
          action: { label: text.toast.undo, run: () => void restore(id, name).then(() => focusCard(id)) },
          onFocusLost: () => focusCard(next),
        }),
      })
    } catch (error) {
      if (hasStatus(error, 404)) {
        store.remove(id)
        showToast({ text: text.toast.alreadyDeleted(name) })
      } else if (hasStatus(error, 412)) {
        reportChange(item)
      } else {
        fail(text.toast.notDeleted(name), error)
      }
    } finally {
      rollback()
    }
  }

  function reportChange({ id, name }: Item) {
    const action = { label: text.toast.show, run: () => navigate(itemAddress(id)) }
    showToast({ kind: 'error', text: text.toast.changedMeanwhile(name), action })
  }

  /** Restores a deleted item. */
  async function restore(id: number, name: string) {
    try {
      const { item } = await api.restore(id, crypto.randomUUID())
      store.upsert(item)
      showToast({ text: text.toast.restored(item.name), id: `item-${id}` })
    } catch (error) {
      if (hasStatus(error, 409)) showToast({ text: text.toast.notMissing(name) })
      else fail(text.toast.notRestored(name), error)
    }
  }

  /** Changes the item back to an earlier version. */
  async function revert(item: Item) {
    try {
      const current = await api.get(item.id)
      const saved = await api.update(item.id, patchOf(current.item, valuesOf(item)), current.etag)
      store.upsert(saved.item)
      showToast({ text: text.toast.reverted(saved.item.name), id: `item-${item.id}` })
    } catch (error) {
      fail(text.toast.notChanged(item.name), error)
    }
  }

  return { remove, restore, revert }
}

/** The id of the next card, or of the previous one after the last. 0 without another card. */
function nextCard(id: number): number {
  const ids = [...document.querySelectorAll<HTMLElement>('[data-item]')].map((card) => Number(card.dataset.item))
  const index = ids.indexOf(id)
  return ids[index + 1] ?? ids[index - 1] ?? 0
}

function focusCard(id: number) {
  requestAnimationFrame(() => (document.querySelector<HTMLElement>(`[data-item="${id}"] a`) ?? document.getElementById('main'))?.focus())
}
