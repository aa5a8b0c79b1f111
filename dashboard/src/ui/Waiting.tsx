import { useEffect, useState } from 'react'

import { closeToMenu } from '../routing/route'
import { text } from '../text'
import { Dialog } from './Dialog'
import { Notice } from './Notice'

const tooLong = 5_000 // milliseconds

/** The dialog until its content has loaded. */
export function Waiting({ title, problem = '' }: { title: string; problem?: string }) {
  const [late, setLate] = useState(false)
  useEffect(() => {
    const timer = setTimeout(() => setLate(true), tooLong)
    return () => clearTimeout(timer)
  }, [])
  const message = problem || (late && text.late)
  return (
    <Dialog title={title} onClose={closeToMenu}>
      <div className="dialog-body">{message ? <Notice kind="error">{message}</Notice> : <p role="status">{text.loading}</p>}</div>
    </Dialog>
  )
}
