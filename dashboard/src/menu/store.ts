import { largestPage, pageSize, type API } from '../api/menu'
import type { ChangeEvent, Item, Page, Query } from '../api/types'
import type { Overview } from '../bootstrap'
import { Observable } from '../ui/observable'
import { sameItem } from './fields'
import { categoriesOf, comparer, everything, formatQuery, matcher, select } from './query'

/** A snapshot of what the page shows. */
export interface View {
  query: Query
  items: readonly Item[]
  /** The whole menu in any order, or null if the page has only a part of it. */
  menu: readonly Item[] | null
  /** Whether the server has more items for this query. */
  more: boolean
  status: 'ready' | 'loading' | 'loadingMore' | 'failed'
  error: unknown
  categories: readonly string[]
  /** Items that other users have just changed. */
  fresh: ReadonlySet<number>
  /** Items with a change that the server has not confirmed yet. */
  pending: ReadonlySet<number>
}

const highlight = 4000 // milliseconds

/**
 * The page's copy of the menu.
 *
 * A menu that fits into the first page is complete here, so the store searches and sorts it at once, even offline. The page
 * loads the rest of a larger menu when the browser is idle. Until then, the store keeps the pages of the current query. Live
 * changes apply to both. Optimistic changes lie in an overlay until the server has confirmed them, so a rollback only removes
 * them from the overlay.
 */
export class MenuStore {
  private known = new Map<number, Item>()
  private whole = false
  private listed: number[] = []
  private after = ''
  private etag = ''
  private categories: readonly string[] = []
  private overlay = new Map<number, Item | null>()
  /** Changes that arrive while the store loads the whole menu, which may be older. */
  private arrived = new Map<number, Item | null>()
  private wholeLoads = 0
  private fresh = new Set<number>()
  private query: Query
  private status: View['status'] = 'ready'
  private error: unknown = null
  private loading: AbortController | null = null
  readonly view: Observable<View>

  constructor(
    private readonly api: Pick<API, 'list'>,
    overview: Overview | null,
    query: Query,
  ) {
    this.query = query
    if (overview) {
      this.categories = overview.categories
      this.replaceList(everything, overview)
    }
    this.view = new Observable(this.compose())
    if (!overview || (!this.whole && formatQuery(query))) void this.load()
  }

  /** The item as the page shows it, if the store has it. */
  get(id: number): Item | undefined {
    return (this.overlay.has(id) ? this.overlay.get(id) : this.known.get(id)) ?? undefined
  }

  /** Changes the query. */
  setQuery(query: Query) {
    if (formatQuery(query) === formatQuery(this.query)) return
    this.query = query
    if (this.whole) this.emit()
    else void this.load()
  }

  /** Loads the first page of the current query. The old items stay until the response arrives. */
  async load(): Promise<void> {
    this.status = 'loading'
    this.error = null
    this.emit()
    await this.request({}, (page) => this.replaceList(this.query, page))
  }

  /** Loads the next page. */
  async loadMore(): Promise<void> {
    if (!this.after || this.status === 'loading' || this.status === 'loadingMore') return
    this.status = 'loadingMore'
    this.emit()
    await this.request({ after: this.after }, (page) => {
      for (const item of page.items) this.known.set(item.id, item)
      this.listed = [...new Set([...this.listed, ...page.items.map(({ id }) => id)])]
      this.after = page.after
    })
  }

  /** Loads the whole menu, unless it has more than `most` items. Throws the error of a request. */
  async loadAll(most = Infinity): Promise<void> {
    const items: Item[] = []
    let after = ''
    this.wholeLoads++
    try {
      do {
        if (this.whole || items.length >= most) return
        const page = await this.api.list(everything, { after, limit: largestPage })
        items.push(...(page?.items ?? []))
        after = page?.after ?? ''
      } while (after)
      this.loading?.abort()
      this.status = 'ready'
      this.error = null
      this.replaceList(everything, { items, after: '', etag: '' })
      for (const [id, item] of this.arrived) {
        if (item) this.known.set(id, item)
        else this.known.delete(id)
      }
      this.emit()
    } finally {
      if (--this.wholeLoads === 0) this.arrived.clear()
    }
  }

