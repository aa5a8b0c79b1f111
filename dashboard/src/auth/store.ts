import type { Auth0Client, User } from '@auth0/auth0-spa-js'
import workerUrl from '@auth0/auth0-spa-js/dist/auth0-spa-js.worker.production.js?url'

import { createAPI } from '../api/menu'
import { SessionEnded, Unreachable } from '../api/problem'
import type { Settings } from '../bootstrap'
import { navigate } from '../routing/route'
import { text } from '../text'
import { Observable } from '../ui/observable'
import { storage, storageIsBlocked } from '../ui/storage'
import type { Person, Session } from './session'

const retryDelay = 5_000 // milliseconds
const returnKey = 'menu.returnTo'
const signedOutKey = 'menu.signedOut'

/**
 * Signs users in with Auth0's SDK. It loads the SDK only when someone signs in or has a session, because most visitors only
 * read the menu. Tokens stay in memory, and the refresh token in a worker, so a script cannot steal them from storage. After
 * a reload the SDK asks the provider for its session silently.
 */
export class SessionStore {
  readonly observable: Observable<Session>
  private client: Promise<Auth0Client> | undefined
  private retry: ReturnType<typeof setTimeout> | undefined

  constructor(private readonly settings: Settings) {
    const { clientId, issuer } = settings
    const isConfigured = clientId !== '' && issuer !== ''
    const reason = !isConfigured
      ? text.session.notConfigured
      : storageIsBlocked()
        ? text.session.storageBlocked
        : window.isSecureContext // browsers provide the cryptography for sign-in only on https and on localhost
          ? ''
          : text.session.needsHttps
    const state = !isConfigured ? 'off' : reason ? 'blocked' : this.mayHaveSession() ? 'loading' : 'anonymous'
    this.observable = new Observable<Session>({
      state,
      reason,
      user: null,
      me: null,
      problem: '',
      signIn: () => void this.signIn(),
      signOut: () => void this.signOut(),
      refresh: () => void this.refresh(),
      token: (renew) => this.token(renew),
    })
  }

  private get session() {
    return this.observable.get()
  }

  /** Loads the session, and follows signing out in other tabs, until the caller calls the result. */
  start(): () => void {
    if (this.session.reason) return () => {}
    if (this.session.state === 'loading') void this.open()
    const otherTab = (event: StorageEvent) => event.key === signedOutKey && this.forget()
    const online = () => this.session.problem && void this.refresh()
    const listeners = new AbortController()
    window.addEventListener('storage', otherTab, { signal: listeners.signal })
    window.addEventListener('online', online, { signal: listeners.signal })
    return () => {
      clearTimeout(this.retry)
      listeners.abort()
    }
  }

  // The SDK sets the cookie while there is a session.
  private mayHaveSession() {
    return window.location.pathname === '/callback' || document.cookie.includes(`auth0.${this.settings.clientId}.is.authenticated=`)
  }

  private load(): Promise<Auth0Client> {
    const { issuer, clientId, audience } = this.settings
    this.client ??= import('@auth0/auth0-spa-js').then(
      ({ Auth0Client }) =>
        new Auth0Client({
          domain: issuer.replace(/\/$/, ''),
          clientId,
          authorizationParams: { audience, redirect_uri: `${window.location.origin}/callback`, scope: 'openid profile email' },
          useRefreshTokens: true,
          useRefreshTokensFallback: true,
          authorizeTimeoutInSeconds: 10,
          workerUrl,
        }),
    )
    this.client.catch(() => (this.client = undefined)) // the next use loads it again
    return this.client
  }

  /** Completes a sign-in, or continues the session that the provider has. */
  private async open() {
    let problem = ''
    try {
      const client = await this.load()
      if (window.location.pathname === '/callback') problem = await completeSignIn(client)
      await client.getTokenSilently()
      this.set({ state: 'signedIn', user: personOf(await client.getUser()) })
      await this.loadPermissions()
    } catch (error) {
      if (needsSignIn(error)) this.set({ state: 'anonymous', problem })
      else this.retryLater(text.session.providerUnreachable)
    }
  }

  private async loadPermissions() {
    try {
      const me = await createAPI((renew) => this.token(renew)).me()
      this.set({ me, problem: '' })
    } catch (error) {
      if (!(error instanceof SessionEnded)) this.retryLater(text.session.permissionsUnknown)
    }
  }

  private retryLater(problem: string) {
    this.set({ problem: `${problem} ${text.session.retrying}` })
    clearTimeout(this.retry)
    this.retry = setTimeout(() => void this.refresh(), retryDelay)
  }

  private async refresh() {
    if (this.session.user) await this.loadPermissions()
    else if (this.session.state === 'loading') await this.open()
    else this.set({ problem: '' })
  }

  private async signIn() {
    storage.write(returnKey, window.location.pathname + window.location.search + window.location.hash)
    try {
      await (await this.load()).loginWithRedirect()
    } catch {
      this.set({ problem: text.session.providerUnreachable })
    }
  }

  private async signOut() {
    localStorage.setItem(signedOutKey, String(Date.now())) // tells the other tabs
    try {
      await (await this.load()).logout({ logoutParams: { returnTo: window.location.origin } })
    } catch {
      this.forget()
    }
  }

  /** Ends the session in this tab only. */
  private forget() {
    void this.client?.then((client) => client.logout({ openUrl: false }))
    this.client = undefined
    this.set({ state: 'anonymous', user: null, me: null, problem: '' })
  }

  private async token(renew: boolean): Promise<string> {
    try {
      const token = await (await this.load()).getTokenSilently({ cacheMode: renew ? 'off' : 'on' })
      if (!token) throw new SessionEnded()
      if (this.session.state === 'ended') this.set({ state: 'signedIn' })
      return token
    } catch (error) {
      if (!(error instanceof SessionEnded) && !needsSignIn(error)) throw new Unreachable(error, text.session.providerUnreachable)
      // The page remembers the user, because it may have unsaved work of theirs.
      this.set({ state: 'ended' })
      throw new SessionEnded(error)
    }
  }

  private set(change: Partial<Session>) {
    this.observable.set({ ...this.session, ...change })
  }
}

/**
 * Completes the sign-in of the address /callback, and returns to the page where the user started. Returns what went wrong.
 * The Back button may lead here a second time. Then the SDK rejects the old response, but the user has a session.
 */
async function completeSignIn(client: Auth0Client): Promise<string> {
  const isResponse = /[?&](code|error)=/.test(window.location.search)
  try {
    if (isResponse) await client.handleRedirectCallback()
    return ''
  } catch (error) {
    return text.session.signInFailed((error as { error_description?: string }).error_description ?? '')
  } finally {
    navigate(storage.read<string>(returnKey) ?? '/', { replace: true })
  }
}

function personOf(user: User | undefined): Person {
  return { name: user?.name ?? user?.email ?? user?.sub ?? '', email: user?.email ?? '', picture: user?.picture ?? '' }
}

/** The SDK's errors after which the user has to sign in again. With others, the provider is unreachable. */
const signInErrors = 'login_required consent_required interaction_required invalid_grant missing_refresh_token mfa_required'.split(' ')
const needsSignIn = (error: unknown) => signInErrors.includes((error as { error?: string }).error ?? '')
