interface Props<T> {
  value: T
  options: readonly (readonly [value: T, label: string])[]
  onChange: (value: T) => void
}

/** A list of choices, of which one is selected. */
export function Select<T extends string | number>({ value, options, onChange }: Props<T>) {
  return (
    <select value={value} onChange={(event) => onChange(options[event.target.selectedIndex]![0])}>
      {options.map(([value, label]) => (
        <option key={value} value={value}>
          {label}
        </option>
      ))}
    </select>
  )
}

/** What a text field suggests, by its attribute `list`. */
export const Suggestions = ({ id, values }: { id: string; values: readonly string[] }) => (
  <datalist id={id}>
    {values.map((value) => (
      <option key={value} value={value} />
    ))}
  </datalist>
)
