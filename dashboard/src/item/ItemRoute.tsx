import { lazy, Suspense, type ReactNode } from 'react'

import { useMay, useSession, type Permission } from '../auth/session'
import type { Route } from '../routing/route'
import { text } from '../text'
import { Page } from '../ui/Page'
import { persist } from '../ui/persist'
import { Waiting } from '../ui/Waiting'
import { ItemNotFound } from './ItemNotFound'
import { ItemView } from './ItemView'
import { useItem } from './useItem'

const Manage = lazy(() => persist(() => import('./Manage')))

/** The dialog over the menu, if the address has one. The menu itself contains the dialog for print. */
export function MenuDialog({ route }: { route: Route }) {
  switch (route.name) {
    case 'new':
      return <Managed route={route} title={text.menu.add} permission="create:items" />
    case 'arrange':
    case 'bulk':
      return <Managed route={route} title={text[route.name].title} />
    case 'item': {
      const item = <ItemPage id={route.id} />
      return route.view === 'item' ? item : <Managed route={route} otherwise={item} />
    }
    default:
      return null
  }
}

/** The changes of the whole menu. */
export const ActivityRoute = ({ route }: { route: Route }) => (
  <Managed route={route} fallback={<Message>{text.loading}</Message>} otherwise={<Message>{text.profile.askForAccess}</Message>} />
)

const Message = ({ children }: { children: string }) => (
  <Page>
    <p role="status">{children}</p>
  </Page>
)

interface ManagedProps {
  route: Route
  permission?: Permission
  /** The title of the dialog until the permissions are known and the code has loaded. */
  title?: string
  fallback?: ReactNode
  /** For users without the permission. */
  otherwise?: ReactNode
}

/** A part of the page for users with a permission. */
function Managed({
  route,
  permission = 'update:items',
  title = text.oneMoment,
  fallback = <Waiting title={title} />,
  otherwise,
}: ManagedProps) {
  const { state, me, problem } = useSession()
  const may = useMay()
  const isUnknown = !problem && (state === 'loading' || (state === 'signedIn' && !me))
  if (isUnknown) return fallback
  return may(permission) ? (
    <Suspense fallback={fallback}>
      <Manage route={route} />
    </Suspense>
  ) : (
    otherwise
  )
}

function ItemPage({ id }: { id: number }) {
  const { item, error, missing } = useItem(id)
  if (item) return <ItemView item={item} />
  return missing ? <ItemNotFound id={id} problem={missing} /> : <Waiting title={text.oneMoment} error={error} />
}
