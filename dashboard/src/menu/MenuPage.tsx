import { lazy, Suspense, useCallback, useEffect, useEffectEvent, useRef, useState } from 'react'

import { messageOf } from '../api/problem'
import type { Item } from '../api/types'
import { useMay, useSession } from '../auth/session'
import { Link } from '../routing/Link'
import { navigate, useAddress } from '../routing/route'
import { text } from '../text'
import { formatNumber } from '../ui/format'
import { Notice } from '../ui/Notice'
import { persist } from '../ui/persist'
import { Waiting } from '../ui/Waiting'
import { Card } from './Card'
import { useMenu, useView } from './MenuProvider'
import { formatQuery, sectionsOf } from './query'
import { clearQuery, Toolbar } from './Toolbar'
import type { View } from './store'
import { useChange } from './useChange'
import { scroller, usePlace } from './usePlace'

const PrintedMenu = lazy(() => persist(() => import('./PrintedMenu')))
const largestInIdle = 10_000 // items
// Safari has no idle callbacks.
const whenIdle = window.requestIdleCallback ?? ((run: () => void) => setTimeout(run, 1_000))

/** The menu. */
export function MenuPage() {
  const { store, connection } = useMenu()
  const view = useView()
  const { route, search } = useAddress()
  const session = useSession()
  const may = useMay()
  const { items, menu, query, status, error, more } = view

  // The browser can print the page at any time, so the rest of the menu and the code for print load early.
  const [idle, setIdle] = useState(false)
  useEffect(() => void whenIdle(() => setIdle(true)), [])
  const missing = menu === null
  useEffect(() => {
    if (idle && missing && connection === 'live') store.loadAll(largestInIdle).catch(() => {}) // what needs it tries again
  }, [idle, missing, connection, store])

  const { shown, showMore } = usePlace(search)
  const queryText = formatQuery(query)
  const unseen = items.length > shown || more
  // In the order of the menu, each category is a section.
  const bySection = !queryText
  const visible = items.slice(0, shown)
  const sections = bySection ? sectionsOf(visible) : [{ name: '', items: visible }]

  const change = useChange()
  const toggle = useCallback(
    (item: Item) => {
      const message = item.soldOut ? text.toast.available(item.name) : text.toast.soldOut(item.name)
      void change([item], { [item.id]: { soldOut: item.soldOut ? null : true } }, message)
    },
    [change],
  )
  const clearSoldOut = async () => {
    await store.loadAll()
    const soldOut = store.view.get().menu?.filter(({ soldOut }) => soldOut) ?? []
    void change(soldOut, Object.fromEntries(soldOut.map(({ id }) => [id, { soldOut: null }])), text.toast.allAvailable)
  }

  return (
    <main id="main" tabIndex={-1}>
      <div className="title">
        <div>
          <h1>{text.menu.title}</h1>
          <p className="count" role="status" aria-live="polite">
            {count(view)}
          </p>
        </div>
        <div className="actions">
          <Link className="button" href={`/${search}#print`}>
            {text.print.print}
          </Link>
          {may('update:items') && (
            <>
              {(menu ?? items).some(({ soldOut }) => soldOut) && (
                <button type="button" onClick={() => void clearSoldOut()}>
                  {text.menu.clearSoldOut}
                </button>
              )}
              <Link className="button" href="/activity">
                {text.activity.title}
              </Link>
              <Link className="button" href={`/${search}#arrange`}>
                {text.menu.arrange}
              </Link>
              <Link className="button" href={`/${search}#bulk`}>
                {text.menu.change}
              </Link>
            </>
          )}
          {may('create:items') && (
            <button type="button" className="primary" onClick={() => navigate(`/${search}#new`)}>
              {text.menu.add}
            </button>
          )}
        </div>
      </div>
      <Toolbar query={query} categories={view.categories} />
      {session.problem && (
        <Notice kind="error" action={text.tryAgain} onAction={session.refresh}>
          {session.problem}
        </Notice>
      )}
      {status === 'failed' && (
        <Notice kind="error" action={text.tryAgain} onAction={() => void store.load()}>
          {items.length > 0 && text.menu.outOfDate} {messageOf(error)}
        </Notice>
      )}
      {items.length > 0 && (
        <div aria-busy={status === 'loading'}>
          {sections.map(({ name, items }, section) => (
            <section key={name} className="section">
              <h2 className={bySection && name ? '' : 'hidden'} dir="auto">
                {name || text.menu.items}
              </h2>
              <ul className="cards" aria-label={text.menu.items}>
                {items.map((item, index) => (
                  <Card
                    key={item.id}
                    item={item}
                    search={search}
                    fresh={view.fresh.has(item.id)}
                    pending={view.pending.has(item.id)}
                    eager={section === 0 && index < 6}
                    onToggle={may('update:items') ? toggle : null}
                  />
                ))}
              </ul>
            </section>
          ))}
        </div>
      )}
      {items.length === 0 && status === 'ready' && <Nothing searching={query.q !== '' || query.category !== ''} />}
      {unseen && status !== 'failed' && <More busy={status === 'loadingMore'} shown={shown} onMore={showMore} />}
      {(idle || route.name === 'print') && (
        <Suspense fallback={route.name === 'print' && <Waiting title={text.print.title} />}>
          <PrintedMenu open={route.name === 'print'} />
        </Suspense>
      )}
    </main>
  )
}

function count({ items: { length }, menu, more, status, query }: View): string {
  if (status === 'loading') return length === 0 ? text.menu.loading : text.menu.searching
  if (status === 'failed' && length === 0) return ''
  if (more) return text.menu.moreThan(formatNumber(length))
  const isPart = menu && (query.q.trim() || query.category)
  return isPart ? text.menu.part(formatNumber(length), formatNumber(menu.length)) : text.menu.count(length, formatNumber(length))
}

/** Loads more when the reader scrolls near the end. The button does the same without scrolling. */
function More({ busy, shown, onMore }: { busy: boolean; shown: number; onMore: () => void }) {
  const button = useRef<HTMLButtonElement>(null)
  const reached = useEffectEvent(onMore)
  useEffect(() => {
    if (busy || !button.current) return
    const options = { root: scroller(), rootMargin: '600px' }
    const observer = new IntersectionObserver(([entry]) => entry?.isIntersecting && reached(), options)
    observer.observe(button.current)
    return () => observer.disconnect()
  }, [busy, shown])
  return (
    <p className="more">
      <button ref={button} type="button" onClick={onMore} disabled={busy}>
        {busy ? text.loading : text.menu.showMore}
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
      <p>{searching ? text.menu.noMatch : text.menu.empty}</p>
      {searching && (
        <button type="button" onClick={clearQuery}>
          {text.menu.showAll}
        </button>
      )}
    </div>
  )
}
