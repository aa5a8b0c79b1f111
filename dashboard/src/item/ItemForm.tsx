import { useEffect, useEffectEvent, useRef, useState, type FormEvent } from 'react'

import { messageOf, Problem, type FieldError } from '../api/problem'
import type { Tagged } from '../api/types'
import { useMay, useSession } from '../auth/session'
import { fields, sameItem, type Field, type FieldName } from '../menu/fields'
import { useMenu, useView } from '../menu/MenuProvider'
import { text } from '../text'
import { Notice } from '../ui/Notice'
import { readPrice } from '../ui/readPrice'
import { keepDraft, type Draft } from './draft'
import { FormField, type FieldProblem } from './FormField'
import { useSave, type Outcome } from './useSave'
import { differing, empty, merge, parse, valuesOf, type Conflicts, type Values } from './values'

const inForm = fields.filter(({ hidden }) => !hidden)

type Problems = Partial<Record<FieldName, FieldProblem>>

interface Props {
  id: number | null
  start: Draft
  onDone: () => void
  onCancel: () => void
  /** Set if the form starts with a draft. */
  onDiscard: (() => void) | null
}

/** The form of an item. Another user may change or delete the item at any time: the form merges changes and stays open. */
export function ItemForm({ id, start, onDone, onCancel, onDiscard }: Props) {
  const { api, store } = useMenu()
  const session = useSession()
  const may = useMay()
  const { categories, pending } = useView()
  const { save, busy } = useSave(id)
  const [base, setBase] = useState<Tagged | null>(start.base)
  const [values, setValues] = useState<Values>(start.values)
  const [conflicts, setConflicts] = useState<Conflicts>({})
  const [updated, setUpdated] = useState<readonly Field[]>([])
  const [problems, setProblems] = useState<Problems>({})
  const [message, setMessage] = useState('')
  const [deleted, setDeleted] = useState(false)
  const [ended, setEnded] = useState(false)
  const [attempts, setAttempts] = useState(0)
  const form = useRef<HTMLFormElement>(null)

  useEffect(() => {
    const changed = differing(values, base ? valuesOf(base.item) : empty).length > 0
    keepDraft(id, changed ? { base, values } : null)
  }, [id, base, values])

  // Focus what the user has to decide or correct.
  useEffect(() => {
    if (attempts > 0) form.current?.querySelector<HTMLElement>('[aria-invalid="true"], .choices button')?.focus()
  }, [attempts])

  /** Continues with the version of another user as the base, and returns the merged text. */
  function rebase(theirs: Tagged): Values {
    const merged = merge(base ? valuesOf(base.item) : empty, values, valuesOf(theirs.item))
    setBase(theirs)
    setValues(merged.values)
    setConflicts((old) => ({ ...old, ...merged.conflicts }))
    if (merged.updated.length > 0) setUpdated(merged.updated)
    setDeleted(false)
    return merged.values
  }

  // Follow changes of other users. A write of this form is pending until the server has confirmed it.
  const known = id === null ? undefined : store.get(id)
  const outdated = id !== null && base !== null && !busy && !pending.has(id) && !sameItem(known, base.item)
  const onLatest = useEffectEvent((theirs: Tagged) => {
    store.upsert(theirs.item)
    rebase(theirs)
  })
  useEffect(() => {
    if (id === null || !outdated) return
    const request = new AbortController()
    api.get(id, request.signal).then(onLatest, (error: unknown) => {
      if (error instanceof Problem && error.status === 404) setDeleted(true)
    })
    return () => request.abort()
  }, [api, id, outdated, known])

  async function submit(event: FormEvent) {
    event.preventDefault()
    if (busy) return
    setAttempts(attempts + 1)
    const unclear = unclearPrices(values)
    setProblems(unclear)
    if (Object.keys(unclear).length > 0) return setMessage(text.form.fix)
    if (Object.keys(conflicts).length > 0) return setMessage(text.form.choose)
    setMessage('')
    setEnded(false)
    try {
      if (id === null || !deleted) return settle(await save(values, base))
      const restored = await api.restore(id, crypto.randomUUID()).catch((error: unknown) => {
        if (error instanceof Problem && error.status === 409) return api.get(id) // someone else has restored it
        throw error
      })
      store.upsert(restored.item)
      settle(await save(rebase(restored), restored))
    } catch (error) {
      setMessage(text.form.notSaved(messageOf(error)))
    }
  }

  function settle(outcome: Outcome) {
    switch (outcome.kind) {
      case 'saved':
        return onDone()
      case 'deleted':
        return setDeleted(true)
      case 'ended':
        return setEnded(true)
      case 'conflict':
        rebase(outcome.theirs)
        setMessage(text.form.choose)
        break
      case 'invalid': {
        setProblems(Object.fromEntries(outcome.errors.map((error) => [error.field, problemOf(error, values)])))
        const others = outcome.errors.filter(({ field }) => !fields.some(({ name }) => name === field))
        setMessage(outcome.errors.length > others.length ? text.form.fix : text.form.notSaved(outcome.message))
        break
      }
      case 'failed':
        return setMessage(text.form.notSaved(outcome.message))
    }
    setAttempts(attempts + 2) // now that the fields are marked
  }

  function change(name: FieldName, value: string) {
    setValues((values) => ({ ...values, [name]: value }))
    setProblems((problems) => without(problems, name))
  }

  function choose(name: FieldName, value: string) {
    change(name, value)
    setConflicts((conflicts) => without(conflicts, name))
    setMessage('')
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
          <button type="button" onClick={onCancel}>
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

/** The prices that can mean two things, such as "1.000". */
function unclearPrices(values: Values): Problems {
  const problems: Problems = {}
  for (const { name, kind } of fields) {
    const prices = kind === 'price' ? readPrice(values[name]) : []
    // A price with more than two decimals is not one of the choices.
    const choices = prices.filter((price) => Number(price.toFixed(2)) === price)
    if (prices.length > 1) problems[name] = { message: text.form.unclearPrice(values[name].trim()), choices }
  }
  return problems
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
