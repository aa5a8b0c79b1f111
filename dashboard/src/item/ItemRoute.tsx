import { lazy, Suspense, useEffect, useState } from 'react'

import { messageOf, Problem } from '../api/problem'
import { useMay, useSession } from '../auth/session'
import { useMenu, useView } from '../menu/MenuProvider'
import { closeToMenu } from '../routing/route'
import { text } from '../text'
import { Dialog } from '../ui/Dialog'
import { Notice } from '../ui/Notice'
import { ItemNotFound } from './ItemNotFound'
import { ItemView } from './ItemView'

// Most visitors never edit the menu.
const manage = () => import('./manage')
const Activity = lazy(async () => ({ default: (await manage()).Activity }))
const Arrange = lazy(async () => ({ default: (await manage()).Arrange }))
const Bulk = lazy(async () => ({ default: (await manage()).Bulk }))
const Editor = lazy(async () => ({ default: (await manage()).Editor }))
const History = lazy(async () => ({ default: (await manage()).History }))

/** The dialog over the menu for the address of an item. An open editor does not depend on the item in the store. */
export function ItemRoute({ id, view }: { id: number; view: 'item' | 'edit' | 'history' }) {
  const may = useMay()
  const waiting = usePermissionsUnknown()
  if (view !== 'item' && waiting) return <Waiting title={text.oneMoment} />
  if (view === 'edit' && may('update:items')) {
    return (
      <Suspense fallback={<Waiting title={text.item.edit} />}>
        <Editor key={id} id={id} />
      </Suspense>
    )
  }
  return <LoadedItem id={id} withHistory={view === 'history' && may('update:items')} />
}

/** The editor of a new item. */
export function NewItemRoute() {
  const may = useMay()
  const waiting = usePermissionsUnknown()
  if (waiting) return <Waiting title={text.form.title(null)} />
  if (!may('create:items')) return null
  return (
    <Suspense fallback={<Waiting title={text.form.title(null)} />}>
      <Editor id={null} />
    </Suspense>
  )
}

/** A dialog about several items of the menu. */
export function ItemsRoute({ name }: { name: 'arrange' | 'bulk' }) {
  const may = useMay()
  const waiting = <Waiting title={text[name].title} />
  if (usePermissionsUnknown()) return waiting
  return may('update:items') && <Suspense fallback={waiting}>{name === 'arrange' ? <Arrange /> : <Bulk />}</Suspense>
}

/** The changes of the whole menu. */
export function ActivityRoute() {
  const may = useMay()
  const waiting = usePermissionsUnknown()
  const message = (words: string) => (
    <main id="main" tabIndex={-1}>
      <p role="status">{words}</p>
    </main>
  )
  if (waiting) return message(text.loading)
  return may('update:items') ? (
    <Suspense fallback={message(text.loading)}>
      <Activity />
    </Suspense>
  ) : (
    message(text.profile.askForAccess)
  )
}

function usePermissionsUnknown(): boolean {
  const { state, me, problem } = useSession()
  return !problem && (state === 'loading' || (state === 'signedIn' && !me))
}

function LoadedItem({ id, withHistory }: { id: number; withHistory: boolean }) {
  const { item, error } = useItem(id)
  if (withHistory) {
    return (
      <Suspense fallback={<Waiting title={text.item.history} />}>
        <History key={id} id={id} item={item} />
      </Suspense>
    )
  }
  if (item) return <ItemView item={item} />
  if (error instanceof Problem && [400, 404].includes(error.status)) return <ItemNotFound id={id} />
  return <Waiting title={text.oneMoment} problem={error ? messageOf(error) : ''} />
}

function Waiting({ title, problem = '' }: { title: string; problem?: string }) {
  return (
    <Dialog title={title} onClose={closeToMenu}>
      <div className="dialog-body">{problem ? <Notice kind="error">{problem}</Notice> : <p role="status">{text.loading}</p>}</div>
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

  return { item, error: failure?.id === id ? failure.error : null }
}
