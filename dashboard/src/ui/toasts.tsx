import { createContext, useCallback, useContext, useLayoutEffect, useMemo, useState, type ReactNode } from 'react'

let shownSoFar = 0

/** A message that disappears after a while. */
export interface Toast {
  text: string
  /** A toast with the same id replaces this one. */
  id?: string
  /** A button in the toast. */
  action?: { label: string; run: () => void }
  kind?: 'error'
}

interface Toasts {
  show: (toast: Toast) => void
  shown: (Toast & { key: number })[]
  dismiss: (key: number) => void
  /** Lets a dialog show the toasts until it calls the result. */
  host: () => () => void
}

const ToastsContext = createContext<Toasts | null>(null)

export function useToasts(): Toasts {
  const toasts = useContext(ToastsContext)
  if (!toasts) throw new Error('useToasts outside of ToastsProvider')
  return toasts
}

const short = 6_000 // milliseconds
const long = 20_000 // with an action

/** Shows toasts, which a screen reader announces. A toast stays while the pointer or the focus is on it. */
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
  // A modal dialog makes everything outside inert. While one is open, it contains the toasts.
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

/** The toasts inside a dialog. */
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
