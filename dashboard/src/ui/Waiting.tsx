import { useEffect, useState } from 'react'

import { messageOf } from '../api/problem'
import { closeToMenu } from '../routing/route'
import { text } from '../text'
import { Dialog } from './Dialog'
import { Notice } from './Notice'

const tooLong = 5_000 // milliseconds

/** The dialog until its content has loaded. */
export function Waiting({ title, error }: { title: string; error?: unknown }) {
  const [late, setLate] = useState(false)
  useEffect(() => {
    const timer = setTimeout(() => setLate(true), tooLong)
    return () => clearTimeout(timer)
  }, [])
  return (
    <Dialog title={title} onClose={closeToMenu}>
      <div className="dialog-body">
        <Loading error={error ?? (late ? text.late : null)} />
      </div>
    </Dialog>
  )
}

/** Says that something is loading until it is done, or why it cannot be loaded. */
export function Loading({ error, done = false }: { error: unknown; done?: boolean }) {
  if (error !== null) return <Notice kind="error">{messageOf(error)}</Notice>
  return done ? null : <p role="status">{text.loading}</p>
}
