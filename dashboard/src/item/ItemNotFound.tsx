import { useEffect, useState } from 'react'

import { useMay } from '../auth/session'
import { useMenu } from '../menu/MenuProvider'
import { Link } from '../routing/Link'
import { closeToMenu, itemAddress } from '../routing/route'
import { text } from '../text'
import { Dialog } from '../ui/Dialog'
import { useActions } from './useActions'

/** The page for a missing item. Only an item that was deleted has a history, and only that one can be restored. */
export function ItemNotFound({ id }: { id: number }) {
  const { api } = useMenu()
  const may = useMay()
  const { restore } = useActions()
  const maySeeHistory = may('update:items')
  const [name, setName] = useState('')

  useEffect(() => {
    if (!maySeeHistory) return
    const request = new AbortController()
    api.history(id, '', request.signal).then(
      ({ changes }) => setName(changes[0]?.before?.name ?? ''),
      () => {}, // it never existed, or the server says so at the next action
    )
    return () => request.abort()
  }, [api, id, maySeeHistory])

  return (
    <Dialog title={text.item.missing} onClose={closeToMenu}>
      <p className="dialog-body">{name ? text.item.wasDeleted(name) : text.item.missingDetail(id)}</p>
      <p className="actions dialog-foot">
        <button type="button" onClick={closeToMenu}>
          {text.item.seeMenu}
        </button>
        {name && (
          <Link className="button" href={itemAddress(id, '#history')}>
            {text.item.history}
          </Link>
        )}
        {name && may('create:items') && (
          <button type="button" className="primary" onClick={() => void restore(id, name)}>
            {text.item.restore}
          </button>
        )}
      </p>
    </Dialog>
  )
}
