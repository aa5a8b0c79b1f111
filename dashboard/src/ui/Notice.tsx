import type { ReactNode } from 'react'

interface Props {
  children: ReactNode
  /** `error` and `warn` interrupt a screen reader. */
  kind?: 'error' | 'warn'
  /** The label of a button. */
  action?: string | undefined
  onAction?: () => void
}

/** A message above the content that it is about, with at most one button. */
export function Notice({ children, kind, action, onAction }: Props) {
  return (
    <div className={`notice ${kind ?? ''}`} role={kind ? 'alert' : 'status'}>
      <p>{children}</p>
      {action && (
        <button type="button" onClick={onAction}>
          {action}
        </button>
      )}
    </div>
  )
}
