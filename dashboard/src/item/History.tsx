import { useEffect, useState } from 'react'

import { messageOf, SessionEnded } from '../api/problem'
import type { Change, Item } from '../api/types'
import { useMay, useSession } from '../auth/session'
import { fields, formatField, sameItem } from '../menu/fields'
import { useMenu } from '../menu/MenuProvider'
import { close, closeToMenu, itemAddress } from '../routing/route'
import { text } from '../text'
import { Dialog } from '../ui/Dialog'
import { formatAgo, formatMoment, formatPrice } from '../ui/format'
import { Notice } from '../ui/Notice'
import { useActions } from './useActions'

/** The history of an item: who changed what, and when. */
export default function History({ id, item }: { id: number; item: Item | undefined }) {
  const { changes, after, error, loadMore } = useHistory(id, item)
  const session = useSession()
  const may = useMay()
  const { restore, revert } = useActions()
  const name = item?.name ?? changes?.[0]?.before?.name ?? text.item.nameless
  const ended = error instanceof SessionEnded

  return (
    <Dialog title={text.history.title(name)} onClose={() => (item ? close(itemAddress(id)) : closeToMenu())} className="history">
      <div className="dialog-body">
        {error !== null && (
          <Notice kind="error" action={ended ? text.session.signInAgain : undefined} onAction={session.signIn}>
            {messageOf(error)}
          </Notice>
        )}
        {!changes && error === null && <p role="status">{text.loading}</p>}
        {changes && !item && changes[0]?.action === 'delete' && (
          <Notice action={may('create:items') ? text.item.restore : undefined} onAction={() => void restore(id, name)}>
            {text.history.deleted}
          </Notice>
        )}
        <ol className="changes">
          {changes?.map((change) => (
            <li key={change.version}>
              <p className="who">
                <strong>{text.history.actions[change.action]}</strong> {text.history.by(whoOf(change.by, session.me?.sub))},{' '}
                <time dateTime={change.at} title={formatMoment(change.at)}>
                  {formatAgo(change.at)}
                </time>
              </p>
              <Differences change={change} />
              {item && change.after && !sameItem(change.after, item) && (
                <button type="button" className="quiet" onClick={() => void revert({ ...(change.after as Item), id })}>
                  {text.history.goBack}
                </button>
              )}
            </li>
          ))}
        </ol>
        {after > 0 && (
          <button type="button" onClick={loadMore}>
            {text.history.older}
          </button>
        )}
      </div>
    </Dialog>
  )
}

const whoOf = (subject: string, me: string | undefined) => (subject === me ? text.history.you : subject || text.history.server)

/** The differences of a change. */
function Differences({ change: { before, after } }: { change: Change }) {
  if (!before || !after) {
    const item = after ?? before
    return (
      item && (
        <p className="what" dir="auto">
          {[item.name, formatPrice(item.price), item.category].filter(Boolean).join(' · ')}
        </p>
      )
    )
  }
  const changed = fields.filter(({ name }) => before[name] !== after[name])
  if (changed.length === 0) return <p className="what">{text.history.nothing}</p>
  return (
    <dl className="what">
      {changed.map((field) => (
        <div key={field.name}>
          <dt>{field.label}</dt>
          <dd>
            <del dir="auto">{formatField(field, before[field.name]) || text.none}</del> <span aria-hidden="true">→</span>{' '}
            <ins dir="auto">{formatField(field, after[field.name]) || text.none}</ins>
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
      .then((page) => {
        setPages(page)
        setError(null)
      })
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
