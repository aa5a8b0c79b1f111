import { lazy, Suspense, useEffect, useState } from 'react'

import { messageOf, Problem } from '../api/problem'
import { closeToMenu } from '../app/route'
import { useMay, useSession } from '../auth/session'
import { useMenu, useView } from '../menu/MenuProvider'
import { Dialog } from '../ui/Dialog'
import { ItemNotFound } from './ItemNotFound'
import { ItemView } from './ItemView'

// Most visitors never change the menu.
const Editor = lazy(() => import('./Editor'))
const History = lazy(() => import('./History'))

/** What is open over the menu at an address of an item. */
export function ItemRoute({ id, view }: { id: number; view: 'item' | 'edit' | 'history' }) {
  const { item, state, error } = useItem(id)
  const session = useSession()
  const may = useMay()
  const deciding = session.state === 'loading' || (session.state === 'signedIn' && !session.me && !session.problem)

  if (view !== 'item' && deciding) return <Waiting title="One moment" />
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

/** The editor for an item that is not there yet. */
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

/** An item by its id: what the page knows of it, or else what the server says. */
function useItem(id: number) {
  const { api, store } = useMenu()
  useView() // whenever the menu changes
  const item = store.get(id)
  const known = item !== undefined
  const [answer, setAnswer] = useState<{ id: number; error: unknown } | null>(null)

  useEffect(() => {
    if (known) return
    const asking = new AbortController()
    api
      .get(id, asking.signal)
      .then((tagged) => store.upsert(tagged.item))
      .catch((error: unknown) => asking.signal.aborted || setAnswer({ id, error }))
    return () => asking.abort()
  }, [api, store, id, known])

  if (item) return { item, state: 'ready' } as const
  if (answer?.id !== id) return { state: 'loading' } as const
  const missing = answer.error instanceof Problem && [400, 404].includes(answer.error.status)
  return { state: missing ? 'missing' : 'failed', error: answer.error } as const
}
