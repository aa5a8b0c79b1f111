import { useEffect, useRef, useState, type FormEvent } from 'react'

import { hasStatus, messageOf, SessionEnded, type FieldError } from '../api/problem'
import type { Item } from '../api/types'
import { useMay, useSession } from '../auth/session'
import { fields, sameItem, type Field, type FieldName } from '../menu/fields'
import { useMenu, useView } from '../menu/MenuProvider'
import { text } from '../text'
import { Notice } from '../ui/Notice'
import { readPrice } from '../ui/readPrice'
import { keepDraft, type Draft } from './draft'
import { FormField, type FieldProblem } from './FormField'
import { useSave } from './useSave'
import { differing, empty, merge, parse, valuesOf, type Values } from './values'

const inForm = fields.filter(({ hidden }) => !hidden)

type Problems = Partial<Record<FieldName, FieldProblem>>

interface Props {
  id: number | null
  start: Draft
  /** The current version, as far as the page knows. Absent for a new item. */
  item: Item | undefined
  deleted: boolean
  /** Closes the form. The draft is saved, or not needed. */
  onClose: () => void
  /** Set if the form starts with a draft. */
  onDiscard: (() => void) | null
}

/** The form of an item. Another user may change or delete the item at any time: the form merges changes and stays open. */
export function ItemForm({ id, start, item, deleted, onClose, onDiscard }: Props) {
  const { store } = useMenu()
  const session = useSession()
  const may = useMay()
  const { categories, pending } = useView()
  const { save, busy } = useSave(id)
  const [base, setBase] = useState(start.base)
  const [values, setValues] = useState(start.values)
  const [conflicts, setConflicts] = useState<Partial<Values>>({})
  const [updated, setUpdated] = useState<readonly Field[]>([])
  const [problems, setProblems] = useState<Problems>({})
  const [message, setMessage] = useState('')
  const [ended, setEnded] = useState(false)
  const [attempts, setAttempts] = useState(0)
  const form = useRef<HTMLFormElement>(null)

  useEffect(() => {
    const changed = differing(values, base ? valuesOf(base) : empty).length > 0
    keepDraft(id, changed ? { base, values } : null)
  }, [id, base, values])

  // Focus what the user has to decide or correct.
  useEffect(() => {
    if (attempts > 0) form.current?.querySelector<HTMLElement>('[aria-invalid="true"], .choices button')?.focus()
  }, [attempts])

  // Merge the changes of other users. A write of this form is pending until the server has confirmed it.
  if (item && base && !busy && !pending.has(item.id) && !sameItem(item, base)) {
    const merged = merge(valuesOf(base), values, valuesOf(item))
    setBase(item)
    setValues(merged.values)
    setConflicts({ ...conflicts, ...merged.conflicts })
    if (merged.updated.length > 0) setUpdated(merged.updated)
  }

  async function submit(event: FormEvent) {
    event.preventDefault()
    if (busy) return
    const unclear = unclearPrice(values)
    setProblems(unclear)
    setEnded(false)
    setAttempts(attempts + 1)
    if (Object.keys(unclear).length > 0) return setMessage(text.form.fix)
    if (Object.keys(conflicts).length > 0) return setMessage(text.form.choose)
    setMessage('')
    try {
      if (await save(values, base, deleted)) return onClose()
      setMessage(text.form.choose)
    } catch (error) {
      explain(error)
    }
    setAttempts(attempts + 2) // now that the fields are marked
  }

  function explain(error: unknown) {
    if (error instanceof SessionEnded) return setEnded(true)
    if (!hasStatus(error, 400, 404)) return setMessage(text.form.notSaved(messageOf(error)))
    if (error.status === 404) return id !== null && store.remove(id)
    setProblems(Object.fromEntries(error.errors.map((error) => [error.field, problemOf(error, values)])))
    const isShown = error.errors.some(({ field }) => fields.some(({ name }) => name === field))
    setMessage(isShown ? text.form.fix : text.form.notSaved(error.message))
  }

  function change(name: FieldName, value: string) {
    setValues((values) => ({ ...values, [name]: value }))
    setProblems((problems) => without(problems, name))
    setMessage('')
  }

  function choose(name: FieldName, value: string) {
    change(name, value)
    setConflicts((conflicts) => without(conflicts, name))
    form.current?.querySelector<HTMLElement>(`[name="${name}"]`)?.focus()
  }

  const mayRestore = may('create:items')
  return (
    <form ref={form} className="dialog-form" onSubmit={(event) => void submit(event)} noValidate aria-busy={busy}>
      <div className="dialog-body">
        {onDiscard && (
          <Notice action={text.form.discard} onAction={onDiscard}>
            {text.form.restored}
          </Notice>
        )}
        {updated.length > 0 && <Notice>{text.form.updated(updated.map(({ label }) => label))}</Notice>}
        <div className="fields">
          {inForm.map((field, index) => (
            <FormField
              key={field.name}
              field={field}
              value={values[field.name]}
              onChange={(value) => change(field.name, value)}
              problem={problems[field.name]}
              theirs={conflicts[field.name]}
              onChoose={(value) => choose(field.name, value)}
              suggestions={field.name === 'category' ? categories : []}
              first={index === 0}
            />
          ))}
        </div>
      </div>
      <div className="dialog-foot">
        {deleted && <Notice kind="warn">{mayRestore ? text.form.deleted : text.form.deletedForGood}</Notice>}
        {(ended || session.state === 'ended') && (
          <Notice kind="warn" action={text.session.signInAgain} onAction={session.signIn}>
            {text.form.sessionEnded}
          </Notice>
        )}
        {message && <Notice kind="error">{message}</Notice>}
        <p className="actions">
          <button type="button" onClick={onClose}>
            {text.form.cancel}
          </button>
          {(!deleted || mayRestore) && (
            <button type="submit" className="primary" aria-disabled={busy}>
              {busy ? text.form.saving : deleted ? text.form.restore : id === null ? text.form.add : text.form.save}
            </button>
          )}
        </p>
      </div>
    </form>
  )
}

function without<T>(fields: Partial<Record<FieldName, T>>, name: FieldName) {
  return Object.fromEntries(Object.entries(fields).filter(([other]) => other !== name)) as Partial<Record<FieldName, T>>
}

/** The problem of a price that can mean two things, such as "1.000". */
function unclearPrice({ price }: Values): Problems {
  const prices = readPrice(price)
  if (prices.length < 2) return {}
  // A price with more than two decimals is not one of the choices.
  const choices = prices.filter((price) => Number(price.toFixed(2)) === price)
  return { price: { message: text.form.unclearPrice(price.trim()), choices } }
}

/** The problem of a field. Where the text cannot be read at all, the page has the better words. */
function problemOf({ field: name, message }: FieldError, values: Values): FieldProblem {
  const field = fields.find((field) => field.name === name)
  if (!field) return { message }
  const typed = values[field.name].trim()
  const unreadable = (field.kind === 'price' || field.kind === 'integer') && typeof parse(field, typed) !== 'number'
  const known = typed === '' || unreadable || field.kind === 'url' ? text.invalid[field.name as keyof typeof text.invalid] : undefined
  return { message: known ?? text.form.invalid(field.label, message) }
}
