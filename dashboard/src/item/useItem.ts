import { useEffect, useState } from 'react'

import { hasStatus, type Problem } from '../api/problem'
import type { Item } from '../api/types'
import { useMenu, useView } from '../menu/MenuProvider'

/** An item by its id, from the store or else from the server. `missing` is the response for an item that does not exist. */
export function useItem(id: number | null): { item: Item | undefined; error: unknown; missing: Problem | null } {
  const { api, store } = useMenu()
  useView() // render again when the menu changes
  const item = id === null ? undefined : store.get(id)
  const known = id === null || item !== undefined
  const [failure, setFailure] = useState<{ id: number; error: unknown } | null>(null)

  useEffect(() => {
    if (known) return
    const request = new AbortController()
    api
      .get(id, request.signal)
      .then((tagged) => store.upsert(tagged.item))
      .catch((error: unknown) => request.signal.aborted || setFailure({ id, error }))
    return () => request.abort()
  }, [api, store, id, known])

  const error = !known && failure?.id === id ? failure.error : null
  return { item, error, missing: hasStatus(error, 400, 404) ? error : null }
}
