import { lazy, Suspense, useMemo, useState, type ReactNode } from 'react'

import { SessionEnded } from '../api/problem'
import type { Settings } from '../bootstrap'
import { SessionContext, type Session } from './session'

// The SDK is half of the page's code, and the menu does not need it.
const Auth0Session = lazy(() => import('./Auth0Session'))

const signedOut = {
  user: null, me: null, problem: '',
  signIn() {}, signOut() {}, refresh() {},
  token: () => Promise.reject(new SessionEnded()),
} satisfies Partial<Session>

/** The reason why sign-in is off, or "" if it is on. */
function whyOff({ clientId, issuer }: Settings): string {
  if (!clientId || !issuer) return 'Sign-in is not configured. The operator of this server can set AUTH0_CLIENT_ID.'
  // Browsers provide the cryptography for sign-in only on https and on localhost.
  if (!window.isSecureContext) return 'Signing in needs https, or http://localhost.'
  return ''
}

/** Provides the session. Its children render at once, without waiting for the SDK. */
export function SessionProvider({ settings, children }: { settings: Settings; children: ReactNode }) {
  const reason = useMemo(() => whyOff(settings), [settings])
  const [session, setSession] = useState<Session>({ ...signedOut, state: reason ? 'off' : 'loading', reason })
  return (
    <SessionContext value={session}>
      {children}
      {!reason && (
        <Suspense fallback={null}>
          <Auth0Session settings={settings} publish={setSession} />
        </Suspense>
      )}
    </SessionContext>
  )
}
