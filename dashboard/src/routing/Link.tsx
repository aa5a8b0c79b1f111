import type { ComponentProps, MouseEvent } from 'react'

import { navigate } from './route'

/** A link within the application. The browser handles clicks with a modifier key or another button. */
export function Link({ href, children, ...rest }: ComponentProps<'a'> & { href: string }) {
  function follow(event: MouseEvent) {
    if (event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return
    event.preventDefault()
    navigate(href)
  }
  return (
    <a href={href} onClick={follow} {...rest}>
      {children}
    </a>
  )
}
