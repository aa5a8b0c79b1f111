import { closeToMenu } from '../app/route'
import { Link } from '../app/Link'
import { useMay } from '../auth/session'
import { fields, formatField } from '../menu/fields'
import type { Item } from '../menu/item'
import { Picture } from '../menu/Picture'
import { Dialog } from '../ui/Dialog'
import { formatPrice } from '../ui/format'
import { useToasts } from '../ui/toasts'
import { useActions } from './useActions'

// The other fields follow the price, each with its label.
const placed = ['name', 'image', 'category', 'tagline', 'description', 'price']
const otherFields = fields.filter(({ name }) => !placed.includes(name))

/** The page of an item, with the actions that the user may take. */
export function ItemView({ item }: { item: Item }) {
  const may = useMay()
  const { remove } = useActions()
  const here = `/menu/${item.id}${window.location.search}`
  return (
    <Dialog title={item.name} onClose={closeToMenu} className="item">
      <Picture item={item} eager />
      <div className="item-text">
        {item.category && <p className="category">{item.category}</p>}
        {item.tagline && <p className="tagline">{item.tagline}</p>}
        {item.description && <p className="description">{item.description}</p>}
        <p className="facts">
          <span className="price">{formatPrice(item.price)}</span>
          {otherFields.map(
            (field) =>
              formatField(field, item[field.name]) && (
                <span key={field.name}>
                  {field.label}: {formatField(field, item[field.name])}
                </span>
              ),
          )}
        </p>
        <p className="actions">
          <CopyLink path={`/menu/${item.id}`} />
          {may('update:items') && (
            <>
              <Link className="button" href={`${here}#history`}>
                History
              </Link>
              <Link className="button" href={`${here}#edit`}>
                Edit
              </Link>
            </>
          )}
          {may('delete:items') && (
            <button type="button" className="danger" onClick={() => void remove(item)}>
              Delete
            </button>
          )}
        </p>
      </div>
    </Dialog>
  )
}

function CopyLink({ path }: { path: string }) {
  const { show } = useToasts()
  if (!navigator.clipboard) return null // as on plain http
  async function copy() {
    const link = window.location.origin + path
    try {
      await navigator.clipboard.writeText(link)
      show({ text: 'The link is copied.', id: 'copied' })
    } catch {
      show({ text: link, id: 'copied' })
    }
  }
  return (
    <button type="button" onClick={() => void copy()}>
      Copy link
    </button>
  )
}
