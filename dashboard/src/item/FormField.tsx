import { useId } from 'react'

import type { Field } from '../menu/fields'

interface Props {
  field: Field
  value: string
  onChange: (value: string) => void
  error: string | undefined
  suggestions: readonly string[]
  autoFocus: boolean
}

const inputModes = { price: 'decimal', integer: 'numeric', url: 'url', text: undefined, multiline: undefined } as const

/** A labelled input with its error and its hint. */
export function FormField({ field, value, onChange, error, suggestions, autoFocus }: Props) {
  const { name, label, kind, required, hint } = field
  const id = useId()
  const Input = kind === 'multiline' ? 'textarea' : 'input'
  const described = [error && `${id}-error`, hint && `${id}-hint`].filter(Boolean).join(' ')
  return (
    <div className={`field field-${name}`}>
      <label htmlFor={id}>
        {label}
        {!required && <span className="optional"> (optional)</span>}
      </label>
      <Input
        id={id}
        name={name}
        value={value}
        autoComplete="off"
        inputMode={inputModes[kind]}
        list={suggestions.length > 0 ? `${id}-list` : undefined}
        rows={kind === 'multiline' ? 3 : undefined}
        aria-required={required}
        aria-invalid={error ? true : undefined}
        aria-describedby={described || undefined}
        data-autofocus={autoFocus || undefined}
        onChange={(event) => onChange(event.target.value)}
      />
      <datalist id={`${id}-list`}>
        {suggestions.map((suggestion) => (
          <option key={suggestion} value={suggestion} />
        ))}
      </datalist>
      {error && (
        <p className="field-error" id={`${id}-error`}>
          {error}
        </p>
      )}
      {hint && (
        <p className="hint" id={`${id}-hint`}>
          {hint}
        </p>
      )}
    </div>
  )
}
