import { useEffectEvent, useId, useLayoutEffect, useRef, type MouseEvent, type ReactNode } from 'react'

import { DialogToasts } from './toasts'

interface Props {
  title: ReactNode
  /** The person wants it closed: by Escape, by the button, or by a click beside it. */
  onClose: () => void
  children: ReactNode
  className?: string
}

/**
 * A modal dialog. The browser keeps the focus inside and gives it back afterwards. What is marked with data-autofocus has
 * it first, else the heading, so that a screen reader begins at the beginning.
 */
export function Dialog({ title, onClose, children, className = '' }: Props) {
  const dialog = useRef<HTMLDialogElement>(null)
  const titleId = useId()
  const fallback = useEffectEvent(focusAfterClose)

  useLayoutEffect(() => {
    const element = dialog.current
    if (!element) return
    element.showModal()
    element.querySelector<HTMLElement>('[data-autofocus], h2')?.focus()
    return () => {
      element.close()
      fallback()
    }
  }, [])

  // A click beside the content is one on the dialog itself: the content fills it.
  const pressed = useRef(false)
  const isBeside = (event: MouseEvent) => event.target === dialog.current

  return (
    <dialog
      ref={dialog}
      className={className}
      aria-labelledby={titleId}
      onCancel={(event) => {
        event.preventDefault()
        onClose()
      }}
      onMouseDown={(event) => (pressed.current = isBeside(event))}
      onClick={(event) => pressed.current && isBeside(event) && onClose()}
    >
      <div className="dialog-body">
        <div className="dialog-head">
          <h2 id={titleId} tabIndex={-1}>
            {title}
          </h2>
          <button type="button" className="icon" aria-label="Close" onClick={onClose}>
            ×
          </button>
        </div>
        {children}
      </div>
      <DialogToasts />
    </dialog>
  )
}

// The card that a dialog was opened from may be gone.
function focusAfterClose() {
  if (document.activeElement && document.activeElement !== document.body) return
  document.getElementById('main')?.focus({ preventScroll: true })
}
