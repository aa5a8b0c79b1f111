import type { ChangeEvent } from './item'

/** The state of the connection to the change feed. */
export type Connection = 'connecting' | 'live' | 'waiting' | 'offline'

interface Listeners {
  onState: (state: Connection) => void
  /** Connected for the first time or again. The page may have missed earlier changes. */
  onReady: () => void
  onChange: (change: ChangeEvent) => void
  /** The whole menu may have changed. */
  onReset: () => void
}

const firstRetry = 2_000 // milliseconds
const lastRetry = 60_000

/**
 * Subscribes to GET /items/events until the caller calls the returned function. After a broken connection the browser
 * reconnects and sends the last event id. After an error response it gives up, so this function retries.
 */
export function follow(url: string, { onState, onReady, onChange, onReset }: Listeners): () => void {
  let source: EventSource | null = null
  let timer: ReturnType<typeof setTimeout> | undefined
  let retry = firstRetry

  function connect() {
    clearTimeout(timer)
    source?.close()
    if (!navigator.onLine) return onState('offline')
    onState('connecting')
    source = new EventSource(url)
    source.addEventListener('ready', () => {
      retry = firstRetry
      onState('live')
      onReady()
    })
    source.addEventListener('change', (event) => onChange(JSON.parse((event as MessageEvent<string>).data) as ChangeEvent))
    source.addEventListener('reset', onReset)
    source.addEventListener('error', () => {
      onState(navigator.onLine ? 'waiting' : 'offline')
      if (source?.readyState !== EventSource.CLOSED) return
      timer = setTimeout(connect, retry * (1 + Math.random())) // spread the clients
      retry = Math.min(lastRetry, retry * 2)
    })
  }
  function disconnect() {
    source?.close()
    onState('offline')
  }

  connect()
  window.addEventListener('online', connect)
  window.addEventListener('offline', disconnect)
  return () => {
    clearTimeout(timer)
    source?.close()
    window.removeEventListener('online', connect)
    window.removeEventListener('offline', disconnect)
  }
}
