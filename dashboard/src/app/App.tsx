import { useEffect, useLayoutEffect, useRef, useState, type MouseEvent, type ReactNode } from 'react'

import { Profile } from '../auth/Profile'
import { SessionContext, useSession } from '../auth/session'
import { SessionStore } from '../auth/store'
import { bootstrap } from '../bootstrap'
import { ActivityRoute, MenuDialog } from '../item/ItemRoute'
import { MenuPage } from '../menu/MenuPage'
import { MenuProvider, useMenu } from '../menu/MenuProvider'
import { Link } from '../routing/Link'
import { useAddress, type Route } from '../routing/route'
import { text } from '../text'
import { useObservable } from '../ui/observable'
import { Page } from '../ui/Page'
import { PageToasts } from '../ui/toasts'
import { ErrorBoundary } from './ErrorBoundary'
import { Header } from './Header'

/** The application. */
export function App() {
  return (
    <ErrorBoundary>
      <SessionProvider>
        <MenuProvider bootstrap={bootstrap}>
          <Shell />
        </MenuProvider>
      </SessionProvider>
    </ErrorBoundary>
  )
}

/** Provides the session. Its children render at once. */
function SessionProvider({ children }: { children: ReactNode }) {
  const [store] = useState(() => new SessionStore(bootstrap.settings))
  useEffect(() => store.start(), [store])
  return <SessionContext value={useObservable(store.observable)}>{children}</SessionContext>
}

function Shell() {
  const { route } = useAddress()
  const { reason } = useSession()
  const page = useRef<HTMLDivElement>(null)
  useTitle(route)

  // Move the focus to a new page, as a page load would, so that a screen reader starts there.
  const name = pageOf(route)
  const last = useRef(name)
  useLayoutEffect(() => {
    if (last.current === name) return
    last.current = name
    page.current?.scrollTo(0, 0)
    document.getElementById('main')?.focus({ preventScroll: true }) // the header stays in view
  }, [name])

  // The keys that scroll a document also scroll the page before the user has clicked into it.
  useEffect(() => {
    const scrolls = ['PageDown', 'PageUp', 'ArrowDown', 'ArrowUp', 'Home', 'End', ' ']
    const focus = (event: KeyboardEvent) => {
      if (event.target === document.body && scrolls.includes(event.key)) page.current?.focus({ preventScroll: true })
    }
    document.addEventListener('keydown', focus)
    return () => document.removeEventListener('keydown', focus)
  }, [])

  return (
    <>
      <div ref={page} className="page" tabIndex={-1}>
        <a className="skip" href="#main" onClick={skip}>
          {text.skip}
        </a>
        <Header />
        <Content route={route} />
        <footer className="bottom">
          <p>
            <a href="/items">{text.footer.json}</a>
            <a href="/docs">{text.footer.docs}</a>
          </p>
          {reason && <p className="hint">{reason}</p>}
        </footer>
      </div>
      <PageToasts />
    </>
  )
}

function Content({ route }: { route: Route }) {
  switch (route.name) {
    case 'profile':
      return <Profile />
    case 'activity':
      return <ActivityRoute route={route} />
    case 'callback':
      return (
        <Page>
          <p role="status">{text.session.signingIn}</p>
        </Page>
      )
    case 'unknown':
      return (
        <Page title={text.nothingHere}>
          <Link href="/">{text.item.seeMenu}</Link>
        </Page>
      )
    default:
      return (
        <>
          <MenuPage />
          <MenuDialog route={route} />
        </>
      )
  }
}

// A dialog over the menu is not another page.
const pageOf = ({ name }: Route) => (['activity', 'profile', 'callback', 'unknown'].includes(name) ? name : 'menu')

/** Sets the title of the tab and of the browser's history. */
function useTitle(route: Route) {
  const { store } = useMenu()
  const item = route.name === 'item' && store.get(route.id)?.name
  const page = (route.name === 'profile' || route.name === 'activity') && text[route.name].title
  const title = [item, page, bootstrap.settings.name].filter(Boolean).join(' · ')
  useEffect(() => void (document.title = title), [title])
}

function skip(event: MouseEvent) {
  event.preventDefault() // the fragment says which dialog is open
  document.getElementById('main')?.focus()
}
