import { useId, type HTMLAttributes } from 'react'

import { labels, type Field } from '../menu/item'

interface Props {
  field: Field
  value: string
  onChange: (value: string) => void
  error: string | undefined
  hint?: string
  required?: boolean
  multiline?: boolean
  autoFocus?: boolean
  inputMode?: HTMLAttributes<HTMLElement>['inputMode']
  list?: string
}

/** A labelled input, with what is wrong with it beside it. */
export function FormField(props: Props) {
  const { field, value, onChange, error, hint, required, multiline, autoFocus, inputMode, list } = props
  const id = useId()
  const Input = multiline ? 'textarea' : 'input'
  const described = [error && `${id}-error`, hint && `${id}-hint`].filter(Boolean).join(' ')
  return (
    <div className={`field field-${field}`}>
      <label htmlFor={id}>
        {labels[field]}
        {!required && <span className="optional"> (optional)</span>}
      </label>
      <Input
        id={id}
        name={field}
        value={value}
        autoComplete="off"
        inputMode={inputMode}
        list={multiline ? undefined : list}
        rows={multiline ? 3 : undefined}
        aria-required={required}
        aria-invalid={error ? true : undefined}
        aria-describedby={described || undefined}
        data-autofocus={autoFocus || undefined}
        onChange={(event) => onChange(event.target.value)}
      />
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
