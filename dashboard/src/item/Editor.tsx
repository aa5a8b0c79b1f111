import { useEffect, useLayoutEffect, useState } from 'react'

import { messageOf, Problem } from '../api/problem'
import { useMenu } from '../menu/MenuProvider'
import { close, closeToMenu, itemAddress } from '../routing/route'
import { text } from '../text'
import { Dialog } from '../ui/Dialog'
import { Notice } from '../ui/Notice'
import { keepDraft, readDraft, type Draft } from './draft'
import { ItemForm } from './ItemForm'
import { ItemNotFound } from './ItemNotFound'
import { empty, valuesOf } from './values'

/** Edits an item, or a new one without an id. It starts with the unsaved draft, if there is one. */
export default function Editor({ id }: { id: number | null }) {
  const { api, store } = useMenu()
  const [draft, setDraft] = useState(() => readDraft(id))
  const [loaded, setLoaded] = useState<Draft | null>(null)
  const [error, setError] = useState<unknown>(null)
  const start = draft ?? loaded ?? (id === null ? { base: null, values: empty } : null)

  useEffect(() => {
    if (id === null || draft) return
    const request = new AbortController()
    api
      .get(id, request.signal)
      .then((base) => {
        store.upsert(base.item)
        setLoaded({ base, values: valuesOf(base.item) })
      })
      .catch((cause: unknown) => request.signal.aborted || setError(cause))
    return () => request.abort()
  }, [api, store, id, draft])

  // Escape keeps the draft, Cancel discards it.
  const leave = () => (id === null ? closeToMenu() : close(itemAddress(id)))
  const discard = () => {
    keepDraft(id, null)
    leave()
  }
  const startOver = () => {
    keepDraft(id, null)
    setDraft(null)
  }

  const ready = start !== null
  useLayoutEffect(() => {
    if (ready) document.querySelector<HTMLElement>('dialog [data-autofocus]')?.focus()
  }, [ready])

  if (id !== null && error instanceof Problem && error.status === 404) return <ItemNotFound id={id} problem={error} />
  return (
    <Dialog title={start?.base ? text.form.edit(start.base.item.name) : text.form.title(id)} onClose={leave} className="editor">
      {start ? (
        <ItemForm key={draft ? 'draft' : 'item'} id={id} start={start} onDone={discard} onCancel={discard} onDiscard={draft && startOver} />
      ) : (
        <div className="dialog-body">{error ? <Notice kind="error">{messageOf(error)}</Notice> : <p role="status">{text.loading}</p>}</div>
      )}
    </Dialog>
  )
}
