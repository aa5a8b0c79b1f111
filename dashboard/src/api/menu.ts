import { hasStatus, problemOf, SessionEnded } from './problem'
import { fetchWithRetry } from './retry'
import type { Change, Item, ItemInput, ItemPatch, ItemsPatch, Page, Query, Tagged } from './types'

/** The number of items that the page requests at a time: dashboard.PageSize. */
export const pageSize = 100
/** The largest limit of a list: items.MaxPage. */
export const largestPage = 1000

/** Returns an access token, a new one on `renew`. Throws SessionEnded. */
export type TokenSource = (renew: boolean) => Promise<string>

interface Options extends Pick<RequestInit, 'cache'> {
  query?: Record<string, string | number>
  headers?: Record<string, string>
  /** Sent as JSON. */
  body?: unknown
  signal?: AbortSignal | undefined
}

/** The requests of this page. They throw a Problem, Unreachable, or the reason of an aborted signal. */
export function createAPI(token: TokenSource, onWait?: (seconds: number) => void) {
  async function send(
    method: string,
    path: string,
    { query = {}, headers = {}, body, signal, cache = 'default' }: Options = {},
  ): Promise<Response> {
    const url = new URL(path, window.location.origin)
    for (const [name, value] of Object.entries(query)) if (value) url.searchParams.set(name, String(value))
    const json = body ? { body: JSON.stringify(body), headers: { 'Content-Type': 'application/json', ...headers } } : { headers }
    const response = await fetchWithRetry(new Request(url, { method, signal: signal ?? null, cache, ...json }), onWait)
    if (!response.ok && response.status !== 304) throw await problemOf(response)
    return response
  }

  // Sends a request with a token. After a 401 it tries a new token once: the old one may be invalid early, for example
  // because the provider changed its keys.
  async function sendWithToken(method: string, path: string, options: Options = {}): Promise<Response> {
    const attempt = async (renew: boolean) =>
      send(method, path, { ...options, headers: { ...options.headers, Authorization: `Bearer ${await token(renew)}` } })
    try {
      return await attempt(false)
    } catch (error) {
      if (!hasStatus(error, 401)) throw error
    }
    try {
      return await attempt(true)
    } catch (error) {
      throw hasStatus(error, 401) ? new SessionEnded(error) : error
    }
  }

  const write = async (method: string, path: string, options: Options) => tagged(await sendWithToken(method, path, options))

  return {
    /** A page of the menu, or null if the one with this tag is current. */
    async list(query: Query, options: { after?: string; limit?: number; etag?: string; signal?: AbortSignal } = {}): Promise<Page | null> {
      const { after = '', limit = pageSize, etag, signal } = options
      const response = await send('GET', '/items', {
        query: { limit, after, q: query.q.trim(), category: query.category, sort: query.sort },
        // The browser's cache may have another version than the page.
        ...(etag && { headers: { 'If-None-Match': etag }, cache: 'no-store' }),
        signal,
      })
      if (response.status === 304) return null
      const items = (await response.json()) as Item[]
      return { items, after: afterOf(response), etag: response.headers.get('ETag') ?? '' }
    },

    get: async (id: number, signal?: AbortSignal): Promise<Tagged> =>
      tagged(await send('GET', `/items/${id}`, { cache: 'no-store', signal })),

    /** Adds an item. A retry with the same key and item does not add it again. */
    create: (item: ItemInput, key: string) => write('POST', '/items', { body: { item }, headers: { 'Idempotency-Key': key } }),

    /** Changes these fields of the item and no others. Throws a Problem with status 412 if the tag is not current. */
    update: (id: number, patch: ItemPatch, etag: string) =>
      write('PATCH', `/items/${id}`, { body: { item: patch }, headers: { 'If-Match': etag } }),

    /** Changes several items in one step, or none. Returns the changed ones. */
    async updateMany(patch: ItemsPatch, key: string): Promise<Item[]> {
      const response = await sendWithToken('PATCH', '/items', { body: patch, headers: { 'Idempotency-Key': key } })
      return Object.values((await response.json()) as Record<string, Item>)
    },

    remove: (id: number, etag: string) => write('DELETE', `/items/${id}`, { headers: { 'If-Match': etag } }),

    restore: (id: number, key: string) => write('POST', `/items/${id}/restore`, { headers: { 'Idempotency-Key': key } }),

    /** A page of the changes of an item, or of the whole menu, newest first. */
    async history(id: number | null, after: string, signal?: AbortSignal): Promise<{ changes: Change[]; after: string }> {
      const response = await sendWithToken('GET', id === null ? '/history' : `/items/${id}/history`, {
        query: { limit: 20, after },
        signal,
      })
      return { changes: (await response.json()) as Change[], after: afterOf(response) }
    },

    /** The subject and the permissions of the token. */
    me: async () => (await (await sendWithToken('GET', '/me')).json()) as { sub: string; permissions: string[] },
  }
}

export type API = ReturnType<typeof createAPI>

async function tagged(response: Response): Promise<Tagged> {
  return { item: (await response.json()) as Item, etag: response.headers.get('ETag') ?? '' }
}

/** The parameter that continues a list, from its Link header (RFC 8288). */
function afterOf(response: Response): string {
  const target = /<([^>]*)>\s*;\s*rel="?next"?/.exec(response.headers.get('Link') ?? '')?.[1]
  return target ? (new URL(target, window.location.origin).searchParams.get('after') ?? '') : ''
}
