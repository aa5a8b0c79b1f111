import { toSvgPath } from 'lean-qr/extras/svg'
import { generate } from 'lean-qr/nano'
import { useEffect, useState } from 'react'
import { flushSync } from 'react-dom'

import { bootstrap } from '../bootstrap'
import { closeToMenu } from '../routing/route'
import { text } from '../text'
import { Dialog } from '../ui/Dialog'
import { formatPrice } from '../ui/format'
import { preferences } from '../ui/storage'
import { Typed } from '../ui/Typed'
import { Loading } from '../ui/Waiting'
import { useMenu, useView } from './MenuProvider'
import { arranged } from './query'

const key = 'menu.columns'
const code = generate(window.location.origin)
const codePath = toSvgPath(code)

/** The menu on paper, which replaces the page in print, and the dialog for it. The screen never shows the former. */
export default function PrintedMenu({ open }: { open: boolean }) {
  const { store } = useMenu()
  const { menu, items } = useView()
  const [columns, setColumns] = useState(() => preferences.read<number>(key) ?? 1)
  const [error, setError] = useState<unknown>(null)
  const printing = usePrinting()
  const sections = printing ? arranged((menu ?? items).filter(({ soldOut }) => !soldOut)) : []

  async function print(columns: number) {
    preferences.write(key, columns)
    try {
      await store.loadAll()
    } catch (error) {
      return setError(error)
    }
    flushSync(() => setColumns(columns))
    window.print()
    closeToMenu()
  }

  return (
    <>
      <div className={`printed columns-${columns}`}>
        <header className="printed-head">
          <h1 dir="auto">{bootstrap.settings.name}</h1>
          <p className="printed-link">
            <svg viewBox={`0 0 ${code.size} ${code.size}`} role="img" aria-label={text.print.scan}>
              <path d={codePath} />
            </svg>
            {text.print.scan}
            <br />
            {window.location.host}
          </p>
        </header>
        {!menu && <p className="printed-part">{text.print.part}</p>}
        <div className="printed-sections">
          {sections.map(({ name, items }) => (
            <section key={name}>
              {name && <h2 dir="auto">{name}</h2>}
              <ul>
                {items.map(({ id, name, price, tagline, description }) => (
                  <li key={id}>
                    <p className="printed-row">
                      <span dir="auto">{name}</span>
                      <span>{formatPrice(price)}</span>
                    </p>
                    <Typed className="printed-tagline">{tagline}</Typed>
                    <Typed>{description}</Typed>
                  </li>
                ))}
              </ul>
            </section>
          ))}
        </div>
      </div>
      {open && (
        <Dialog title={text.print.title} onClose={closeToMenu}>
          <div className="dialog-body">
            <Loading error={error} done />
            <p>{menu ? text.print.hint : text.print.partHere}</p>
          </div>
          <p className="actions dialog-foot">
            {text.print.columns.map((label, index) => (
              <button
                key={label}
                type="button"
                className={index + 1 === columns ? 'primary' : undefined}
                onClick={() => void print(index + 1)}
              >
                {label}
              </button>
            ))}
          </p>
        </Dialog>
      )}
    </>
  )
}

/** Whether the browser prints. It reads the page right after the event, so this renders at once. */
function usePrinting(): boolean {
  const [printing, setPrinting] = useState(false)
  useEffect(() => {
    const query = window.matchMedia('print')
    const start = () => flushSync(() => setPrinting(true))
    const end = () => setPrinting(false)
    const change = () => setPrinting(query.matches)
    const listeners = new AbortController()
    window.addEventListener('beforeprint', start, { signal: listeners.signal })
    window.addEventListener('afterprint', end, { signal: listeners.signal })
    query.addEventListener('change', change, { signal: listeners.signal })
    return () => listeners.abort()
  }, [])
  return printing
}
