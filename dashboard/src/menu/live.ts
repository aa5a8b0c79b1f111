import type { ChangeEvent } from '../api/types'

/** The state of the connection to the change feed. */
export type Connection = 'connecting' | 'live' | 'waiting' | 'offline'

interface Listeners {
  onState: (state: Connection) => void
  /** The whole menu may have changed: at the first connection, or when the server cannot resume. */
  onReset: () => void
  onChange: (change: ChangeEvent) => void
}

const firstRetry = 2_000 // milliseconds
const lastRetry = 60_000
const hideDelay = 3_000

/**
 * Subscribes to GET /items/events until the caller calls the returned function. Only a visible page keeps a connection,
 * because browsers allow six to a host over HTTP/1.1, for all tabs together. A new connection resumes after the last event.
 * After an error response the browser gives up, so this function retries.
 */
export function follow(url: string, { onState, onReset, onChange }: Listeners): () => void {
  let source: EventSource | null = null
  let timer: ReturnType<typeof setTimeout> | undefined
  let retry = firstRetry
  let lastId = ''

  function connect() {
    clearTimeout(timer)
    source?.close()
    if (!navigator.onLine) return onState('offline')
    onState('connecting')
    source = new EventSource(lastId ? `${url}?after=${encodeURIComponent(lastId)}` : url)
    on('ready', () => {
      if (!lastId) onReset()
      retry = firstRetry
      onState('live')
    })
    on('change', (event) => onChange(JSON.parse(event.data) as ChangeEvent))
    on('reset', onReset)
    source.addEventListener('error', () => {
      onState(navigator.onLine ? 'waiting' : 'offline')
      if (source?.readyState !== EventSource.CLOSED) return
      timer = setTimeout(connect, retry * (1 + Math.random())) // spread the clients
      retry = Math.min(lastRetry, retry * 2)
    })
  }

  function on(name: string, listener: (event: MessageEvent<string>) => void) {
    source?.addEventListener(name, (event) => {
      listener(event as MessageEvent<string>)
      lastId = (event as MessageEvent<string>).lastEventId
    })
  }

  function disconnect() {
    clearTimeout(timer)
    source?.close()
    source = null
  }

  function showOrHide() {
    clearTimeout(timer)
    if (document.visibilityState === 'hidden') timer = setTimeout(disconnect, hideDelay)
    else if (!source || source.readyState === EventSource.CLOSED) connect()
  }

  function offline() {
    disconnect()
    onState('offline')
  }

  const online = () => document.visibilityState === 'visible' && connect()
  online()
  const listeners = new AbortController()
  document.addEventListener('visibilitychange', showOrHide, { signal: listeners.signal })
  window.addEventListener('online', online, { signal: listeners.signal })
  window.addEventListener('offline', offline, { signal: listeners.signal })
  return () => {
    disconnect()
    listeners.abort()
  }
}
