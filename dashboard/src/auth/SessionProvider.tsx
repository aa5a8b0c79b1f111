import { useEffect, useState, useSyncExternalStore, type ReactNode } from 'react'

import type { Settings } from '../bootstrap'
import { SessionContext } from './session'
import { SessionStore } from './store'

/** Provides the session. Its children render at once. */
export function SessionProvider({ settings, children }: { settings: Settings; children: ReactNode }) {
  const [store] = useState(() => new SessionStore(settings))
  const session = useSyncExternalStore(store.subscribe, store.getSession)
  useEffect(() => store.start(), [store])
  return <SessionContext value={session}>{children}</SessionContext>
}
