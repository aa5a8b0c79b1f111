import { largestPage, pageSize, type API } from '../api/menu'
import type { Overview } from '../bootstrap'
import { sameItem } from './fields'
import type { ChangeEvent, Item } from './item'
import { categoriesOf, comparer, everything, formatQuery, matcher, select, type Query } from './query'

/** What the page shows of the menu at one moment. */
export interface View {
  query: Query
  items: readonly Item[]
  /** Whether the server has more items for this query. */
  more: boolean
  status: 'ready' | 'loading' | 'loadingMore' | 'failed'
  error: unknown
  categories: readonly string[]
  /** What others have changed just now. */
  fresh: ReadonlySet<number>
  /** What was changed here and the server has not confirmed yet. */
  pending: ReadonlySet<number>
}

const highlight = 4000 // milliseconds

/**
 * The menu as far as this page knows it.
 *
 * A menu that fits into the first page is known as a whole: it is searched and sorted here, at once and offline too. Of a
 * larger one the server is asked, and the store keeps the pages of the current query. Changes of others are applied to
 * both alike. What this person does lies over what the server said until it says the same, so that undoing it is
 * forgetting it.
 */
export class MenuStore {
  private known = new Map<number, Item>()
  private whole = false
  private listed: number[] = []
  private after = ''
  private etag = ''
  private categories: readonly string[] = []
  private overlay = new Map<number, Item | null>()
  private fresh = new Set<number>()
  private query = everything
  private status: View['status'] = 'ready'
  private error: unknown = null
  private loading: AbortController | null = null
  private listeners = new Set<() => void>()
  private view: View

  constructor(
    private readonly api: Pick<API, 'list'>,
    overview: Overview | null,
    query: Query,
  ) {
    this.query = query
    if (overview) {
      this.categories = overview.categories
      this.replaceListing(everything, overview.items, overview.after, overview.etag)
    }
    this.view = this.compose()
    if (!overview || (!this.whole && formatQuery(query))) void this.load()
  }

  // For useSyncExternalStore.
  readonly getView = () => this.view
  readonly subscribe = (listener: () => void) => {
    this.listeners.add(listener)
    return () => void this.listeners.delete(listener)
  }

  /** The item with the id, as it is shown, if this page knows it. */
  get(id: number): Item | undefined {
    return (this.overlay.has(id) ? this.overlay.get(id) : this.known.get(id)) ?? undefined
  }

  /** Shows what another query selects. */
  setQuery(query: Query) {
    if (formatQuery(query) === formatQuery(this.query)) return
    this.query = query
    if (this.whole) this.emit()
    else void this.load()
  }

  /** Asks the server for the current query from the beginning. What is shown stays until the answer comes. */
  async load(): Promise<void> {
    this.status = 'loading'
    this.error = null
    this.emit()
    await this.ask({}, (page) => page && this.replaceListing(this.query, page.items, page.after, page.etag))
  }

  /** Asks for the next page. */
  async loadMore(): Promise<void> {
    if (!this.after || this.status === 'loading' || this.status === 'loadingMore') return
    this.status = 'loadingMore'
    this.emit()
    await this.ask({ after: this.after }, (page) => {
      if (!page) return
      for (const item of page.items) this.know(item)
      this.listed = [...new Set([...this.listed, ...page.items.map(({ id }) => id)])]
      this.after = page.after
    })
  }

  /** Makes sure that what is shown is still true: after a connection was away, one does not know what happened. */
  async refresh(): Promise<void> {
    if (this.status === 'loading') return
    const query = this.whole ? everything : this.query
    const limit = Math.min(largestPage, Math.max(pageSize, Math.ceil(this.listed.length / pageSize) * pageSize))
    const etag = !formatQuery(query) && limit === pageSize ? this.etag : ''
    await this.ask({ limit, ...(etag && { etag }), query }, (page) => {
      if (!page) return
      const before = new Map(this.known)
      this.replaceListing(query, page.items, page.after, limit === pageSize ? page.etag : '')
      for (const item of page.items) if (!sameItem(before.get(item.id), item)) this.markFresh(item.id)
      if (!this.whole && query !== this.query) void this.load()
    })
  }