  /** Loads the shown items again, because a broken connection may have missed changes. */
  async refresh(): Promise<void> {
    if (this.status === 'loading') return
    const query = this.whole ? everything : this.query
    const limit = Math.min(largestPage, Math.max(pageSize, Math.ceil(this.listed.length / pageSize) * pageSize))
    const etag = !formatQuery(query) && limit === pageSize ? this.etag : ''
    await this.request({ limit, ...(etag && { etag }), query }, (page) => {
      const before = new Map(this.known)
      this.replaceList(query, { ...page, etag: limit === pageSize ? page.etag : '' })
      for (const item of page.items) if (!sameItem(before.get(item.id), item)) this.markFresh(item.id)
      if (!this.whole && query !== this.query) void this.load()
    })
  }

  /** Applies an event of the change feed. */
  apply({ id, item }: ChangeEvent) {
    if (!sameItem(this.get(id), item)) this.markFresh(id)
    this.etag = '' // it belongs to an older menu
    if (item) this.put(item)
    else this.drop(id)
    this.emit()
  }

  /** Stores items from the server. */
  upsert(...items: Item[]) {
    const changed = items.filter((item) => !sameItem(this.known.get(item.id), item))
    if (changed.length === 0) return
    this.etag = ''
    changed.forEach((item) => this.put(item))
    this.emit()
  }

  /** Removes items that no longer exist. */
  remove(...ids: number[]) {
    if (ids.length === 0) return
    this.etag = ''
    ids.forEach((id) => this.drop(id))
    this.emit()
  }

  /** Shows items, or a deletion for null, before the server confirms it. Call the result after the response. */
  applyOptimistic(...changes: [id: number, item: Item | null][]): () => void {
    changes.forEach(([id, item]) => this.overlay.set(id, item))
    this.emit()
    return () => {
      changes.forEach(([id]) => this.overlay.delete(id))
      this.emit()
    }
  }

  // Requests a list. A newer request aborts an older one.
  private async request(
    { query = this.query, ...options }: { query?: Query; after?: string; limit?: number; etag?: string },
    done: (page: Page) => void,
  ) {
    this.loading?.abort()
    const loading = (this.loading = new AbortController())
    try {
      const page = await this.api.list(query, { ...options, signal: loading.signal })
      if (loading.signal.aborted) return
      if (page) done(page)
      this.status = 'ready'
      this.error = null
    } catch (error) {
      if (loading.signal.aborted) return
      this.status = 'failed'
      this.error = error
    }
    this.emit()
  }

  private replaceList(query: Query, { items, after, etag }: Page) {
    this.whole = !after && !query.q.trim() && !query.category
    if (this.whole) this.known.clear()
    for (const item of items) this.known.set(item.id, item)
    this.listed = items.map(({ id }) => id)
    this.after = after
    this.etag = etag
    if (this.whole) this.categories = []
  }

  private put(item: Item) {
    this.known.set(item.id, item)
    if (this.wholeLoads > 0) this.arrived.set(item.id, item)
    if (this.whole) return
    this.listed = this.listed.filter((id) => id !== item.id)
    if (!matcher(this.query)(item)) return
    const compare = comparer(this.query)
    const index = this.listed.findIndex((id) => compare(item, this.known.get(id) ?? item) < 0)
    if (index >= 0) this.listed = this.listed.toSpliced(index, 0, item.id)
    else if (!this.after) this.listed = [...this.listed, item.id] // only if no later page could contain it
  }

  private drop(id: number) {
    this.known.delete(id)
    if (this.wholeLoads > 0) this.arrived.set(id, null)
    this.listed = this.listed.filter((other) => other !== id)
  }

  private markFresh(id: number) {
    this.fresh = new Set(this.fresh).add(id)
    setTimeout(() => {
      this.fresh = new Set([...this.fresh].filter((other) => other !== id))
      this.emit()
    }, highlight)
  }

  // An optimistic new item has no id yet. Its event may arrive before the response, and then the item would appear twice.
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
      menu: this.whole ? shown : null,
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
    this.view.set(this.compose())
  }
}
