import { useEffect, useRef } from 'react'

import { fields, formatField } from '../menu/fields'
import { differing, parse, type Values } from './values'

interface Props {
  mine: Values
  /** Null when the other deleted the item. */
  theirs: Values | null
  busy: boolean
  message: string
  mayRestore: boolean
  onKeepMine: () => void
  onTakeTheirs: () => void
  onEditOn: () => void
}

/** Two people changed the same item. Both versions stand side by side, and the person decides. */
export function Conflict({ mine, theirs, busy, message, mayRestore, onKeepMine, onTakeTheirs, onEditOn }: Props) {
  const heading = useRef<HTMLHeadingElement>(null)
  useEffect(() => heading.current?.focus(), [])
  const different = theirs ? differing(mine, theirs) : []
  return (
    <section className="conflict" aria-labelledby="conflict-title">
      <h3 id="conflict-title" ref={heading} tabIndex={-1}>
        {theirs ? 'Somebody else has changed this item in the meantime' : 'Somebody else has deleted this item in the meantime'}
      </h3>
      <p>{theirs ? 'Nothing of yours is saved yet. Which version shall it be?' : 'Nothing of yours is saved yet.'}</p>
      {message && (
        <p className="notice error" role="alert">
          {message}
        </p>
      )}
      {theirs && (
        <table>
          <caption className="hidden">Both versions</caption>
          <thead>
            <tr>
              <th scope="col">Field</th>
              <th scope="col">Yours</th>
              <th scope="col">Theirs</th>
            </tr>
          </thead>
          <tbody>
            {fields
              .filter(({ name }) => mine[name] || theirs[name])
              .map((field) => (
                <tr key={field.name} className={different.includes(field) ? 'different' : 'same'}>
                  <th scope="row">{field.label}</th>
                  {[mine, theirs].map((values, column) => (
                    <td key={column}>{formatField(field, parse(field, values[field.name])) || <span className="none">none</span>}</td>
                  ))}
                </tr>
              ))}
          </tbody>
        </table>
      )}
      <p className="actions">
        {theirs && (
          <button type="button" onClick={onEditOn}>
            Edit on
          </button>
        )}
        <button type="button" onClick={onTakeTheirs}>
          {theirs ? 'Take theirs' : 'Leave it deleted'}
        </button>
        {(theirs || mayRestore) && (
          <button type="button" className="primary" onClick={onKeepMine} aria-disabled={busy}>
            {busy ? 'Saving …' : theirs ? 'Keep mine' : 'Put it back with my text'}
          </button>
        )}
      </p>
    </section>
  )
}
