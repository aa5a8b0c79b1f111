import { useState, type KeyboardEvent, type PointerEvent } from 'react'

import { closeToMenu } from '../routing/route'
import { text } from '../text'
import { Dialog } from '../ui/Dialog'
import { Loading } from '../ui/Waiting'
import { useWholeMenu } from './MenuProvider'
import { move, positionsOfMove, type Place } from './order'
import { arranged, type Section } from './query'
import { useChange } from './useChange'

/** The whole menu as a list with handles, to move items and sections with a pointer, a finger or the arrow keys. */
export function Arrange() {
  const { menu, error } = useWholeMenu()
  const change = useChange()
  const [drag, setDrag] = useState<{ sections: Section[]; place: Place } | null>(null)
  const [announcement, setAnnouncement] = useState('')
  const sections = drag?.sections ?? arranged(menu ?? [])

  /** Saves the order in which the element at this place has moved. */
  function save(sections: Section[], place: Place) {
    const patch = positionsOfMove(sections, place)
    const changed = sections.flatMap(({ items }) => items).filter(({ id }) => patch[id])
    if (changed.length > 0) void change(changed, patch, text.toast.moved)
  }

  function handle(place: Place, name: string) {
    const label = place.item === null ? text.arrange.moveSection(name) : text.arrange.moveItem(name)
    const count = place.item === null ? sections.length : (sections[place.section]?.items.length ?? 0)
    const index = place.item ?? place.section

    function onKeyDown(event: KeyboardEvent<HTMLButtonElement>) {
      const to = index + (event.key === 'ArrowDown' ? 1 : event.key === 'ArrowUp' ? -1 : 0)
      if (to === index || to < 0 || to >= count) return
      event.preventDefault()
      const target = place.item === null ? { section: to, item: null } : { ...place, item: to }
      save(moved(sections, place, target), target)
      setAnnouncement(text.arrange.place(name, to + 1, count))
      const button = event.currentTarget
      requestAnimationFrame(() => button.focus()) // moving the row has taken the focus away
    }

    function onPointerMove(event: PointerEvent<HTMLButtonElement>) {
      if (!drag) return
      scrollAtEdge(event)
      const target = placeAt(event, drag.place)
      if (target) setDrag({ sections: moved(drag.sections, drag.place, target), place: target })
    }

    return (
      <button
        type="button"
        className="icon handle"
        aria-label={label}
        onKeyDown={onKeyDown}
        onPointerDown={(event) => {
          event.currentTarget.setPointerCapture(event.pointerId)
          setDrag({ sections, place })
        }}
        onPointerMove={onPointerMove}
        onPointerUp={() => {
          if (drag) save(drag.sections, drag.place)
          setDrag(null)
        }}
        onPointerCancel={() => setDrag(null)}
      >
        ⠿
      </button>
    )
  }

  return (
    <Dialog title={text.arrange.title} onClose={closeToMenu} className="arrange">
      <div className="dialog-body">
        <Loading error={error} done={menu !== null} />
        <p>{text.arrange.help}</p>
        <p className="hidden" role="status">
          {announcement}
        </p>
        {sections.map(({ name, items }, section) => (
          <section key={name} data-section={section}>
            <h3 dir="auto">
              {handle({ section, item: null }, name || text.arrange.other)} {name || text.arrange.other}
            </h3>
            <ol>
              {items.map((item, n) => (
                <li key={item.id} data-section={section} data-place={n}>
                  {handle({ section, item: n }, item.name)} <span dir="auto">{item.name}</span>
                </li>
              ))}
            </ol>
          </section>
        ))}
      </div>
    </Dialog>
  )
}

/** The sections after a move. An item stays in its section. */
function moved(sections: Section[], from: Place, to: Place): Section[] {
  if (from.item === null || to.item === null) return move(sections, from.section, to.section)
  const [a, b] = [from.item, to.item]
  return sections.map((section, n) => (n === from.section ? { ...section, items: move(section.items, a, b) } : section))
}

/** The place under the pointer, if what moves can go there. */
function placeAt({ clientX, clientY }: PointerEvent, from: Place): Place | null {
  const under = document.elementFromPoint(clientX, clientY)
  const row = under?.closest<HTMLElement>(from.item === null ? 'section[data-section]' : 'li[data-place]')
  if (!row) return null
  const section = Number(row.dataset.section)
  if (from.item === null) return section === from.section ? null : { section, item: null }
  const item = Number(row.dataset.place)
  return section !== from.section || item === from.item ? null : { section, item }
}

function scrollAtEdge({ currentTarget, clientY }: PointerEvent) {
  const body = currentTarget.closest('.dialog-body')
  if (!body) return
  const { top, bottom } = body.getBoundingClientRect()
  if (clientY < top + 40) body.scrollBy(0, -12)
  if (clientY > bottom - 40) body.scrollBy(0, 12)
}
