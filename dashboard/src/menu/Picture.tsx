import { useState } from 'react'

import type { Item } from './item'
import { StandIn } from './StandIn'

/** The picture of an item. Until it has loaded, and if it never does, a drawing stands in for it. */
export function Picture({ item, eager = false }: { item: Item; eager?: boolean }) {
  // The address is kept with the outcome: when an item gets another picture, that one has its own chance.
  const [outcome, setOutcome] = useState({ image: '', ok: false })
  const failed = outcome.image === item.image && !outcome.ok
  const loaded = outcome.image === item.image && outcome.ok
  return (
    <div className="picture" data-testid="picture">
      <StandIn item={item} />
      {item.image && !failed && (
        <img
          key={item.image}
          className={loaded ? 'loaded' : undefined}
          src={item.image}
          alt="" // the name stands beside it
          loading={eager ? 'eager' : 'lazy'}
          decoding="async"
          referrerPolicy="no-referrer"
          onLoad={() => setOutcome({ image: item.image, ok: true })}
          onError={() => setOutcome({ image: item.image, ok: false })}
        />
      )}
    </div>
  )
}
