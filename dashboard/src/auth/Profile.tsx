import type { ReactNode } from 'react'

import { useSession, type Permission } from './session'

const meanings: Record<Permission, string> = {
  'create:items': 'Add items and restore deleted ones',
  'update:items': 'Change items and see their history',
  'delete:items': 'Delete items',
}

/** The page of the signed-in user and their permissions. */
export function Profile() {
  const { state, user, me, problem, reason, signIn, signOut, refresh } = useSession()
  if (state === 'loading') return <Page><p role="status">Loading …</p></Page>
  if (state === 'off') return <Page><p>{reason}</p></Page>
  if (!user) {
    return (
      <Page>
        {problem && (
          <p className="notice error" role="alert">
            {problem}
          </p>
        )}
        <p>You are not signed in. You can read the menu without signing in.</p>
        <button type="button" className="primary" onClick={signIn}>
          Sign in
        </button>
      </Page>
    )
  }
  const known = Object.keys(meanings) as Permission[]
  const others = me?.permissions.filter((permission) => !known.includes(permission as Permission)) ?? []
  return (
    <Page>
      <section className="person">
        {user.picture && <img src={user.picture} alt="" width="72" height="72" referrerPolicy="no-referrer" />}
        <div>
          <p className="name">{user.name}</p>
          {user.email && <p>{user.email}</p>}
          {me && (
            <p className="subject">
              <code>{me.sub}</code>
            </p>
          )}
        </div>
      </section>
      <section>
        <h2>What you may do</h2>
        {problem && (
          <p className="notice error" role="alert">
            {problem}{' '}
            <button type="button" className="quiet" onClick={refresh}>
              Try again
            </button>
          </p>
        )}
        {!me && !problem && <p role="status">Loading …</p>}
        {me && (
          <ul className="permissions">
            {known.map((permission) => {
              const granted = me.permissions.includes(permission)
              return (
                <li key={permission} className={granted ? 'granted' : 'refused'} data-permission={permission}>
                  <span className="mark" aria-hidden="true">
                    {granted ? '✓' : '–'}
                  </span>
                  <span>
                    {meanings[permission]} <span className="hidden">{granted ? 'Granted.' : 'Not granted.'}</span>
                    <code>{permission}</code>
                  </span>
                </li>
              )
            })}
            {others.map((permission) => (
              <li key={permission} className="granted">
                <span className="mark" aria-hidden="true">
                  ✓
                </span>
                <code>{permission}</code>
              </li>
            ))}
          </ul>
        )}
        {me?.permissions.length === 0 && <p>You may read the menu. The operator of this service can grant more permissions.</p>}
      </section>
      <p className="actions">
        <button type="button" onClick={state === 'ended' ? signIn : signOut}>
          {state === 'ended' ? 'Sign in again' : 'Sign out'}
        </button>
      </p>
    </Page>
  )
}

function Page({ children }: { children: ReactNode }) {
  return (
    <main id="main" tabIndex={-1} className="profile">
      <h1>Your profile</h1>
      {children}
    </main>
  )
}
