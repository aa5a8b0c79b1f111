import { Link } from '../routing/Link'
import { text } from '../text'
import { useSession } from './session'
import { SignInButton } from './SignInButton'

/** The signed-in user, and a button to sign in or out. */
export function Account() {
  const { state, user } = useSession()
  if (state === 'off') return null
  return (
    <div className="account">
      {state === 'signedIn' && (
        <Link href="/profile" className="me" aria-label={text.session.profileOf(user?.name)}>
          {user?.picture && <img src={user.picture} alt="" width="32" height="32" referrerPolicy="no-referrer" />}
          <span dir="auto">{user?.name}</span>
        </Link>
      )}
      {state === 'blocked' ? (
        <Link href="/profile" className="button">
          {text.session.signIn}
        </Link>
      ) : (
        <SignInButton />
      )}
    </div>
  )
}
