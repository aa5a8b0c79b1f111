import { memo } from 'react'

import { Link } from '../app/Link'
import { formatPrice } from '../ui/format'
import type { Item } from './item'
import { Picture } from './Picture'

/** An item on the menu. The whole card is a link. */
export const Card = memo(function Card(props: { item: Item; search: string; fresh: boolean; pending: boolean; eager: boolean }) {
  const { item, search, fresh, pending, eager } = props
  return (
    <li className={`card ${fresh ? 'fresh' : ''} ${pending ? 'pending' : ''}`} data-item={item.id} aria-busy={pending || undefined}>
      <Picture item={item} eager={eager} />
      <div className="card-text">
        {item.category && <p className="category">{item.category}</p>}
        <h2>
          <Link href={`/menu/${item.id}${search}`}>{item.name}</Link>
        </h2>
        {(item.tagline || item.description) && <p className="about">{item.tagline || item.description}</p>}
        <p className="price">{formatPrice(item.price)}</p>
      </div>
    </li>
  )
})
