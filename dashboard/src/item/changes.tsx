import { useEffect, useState, type ReactNode } from 'react'

import { SessionEnded } from '../api/problem'
import type { Change } from '../api/types'
import { useSession } from '../auth/session'
import { fields, formatField, unset } from '../menu/fields'
import { useMenu } from '../menu/MenuProvider'
import { text } from '../text'
import { formatAgo, formatMoment, formatPrice } from '../ui/format'
import { Notice } from '../ui/Notice'
import { Loading } from '../ui/Waiting'

/** A list of changes, or why it cannot be loaded, and a button for older ones. */
export function ChangeList({ pages: { changes, after, error, loadMore }, children }: { pages: ChangePages; children: ReactNode }) {
  const { signIn } = useSession()
  return (
    <>
      {error instanceof SessionEnded ? (
        <Notice kind="error" action={text.session.signInAgain} onAction={signIn}>
          {error.message}
        </Notice>
      ) : (
        <Loading error={error} done={changes !== null} />
      )}
      <ol className="changes">{children}</ol>
      {after && (
        <button type="button" onClick={loadMore}>
          {text.history.older}
        </button>
      )}
    </>
  )
}

/** The line that says who made a change, and when. Its children say what they did. */
export function Who({ change: { by, byName, at }, children }: { change: Change; children: ReactNode }) {
  const { me } = useSession()
  const author = text.history.authors[by as keyof typeof text.history.authors]
  const subject = by.length > 16 ? `${by.slice(0, 16)}…` : by
  const name = by === me?.sub ? text.history.you : byName || author || subject
  return (
    <p className="who">
      <strong>{children}</strong> {text.history.by} <bdi title={by}>{name}</bdi>,{' '}
      <time dateTime={at} title={formatMoment(at)}>
        {formatAgo(at)}
      </time>
    </p>
  )
}

/** The differences of a change. */
export function Differences({ change: { before, after } }: { change: Change }) {
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
  const changed = fields.filter(({ name }) => unset(before[name]) !== unset(after[name]))
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

type ChangePages = ReturnType<typeof useChangePages>

/** The history of an item, or of the whole menu, newest change first. It loads again when `version` changes. */
export function useChangePages(id: number | null, version: unknown) {
  const { api } = useMenu()
  const [pages, setPages] = useState<{ changes: Change[]; after: string } | null>(null)
  const [error, setError] = useState<unknown>(null)

  useEffect(() => {
    const request = new AbortController()
    api
      .history(id, '', request.signal)
      .then((page) => {
        setPages(page)
        setError(null)
      })
      .catch((cause: unknown) => request.signal.aborted || setError(cause))
    return () => request.abort()
  }, [api, id, version])

  function loadMore() {
    if (!pages) return
    api
      .history(id, pages.after)
      .then((page) => setPages({ changes: [...pages.changes, ...page.changes], after: page.after }))
      .catch(setError)
  }
  return { changes: pages?.changes ?? null, after: pages?.after ?? '', error, loadMore }
}
