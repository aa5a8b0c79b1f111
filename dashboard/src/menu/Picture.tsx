import { useState } from 'react'

import type { Item } from '../api/types'
import { PlaceholderImage } from './PlaceholderImage'

/** The picture of an item. A placeholder shows until the picture has loaded, and stays if it never does. */
export function Picture({ item, eager = false }: { item: Item; eager?: boolean }) {
  // The outcome belongs to one address: when the item gets another picture, the browser tries that one.
  const [loaded, setLoaded] = useState('')
  const [failed, setFailed] = useState('')
  return (
    <div className="picture">
      <PlaceholderImage name={item.name} />
      {item.image && item.image !== failed && (
        <img
          key={item.image}
          className={loaded === item.image ? 'loaded' : undefined}
          src={item.image}
          alt="" // the name is beside it
          loading={eager ? 'eager' : 'lazy'}
          decoding="async"
          referrerPolicy="no-referrer"
          onLoad={() => setLoaded(item.image)}
          onError={() => setFailed(item.image)}
        />
      )}
    </div>
  )
}
