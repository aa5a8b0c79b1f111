import { createContext, useContext } from 'react'

/** What a person may do to the menu, as the permissions are named at the identity provider. */
export type Permission = 'create:items' | 'update:items' | 'delete:items'

/** Who is in front of the page. */
export interface Session {
  /**
   * `off`: nobody can sign in, `reason` says why. `loading`: not known yet. `anonymous`. `signedIn`, with a user. `ended`:
   * was signed in, and the provider vouches for them no more.
   */
  state: 'off' | 'loading' | 'anonymous' | 'signedIn' | 'ended'
  reason: string
  user: Person | null
  /** The API's answer to who this is, null until it came. */
  me: { sub: string; permissions: string[] } | null
  /** What went wrong with signing in. */
  problem: string
  signIn: () => void
  signOut: () => void
  /** Asks the API again what this person may do. */
  refresh: () => void
  /** An access token, a new one if asked. Throws SessionEnded. */
  token: (renew: boolean) => Promise<string>
}

export interface Person {
  name: string
  email: string
  picture: string
}

export const SessionContext = createContext<Session | null>(null)

export function useSession(): Session {
  const session = useContext(SessionContext)
  if (!session) throw new Error('useSession outside of SessionContext')
  return session
}

/** Whether the person may do this. Until the API has said so, they may not. */
export function useMay(): (permission: Permission) => boolean {
  const { state, me } = useSession()
  return (permission) => state !== 'anonymous' && (me?.permissions.includes(permission) ?? false)
}
