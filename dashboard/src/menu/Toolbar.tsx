import { useEffect, useRef, useState } from 'react'

import type { Query } from '../api/types'
import { navigate } from '../routing/route'
import { text } from '../text'
import { Select } from '../ui/Select'
import { everything, formatQuery, sorts } from './query'

const debounce = 200 // milliseconds from the last key to the search

/** Searches, filters and sorts the menu. The address contains the query, so users can share it and go back to it. */
export function Toolbar({ query, categories }: { query: Query; categories: readonly string[] }) {
  const [typed, setTyped] = useState(query.q)
  const input = useRef<HTMLInputElement>(null)

  // The back button or a link may change the address.
  useEffect(() => {
    if (document.activeElement !== input.current) setTyped(query.q)
  }, [query.q])

  useEffect(() => {
    if (typed.trim() === query.q.trim()) return
    const timer = setTimeout(() => go({ ...query, q: typed }), debounce)
    return () => clearTimeout(timer)
  }, [typed, query])

  return (
    <search className="toolbar">
      <label className="search">
        <span className="hidden">{text.menu.search}</span>
        <svg viewBox="0 0 24 24" aria-hidden="true">
          <circle cx="10.5" cy="10.5" r="6.5" />
          <path d="M15.5 15.5L21 21" />
        </svg>
        <input
          ref={input}
          type="search"
          dir="auto"
          placeholder={text.menu.search}
          autoComplete="off"
          enterKeyHint="search"
          maxLength={200}
          value={typed}
          onChange={(event) => setTyped(event.target.value)}
        />
      </label>
      <label className="sort">
        {text.menu.sortBy}
        <Select value={query.sort} options={sorts} onChange={(sort) => go({ ...query, sort })} />
      </label>
      {categories.length > 0 && (
        <fieldset className="categories">
          <legend className="hidden">{text.fields.category}</legend>
          {['', ...categories].map((category) => (
            <label key={category} className="chip">
              <input
                type="radio"
                name="category"
                value={category}
                checked={query.category === category}
                onChange={() => go({ ...query, q: typed, category })}
              />
              <span dir="auto">{category || text.menu.allCategories}</span>
            </label>
          ))}
        </fieldset>
      )}
    </search>
  )
}

// Replaces the history entry, so that the back button leaves the search and does not step through it.
function go(query: Query) {
  navigate(window.location.pathname + formatQuery(query), { replace: true })
}

/** Shows the whole menu. */
export const clearQuery = () => go(everything)