  /** Takes in a change that the server tells of. */
  apply({ id, item }: ChangeEvent) {
    if (!sameItem(this.get(id), item)) this.markFresh(id)
    this.etag = '' // that of a menu which is no more
    if (item) this.put(item)
    else this.drop(id)
    this.emit()
  }

  /** Takes in an item that the server gave. */
  upsert(item: Item) {
    if (sameItem(this.known.get(item.id), item)) return
    this.etag = ''
    this.put(item)
    this.emit()
  }

  /** Takes in that there is no such item. */
  forget(id: number) {
    this.etag = ''
    this.drop(id)
    this.emit()
  }

  /** Shows the item, or with null its absence, as if the server had said so. Call the result when it has answered. */
  applyOptimistic(id: number, item: Item | null): () => void {
    this.overlay.set(id, item)
    this.emit()
    return () => {
      this.overlay.delete(id)
      this.emit()
    }
  }

  // Sends a request for a list. A newer one for the list replaces it.
  private async ask(
    { query = this.query, ...options }: { query?: Query; after?: string; limit?: number; etag?: string },
    done: (page: Awaited<ReturnType<API['list']>>) => void,
  ) {
    this.loading?.abort()
    const loading = (this.loading = new AbortController())
    try {
      const page = await this.api.list(query, { ...options, signal: loading.signal })
      if (loading.signal.aborted) return
      done(page)
      this.status = 'ready'
      this.error = null
    } catch (error) {
      if (loading.signal.aborted) return
      this.status = 'failed'
      this.error = error
    }
    this.emit()
  }

  private replaceListing(query: Query, items: Item[], after: string, etag: string) {
    this.whole = !after && !query.q.trim() && !query.category
    if (this.whole) this.known.clear()
    for (const item of items) this.know(item)
    this.listed = items.map(({ id }) => id)
    this.after = after
    this.etag = etag
    if (this.whole) this.categories = []
  }

  private know(item: Item) {
    this.known.set(item.id, item)
  }

  private put(item: Item) {
    this.know(item)
    if (this.whole) return
    this.listed = this.listed.filter((id) => id !== item.id)
    if (!matcher(this.query)(item)) return
    const compare = comparer(this.query)
    const place = this.listed.findIndex((id) => compare(item, this.known.get(id) ?? item) < 0)
    if (place >= 0) this.listed = this.listed.toSpliced(place, 0, item.id)
    else if (!this.after) this.listed = [...this.listed, item.id] // behind the last of all, not of those loaded so far
  }

  private drop(id: number) {
    this.known.delete(id)
    this.listed = this.listed.filter((other) => other !== id)
  }

  private markFresh(id: number) {
    this.fresh = new Set(this.fresh).add(id)
    setTimeout(() => {
      this.fresh = new Set([...this.fresh].filter((other) => other !== id))
      this.emit()
    }, highlight)
  }

  // A new item that is shown in advance has no id yet. The server may tell everyone of it before it answers.
  private hasArrived(item: Item): boolean {
    return item.id < 0 && [...this.fresh].some((id) => sameItem(this.known.get(id), item))
  }

  private compose(): View {
    const known = this.whole ? [...this.known.keys()] : this.listed
    const ids = new Set([...known, ...this.overlay.keys()])
    const visible = [...ids].map((id) => this.get(id)).filter((item) => item !== undefined)
    const shown = visible.filter((item) => !this.hasArrived(item))
    return {
      query: this.query,
      items: this.whole ? select(shown, this.query) : shown,
      more: this.after !== '',
      status: this.status,
      error: this.error,
      categories: categoriesOf(this.known.values(), this.categories),
      fresh: this.fresh,
      pending: new Set(this.overlay.keys()),
    }
  }

  private emit() {
    this.view = this.compose()
    this.listeners.forEach((listener) => listener())
  }
}
