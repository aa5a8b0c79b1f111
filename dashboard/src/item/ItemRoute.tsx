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

// Most visitors never edit the menu.
const manage = () => persist(() => import('./manage'))
const Activity = lazy(async () => ({ default: (await manage()).Activity }))
const Arrange = lazy(async () => ({ default: (await manage()).Arrange }))
const Bulk = lazy(async () => ({ default: (await manage()).Bulk }))
const Editor = lazy(async () => ({ default: (await manage()).Editor }))
const History = lazy(async () => ({ default: (await manage()).History }))

/** The dialog over the menu, if the address has one. The menu itself contains the dialog for print. */
export function MenuDialog({ route }: { route: Route }) {
  switch (route.name) {
    case 'new':
      return (
        <Managed title={text.menu.add} permission="create:items">
          <Editor id={null} />
        </Managed>
      )
    case 'arrange':
    case 'bulk':
      return <Managed title={text[route.name].title}>{route.name === 'arrange' ? <Arrange /> : <Bulk />}</Managed>
    case 'item': {
      const { id, view } = route
      const item = <ItemPage id={id} />
      if (view === 'item') return item
      // An open editor does not depend on the item in the store.
      return <Managed otherwise={item}>{view === 'edit' ? <Editor key={id} id={id} /> : <History key={id} id={id} />}</Managed>
    }
    default:
      return null
  }
}

/** The changes of the whole menu. */
export const ActivityRoute = () => (
  <Managed fallback={<Message>{text.loading}</Message>} otherwise={<Message>{text.profile.askForAccess}</Message>}>
    <Activity />
  </Managed>
)

const Message = ({ children }: { children: string }) => (
  <Page>
    <p role="status">{children}</p>
  </Page>
)

interface ManagedProps {
  permission?: Permission
  /** The title of the dialog until the permissions are known and the code has loaded. */
  title?: string
  fallback?: ReactNode
  /** For users without the permission. */
  otherwise?: ReactNode
  children: ReactNode
}

/** A part of the page for users with a permission. */
function Managed({
  permission = 'update:items',
  title = text.oneMoment,
  fallback = <Waiting title={title} />,
  otherwise,
  children,
}: ManagedProps) {
  const { state, me, problem } = useSession()
  const may = useMay()
  const isUnknown = !problem && (state === 'loading' || (state === 'signedIn' && !me))
  if (isUnknown) return fallback
  return may(permission) ? <Suspense fallback={fallback}>{children}</Suspense> : otherwise
}

function ItemPage({ id }: { id: number }) {
  const { item, error, missing } = useItem(id)
  if (item) return <ItemView item={item} />
  return missing ? <ItemNotFound id={id} problem={missing} /> : <Waiting title={text.oneMoment} error={error} />
}
