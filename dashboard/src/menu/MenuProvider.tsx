import { createContext, useContext, useEffect, useMemo, useState, type ReactNode } from 'react'

import { createAPI, type API } from '../api/menu'
import type { Item } from '../api/types'
import { useSession } from '../auth/session'
import type { Bootstrap } from '../bootstrap'
import { useAddress } from '../routing/route'
import { text } from '../text'
import { useObservable } from '../ui/observable'
import { showToast } from '../ui/toasts'
import { follow, type Connection } from './live'
import { parseQuery } from './query'
import { MenuStore } from './store'

interface Menu {
  api: API
  store: MenuStore
  connection: Connection
}

const MenuContext = createContext<Menu>(null!)

/** Provides the menu and keeps it up to date. */
export function MenuProvider({ bootstrap, children }: { bootstrap: Bootstrap; children: ReactNode }) {
  const { token } = useSession()
  const { search } = useAddress()

  const [api] = useState(() => createAPI(token, (seconds) => showToast({ text: text.toast.busy(Math.ceil(seconds)), id: 'busy' })))
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
        onState: (state) => {
          setConnection(state)
          if (state === 'live' && store.view.get().status === 'failed') void store.refresh()
        },
        onReset: () => void store.refresh(),
        onChange: (change) => store.apply(change),
      }),
    [store],
  )

  const menu = useMemo(() => ({ api, store, connection }), [api, store, connection])
  return <MenuContext value={menu}>{children}</MenuContext>
}

export const useMenu = () => useContext(MenuContext)

/** The current view of the menu. */
export const useView = () => useObservable(useMenu().store.view)

/** The whole menu, null until it has loaded. */
export function useWholeMenu(): { menu: readonly Item[] | null; error: unknown } {
  const { store } = useMenu()
  const { menu } = useView()
  const [error, setError] = useState<unknown>(null)
  const missing = menu === null
  useEffect(() => {
    if (missing) store.loadAll().catch(setError)
  }, [store, missing])
  return { menu, error }
}
