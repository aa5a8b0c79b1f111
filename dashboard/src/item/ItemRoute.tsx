import { lazy, Suspense, useEffect, useState, type ReactNode } from 'react'

import { messageOf, Problem } from '../api/problem'
import { useMay, useSession, type Permission } from '../auth/session'
import { useMenu, useView } from '../menu/MenuProvider'
import { text } from '../text'
import { persist } from '../ui/persist'
import { Waiting } from '../ui/Waiting'
import { ItemNotFound } from './ItemNotFound'
import { ItemView } from './ItemView'

// Most visitors never edit the menu.
const manage = () => persist(() => import('./manage'))
const Activity = lazy(async () => ({ default: (await manage()).Activity }))
const Arrange = lazy(async () => ({ default: (await manage()).Arrange }))
const Bulk = lazy(async () => ({ default: (await manage()).Bulk }))
const Editor = lazy(async () => ({ default: (await manage()).Editor }))
const History = lazy(async () => ({ default: (await manage()).History }))

/** The dialog over the menu for the address of an item. An open editor does not depend on the item in the store. */
export function ItemRoute({ id, view }: { id: number; view: 'item' | 'edit' | 'history' }) {
  const item = <LoadedItem id={id} />
  if (view === 'item') return item
  return (
    <Managed title={text.oneMoment} otherwise={item}>
      {view === 'edit' ? <Editor key={id} id={id} /> : <LoadedItem id={id} withHistory />}
    </Managed>
  )
}

/** The editor of a new item. */
export const NewItemRoute = () => (
  <Managed title={text.form.title(null)} permission="create:items">
    <Editor id={null} />
  </Managed>
)

/** A dialog about several items of the menu. */
export const ItemsRoute = ({ name }: { name: 'arrange' | 'bulk' }) => (
  <Managed title={text[name].title}>{name === 'arrange' ? <Arrange /> : <Bulk />}</Managed>
)

/** The changes of the whole menu. */
export const ActivityRoute = () => (
  <Managed fallback={<Message>{text.loading}</Message>} otherwise={<Message>{text.profile.askForAccess}</Message>}>
    <Activity />
  </Managed>
)

const Message = ({ children }: { children: string }) => (
  <main id="main" tabIndex={-1}>
    <p role="status">{children}</p>
  </main>
)

interface ManagedProps {
  permission?: Permission
  /** The title of the dialog until the permissions are known and the code has loaded. */
  title?: string
  fallback?: ReactNode
  /** For users without the permission. */
  otherwise?: ReactNode
  children: ReactNode
}

/** A part of the page for users with a permission. */
function Managed({ permission = 'update:items', title = '', fallback = <Waiting title={title} />, otherwise, children }: ManagedProps) {
  const { state, me, problem } = useSession()
  const may = useMay()
  const isUnknown = !problem && (state === 'loading' || (state === 'signedIn' && !me))
  if (isUnknown) return fallback
  return may(permission) ? <Suspense fallback={fallback}>{children}</Suspense> : otherwise
}

function LoadedItem({ id, withHistory = false }: { id: number; withHistory?: boolean }) {
  const { item, error } = useItem(id)
  if (withHistory) return <History key={id} id={id} item={item} />
  if (item) return <ItemView item={item} />
  if (error instanceof Problem && [400, 404].includes(error.status)) return <ItemNotFound id={id} problem={error} />
  return <Waiting title={text.oneMoment} problem={error ? messageOf(error) : ''} />
}

/** An item by its id, from the store or else from the server. */
function useItem(id: number) {
  const { api, store } = useMenu()
  useView() // render again when the menu changes
  const item = store.get(id)
  const known = item !== undefined
  const [failure, setFailure] = useState<{ id: number; error: unknown } | null>(null)

  useEffect(() => {
    if (known) return
    const request = new AbortController()
    api
      .get(id, request.signal)
      .then((tagged) => store.upsert(tagged.item))
      .catch((error: unknown) => request.signal.aborted || setFailure({ id, error }))
    return () => request.abort()
  }, [api, store, id, known])

  return { item, error: failure?.id === id ? failure.error : null }
}
