import { closeToMenu } from '../app/route'
import { Link } from '../app/Link'
import { useMay } from '../auth/session'
import { Dialog } from '../ui/Dialog'
import { useActions } from './useActions'

/** The page for a missing or deleted item. */
export function ItemNotFound({ id }: { id: number }) {
  const may = useMay()
  const { restore } = useActions()
  return (
    <Dialog title="Not on the menu" onClose={closeToMenu}>
      <p>There is no item with the number {id}, or it was deleted.</p>
      <p className="actions">
        <button type="button" onClick={closeToMenu}>
          See the menu
        </button>
        {may('update:items') && (
          <Link className="button" href={`/menu/${id}#history`}>
            History
          </Link>
        )}
        {may('create:items') && (
          <button type="button" className="primary" onClick={() => void restore(id, 'The item')}>
            Restore it
          </button>
        )}
      </p>
    </Dialog>
  )
}
