import { useEffect, useRef, useState, type FormEvent } from 'react'

import type { Tagged } from '../api/menu'
import { messageOf, type FieldError } from '../api/problem'
import { useMay, useSession } from '../auth/session'
import { fields, sameItem, type Field } from '../menu/fields'
import { useMenu, useView } from '../menu/MenuProvider'
import { Conflict } from './Conflict'
import { keepDraft, type Draft } from './draft'
import { FormField } from './FormField'
import { useSave, type Outcome } from './useSave'
import { differing, empty, merge, valuesOf, type Values } from './values'

interface Props {
  id: number | null
  start: Draft
  onDone: () => void
  onCancel: () => void
  /** Given when the form begins with what was typed before. */
  onStartOver: (() => void) | null
}

/** The form of an item. */
export function ItemForm({ id, start, onDone, onCancel, onStartOver }: Props) {
  const session = useSession()
  const { categories } = useView()
  const { save, compare, bringBack, busy } = useSave(id)
  const [base, setBase] = useState<Tagged | null>(start.base)
  const [values, setValues] = useState<Values>(start.values)
  const [errors, setErrors] = useState<readonly FieldError[]>([])
  const [refused, setRefused] = useState<Values>(start.values)
  const [message, setMessage] = useState('')
  const [ended, setEnded] = useState(false)
  const [theirs, setTheirs] = useState<{ now: Tagged | null } | null>(null)
  const form = useRef<HTMLFormElement>(null)
  const may = useMay()
  const others = useOthersChange(id, base)

  const original = base ? valuesOf(base.item) : empty
  useEffect(() => {
    if (differing(values, original).length > 0) keepDraft(id, { base, values })
  })

  // What is said above the form is in sight, however far it was scrolled: unless a wrong field comes into sight below.
  useEffect(() => {
    if (message || ended) form.current?.scrollIntoView({ block: 'start' })
  }, [message, ended])

  // The first wrong field has the focus, once it is on the page.
  useEffect(() => {
    if (errors.length > 0) form.current?.querySelector<HTMLElement>('[aria-invalid="true"]')?.focus()
  }, [errors])

  async function submit(base: Tagged | null) {
    setErrors([])
    setMessage('')
    setRefused(values)
    settle(await save(values, base))
  }

  function settle(outcome: Outcome) {
    setEnded(outcome.kind === 'ended')
    switch (outcome.kind) {
      case 'saved':
        return onDone()
      case 'invalid':
        setErrors(outcome.errors)
        return setMessage(outcome.errors.length > 0 ? 'Nothing is saved yet: see the marked fields.' : outcome.message)
      case 'conflict':
        return setTheirs({ now: outcome.theirs })
      case 'failed':
        return setMessage(outcome.message)
    }
  }

  if (theirs) {
    const { now } = theirs
    return (
      <Conflict
        mine={values}
        theirs={now && valuesOf(now.item)}
        busy={busy}
        message={message}
        mayRestore={may('create:items')}
        onKeepMine={async () => {
          try {
            const over = now ?? (await bringBack(id as number))
            setBase(over)
            setTheirs(null)
            await submit(over)
          } catch (error) {
            setMessage(messageOf(error))
          }
        }}
        onTakeTheirs={onDone}
        onEditOn={() => {
          if (now) {
            setValues(merge(original, values, valuesOf(now.item)))
            setBase(now)
          }
          setTheirs(null)
        }}
      />
    )
  }

  // An error disappears as soon as the user edits the field.
  const errorOf = ({ name }: Field) => (values[name] === refused[name] ? errors.find(({ field }) => field === name)?.message : undefined)
  const elsewhere = errors.filter(({ field }) => !fields.some(({ name }) => name === field))
  function send(event: FormEvent) {
    event.preventDefault()
    if (!busy) void submit(base)
  }

  return (
    <form ref={form} className="form" onSubmit={send} noValidate aria-busy={busy}>
      {onStartOver && (
        <p className="notice" role="status">
          This is what you typed before and did not save.{' '}
          <button type="button" className="quiet" onClick={onStartOver}>
            Start over
          </button>
        </p>
      )}
      {others && (
        <p className="notice warn" role="status">
          {others === 'deleted' ? 'Somebody else has deleted this item' : 'Somebody else has changed this item'} while you were
          editing.{' '}
          <button type="button" className="quiet" onClick={() => void compare(id as number, values).then(settle)}>
            Compare
          </button>
        </p>
      )}
      {(ended || session.state === 'ended') && (
        <p className="notice warn" role="alert">
          Your session has ended. Sign in again to save; what you typed is kept.{' '}
          <button type="button" className="primary" onClick={session.signIn}>
            Sign in again
          </button>
        </p>
      )}
      {message && (
        <p className="notice error" role="alert">
          {message} {elsewhere.map(({ field, message }) => `${field} ${message}. `)}
        </p>
      )}
      <div className="fields">
        {fields.map((field, index) => (
          <FormField
            key={field.name}
            field={field}
            value={values[field.name]}
            onChange={(value) => setValues((values) => ({ ...values, [field.name]: value }))}
            error={errorOf(field)}
            suggestions={field.name === 'category' ? categories : []}
            autoFocus={index === 0}
          />
        ))}
      </div>
      <p className="actions">
        <button type="button" onClick={onCancel}>
          Cancel
        </button>
        <button type="submit" className="primary" aria-disabled={busy}>
          {busy ? 'Saving …' : id === null ? 'Add to the menu' : 'Save'}
        </button>
      </p>
    </form>
  )
}

/** Whether somebody else has changed or deleted the item since the form was opened, as far as the page has heard. */
function useOthersChange(id: number | null, base: Tagged | null): 'changed' | 'deleted' | null {
  const { store } = useMenu()
  const { pending } = useView()
  const [heard, setHeard] = useState(false)
  const now = id === null ? undefined : store.get(id)
  useEffect(() => void (now && setHeard(true)), [now])
  if (id === null || !base || pending.has(id)) return null
  if (!now) return heard ? 'deleted' : null
  return sameItem(now, base.item) ? null : 'changed'
}

