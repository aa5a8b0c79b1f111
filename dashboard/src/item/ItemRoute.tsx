import { lazy, Suspense, useEffect, useState } from 'react'

import { messageOf, Problem } from '../api/problem'
import { closeToMenu } from '../app/route'
import { useMay, useSession } from '../auth/session'
import { useMenu, useView } from '../menu/MenuProvider'
import { Dialog } from '../ui/Dialog'
import { ItemNotFound } from './ItemNotFound'
import { ItemView } from './ItemView'

// Most visitors never edit the menu.
const Editor = lazy(() => import('./Editor'))
const History = lazy(() => import('./History'))

/** The dialog over the menu for the address of an item. */
export function ItemRoute({ id, view }: { id: number; view: 'item' | 'edit' | 'history' }) {
  const { item, state, error } = useItem(id)
  const session = useSession()
  const may = useMay()
  const undecided = session.state === 'loading' || (session.state === 'signedIn' && !session.me && !session.problem)

  if (view !== 'item' && undecided) return <Waiting title="One moment" />
  if (view === 'history' && may('update:items')) {
    return (
      <Suspense fallback={<Waiting title="History" />}>
        <History key={id} id={id} item={item} />
      </Suspense>
    )
  }
  if (view === 'edit' && may('update:items') && state !== 'loading') {
    return (
      <Suspense fallback={<Waiting title="Edit" />}>
        <Editor key={id} id={id} />
      </Suspense>
    )
  }
  if (item) return <ItemView item={item} />
  if (state === 'missing') return <ItemNotFound id={id} />
  return <Waiting title="Item" problem={state === 'failed' ? messageOf(error) : ''} />
}

/** The editor of a new item. */
export function NewItemRoute() {
  const session = useSession()
  const may = useMay()
  if (may('create:items')) {
    return (
      <Suspense fallback={<Waiting title="Add an item" />}>
        <Editor id={null} />
      </Suspense>
    )
  }
  if (session.state === 'loading' || session.state === 'signedIn') return session.me ? null : <Waiting title="Add an item" />
  return null
}

function Waiting({ title, problem = '' }: { title: string; problem?: string }) {
  return (
    <Dialog title={title} onClose={closeToMenu}>
      <p role={problem ? 'alert' : 'status'} className={problem ? 'notice error' : ''}>
        {problem || 'Loading …'}
      </p>
    </Dialog>
  )
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

  if (item) return { item, state: 'ready' } as const
  if (failure?.id !== id) return { state: 'loading' } as const
  const missing = failure.error instanceof Problem && [400, 404].includes(failure.error.status)
  return { state: missing ? 'missing' : 'failed', error: failure.error } as const
}
