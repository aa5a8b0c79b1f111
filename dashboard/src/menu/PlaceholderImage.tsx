/** The drawing for an item without an image: a plate with the first letter of the item's name. */
export function PlaceholderImage({ name }: { name: string }) {
  return (
    <svg className="placeholder" viewBox="0 0 120 120" aria-hidden="true" focusable="false">
      <circle cx="60" cy="60" r="50" />
      <circle cx="60" cy="60" r="38" />
      <text x="60" y="60" textAnchor="middle" dominantBaseline="central">
        {[...name][0]?.toUpperCase()}
      </text>
    </svg>
  )
}
