import { createContext, useCallback, useContext, useEffect, useLayoutEffect, useMemo, useRef, useState, type ReactNode } from 'react'

import { text } from '../text'

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

interface Toasts {
  show: (toast: Toast) => void
  shown: readonly Shown[]
  dismiss: (key: number) => void
  /** Lets a dialog show the toasts until it calls the result. */
  host: () => () => void
  hosted: boolean
}

const ToastsContext = createContext<Toasts>(null!)

export const useToasts = () => useContext(ToastsContext)

const short = 6_000 // milliseconds
const long = 20_000 // with an action

export function ToastsProvider({ children }: { children: ReactNode }) {
  const [shown, setShown] = useState<readonly Shown[]>([])
  const dismiss = useCallback((key: number) => setShown((toasts) => toasts.filter((toast) => toast.key !== key)), [])
  const show = useCallback(
    (toast: Toast) => {
      const key = ++shownSoFar
      setShown((toasts) => [...toasts.filter(({ id }) => !id || id !== toast.id), { ...toast, key }].slice(-3))
      const expire = () => {
        if (document.querySelector('.toasts:hover, .toasts:focus-within')) setTimeout(expire, 2_000)
        else dismiss(key)
      }
      setTimeout(expire, toast.action ? long : short)
    },
    [dismiss],
  )
  // A modal dialog makes everything outside inert. While one is open, it contains the toasts.
  const [dialogs, setDialogs] = useState(0)
  const host = useCallback(() => {
    setDialogs((n) => n + 1)
    return () => setDialogs((n) => n - 1)
  }, [])
  const toasts = useMemo(() => ({ show, shown, dismiss, host, hosted: dialogs > 0 }), [show, shown, dismiss, host, dialogs])
  return <ToastsContext value={toasts}>{children}</ToastsContext>
}

/** The toasts below the page. */
export function PageToasts() {
  return useToasts().hosted ? null : <ToastList />
}

/** The toasts inside a dialog. */
export function DialogToasts() {
  const { host } = useToasts()
  useLayoutEffect(() => host(), [host])
  return <ToastList />
}

/**
 * Shows the toasts, which a screen reader announces. They take up space instead of covering the page, so a tap that is meant
 * for a button never hits a toast. A toast stays while the pointer or the focus is on it.
 */
function ToastList() {
  const { shown, dismiss } = useToasts()
  return (
    <div className="toasts" role="status" aria-live="polite">
      {shown.map((toast) => (
        <ToastRow key={toast.key} toast={toast} dismiss={() => dismiss(toast.key)} />
      ))}
    </div>
  )
}

function ToastRow({ toast, dismiss }: { toast: Shown; dismiss: () => void }) {
  const { action, kind, onFocusLost } = toast
  const row = useRef<HTMLDivElement>(null)
  useEffect(() => {
    if (onFocusLost) row.current?.focus()
  }, [onFocusLost])

  function close(run?: () => void) {
    const hadFocus = row.current?.contains(document.activeElement)
    dismiss()
    run?.()
    if (hadFocus) onFocusLost?.()
  }
  return (
    <div ref={row} className={`toast ${kind ?? ''}`} tabIndex={-1}>
      <span dir="auto">{toast.text}</span>
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
