import { useState } from 'react'

import { close, closeToMenu, itemAddress } from '../routing/route'
import { text } from '../text'
import { Dialog } from '../ui/Dialog'
import { Waiting } from '../ui/Waiting'
import { keepDraft, readDraft } from './draft'
import { ItemForm } from './ItemForm'
import { ItemNotFound } from './ItemNotFound'
import { useItem } from './useItem'
import { empty, valuesOf } from './values'

/** Edits an item, or a new one without an id. It starts with the unsaved draft, if there is one. */
export function Editor({ id }: { id: number | null }) {
  const { item, error, missing } = useItem(id)
  const [draft, setDraft] = useState(() => readDraft(id))
  // The form stays open when someone deletes the item.
  const [loaded, setLoaded] = useState(item)
  if (!loaded && item) setLoaded(item)
  const saved = loaded ? { base: loaded, values: valuesOf(loaded) } : id === null ? { base: null, values: empty } : null
  const start = draft ?? saved

  // Escape keeps the draft, Cancel discards it.
  const leave = () => (id === null ? closeToMenu() : close(itemAddress(id)))
  const discard = () => {
    keepDraft(id, null)
    leave()
  }
  const startOver = () => {
    keepDraft(id, null)
    setDraft(null)
    setLoaded(item)
  }

  if (!start) return missing && id !== null ? <ItemNotFound id={id} problem={missing} /> : <Waiting title={text.item.edit} error={error} />
  return (
    <Dialog title={start.base ? text.form.edit(start.base.name) : text.menu.add} onClose={leave}>
      <ItemForm
        key={draft ? 'draft' : 'item'}
        id={id}
        start={start}
        item={item}
        deleted={missing !== null}
        onClose={discard}
        onDiscard={draft && startOver}
      />
    </Dialog>
  )
}
