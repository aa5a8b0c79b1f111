import { memo } from 'react'

import type { Item } from '../api/types'
import { Link } from '../routing/Link'
import { text } from '../text'
import { formatPrice } from '../ui/format'
import { Typed } from '../ui/Typed'
import { Picture } from './Picture'

interface Props {
  item: Item
  search: string
  fresh: boolean
  pending: boolean
  eager: boolean
  /** Marks the item as sold out or available, if the user may. */
  onToggle: ((item: Item) => void) | null
}

/** An item on the menu. The whole card is a link, except for the button. */
export const Card = memo(function Card({ item, search, fresh, pending, eager, onToggle }: Props) {
  const { id, name, category, tagline, description, price, soldOut } = item
  const state = [fresh && 'fresh', pending && 'pending', soldOut && 'unavailable'].filter(Boolean).join(' ')
  return (
    <li className={`card ${state}`} data-item={id} aria-busy={pending || undefined}>
      <Picture item={item} eager={eager} />
      <div className="card-text">
        <Typed className="category">{category}</Typed>
        <h3 dir="auto">
          <Link href={`/menu/${id}${search}`}>{name}</Link>
        </h3>
        <Typed className="about">{tagline || description}</Typed>
        <p className="card-foot">
          <span className="price">{formatPrice(price)}</span>
          {onToggle ? (
            <button
              type="button"
              className="toggle"
              aria-label={text.menu.soldOut(name)}
              aria-pressed={soldOut ?? false}
              onClick={() => onToggle(item)}
            >
              {text.fields.soldOut}
            </button>
          ) : (
            soldOut && <span className="sold-out">{text.fields.soldOut}</span>
          )}
        </p>
      </div>
    </li>
  )
})
