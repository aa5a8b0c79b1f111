import { createContext, useCallback, useContext, useLayoutEffect, useMemo, useState, type ReactNode } from 'react'

let shownSoFar = 0

/** A message that goes away by itself. */
export interface Toast {
  text: string
  /** A toast with the same id replaces this one. */
  id?: string
  /** What can be done about it. */
  action?: { label: string; run: () => void }
  kind?: 'error'
}

interface Toasts {
  show: (toast: Toast) => void
  shown: (Toast & { key: number })[]
  dismiss: (key: number) => void
  /** Says that a dialog shows the toasts, until the result is called. */
  host: () => () => void
}

const ToastsContext = createContext<Toasts | null>(null)

export function useToasts(): Toasts {
  const toasts = useContext(ToastsContext)
  if (!toasts) throw new Error('useToasts outside of ToastsProvider')
  return toasts
}

const short = 6_000 // milliseconds
const long = 20_000 // for something to be done about it

/** Shows toasts, and has a screen reader say them. One that somebody points at or has the focus in stays. */
export function ToastsProvider({ children }: { children: ReactNode }) {
  const [shown, setShown] = useState<(Toast & { key: number })[]>([])
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
  // What is outside of a modal dialog can be neither read nor reached. While one is open, it has the toasts.
  const [dialogs, setDialogs] = useState(0)
  const host = useCallback(() => {
    setDialogs((n) => n + 1)
    return () => setDialogs((n) => n - 1)
  }, [])
  const toasts = useMemo(() => ({ show, shown, dismiss, host }), [show, shown, dismiss, host])
  return (
    <ToastsContext value={toasts}>
      {children}
      {dialogs === 0 && <ToastList />}
    </ToastsContext>
  )
}

/** The toasts, in a dialog. */
export function DialogToasts() {
  const { host } = useToasts()
  useLayoutEffect(() => host(), [host])
  return <ToastList />
}

function ToastList() {
  const { shown, dismiss } = useToasts()
  return (
    <div className="toasts" role="status" aria-live="polite">
      {shown.map(({ key, text, action, kind }) => (
        <div key={key} className={`toast ${kind ?? ''}`}>
          <span>{text}</span>
          {action && (
            <button type="button" className="quiet" onClick={() => (dismiss(key), action.run())}>
              {action.label}
            </button>
          )}
          <button type="button" className="quiet icon" aria-label="Dismiss" onClick={() => dismiss(key)}>
            ×
          </button>
        </div>
      ))}
    </div>
  )
}
