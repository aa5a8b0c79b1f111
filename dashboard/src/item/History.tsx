import { useEffect, useState } from 'react'

import { messageOf, SessionEnded } from '../api/problem'
import { closeToMenu, navigate } from '../app/route'
import { useMay, useSession } from '../auth/session'
import { fields, formatField, sameItem } from '../menu/fields'
import type { Change, Item } from '../menu/item'
import { useMenu } from '../menu/MenuProvider'
import { Dialog } from '../ui/Dialog'
import { formatAgo, formatMoment, formatPrice } from '../ui/format'
import { useActions } from './useActions'

/** The history of an item: who changed what, and when. */
export default function History({ id, item }: { id: number; item: Item | undefined }) {
  const { changes, after, error, loadMore } = useHistory(id, item)
  const session = useSession()
  const may = useMay()
  const { restore, revert } = useActions()
  const name = item?.name ?? changes?.[0]?.before?.name ?? 'the item'
  const close = () => (item ? navigate(`/menu/${id}${window.location.search}`) : closeToMenu())

  return (
    <Dialog title={`History of ${name}`} onClose={close} className="history">
      {error !== null && (
        <p className="notice error" role="alert">
          {messageOf(error)}{' '}
          {error instanceof SessionEnded && (
            <button type="button" className="primary" onClick={session.signIn}>
              Sign in again
            </button>
          )}
        </p>
      )}
      {!changes && error === null && <p role="status">Loading …</p>}
      {changes && !item && changes[0]?.action === 'delete' && may('create:items') && (
        <p className="notice">
          This item is deleted.{' '}
          <button type="button" className="primary" onClick={() => void restore(id, name)}>
            Restore it
          </button>
        </p>
      )}
      <ol className="changes">
        {changes?.map((change) => (
          <li key={change.version}>
            <p className="who">
              <strong>{words[change.action]}</strong> by {change.by === session.me?.sub ? 'you' : who(change.by)},{' '}
              <time dateTime={change.at} title={formatMoment(change.at)}>
                {formatAgo(change.at)}
              </time>
            </p>
            <Differences change={change} />
            {item && change.after && !sameItem(change.after, item) && (
              <button type="button" className="quiet" onClick={() => void revert({ ...(change.after as Item), id })}>
                Go back to this version
              </button>
            )}
          </li>
        ))}
      </ol>
      {after > 0 && (
        <button type="button" onClick={loadMore}>
          Show older changes
        </button>
      )}
    </Dialog>
  )
}

const words: Record<Change['action'], string> = { create: 'Added', update: 'Changed', delete: 'Deleted', restore: 'Restored' }

const who = (subject: string) => subject || 'the server'

/** The differences of a change. */
function Differences({ change: { before, after } }: { change: Change }) {
  if (!before || !after) {
    const item = after ?? before
    return item && <p className="what">{[item.name, formatPrice(item.price), item.category].filter(Boolean).join(' · ')}</p>
  }
  const changed = fields.filter(({ name }) => before[name] !== after[name])
  if (changed.length === 0) return <p className="what">Nothing that this page shows has changed.</p>
  return (
    <dl className="what">
      {changed.map((field) => (
        <div key={field.name}>
          <dt>{field.label}</dt>
          <dd>
            <del>{formatField(field, before[field.name]) || 'none'}</del> <span aria-hidden="true">→</span>{' '}
            <ins>{formatField(field, after[field.name]) || 'none'}</ins>
          </dd>
        </div>
      ))}
    </dl>
  )
}

/** The history, newest change first. It loads again when the item changes. */
function useHistory(id: number, item: Item | undefined) {
  const { api } = useMenu()
  const [pages, setPages] = useState<{ changes: Change[]; after: number } | null>(null)
  const [error, setError] = useState<unknown>(null)

  useEffect(() => {
    const request = new AbortController()
    api
      .history(id, 0, request.signal)
      .then((page) => (setPages(page), setError(null)))
      .catch((cause: unknown) => request.signal.aborted || setError(cause))
    return () => request.abort()
  }, [api, id, item])

  function loadMore() {
    if (!pages) return
    api
      .history(id, pages.after)
      .then((page) => setPages({ changes: [...pages.changes, ...page.changes], after: page.after }))
      .catch(setError)
  }
  return { changes: pages?.changes ?? null, after: pages?.after ?? 0, error, loadMore }
}
