import { createContext, useContext } from 'react'

/** A permission, by its name at the identity provider. */
export type Permission = 'create:items' | 'update:items' | 'delete:items'

/** The session of the user. */
export interface Session {
  /**
   * `off`: sign-in is not configured. `blocked`: this browser cannot sign in. Both have a `reason`. `loading`: not known yet.
   * `anonymous`: signed out. `signedIn`: with a user. `ended`: the session of this user has expired.
   */
  state: 'off' | 'blocked' | 'loading' | 'anonymous' | 'signedIn' | 'ended'
  reason: string
  user: Person | null
  /** The response of GET /me, null until it arrives. */
  me: { sub: string; permissions: string[] } | null
  /** The error of the last sign-in or of GET /me. */
  problem: string
  signIn: () => void
  signOut: () => void
  /** Requests the session or the permissions again. */
  refresh: () => void
  /** Returns an access token, a new one on `renew`. Throws SessionEnded. The function stays the same. */
  token: (renew: boolean) => Promise<string>
}

export interface Person {
  name: string
  email: string
  picture: string
}

export const SessionContext = createContext<Session>(null!)

export const useSession = () => useContext(SessionContext)

/** Whether the user has a permission. It is false until the API confirms it. */
export function useMay(): (permission: Permission) => boolean {
  const { me } = useSession()
  return (permission) => me?.permissions.includes(permission) ?? false
}
