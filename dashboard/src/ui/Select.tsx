interface Props<T> {
  id?: string
  value: T
  options: readonly (readonly [value: T, label: string])[]
  onChange: (value: T) => void
}

/** A list of choices, of which one is selected. */
export function Select<T extends string | number>({ id, value, options, onChange }: Props<T>) {
  return (
    <select id={id} value={value} onChange={(event) => onChange(options[event.target.selectedIndex]![0])}>
      {options.map(([value, label]) => (
        <option key={value} value={value}>
          {label}
        </option>
      ))}
    </select>
  )
}
