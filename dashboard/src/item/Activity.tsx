import type { Change } from '../api/types'
import { useMay } from '../auth/session'
import { useView } from '../menu/MenuProvider'
import { Link } from '../routing/Link'
import { text } from '../text'
import { Page } from '../ui/Page'
import { ChangeList, Differences, useChangePages, Who } from './changes'
import { useActions } from './useActions'

/** The changes of one request, at least one. */
type Batch = [Change, ...Change[]]

/** The page with the newest changes of the whole menu. The changes of one request are one entry. */
export function Activity() {
  const { items } = useView()
  const may = useMay()
  const { restore } = useActions()
  const pages = useChangePages(null, items)
  const changes = pages.changes ?? []

  // An item is deleted if its newest change is the deletion.
  const newest = new Map<number, Change>()
  changes.forEach((change) => newest.has(change.id) || newest.set(change.id, change))
  const mayRestore = (change: Change) => change.action === 'delete' && newest.get(change.id) === change && may('create:items')

  const details = (change: Change) => (
    <>
      <Differences change={change} />
      {mayRestore(change) && (
        <button type="button" className="quiet" onClick={() => void restore(change.id, nameOf(change))}>
          {text.item.restoreNamed(nameOf(change))}
        </button>
      )}
    </>
  )
  return (
    <Page title={text.activity.title} className="profile">
      <ChangeList pages={pages}>
        {batches(changes).map((batch) => {
          const [first] = batch
          return (
            <li key={`${first.id}.${first.version}`}>
              <Who change={first}>
                {text.history.actions[actionOf(batch)]} {batch.length > 1 && text.activity.items(batch.length)}
                {batch.length === 1 && (
                  <Link href={`/menu/${first.id}`} dir="auto">
                    {nameOf(first)}
                  </Link>
                )}
              </Who>
              {batch.length === 1 ? (
                details(first)
              ) : (
                <details>
                  <summary>{text.activity.show}</summary>
                  {batch.map((change) => (
                    <div key={change.id}>
                      <h2 dir="auto">{nameOf(change)}</h2>
                      {details(change)}
                    </div>
                  ))}
                </details>
              )}
            </li>
          )
        })}
      </ChangeList>
    </Page>
  )
}

/** What a request did, which may be different for each item. */
const actionOf = ([first, ...rest]: Batch) => (rest.every(({ action }) => action === first.action) ? first.action : 'update')

const nameOf = ({ before, after }: Change) => (after ?? before)?.name ?? ''

/** Groups neighbours that one request changed. */
function batches(changes: readonly Change[]): Batch[] {
  const groups: Batch[] = []
  for (const change of changes) {
    const last = groups.at(-1)
    if (change.batch && last?.[0].batch === change.batch) last.push(change)
    else groups.push([change])
  }
  return groups
}
