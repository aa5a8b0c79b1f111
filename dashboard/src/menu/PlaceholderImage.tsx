/** The drawing for an item without an image: a plate with the first letter or digit of the item's name, if it has one. */
export function PlaceholderImage({ name }: { name: string }) {
  // An emoji or a mark in the name might be a picture of something else.
  const initial = /[\p{L}\p{N}]/u.exec(name)?.[0]
  return (
    <svg className="placeholder" viewBox="0 0 120 120" aria-hidden="true" focusable="false">
      <circle cx="60" cy="60" r="50" />
      <circle cx="60" cy="60" r="38" />
      <text x="60" y="60" textAnchor="middle" dominantBaseline="central">
        {initial?.toUpperCase()}
      </text>
    </svg>
  )
}
