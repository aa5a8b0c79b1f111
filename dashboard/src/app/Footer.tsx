import { useSession } from '../auth/session'
import { text } from '../text'

/** The footer of every page. */
export function Footer() {
  const { reason } = useSession()
  return (
    <footer className="bottom">
      <p>
        <a href="/items">{text.footer.json}</a>
        <a href="/docs">{text.footer.docs}</a>
      </p>
      {reason && <p className="hint">{reason}</p>}
    </footer>
  )
}
