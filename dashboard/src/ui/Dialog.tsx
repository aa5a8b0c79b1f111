import { useId, useLayoutEffect, useRef, type MouseEvent, type ReactNode } from 'react'

import { text } from '../text'
import { DialogToasts } from './toasts'

interface Props {
  title: ReactNode
  /** Stays in view beside the title. */
  aside?: ReactNode
  /** Called on Escape, on the close button, and on a click outside. */
  onClose: () => void
  /** An element with the class dialog-body scrolls. Buttons after it stay in view. */
  children: ReactNode
  className?: string
}

/**
 * A modal dialog. The browser keeps the focus inside and restores it afterwards. The first focus is on the element with
 * data-autofocus, or else on the heading, so that a screen reader starts at the top.
 */
export function Dialog({ title, aside, onClose, children, className = '' }: Props) {
  const dialog = useRef<HTMLDialogElement>(null)
  const titleId = useId()

  useLayoutEffect(() => {
    const element = dialog.current
    if (!element) return
    element.showModal()
    ;(element.querySelector<HTMLElement>('[data-autofocus]') ?? element.querySelector('h2'))?.focus()
    return () => {
      element.close()
      focusAfterClose()
    }
  }, [])

  // The content fills the dialog, so a click on the dialog itself is outside.
  const pressed = useRef(false)
  const isOutside = (event: MouseEvent) => event.target === dialog.current

  return (
    // eslint-disable-next-line jsx-a11y/no-noninteractive-element-interactions, jsx-a11y/click-events-have-key-events -- Escape
    <dialog
      ref={dialog}
      className={className}
      aria-labelledby={titleId}
      onCancel={(event) => {
        event.preventDefault()
        onClose()
      }}
      // After a second Escape the browser closes a dialog itself, without that event.
      onClose={(event) => event.currentTarget.open || onClose()}
      onMouseDown={(event) => (pressed.current = isOutside(event))}
      onClick={(event) => pressed.current && isOutside(event) && onClose()}
    >
      <div className="dialog-content">
        <div className="dialog-head">
          <h2 id={titleId} tabIndex={-1} dir="auto">
            {title}
          </h2>
          {aside}
          <button type="button" className="icon" aria-label={text.close} onClick={onClose}>
            ×
          </button>
        </div>
        {children}
        <DialogToasts />
      </div>
    </dialog>
  )
}

// The card that opened the dialog may no longer exist.
function focusAfterClose() {
  if (document.activeElement && document.activeElement !== document.body) return
  document.getElementById('main')?.focus({ preventScroll: true })
}
