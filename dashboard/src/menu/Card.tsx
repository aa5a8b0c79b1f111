import { memo } from 'react'

import type { Item } from '../api/types'
import { Link } from '../routing/Link'
import { formatPrice } from '../ui/format'
import { Picture } from './Picture'

/** An item on the menu. The whole card is a link. */
export const Card = memo(function Card(props: { item: Item; search: string; fresh: boolean; pending: boolean; eager: boolean }) {
  const { item, search, fresh, pending, eager } = props
  return (
    <li className={`card ${fresh ? 'fresh' : ''} ${pending ? 'pending' : ''}`} data-item={item.id} aria-busy={pending || undefined}>
      <Picture item={item} eager={eager} />
      <div className="card-text">
        {item.category && (
          <p className="category" dir="auto">
            {item.category}
          </p>
        )}
        <h2 dir="auto">
          <Link href={`/menu/${item.id}${search}`}>{item.name}</Link>
        </h2>
        {(item.tagline || item.description) && (
          <p className="about" dir="auto">
            {item.tagline || item.description}
          </p>
        )}
        <p className="price">{formatPrice(item.price)}</p>
      </div>
    </li>
  )
})
