import { useState } from 'react'

import type { Item, ItemPatch, ItemsPatch } from '../api/types'
import { useMay } from '../auth/session'
import { closeToMenu } from '../routing/route'
import { text } from '../text'
import { Dialog } from '../ui/Dialog'
import { decimals, formatAmount, formatPrice } from '../ui/format'
import { readPrice } from '../ui/readPrice'
import { Select, Suggestions } from '../ui/Select'
import { Loading } from '../ui/Waiting'
import { useView, useWholeMenu } from './MenuProvider'
import { positionsFor } from './order'
import { arranged, comparer, everything, matcher, sectionsOf } from './query'
import { useChange } from './useChange'

type Operation = keyof typeof text.bulk.operations

const operations = Object.entries(text.bulk.operations) as [Operation, string][]

const steps = decimals > 0 ? [0.01, 0.05, 0.1, 0.5, 1] : [1, 10, 50, 100]

/** Changes several of the items that match the current search. It shows each change before the user applies it. */
export function Bulk() {
  const { menu, error } = useWholeMenu()
  const { query, categories } = useView()
  const may = useMay()
  const change = useChange()
  const [selected, setSelected] = useState<ReadonlySet<number>>(new Set())
  const [operation, setOperation] = useState<Operation>('percent')
  const [value, setValue] = useState('')
  const [step, setStep] = useState(steps[0] ?? 1)

  const items = menu?.filter(matcher(query)) ?? []
  const chosen = items.filter(({ id }) => selected.has(id))
  const patch = patchOf(operation, value, step, menu ?? [], chosen)
  const isPrice = operation === 'percent' || operation === 'amount'
  const ready = patch !== null && Object.keys(patch).length > 0 && !Object.values(patch).some((change) => Number(change?.price) < 0)

  function select(items: readonly Item[], on: boolean) {
    const changed = new Set(selected)
    items.forEach(({ id }) => (on ? changed.add(id) : changed.delete(id)))
    setSelected(changed)
  }

  const checkbox = (items: readonly Item[]) => (
    <input
      type="checkbox"
      checked={items.length > 0 && items.every(({ id }) => selected.has(id))}
      onChange={(event) => select(items, event.target.checked)}
    />
  )

  async function apply() {
    if (!ready) return
    const changed = menu?.filter(({ id }) => id in patch) ?? []
    const message = operation === 'delete' ? text.toast.deleted(text.activity.items(chosen.length)) : text.toast.changed(chosen.length)
    if (await change(changed, patch, message)) closeToMenu()
  }

  return (
    <Dialog title={text.bulk.title} onClose={closeToMenu} className="bulk">
      <div className="dialog-body">
        <Loading error={error} done={menu !== null} />
        <div className="fields">
          <label className="field">
            {text.bulk.operation}
            <Select
              value={operation}
              options={operations.filter(([name]) => name !== 'delete' || may('delete:items'))}
              onChange={setOperation}
            />
          </label>
          {(isPrice || operation === 'category') && (
            <label className="field field-name">
              {operation === 'category' ? text.fields.category : text.bulk.by}
              <input
                value={value}
                dir="auto"
                list="bulk-categories"
                autoComplete="off"
                onChange={(event) => setValue(event.target.value)}
              />
            </label>
          )}
          <Suggestions id="bulk-categories" values={isPrice ? [] : categories} />
          {isPrice && (
            <label className="field field-price">
              {text.bulk.round}
              <Select value={step} options={steps.map((step) => [step, formatAmount(step)])} onChange={setStep} />
            </label>
          )}
        </div>
        <label className="choice">
          {checkbox(items)} {text.bulk.all}
        </label>
        {arranged(items).map(({ name, items }) => (
          <fieldset key={name}>
            <legend>
              <label className="choice">
                {checkbox(items)} <span dir="auto">{name || text.arrange.other}</span>
              </label>
            </legend>
            {items.map((item) => (
              <label key={item.id} className="choice">
                {checkbox([item])} <span dir="auto">{item.name}</span>
                <Preview item={item} change={patch?.[item.id]} />
              </label>
            ))}
          </fieldset>
        ))}
      </div>
      <p className="actions dialog-foot">
        <button type="button" onClick={closeToMenu}>
          {text.form.cancel}
        </button>
        <button type="button" className={operation === 'delete' ? 'danger' : 'primary'} aria-disabled={!ready} onClick={() => void apply()}>
          {text.bulk.apply(operation === 'delete' ? text.item.delete : text.bulk.change, chosen.length)}
        </button>
      </p>
    </Dialog>
  )
}

/** The price of an item, or how the change affects it. */
function Preview({ item, change }: { item: Item; change: ItemPatch | null | undefined }) {
  if (change === null) return <del className="preview">{formatPrice(item.price)}</del>
  const price = change?.price
  return (
    <span className="preview">
      {price === undefined ? formatPrice(item.price) : <del>{formatPrice(item.price)}</del>}{' '}
      {price !== undefined && <ins>{formatPrice(price)}</ins>}
      {change && 'category' in change && <ins dir="auto">{change.category || text.arrange.other}</ins>}
      {change && 'soldOut' in change && (change.soldOut ? <ins>{text.fields.soldOut}</ins> : <del>{text.fields.soldOut}</del>)}
    </span>
  )
}

/** The request for the operation, or null if it needs a value that is missing or unclear. */
function patchOf(operation: Operation, value: string, step: number, menu: readonly Item[], chosen: readonly Item[]): ItemsPatch | null {
  const each = (patch: (item: Item) => ItemPatch | null) => Object.fromEntries(chosen.map((item) => [item.id, patch(item)]))
  switch (operation) {
    case 'percent':
    case 'amount': {
      const [by, unclear] = readPrice(value.replace(/[%+]/g, '').trim())
      if (by === undefined || unclear !== undefined) return null
      return each(({ price }) => ({ price: rounded(operation === 'percent' ? price + (price * by) / 100 : price + by, step) }))
    }
    case 'category':
      return each(() => ({ category: value.trim() }))
    case 'soldOut':
      return each(() => ({ soldOut: true }))
    case 'available':
      return each(() => ({ soldOut: null }))
    case 'delete':
      return each(() => null)
    case 'first':
    case 'last': {
      const moved = chosen.toSorted(comparer(everything))
      const others = menu.filter((item) => !chosen.includes(item)).sort(comparer(everything))
      return operation === 'first'
        ? positionsFor(sectionsOf([...moved, ...others]), moved, undefined, others[0])
        : positionsFor(sectionsOf([...others, ...moved]), moved, others.at(-1), undefined)
    }
  }
}

/** The price as a multiple of the step. Prices have two decimals. */
function rounded(price: number, step: number): number {
  return Number((Math.round(Number((price / step).toFixed(6))) * step).toFixed(2))
}
