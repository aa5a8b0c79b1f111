import { Link } from '../routing/Link'
import { text } from '../text'
import { useSession } from './session'

/** The signed-in user, or a button to sign in. */
export function Account() {
  const { state, user, signIn, signOut } = useSession()
  switch (state) {
    case 'off':
      return null
    case 'blocked':
      return (
        <Link href="/profile" className="button">
          {text.session.signIn}
        </Link>
      )
    case 'signedIn':
      return (
        <div className="account">
          <Link href="/profile" className="me" aria-label={text.session.profileOf(user?.name)}>
            {user?.picture && <img src={user.picture} alt="" width="32" height="32" referrerPolicy="no-referrer" />}
            <span dir="auto">{user?.name}</span>
          </Link>
          <button type="button" onClick={signOut}>
            {text.session.signOut}
          </button>
        </div>
      )
    default:
      return (
        <div className="account">
          <button type="button" onClick={signIn} disabled={state === 'loading'}>
            {state === 'ended' ? text.session.signInAgain : text.session.signIn}
          </button>
        </div>
      )
  }
}
