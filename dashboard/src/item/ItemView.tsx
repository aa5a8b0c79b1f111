import type { Item } from '../api/types'
import { useMay } from '../auth/session'
import { fields, formatField } from '../menu/fields'
import { Picture } from '../menu/Picture'
import { Link } from '../routing/Link'
import { closeToMenu, itemAddress } from '../routing/route'
import { text } from '../text'
import { Dialog } from '../ui/Dialog'
import { formatPrice } from '../ui/format'
import { showToast } from '../ui/toasts'
import { Typed } from '../ui/Typed'
import { useActions } from './useActions'

// The other fields follow the description, each with its label.
const placed = ['name', 'image', 'category', 'tagline', 'description', 'price', 'soldOut', 'position']
const otherFields = fields.filter(({ name }) => !placed.includes(name))

/** The page of an item, with the actions that the user may take. */
export function ItemView({ item }: { item: Item }) {
  const may = useMay()
  const { remove } = useActions()
  const facts = otherFields.filter((field) => formatField(field, item[field.name]))
  return (
    <Dialog title={item.name} aside={<p className="price">{formatPrice(item.price)}</p>} onClose={closeToMenu} className="item">
      <div className="dialog-body">
        <Picture item={item} eager />
        <div className="item-text">
          {item.soldOut && <p className="sold-out">{text.fields.soldOut}</p>}
          <Typed className="category">{item.category}</Typed>
          <Typed className="tagline">{item.tagline}</Typed>
          <Typed className="description">{item.description}</Typed>
          {facts.map((field) => (
            <p key={field.name} className="fact">
              {field.label}: <bdi>{formatField(field, item[field.name])}</bdi>
            </p>
          ))}
        </div>
      </div>
      <p className="actions dialog-foot">
        <CopyLink path={`/menu/${item.id}`} />
        {may('update:items') && (
          <>
            <Link className="button" href={itemAddress(item.id, '#history')}>
              {text.item.history}
            </Link>
            <Link className="button" href={itemAddress(item.id, '#edit')}>
              {text.item.edit}
            </Link>
          </>
        )}
        {may('delete:items') && (
          <button type="button" className="danger" onClick={() => void remove(item)}>
            {text.item.delete}
          </button>
        )}
      </p>
    </Dialog>
  )
}

function CopyLink({ path }: { path: string }) {
  if (!navigator.clipboard) return null // as on plain http
  async function copy() {
    const link = window.location.origin + path
    try {
      await navigator.clipboard.writeText(link)
      showToast({ text: text.toast.copied, id: 'copied' })
    } catch {
      showToast({ text: link, id: 'copied' })
    }
  }
  return (
    <button type="button" onClick={() => void copy()}>
      {text.item.copyLink}
    </button>
  )
}
