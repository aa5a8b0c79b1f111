import type { Item } from '../api/types'
import { useMay } from '../auth/session'
import { sameItem } from '../menu/fields'
import { close, closeToMenu, itemAddress } from '../routing/route'
import { text } from '../text'
import { Dialog } from '../ui/Dialog'
import { Notice } from '../ui/Notice'
import { ChangeList, Differences, useChangePages, Who } from './changes'
import { useActions } from './useActions'
import { useItem } from './useItem'

/** The history of an item: who changed what, and when. */
export function History({ id }: { id: number }) {
  const { item } = useItem(id)
  const pages = useChangePages(id, item)
  const { changes } = pages
  const may = useMay()
  const { restore, revert } = useActions()
  const name = item?.name ?? changes?.[0]?.before?.name ?? text.item.nameless

  return (
    <Dialog title={text.history.title(name)} onClose={() => (item ? close(itemAddress(id)) : closeToMenu())}>
      <div className="dialog-body">
        {changes && !item && changes[0]?.action === 'delete' && (
          <Notice action={may('create:items') ? text.item.restore : undefined} onAction={() => void restore(id, name)}>
            {text.history.deleted}
          </Notice>
        )}
        <ChangeList pages={pages}>
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
        </ChangeList>
      </div>
    </Dialog>
  )
}
