import { render } from '@testing-library/react'
import type { ReactNode } from 'react'

import { SessionContext, type Session } from '../auth/session'
import { emptyBootstrap } from '../bootstrap'
import { MenuProvider } from '../menu/MenuProvider'
import type { Item } from '../api/types'

/** An EventSource without events. The browser tests cover live changes. */
class SilentEventSource extends EventTarget {
  static readonly CLOSED = 2
  readonly readyState = 0
  close() {}
}

/** Renders a part of the page with this menu for a user with these permissions. */
export function renderPage(
  children: ReactNode,
  {
    items = [],
    after = '',
    permissions,
    signIn = () => {},
  }: { items?: Item[]; after?: string; permissions?: string[]; signIn?: () => void },
) {
  Object.assign(globalThis, { EventSource: SilentEventSource })
  const session: Session = {
    state: permissions ? 'signedIn' : 'anonymous',
    reason: '',
    problem: '',
    user: permissions ? { name: 'Avery', email: '', picture: '' } : null,
    me: permissions ? { sub: 'auth0|avery', permissions } : null,
    signIn,
    signOut() {},
    refresh() {},
    token: async () => 'token',
  }
  const bootstrap = { ...emptyBootstrap, menu: { items, after, etag: '', categories: [] } }
  return render(
    <SessionContext value={session}>
      <MenuProvider bootstrap={bootstrap}>{children}</MenuProvider>
    </SessionContext>,
  )
}
