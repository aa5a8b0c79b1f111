import { useEffect, useRef } from 'react'

import { fields, formatField } from '../menu/fields'
import { differing, parse, type Values } from './values'

interface Props {
  mine: Values
  /** Null if the other user deleted the item. */
  theirs: Values | null
  busy: boolean
  message: string
  mayRestore: boolean
  onKeepMine: () => void
  onUseTheirs: () => void
  onContinue: () => void
}

/** Shows both versions side by side after another user changed the same item, and asks which one to keep. */
export function Conflict({ mine, theirs, busy, message, mayRestore, onKeepMine, onUseTheirs, onContinue }: Props) {
  const heading = useRef<HTMLHeadingElement>(null)
  useEffect(() => heading.current?.focus(), [])
  const different = theirs ? differing(mine, theirs) : []
  return (
    <section className="conflict" aria-labelledby="conflict-title">
      <h3 id="conflict-title" ref={heading} tabIndex={-1}>
        {theirs ? 'Somebody else has changed this item' : 'Somebody else has deleted this item'}
      </h3>
      <p>{theirs ? 'Your changes are not saved yet. Which version do you want to keep?' : 'Your changes are not saved yet.'}</p>
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
          <button type="button" onClick={onContinue}>
            Continue editing
          </button>
        )}
        <button type="button" onClick={onUseTheirs}>
          {theirs ? 'Use theirs' : 'Leave it deleted'}
        </button>
        {(theirs || mayRestore) && (
          <button type="button" className="primary" onClick={onKeepMine} aria-disabled={busy}>
            {busy ? 'Saving …' : theirs ? 'Keep mine' : 'Restore it with my changes'}
          </button>
        )}
      </p>
    </section>
  )
}
