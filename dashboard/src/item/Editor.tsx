import { useEffect, useRef, useState } from 'react'

import type { Tagged } from '../api/menu'
import { messageOf, Problem } from '../api/problem'
import { closeToMenu, navigate } from '../app/route'
import { useMenu } from '../menu/MenuProvider'
import { Dialog } from '../ui/Dialog'
import { dropDraft, readDraft, type Draft } from './draft'
import { ItemForm } from './ItemForm'
import { empty, valuesOf } from './values'

/** Edits an item, or a new one without an id. It starts with the unsaved draft, if there is one. */
export default function Editor({ id }: { id: number | null }) {
  const { api } = useMenu()
  const [round, setRound] = useState(0) // each round is a new form
  const [start, setStart] = useState<Draft | null>(null)
  const [restored, setRestored] = useState(false)
  const [problem, setProblem] = useState('')
  const title = id === null ? 'Add an item' : 'Edit'

  useEffect(() => {
    const draft = readDraft(id)
    setRestored(draft !== null)
    if (draft || id === null) return setStart(draft ?? { base: null, values: empty })
    const request = new AbortController()
    api
      .get(id, request.signal)
      .then((base: Tagged) => setStart({ base, values: valuesOf(base.item) }))
      .catch((error: unknown) => {
        if (request.signal.aborted) return
        if (error instanceof Problem && error.status === 404) navigate(`/menu/${id}`, { replace: true })
        else setProblem(messageOf(error))
      })
    return () => request.abort()
  }, [api, id, round])

  // Escape keeps the draft, Cancel discards it.
  const close = () => (id === null ? closeToMenu() : navigate(`/menu/${id}${window.location.search}`))
  const discard = () => {
    dropDraft(id)
    close()
  }
  const startOver = () => {
    dropDraft(id)
    setStart(null)
    setRound(round + 1)
  }

  const heading = useRef<HTMLDivElement>(null)
  useEffect(() => heading.current?.closest('dialog')?.querySelector<HTMLElement>('[data-autofocus]')?.focus(), [start])

  return (
    <Dialog title={start?.base ? `Edit ${start.base.item.name}` : title} onClose={close} className="editor">
      <div ref={heading}>
        {start ? (
          <ItemForm key={round} id={id} start={start} onDone={discard} onCancel={discard} onStartOver={restored ? startOver : null} />
        ) : (
          <p role={problem ? 'alert' : 'status'} className={problem ? 'notice error' : ''}>
            {problem || 'Loading …'}
          </p>
        )}
      </div>
    </Dialog>
  )
}
