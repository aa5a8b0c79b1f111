import { text } from '../text'
import { useSession } from './session'

/** Signs the user in or out. */
export function SignInButton({ className }: { className?: string }) {
  const { state, signIn, signOut } = useSession()
  const label = state === 'signedIn' ? text.session.signOut : state === 'ended' ? text.session.signInAgain : text.session.signIn
  return (
    <button type="button" className={className} onClick={state === 'signedIn' ? signOut : signIn} disabled={state === 'loading'}>
      {label}
    </button>
  )
}
