import type { Problem } from '../api/problem'
import { useMay } from '../auth/session'
import { Link } from '../routing/Link'
import { closeToMenu, itemAddress } from '../routing/route'
import { text } from '../text'
import { Dialog } from '../ui/Dialog'
import { useActions } from './useActions'

/** The page for a missing item. Only an item that was deleted has a history, and only that one can be restored. */
export function ItemNotFound({ id, problem }: { id: number; problem: Problem }) {
  const may = useMay()
  const { restore } = useActions()
  const isDeleted = problem.kind === 'item-deleted'
  return (
    <Dialog title={text.item.missing} onClose={closeToMenu}>
      <p className="dialog-body">{isDeleted ? text.history.deleted : text.item.missingDetail(id)}</p>
      <p className="actions dialog-foot">
        <button type="button" onClick={closeToMenu}>
          {text.item.seeMenu}
        </button>
        {isDeleted && may('update:items') && (
          <Link className="button" href={itemAddress(id, '#history')}>
            {text.item.history}
          </Link>
        )}
        {isDeleted && may('create:items') && (
          <button type="button" className="primary" onClick={() => void restore(id, text.item.unnamed)}>
            {text.item.restore}
          </button>
        )}
      </p>
    </Dialog>
  )
}
