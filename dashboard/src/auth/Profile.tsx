import { text } from '../text'
import { Notice } from '../ui/Notice'
import { Page } from '../ui/Page'
import { Typed } from '../ui/Typed'
import { useSession, type Permission } from './session'
import { SignInButton } from './SignInButton'

const known = Object.keys(text.profile.permissions) as Permission[]

/** The page of the signed-in user and their permissions. */
export function Profile() {
  const { state, user, me, problem, reason, refresh } = useSession()
  const isLoading = !problem && (state === 'loading' || (user && !me))
  const others = me?.permissions.filter((permission) => !known.includes(permission as Permission)) ?? []
  return (
    <Page title={text.profile.title} className="profile">
      {problem && (
        <Notice kind="error" action={user ? text.tryAgain : undefined} onAction={refresh}>
          {problem}
        </Notice>
      )}
      {isLoading && <p role="status">{text.loading}</p>}
      {user ? (
        <section className="person">
          {user.picture && <img src={user.picture} alt="" width="72" height="72" referrerPolicy="no-referrer" />}
          <div>
            <Typed className="name">{user.name}</Typed>
            <p>{user.email}</p>
            <code>{me?.sub}</code>
          </div>
        </section>
      ) : (
        state !== 'loading' && (
          <p>
            {reason} {text.profile.mayRead}
          </p>
        )
      )}
      {me && (
        <section>
          <h2>{text.profile.permissionsTitle}</h2>
          <ul className="permissions">
            {[...known, ...others].map((permission) => {
              const granted = me.permissions.includes(permission)
              return (
                <li key={permission} className={granted ? '' : 'refused'}>
                  <span className="mark" aria-hidden="true">
                    {granted ? '✓' : '–'}
                  </span>
                  <span>
                    {text.profile.permissions[permission as Permission]}{' '}
                    <span className="hidden">{granted ? text.profile.granted : text.profile.notGranted}</span>
                    <code>{permission}</code>
                  </span>
                </li>
              )
            })}
          </ul>
          {me.permissions.length === 0 && <p>{text.profile.noPermissions}</p>}
        </section>
      )}
      {!reason && state !== 'loading' && (
        <p className="actions">
          <SignInButton className={user ? '' : 'primary'} />
        </p>
      )}
    </Page>
  )
}
