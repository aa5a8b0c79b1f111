import { Account } from '../auth/Account'
import { useMenu } from '../menu/MenuProvider'
import type { Connection } from '../menu/live'
import { Link } from './Link'

/** The header of every page. */
export function Header() {
  const { connection } = useMenu()
  return (
    <>
      <header className="top">
        <Link href="/" className="brand">
          <svg viewBox="0 0 32 32" aria-hidden="true">
            <path d="M10 5v7a3.5 3.5 0 0 0 7 0V5M13.500 5v22M23 27V5c-3.500 2.500-4.500 6.500-4.500 11H23" />
          </svg>
          <span>Menu</span>
        </Link>
        <State connection={connection} />
        <Account />
      </header>
      {connection === 'offline' && (
        <p className="offline-banner" role="alert">
          You are offline. The menu may be out of date.
        </p>
      )}
    </>
  )
}

const states: Record<Connection, [label: string, title: string]> = {
  connecting: ['Connecting', 'Connecting to live changes'],
  live: ['Live', 'Changes appear without a reload'],
  waiting: ['Reconnecting', 'The connection was lost. The page reconnects automatically'],
  offline: ['Offline', 'There is no connection'],
}

function State({ connection }: { connection: Connection }) {
  const [label, title] = states[connection]
  return (
    <span className={`state ${connection}`} title={title} role="status" aria-label={`Updates: ${label}`}>
      <span aria-hidden="true">{label}</span>
    </span>
  )
}
