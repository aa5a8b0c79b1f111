import { useEffect, useEffectEvent, useLayoutEffect, useRef, useState } from 'react'

import { storage } from '../ui/storage'
import { useMenu, useView } from './MenuProvider'

/** The reader's place in the menu: the first visible card and where it is. */
interface Place {
  search: string
  shown: number
  id: number
  top: number
}

const key = 'menu.place'
const step = 60 // cards to add at a time

/** The element that scrolls. */
export const scroller = () => document.querySelector('.page')

/**
 * Decides how many cards the page renders: more as the reader scrolls, and again the first ones for a new search. Returns to
 * the reader's place after a reload, after signing in, and from another page.
 */
export function usePlace(search: string): { shown: number; showMore: () => void } {
  const { store } = useMenu()
  const { items, more, status } = useView()
  const [place] = useState(() => {
    const place = storage.read<Place>(key)
    return place?.search === search ? place : null
  })
  const restored = useRef(place === null)
  const [rendered, setRendered] = useState({ search, count: place?.shown ?? step })
  const shown = rendered.search === search ? rendered.count : step

  function showMore() {
    setRendered({ search, count: Math.min(shown, items.length) + step })
    if (items.length <= shown + step) void store.loadMore()
  }

  useEffect(() => {
    if (restored.current || !place || status !== 'ready') return
    if (items.length < place.shown && more) return void store.loadMore()
    const card = document.querySelector(`[data-item="${place.id}"]`)
    if (card) scroller()?.scrollBy(0, card.getBoundingClientRect().top - place.top)
    restored.current = true
  }, [place, store, items, more, status])

  const save = useEffectEvent(() => {
    if (!restored.current) return
    const card = [...document.querySelectorAll<HTMLElement>('[data-item]')].find((card) => card.getBoundingClientRect().bottom > 0)
    const id = Number(card?.dataset.item)
    storage.write(key, card && scroller()?.scrollTop ? { search, shown, id, top: card.getBoundingClientRect().top } : null)
  })
  useLayoutEffect(() => {
    const leave = () => save()
    window.addEventListener('pagehide', leave)
    return () => {
      window.removeEventListener('pagehide', leave)
      leave()
    }
  }, [])

  return { shown, showMore }
}
