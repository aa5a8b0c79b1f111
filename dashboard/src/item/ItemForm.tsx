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
  /** Set if the form starts with a draft. */
  onStartOver: (() => void) | null
}

/** The form of an item. */
export function ItemForm({ id, start, onDone, onCancel, onStartOver }: Props) {
  const session = useSession()
  const { categories } = useView()
  const { save, compare, restore, busy } = useSave(id)
  const [base, setBase] = useState<Tagged | null>(start.base)
  const [values, setValues] = useState<Values>(start.values)
  const [errors, setErrors] = useState<readonly FieldError[]>([])
  const [rejected, setRejected] = useState<Values>(start.values)
  const [message, setMessage] = useState('')
  const [ended, setEnded] = useState(false)
  const [theirs, setTheirs] = useState<{ now: Tagged | null } | null>(null)
  const form = useRef<HTMLFormElement>(null)
  const may = useMay()
  const foreignChange = useForeignChange(id, base)

  const original = base ? valuesOf(base.item) : empty
  useEffect(() => {
    if (differing(values, original).length > 0) keepDraft(id, { base, values })
  })

  // Scroll to the message above the form. The focus on an invalid field, below, may scroll further.
  useEffect(() => {
    if (message || ended) form.current?.scrollIntoView({ block: 'start' })
  }, [message, ended])

  // Focus the first invalid field once it is rendered.
  useEffect(() => {
    if (errors.length > 0) form.current?.querySelector<HTMLElement>('[aria-invalid="true"]')?.focus()
  }, [errors])

  async function submit(base: Tagged | null) {
    setErrors([])
    setMessage('')
    setRejected(values)
    settle(await save(values, base))
  }

  function settle(outcome: Outcome) {
    setEnded(outcome.kind === 'ended')
    switch (outcome.kind) {
      case 'saved':
        return onDone()
      case 'invalid':
        setErrors(outcome.errors)
        return setMessage(outcome.errors.length > 0 ? 'Nothing is saved yet. Please correct the marked fields.' : outcome.message)
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
            const over = now ?? (await restore(id as number))
            setBase(over)
            setTheirs(null)
            await submit(over)
          } catch (error) {
            setMessage(messageOf(error))
          }
        }}
        onUseTheirs={onDone}
        onContinue={() => {
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
  const errorOf = ({ name }: Field) => (values[name] === rejected[name] ? errors.find(({ field }) => field === name)?.message : undefined)
  const otherErrors = errors.filter(({ field }) => !fields.some(({ name }) => name === field))
  function send(event: FormEvent) {
    event.preventDefault()
    if (!busy) void submit(base)
  }

  return (
    <form ref={form} className="form" onSubmit={send} noValidate aria-busy={busy}>
      {onStartOver && (
        <p className="notice" role="status">
          This is your unsaved draft.{' '}
          <button type="button" className="quiet" onClick={onStartOver}>
            Start over
          </button>
        </p>
      )}
      {foreignChange && (
        <p className="notice warn" role="status">
          {foreignChange === 'deleted' ? 'Somebody else has deleted this item' : 'Somebody else has changed this item'} while you were
          editing.{' '}
          <button type="button" className="quiet" onClick={() => void compare(id as number, values).then(settle)}>
            Compare
          </button>
        </p>
      )}
      {(ended || session.state === 'ended') && (
        <p className="notice warn" role="alert">
          Your session has ended. Sign in again to save. Your changes are kept.{' '}
          <button type="button" className="primary" onClick={session.signIn}>
            Sign in again
          </button>
        </p>
      )}
      {message && (
        <p className="notice error" role="alert">
          {message} {otherErrors.map(({ field, message }) => `${field} ${message}. `)}
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

/** Whether another user has changed or deleted the item since the form opened, as far as the page knows. */
function useForeignChange(id: number | null, base: Tagged | null): 'changed' | 'deleted' | null {
  const { store } = useMenu()
  const { pending } = useView()
  const [known, setKnown] = useState(false)
  const now = id === null ? undefined : store.get(id)
  useEffect(() => void (now && setKnown(true)), [now])
  if (id === null || !base || pending.has(id)) return null
  if (!now) return known ? 'deleted' : null
  return sameItem(now, base.item) ? null : 'changed'
}

