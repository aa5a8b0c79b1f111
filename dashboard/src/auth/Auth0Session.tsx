import { Auth0Provider, useAuth0, type AppState } from '@auth0/auth0-react'
import { useCallback, useEffect, useMemo, useState } from 'react'

import { createAPI } from '../api/menu'
import { messageOf, SessionEnded } from '../api/problem'
import { navigate } from '../app/route'
import type { Settings } from '../bootstrap'
import type { Person, Session } from './session'
import workerUrl from '@auth0/auth0-spa-js/dist/auth0-spa-js.worker.production.js?url'

/**
 * Signs users in with Auth0's SDK and publishes the session. Tokens stay in memory, and the refresh token in a worker, so
 * a script cannot steal them from storage. After a reload the SDK asks the provider for its session silently.
 */
export default function Auth0Session(props: { settings: Settings; publish: (session: Session) => void }) {
  const { issuer, clientId, audience } = props.settings
  return (
    <Auth0Provider
      domain={issuer.replace(/\/$/, '')}
      clientId={clientId}
      authorizationParams={{ audience, redirect_uri: `${window.location.origin}/callback`, scope: 'openid profile email' }}
      useRefreshTokens
      useRefreshTokensFallback
      workerUrl={workerUrl}
      skipRedirectCallback={window.location.pathname !== '/callback'}
      onRedirectCallback={returnToPage}
    >
      <Publisher publish={props.publish} />
    </Auth0Provider>
  )
}

/** Returns to the page where the user started to sign in. */
function returnToPage(state?: AppState) {
  navigate(state?.returnTo ?? '/', { replace: true })
}

function Publisher({ publish }: { publish: (session: Session) => void }) {
  const { isLoading, isAuthenticated, user, error, loginWithRedirect, logout, getAccessTokenSilently } = useAuth0()
  const [person, setPerson] = useState<Person | null>(null)
  const [me, setMe] = useState<Session['me']>(null)
  const [asked, setAsked] = useState(0)
  const [ended, setEnded] = useState(false)
  const [problem, setProblem] = useState('')

  const token = useCallback(
    async (renew: boolean) => {
      try {
        const access = await getAccessTokenSilently(renew ? { cacheMode: 'off' } : {})
        if (!access) throw new SessionEnded()
        setEnded(false)
        return access
      } catch (cause) {
        if (!(cause instanceof SessionEnded) && !needsSignIn(cause)) throw cause
        setEnded(true)
        throw new SessionEnded(cause)
      }
    },
    [getAccessTokenSilently],
  )

  useEffect(() => {
    if (!isAuthenticated) return
    let current = true
    createAPI(token)
      .me()
      .then((me) => current && (setMe(me), setProblem('')))
      .catch((cause: unknown) => {
        if (!current) return
        if (cause instanceof SessionEnded) setEnded(true)
        else setProblem(`Your permissions could not be loaded. ${messageOf(cause)}`)
      })
    return () => void (current = false)
  }, [isAuthenticated, token, asked])

  const signIn = useCallback(() => {
    const { pathname, search, hash } = window.location
    const returnTo = pathname === '/callback' ? '/' : pathname + search + hash
    loginWithRedirect({ appState: { returnTo } }).catch((cause: unknown) => setProblem(`Signing in failed. ${messageOf(cause)}`))
  }, [loginWithRedirect])

  const signOut = useCallback(() => {
    void logout({ logoutParams: { returnTo: window.location.origin } })
  }, [logout])

  // The SDK forgets the user when a renewal fails. The page remembers them, because it may have unsaved work of theirs.
  useEffect(() => {
    if (user) setPerson({ name: user.name ?? user.email ?? user.sub ?? '', email: user.email ?? '', picture: user.picture ?? '' })
  }, [user])

  const session = useMemo<Session>(() => {
    const known = isAuthenticated || (ended && me !== null)
    return {
      state: isLoading ? 'loading' : !known ? 'anonymous' : ended ? 'ended' : 'signedIn',
      reason: '',
      user: known ? person : null,
      me: known ? me : null,
      problem: problem || (error ? `Signing in failed. ${error.message}` : ''),
      signIn, signOut, token,
      refresh: () => setAsked((n) => n + 1),
    }
  }, [isLoading, isAuthenticated, ended, me, person, problem, error, signIn, signOut, token])

  useEffect(() => publish(session), [publish, session])

  // Leave the callback address after a failed sign-in.
  useEffect(() => {
    if (error && window.location.pathname === '/callback') navigate('/', { replace: true })
  }, [error])
  return null
}

/** Whether the SDK's error means that the user has to sign in again, not that the provider is unreachable. */
function needsSignIn(error: unknown): boolean {
  const code = (error as { error?: string }).error ?? ''
  return ['login_required', 'consent_required', 'interaction_required', 'invalid_grant', 'missing_refresh_token', 'mfa_required'].includes(code)
}
