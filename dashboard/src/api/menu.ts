import createClient from 'openapi-fetch'

import type { Change, Item, ItemInput, ItemPatch } from '../menu/item'
import type { Query } from '../menu/query'
import { Problem, problemOf, SessionEnded } from './problem'
import { fetchWithRetry } from './retry'
import type { paths } from './schema'

/** The number of items that the page requests at a time: dashboard.PageSize. */
export const pageSize = 100
/** The largest limit of a list: items.MaxPage. */
export const largestPage = 1000

/** Returns an access token, a new one on `renew`. Throws SessionEnded. */
export type TokenSource = (renew: boolean) => Promise<string>

export interface Page {
  items: Item[]
  /** The page key that continues the list, empty on the last page. */
  after: string
  etag: string
}

/** An item and its entity tag. */
export interface Tagged {
  item: Item
  etag: string
}

/** The requests of this page. They throw a Problem, Unreachable, or the reason of an aborted signal. */
export function createAPI(token: TokenSource, onWait?: (seconds: number) => void) {
  const client = createClient<paths>({
    baseUrl: window.location.origin,
    fetch: async (request: Request) => {
      const response = await fetchWithRetry(request, onWait)
      if (!response.ok && response.status !== 304) throw await problemOf(response)
      return response
    },
  })

  // Sends a request with a token. After a 401 it tries a new token once: the old one may be invalid early, for example
  // because the provider changed its keys.
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
    /** A page of the menu, or null if the one with this tag is current. */
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
        cache: etag ? 'no-store' : 'default', // the browser's cache may have another version than the page
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

    /** Adds an item. A retry with the same key and item does not add it again. */
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

    /** The changes of an item before the version `after`, newest first. `after` is 0 for the newest, and after the last. */
    history: (id: number, after: number, signal?: AbortSignal) =>
      authorized(async (headers): Promise<{ changes: Change[]; after: number }> => {
        const { data, response } = await client.GET('/items/{id}/history', {
          params: { path: { id }, query: { limit: 20, ...(after > 0 && { after }) } },
          headers,
          signal: signal ?? null,
        })
        return { changes: data ?? [], after: Number(afterOf(response)) }
      }),

    /** The subject and the permissions of the token. */
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
  if (!item) throw new Error('The server sent no item.') // the fetch above throws on errors, which openapi-fetch cannot know
  return { item, etag: response.headers.get('ETag') ?? '' }
}

/** The parameter that continues a list, from its Link header (RFC 8288). */
function afterOf(response: Response): string {
  const target = /<([^>]*)>\s*;\s*rel="?next"?/.exec(response.headers.get('Link') ?? '')?.[1]
  return target ? (new URL(target, window.location.origin).searchParams.get('after') ?? '') : ''
}
