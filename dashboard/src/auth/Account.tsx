import { Link } from '../app/Link'
import { useSession } from './session'

/** The signed-in user, or a button to sign in. */
export function Account() {
  const { state, user, signIn, signOut } = useSession()
  switch (state) {
    case 'off':
      return null
    case 'signedIn':
      return (
        <div className="account">
          <Link href="/profile" className="me" aria-label={`Profile of ${user?.name ?? 'you'}`}>
            {user?.picture && <img src={user.picture} alt="" width="32" height="32" referrerPolicy="no-referrer" />}
            <span>{user?.name}</span>
          </Link>
          <button type="button" onClick={signOut}>
            Sign out
          </button>
        </div>
      )
    default:
      return (
        <div className="account">
          <button type="button" onClick={signIn} disabled={state === 'loading'}>
            {state === 'ended' ? 'Sign in again' : 'Sign in'}
          </button>
        </div>
      )
  }
}
