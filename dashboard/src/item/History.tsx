import { useCallback } from 'react'

import type { Item } from '../api/types'
import { useMay } from '../auth/session'
import { sameItem } from '../menu/fields'
import { useMenu } from '../menu/MenuProvider'
import { close, closeToMenu, itemAddress } from '../routing/route'
import { text } from '../text'
import { Dialog } from '../ui/Dialog'
import { Notice } from '../ui/Notice'
import { Differences, LoadingChanges, Older, useChangePages, Who } from './changes'
import { useActions } from './useActions'
import { useItem } from './useItem'

/** The history of an item: who changed what, and when. */
export default function History({ id }: { id: number }) {
  const { api } = useMenu()
  const { item } = useItem(id)
  const load = useCallback((after: string, signal?: AbortSignal) => api.history(id, after, signal), [api, id])
  const { changes, after, error, loadMore } = useChangePages(load, item)
  const may = useMay()
  const { restore, revert } = useActions()
  const name = item?.name ?? changes?.[0]?.before?.name ?? text.item.nameless

  return (
    <Dialog title={text.history.title(name)} onClose={() => (item ? close(itemAddress(id)) : closeToMenu())}>
      <div className="dialog-body">
        <LoadingChanges changes={changes} error={error} />
        {changes && !item && changes[0]?.action === 'delete' && (
          <Notice action={may('create:items') ? text.item.restore : undefined} onAction={() => void restore(id, name)}>
            {text.history.deleted}
          </Notice>
        )}
        <ol className="changes">
          {changes?.map((change) => (
            <li key={change.version}>
              <Who change={change}>{text.history.actions[change.action]}</Who>
              <Differences change={change} />
              {item && change.after && !sameItem(change.after, item) && (
                <button type="button" className="quiet" onClick={() => void revert({ ...(change.after as Item), id })}>
                  {text.history.goBack}
                </button>
              )}
            </li>
          ))}
        </ol>
        <Older after={after} onClick={loadMore} />
      </div>
    </Dialog>
  )
}
