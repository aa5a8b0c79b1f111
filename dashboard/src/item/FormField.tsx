import { useId } from 'react'

import { formatField, type Field } from '../menu/fields'
import { text } from '../text'
import { formatAmount, formatPrice } from '../ui/format'
import { Suggestions } from '../ui/Select'
import { parse } from './values'

/** What is wrong with a field. If the user can mean several prices, they choose one. */
export interface FieldProblem {
  message: string
  choices?: readonly number[]
}

interface Props {
  field: Field
  value: string
  onChange: (value: string) => void
  problem: FieldProblem | undefined
  /** What another user has entered, if both changed the field. */
  theirs: string | undefined
  /** The choice between this user's text and the other one. */
  onChoose: (value: string) => void
  suggestions: readonly string[]
  /** Whether the field has the focus when the form opens. */
  first: boolean
}

const inputModes = { price: 'decimal', integer: 'numeric', url: 'url', text: undefined, multiline: undefined, flag: undefined } as const

/** A labelled input with its error, its conflict and its hint. */
export function FormField({ field, value, onChange, problem, theirs, onChoose, suggestions, first }: Props) {
  const { name, label, kind, required, hint } = field
  const id = useId()
  if (kind === 'flag') {
    return (
      <label className="field flag">
        <input name={name} type="checkbox" checked={value !== ''} onChange={(event) => onChange(event.target.checked ? 'true' : '')} />{' '}
        {label}
      </label>
    )
  }
  const Input = kind === 'multiline' ? 'textarea' : 'input'
  const described = [problem && `${id}-error`, theirs !== undefined && `${id}-theirs`, hint && `${id}-hint`].filter(Boolean).join(' ')
  return (
    <div className={`field field-${name}`}>
      <label htmlFor={id}>
        {label}
        {!required && <span className="optional"> {text.form.optional}</span>}
      </label>
      <Input
        id={id}
        name={name}
        dir="auto"
        value={value}
        autoComplete="off"
        inputMode={inputModes[kind]}
        list={suggestions.length > 0 ? `${id}-list` : undefined}
        rows={kind === 'multiline' ? 3 : undefined}
        aria-required={required}
        aria-invalid={problem ? true : undefined}
        aria-describedby={described || undefined}
        data-autofocus={first || undefined}
        onChange={(event) => onChange(event.target.value)}
      />
      <Suggestions id={`${id}-list`} values={suggestions} />
      {problem && (
        <p className="field-error" id={`${id}-error`}>
          {problem.message}
        </p>
      )}
      {problem?.choices && (
        <p className="choices">
          {problem.choices.map((price) => (
            <button key={price} type="button" onClick={() => onChange(formatAmount(price))}>
              {formatPrice(price)}
            </button>
          ))}
        </p>
      )}
      {theirs !== undefined && (
        <div className="conflict">
          <p id={`${id}-theirs`}>
            {text.form.theirs} <strong dir="auto">{formatField(field, parse(field, theirs)) || text.none}</strong>
          </p>
          <p className="choices">
            <button type="button" onClick={() => onChoose(value)}>
              {text.form.keepMine}
            </button>
            <button type="button" onClick={() => onChoose(theirs)}>
              {text.form.useTheirs}
            </button>
          </p>
        </div>
      )}
      {hint && (
        <p className="hint" id={`${id}-hint`}>
          {hint}
        </p>
      )}
    </div>
  )
}
