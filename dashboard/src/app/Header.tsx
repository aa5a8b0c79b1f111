import { Account } from '../auth/Account'
import { bootstrap } from '../bootstrap'
import { useMenu } from '../menu/MenuProvider'
import { Link } from '../routing/Link'
import { text } from '../text'

/** The header of every page. */
export function Header() {
  const { connection } = useMenu()
  const [label, title] = text.connection[connection]
  return (
    <>
      <header className="top">
        <Link href="/" className="brand">
          <svg viewBox="0 0 32 32" aria-hidden="true">
            <path d="M10 5v7a3.5 3.5 0 0 0 7 0V5M13.500 5v22M23 27V5c-3.500 2.500-4.500 6.500-4.500 11H23" />
          </svg>
          <span dir="auto">{bootstrap.settings.name}</span>
        </Link>
        <span className={`state ${connection}`} title={title} role="status" aria-label={text.updates(label)}>
          <span aria-hidden="true">{label}</span>
        </span>
        <Account />
      </header>
      {connection === 'offline' && (
        <p className="offline-banner" role="alert">
          {text.offline}
        </p>
      )}
    </>
  )
}
