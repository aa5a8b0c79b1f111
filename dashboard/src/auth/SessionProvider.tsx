import { useEffect, useState, type ReactNode } from 'react'

import type { Settings } from '../bootstrap'
import { useObservable } from '../ui/observable'
import { SessionContext } from './session'
import { SessionStore } from './store'

/** Provides the session. Its children render at once. */
export function SessionProvider({ settings, children }: { settings: Settings; children: ReactNode }) {
  const [store] = useState(() => new SessionStore(settings))
  useEffect(() => store.start(), [store])
  return <SessionContext value={useObservable(store.observable)}>{children}</SessionContext>
}
