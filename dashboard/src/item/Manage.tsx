import { Arrange } from '../menu/Arrange'
import { Bulk } from '../menu/Bulk'
import type { Route } from '../routing/route'
import { Activity } from './Activity'
import { Editor } from './Editor'
import { History } from './History'

/** What only the people who manage the menu need. The page loads all of it together. */
export default function Manage({ route }: { route: Route }) {
  switch (route.name) {
    case 'activity':
      return <Activity />
    case 'arrange':
      return <Arrange />
    case 'bulk':
      return <Bulk />
    case 'item':
      return route.view === 'edit' ? <Editor key={route.id} id={route.id} /> : <History key={route.id} id={route.id} />
    default:
      return <Editor id={null} />
  }
}
