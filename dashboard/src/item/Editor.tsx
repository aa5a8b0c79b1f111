import { useEffect, useRef, useState } from 'react'

import type { Tagged } from '../api/menu'
import { messageOf, Problem } from '../api/problem'
import { closeToMenu, navigate } from '../app/route'
import { useMenu } from '../menu/MenuProvider'
import { Dialog } from '../ui/Dialog'
import { dropDraft, readDraft, type Draft } from './draft'
import { ItemForm } from './ItemForm'
import { empty, valuesOf } from './values'

/** Edits an item, or a new one when there is no id. It begins with what was typed before, if that was not saved. */
export default function Editor({ id }: { id: number | null }) {
  const { api } = useMenu()
  const [round, setRound] = useState(0) // starting over is a new form
  const [start, setStart] = useState<Draft | null>(null)
  const [restored, setRestored] = useState(false)
  const [problem, setProblem] = useState('')
  const title = id === null ? 'Add an item' : 'Edit'

  useEffect(() => {
    const draft = readDraft(id)
    setRestored(draft !== null)
    if (draft || id === null) return setStart(draft ?? { base: null, values: empty })
    const asking = new AbortController()
    api
      .get(id, asking.signal)
      .then((base: Tagged) => setStart({ base, values: valuesOf(base.item) }))
      .catch((error: unknown) => {
        if (asking.signal.aborted) return
        if (error instanceof Problem && error.status === 404) navigate(`/menu/${id}`, { replace: true })
        else setProblem(messageOf(error))
      })
    return () => asking.abort()
  }, [api, id, round])

  // Closing by Escape keeps what was typed; to cancel is to throw it away.
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
