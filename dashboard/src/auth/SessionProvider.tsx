import { lazy, Suspense, useMemo, useState, type ReactNode } from 'react'

import { SessionEnded } from '../api/problem'
import type { Settings } from '../bootstrap'
import { SessionContext, type Session } from './session'

// The SDK is half of the page's code, and the menu can be read without.
const Auth0Session = lazy(() => import('./Auth0Session'))

const nobody = {
  user: null, me: null, problem: '',
  signIn() {}, signOut() {}, refresh() {},
  token: () => Promise.reject(new SessionEnded()),
} satisfies Partial<Session>

/** Why nobody can sign in here, or "" if they can. */
function whyOff({ clientId, issuer }: Settings): string {
  if (!clientId || !issuer) return 'Sign-in is not configured. Whoever runs this server can set AUTH0_CLIENT_ID.'
  // Browsers have the cryptography that signing in needs on https and on localhost alone.
  if (!window.isSecureContext) return 'Signing in needs https, or http://localhost.'
  return ''
}

/** Gives the page its session. What is inside is shown at once and does not wait for the SDK. */
export function SessionProvider({ settings, children }: { settings: Settings; children: ReactNode }) {
  const reason = useMemo(() => whyOff(settings), [settings])
  const [session, setSession] = useState<Session>({ ...nobody, state: reason ? 'off' : 'loading', reason })
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
