import type { ReactNode } from 'react'

import { text } from '../text'
import { Notice } from '../ui/Notice'
import { useSession, type Permission } from './session'

const known = Object.keys(text.profile.permissions) as Permission[]

/** The page of the signed-in user and their permissions. */
export function Profile() {
  const { state, user, me, problem, reason, signIn, signOut, refresh } = useSession()
  const notice = problem && (
    <Notice kind="error" action={user ? text.tryAgain : undefined} onAction={refresh}>
      {problem}
    </Notice>
  )
  if (state === 'loading') return <Page>{notice || <p role="status">{text.loading}</p>}</Page>
  if (reason)
    return (
      <Page>
        <p>
          {reason} {text.profile.mayRead}
        </p>
      </Page>
    )
  if (!user) {
    return (
      <Page>
        {notice}
        <p>{text.profile.mayRead}</p>
        <button type="button" className="primary" onClick={signIn}>
          {text.session.signIn}
        </button>
      </Page>
    )
  }
  const others = me?.permissions.filter((permission) => !known.includes(permission as Permission)) ?? []
  return (
    <Page>
      <section className="person">
        {user.picture && <img src={user.picture} alt="" width="72" height="72" referrerPolicy="no-referrer" />}
        <div>
          <p className="name" dir="auto">
            {user.name}
          </p>
          {user.email && <p>{user.email}</p>}
          {me && (
            <p className="subject">
              <code>{me.sub}</code>
            </p>
          )}
        </div>
      </section>
      <section>
        <h2>{text.profile.permissionsTitle}</h2>
        {notice}
        {!me && !problem && <p role="status">{text.loading}</p>}
        {me && (
          <ul className="permissions">
            {[...known, ...others].map((permission) => {
              const granted = me.permissions.includes(permission)
              return (
                <li key={permission} className={granted ? 'granted' : 'refused'} data-permission={permission}>
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
        )}
        {me?.permissions.length === 0 && <p>{text.profile.noPermissions}</p>}
      </section>
      <p className="actions">
        <button type="button" onClick={state === 'ended' ? signIn : signOut}>
          {state === 'ended' ? text.session.signInAgain : text.session.signOut}
        </button>
      </p>
    </Page>
  )
}

function Page({ children }: { children: ReactNode }) {
  return (
    <main id="main" tabIndex={-1} className="profile">
      <h1>{text.profile.title}</h1>
      {children}
    </main>
  )
}
