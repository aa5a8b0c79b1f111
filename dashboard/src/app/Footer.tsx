import { useSession } from '../auth/session'

/** The footer of every page. */
export function Footer() {
  const { reason } = useSession()
  return (
    <footer className="bottom">
      <p>
        <a href="/items">The menu as JSON</a>
        <a href="/docs">API reference</a>
      </p>
      {reason && <p className="hint">{reason}</p>}
    </footer>
  )
}
