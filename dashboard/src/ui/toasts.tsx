import { useEffect, useLayoutEffect, useRef } from 'react'

import { text } from '../text'
import { Observable, useObservable } from './observable'

let shownSoFar = 0

/** A message that disappears after a while. */
export interface Toast {
  text: string
  /** A toast with the same id replaces this one. */
  id?: string
  /** A button in the toast. */
  action?: { label: string; run: () => void }
  kind?: 'error'
  /** Moves the focus to the toast, so that its button is one key away. Called when the toast goes, to move the focus on. */
  onFocusLost?: () => void
}

type Shown = Toast & { key: number }

const short = 6_000 // milliseconds
const long = 20_000 // with an action

export const toasts = new Observable<readonly Shown[]>([])
const openDialogs = new Observable(0)

export function showToast(toast: Toast) {
  const key = ++shownSoFar
  toasts.set([...toasts.get().filter(({ id }) => !id || id !== toast.id), { ...toast, key }].slice(-3))
  const expire = () => {
    if (document.querySelector('.toasts:hover, .toasts:focus-within')) setTimeout(expire, 2_000)
    else dismiss(key)
  }
  setTimeout(expire, toast.action ? long : short)
}

const dismiss = (key: number) => toasts.set(toasts.get().filter((toast) => toast.key !== key))

/** The toasts below the page. A modal dialog makes everything outside inert, so while one is open, it contains the toasts. */
export const PageToasts = () => (useObservable(openDialogs) > 0 ? null : <ToastList />)

/** The toasts inside a dialog. */
export function DialogToasts() {
  useLayoutEffect(() => {
    openDialogs.set(openDialogs.get() + 1)
    return () => openDialogs.set(openDialogs.get() - 1)
  }, [])
  return <ToastList />
}

/**
 * Shows the toasts, which a screen reader announces. They take up space instead of covering the page, so a tap that is meant
 * for a button never hits a toast. A toast stays while the pointer or the focus is on it.
 */
function ToastList() {
  return (
    <div className="toasts" role="status" aria-live="polite">
      {useObservable(toasts).map((toast) => (
        <ToastRow key={toast.key} toast={toast} />
      ))}
    </div>
  )
}

function ToastRow({ toast: { key, text: message, action, kind, onFocusLost } }: { toast: Shown }) {
  const row = useRef<HTMLDivElement>(null)
  useEffect(() => {
    if (onFocusLost) row.current?.focus()
  }, [onFocusLost])

  function close(run?: () => void) {
    const hadFocus = row.current?.contains(document.activeElement)
    dismiss(key)
    run?.()
    if (hadFocus) onFocusLost?.()
  }
  return (
    <div ref={row} className={`toast ${kind ?? ''}`} tabIndex={-1}>
      <span dir="auto">{message}</span>
      {action && (
        <button type="button" className="quiet" onClick={() => close(action.run)}>
          {action.label}
        </button>
      )}
      <button type="button" className="quiet icon" aria-label={text.dismiss} onClick={() => close()}>
        ×
      </button>
    </div>
  )
}
