import { useEffect, useRef, useState } from 'react'

import { messageOf } from '../api/problem'
import { navigate, useAddress } from '../app/route'
import { useMay, useSession } from '../auth/session'
import { formatNumber } from '../ui/format'
import { Card } from './Card'
import { useMenu, useView } from './MenuProvider'
import { formatQuery } from './query'
import { clearQuery, Toolbar } from './Toolbar'

const step = 60 // cards to add at a time

/** The menu. */
export function MenuPage() {
  const { store } = useMenu()
  const view = useView()
  const { search } = useAddress()
  const session = useSession()
  const may = useMay()
  const { items, query, status, error, more } = view

  // The page renders cards as the reader scrolls, even if it has all items already.
  const [shown, setShown] = useState(step)
  const queryText = formatQuery(query)
  useEffect(() => setShown(step), [queryText])
  const unseen = items.length > shown || more
  function showMore() {
    setShown((n) => Math.min(n, items.length) + step)
    if (items.length <= shown + step) void store.loadMore()
  }

  return (
    <main id="main" tabIndex={-1}>
      <div className="title">
        <div>
          <h1>The menu</h1>
          <p className="count" role="status" aria-live="polite">
            {count(items.length, more, status)}
          </p>
        </div>
        {may('create:items') && (
          <button type="button" className="primary" onClick={() => navigate(`/${search}#new`)}>
            Add an item
          </button>
        )}
      </div>
      <Toolbar query={query} categories={view.categories} />
      {session.problem && (
        <p className="notice error" role="alert">
          {session.problem}{' '}
          <button type="button" className="quiet" onClick={session.refresh}>
            Try again
          </button>
        </p>
      )}
      {status === 'failed' && (
        <div className="notice error" role="alert">
          <p>
            {items.length > 0 ? 'The menu may be out of date. ' : ''}
            {messageOf(error)}
          </p>
          <button type="button" onClick={() => void store.load()}>
            Try again
          </button>
        </div>
      )}
      {items.length > 0 && (
        <ul className="cards" aria-label="Items" aria-busy={status === 'loading'}>
          {items.slice(0, shown).map((item, index) => (
            <Card
              key={item.id}
              item={item}
              search={search}
              fresh={view.fresh.has(item.id)}
              pending={view.pending.has(item.id)}
              eager={index < 6}
            />
          ))}
        </ul>
      )}
      {items.length === 0 && status === 'loading' && <Skeletons />}
      {items.length === 0 && status === 'ready' && <Nothing searching={query.q !== '' || query.category !== ''} />}
      {unseen && status !== 'failed' && <More busy={status === 'loadingMore'} onMore={showMore} />}
    </main>
  )
}

function count(n: number, more: boolean, status: string): string {
  if (status === 'loading') return n === 0 ? 'Loading the menu …' : 'Searching …'
  if (status === 'failed' && n === 0) return ''
  if (more) return `More than ${formatNumber(n)} items`
  return n === 1 ? '1 item' : `${formatNumber(n)} items`
}

/** Loads more when the reader scrolls near the end. The button does the same without scrolling. */
function More({ busy, onMore }: { busy: boolean; onMore: () => void }) {
  const button = useRef<HTMLButtonElement>(null)
  const latest = useRef(onMore)
  useEffect(() => void (latest.current = onMore))
  useEffect(() => {
    if (busy || !button.current) return
    const observer = new IntersectionObserver(([entry]) => entry?.isIntersecting && latest.current(), { rootMargin: '600px' })
    observer.observe(button.current)
    return () => observer.disconnect()
  })
  return (
    <p className="more">
      <button ref={button} type="button" onClick={onMore} disabled={busy}>
        {busy ? 'Loading …' : 'Show more'}
      </button>
    </p>
  )
}

function Nothing({ searching }: { searching: boolean }) {
  return (
    <div className="empty">
      <svg viewBox="0 0 120 80" aria-hidden="true">
        <ellipse cx="60" cy="66" rx="52" ry="8" />
        <path d="M16 62a44 44 0 0 1 88 0z" />
        <circle cx="60" cy="15" r="5" />
      </svg>
      {searching ? (
        <>
          <p>Nothing on the menu matches.</p>
          <button type="button" onClick={clearQuery}>
            Show everything
          </button>
        </>
      ) : (
        <p>There is nothing on the menu yet.</p>
      )}
    </div>
  )
}

function Skeletons() {
  return (
    <ul className="cards" aria-hidden="true">
      {Array.from({ length: 6 }, (_, index) => (
        <li key={index} className="card skeleton">
          <div className="picture" />
          <div className="card-text" />
        </li>
      ))}
    </ul>
  )
}
