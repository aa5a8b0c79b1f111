import createClient from 'openapi-fetch'

import type { Change, Item, ItemInput, ItemPatch } from '../menu/item'
import type { Query } from '../menu/query'
import { patientFetch } from './patience'
import { Problem, problemOf, SessionEnded } from './problem'
import type { paths } from './schema'

/** How many items are asked for at a time: dashboard.PageSize. */
export const pageSize = 100
/** The most that one answer holds: items.MaxPage. */
export const largestPage = 1000

/** Gives an access token, a new one if asked. Throws SessionEnded. */
export type TokenSource = (renew: boolean) => Promise<string>

export interface Page {
  items: Item[]
  /** Continues after these items, empty when there are no more. */
  after: string
  etag: string
}

/** An item and the entity tag to change it with. */
export interface Tagged {
  item: Item
  etag: string
}

/** The requests of this page. All of them throw a Problem, Unreachable, or the reason of an aborted signal. */
export function createAPI(token: TokenSource, onWait?: (seconds: number) => void) {
  const client = createClient<paths>({
    baseUrl: window.location.origin,
    fetch: async (request: Request) => {
      const response = await patientFetch(request, onWait)
      if (!response.ok && response.status !== 304) throw await problemOf(response)
      return response
    },
  })

  // Sends a request with a token. One that the API refuses may have been revoked early, as when the provider changed its
  // keys: a new one settles it.
  async function authorized<T>(send: (headers: { Authorization: string }) => Promise<T>): Promise<T> {
    try {
      return await send({ Authorization: `Bearer ${await token(false)}` })
    } catch (error) {
      if (!isUnauthorized(error)) throw error
    }
    try {
      return await send({ Authorization: `Bearer ${await token(true)}` })
    } catch (error) {
      throw isUnauthorized(error) ? new SessionEnded(error) : error
    }
  }

  return {
    /** A page of the menu, null when the one with the tag is still true. */
    async list(query: Query, options: { after?: string; limit?: number; etag?: string; signal?: AbortSignal } = {}): Promise<Page | null> {
      const { after, limit = pageSize, etag, signal } = options
      const { data, response } = await client.GET('/items', {
        params: {
          query: {
            limit,
            ...(after && { after }),
            ...(query.q.trim() && { q: query.q.trim() }),
            ...(query.category && { category: query.category }),
            ...(query.sort !== 'id' && { sort: query.sort }),
          },
          header: etag ? { 'If-None-Match': etag } : {},
        },
        cache: etag ? 'no-store' : 'default', // the page has what the tag stands for; the browser's cache may not
        signal: signal ?? null,
      })
      if (response.status === 304) return null
      return { items: data as Item[], after: afterOf(response), etag: response.headers.get('ETag') ?? '' }
    },

    async get(id: number, signal?: AbortSignal): Promise<Tagged> {
      const { data, response } = await client.GET('/items/{id}', {
        params: { path: { id } },
        cache: 'no-store',
        signal: signal ?? null,
      })
      return tagged(data, response)
    },

    /** Adds an item. With the same key and item again, it is added once. */
    create: (item: ItemInput, key: string) =>
      authorized(async (headers) => {
        const { data, response } = await client.POST('/items', {
          body: { item },
          params: { header: { 'Idempotency-Key': key } },
          headers,
        })
        return tagged(data, response)
      }),

    /** Changes these fields of the item and no others. Throws a Problem with status 412 if the tag is not current. */
    update: (id: number, patch: ItemPatch, etag: string) =>
      authorized(async (headers) => {
        const { data, response } = await client.PATCH('/items/{id}', {
          body: { item: patch },
          params: { path: { id }, header: { 'If-Match': etag } },
          headers,
        })
        return tagged(data, response)
      }),

    remove: (id: number, etag: string) =>
      authorized(async (headers) => {
        await client.DELETE('/items/{id}', { params: { path: { id }, header: { 'If-Match': etag } }, headers })
      }),

    restore: (id: number, key: string) =>
      authorized(async (headers) => {
        const { data, response } = await client.POST('/items/{id}/restore', {
          params: { path: { id }, header: { 'Idempotency-Key': key } },
          headers,
        })
        return tagged(data, response)
      }),

    /** The history of an item, newest first, those before the version `after`, which is 0 when there is no more. */
    history: (id: number, after: number, signal?: AbortSignal) =>
      authorized(async (headers): Promise<{ changes: Change[]; after: number }> => {
        const { data, response } = await client.GET('/items/{id}/history', {
          params: { path: { id }, query: { limit: 20, ...(after > 0 && { after }) } },
          headers,
          signal: signal ?? null,
        })
        return { changes: data ?? [], after: Number(afterOf(response)) }
      }),

    /** Who the token stands for, and what they may do. */
    me: () =>
      authorized(async (headers) => {
        const { data } = await client.GET('/me', { headers })
        return data ?? { sub: '', permissions: [] }
      }),
  }
}

export type API = ReturnType<typeof createAPI>

const isUnauthorized = (error: unknown) => error instanceof Problem && error.status === 401

function tagged(item: Item | undefined, response: Response): Tagged {
  if (!item) throw new Error('The server sent no item.') // openapi-fetch cannot know that the fetch above throws on errors
  return { item, etag: response.headers.get('ETag') ?? '' }
}

/** The parameter that continues a list, from its Link header (RFC 8288). */
function afterOf(response: Response): string {
  const target = /<([^>]*)>\s*;\s*rel="?next"?/.exec(response.headers.get('Link') ?? '')?.[1]
  return target ? (new URL(target, window.location.origin).searchParams.get('after') ?? '') : ''
}
