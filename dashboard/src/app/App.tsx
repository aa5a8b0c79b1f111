import { useEffect, useRef } from 'react'

import { Profile } from '../auth/Profile'
import { SessionProvider } from '../auth/SessionProvider'
import type { Bootstrap } from '../bootstrap'
import { ItemRoute, NewItemRoute } from '../item/ItemRoute'
import { MenuPage } from '../menu/MenuPage'
import { MenuProvider, useMenu } from '../menu/MenuProvider'
import { ToastsProvider } from '../ui/toasts'
import { ErrorBoundary } from './ErrorBoundary'
import { Footer } from './Footer'
import { Header } from './Header'
import { Link } from './Link'
import { useAddress, type Route } from './route'

/** The application. */
export function App({ bootstrap }: { bootstrap: Bootstrap }) {
  return (
    <ErrorBoundary>
      <ToastsProvider>
        <SessionProvider settings={bootstrap.settings}>
          <MenuProvider bootstrap={bootstrap}>
            <Shell />
          </MenuProvider>
        </SessionProvider>
      </ToastsProvider>
    </ErrorBoundary>
  )
}

function Shell() {
  const { route } = useAddress()
  useTitle(route)
  useFocusOnNewPage(pageOf(route))
  return (
    <>
      <a className="skip" href="#main" onClick={skip}>
        Skip to the content
      </a>
      <Header />
      <Page route={route} />
      <Footer />
    </>
  )
}

function Page({ route }: { route: Route }) {
  switch (route.name) {
    case 'profile':
      return <Profile />
    case 'callback':
      return (
        <main id="main" tabIndex={-1}>
          <p role="status">Signing you in …</p>
        </main>
      )
    case 'unknown':
      return (
        <main id="main" tabIndex={-1}>
          <h1>There is nothing here</h1>
          <p>
            <Link href="/">See the menu</Link>
          </p>
        </main>
      )
    default:
      return (
        <>
          <MenuPage />
          {route.name === 'item' && <ItemRoute id={route.id} view={route.view} />}
          {route.name === 'new' && <NewItemRoute />}
        </>
      )
  }
}

// A dialog over the menu is not another page.
const pageOf = ({ name }: Route) => (name === 'item' || name === 'new' ? 'menu' : name)

/** Sets the title of the tab and of the browser's history. */
function useTitle(route: Route) {
  const { store } = useMenu()
  const item = route.name === 'item' ? store.get(route.id) : undefined
  const title = item ? `${item.name} · Menu` : route.name === 'profile' ? 'Your profile · Menu' : 'Menu'
  useEffect(() => void (document.title = title), [title])
}

/** Moves the focus to a new page, as a page load would, so that a screen reader starts there. */
function useFocusOnNewPage(page: string) {
  const last = useRef(page)
  useEffect(() => {
    if (last.current === page) return
    last.current = page
    window.scrollTo(0, 0)
    document.getElementById('main')?.focus({ preventScroll: true }) // the header stays in view
  }, [page])
}

function skip(event: { preventDefault: () => void }) {
  event.preventDefault() // the fragment says which dialog is open
  document.getElementById('main')?.focus()
}
