import { createContext, useContext, useEffect, useMemo, useRef, useState, useSyncExternalStore, type ReactNode } from 'react'

import { createAPI, type API } from '../api/menu'
import { useAddress } from '../app/route'
import { useSession } from '../auth/session'
import type { Bootstrap } from '../bootstrap'
import { useToasts } from '../ui/toasts'
import { follow, type Connection } from './live'
import { parseQuery } from './query'
import { MenuStore, type View } from './store'

interface Menu {
  api: API
  store: MenuStore
  connection: Connection
}

const MenuContext = createContext<Menu | null>(null)

/** Provides the menu and keeps it up to date. */
export function MenuProvider({ bootstrap, children }: { bootstrap: Bootstrap; children: ReactNode }) {
  const session = useSession()
  const { search } = useAddress()
  const { show } = useToasts()

  // The session arrives after the menu and changes, so each request reads the latest one.
  const latest = useRef({ session, show })
  useEffect(() => void (latest.current = { session, show }))
  const [api] = useState(() =>
    createAPI(
      (renew) => latest.current.session.token(renew),
      (seconds) => latest.current.show({ text: `The server is busy. Trying again in ${Math.ceil(seconds)} s.`, id: 'busy' }),
    ),
  )
  const [store] = useState(() => {
    const menu = new MenuStore(api, bootstrap.menu, parseQuery(search))
    if (bootstrap.item) menu.upsert(bootstrap.item)
    return menu
  })
  const [connection, setConnection] = useState<Connection>('connecting')

  useEffect(() => store.setQuery(parseQuery(search)), [store, search])
  useEffect(
    () =>
      follow('/items/events', {
        onState: setConnection,
        onReady: () => void store.refresh(),
        onChange: (change) => store.apply(change),
        onReset: () => void store.refresh(),
      }),
    [store],
  )

  const menu = useMemo(() => ({ api, store, connection }), [api, store, connection])
  return <MenuContext value={menu}>{children}</MenuContext>
}

export function useMenu(): Menu {
  const menu = useContext(MenuContext)
  if (!menu) throw new Error('useMenu outside of MenuProvider')
  return menu
}

/** The current view of the menu. */
export function useView(): View {
  const { store } = useMenu()
  return useSyncExternalStore(store.subscribe, store.getView)
}
