import { useEffect, useId, useRef, useState } from 'react'

import { navigate } from '../app/route'
import { everything, formatQuery, sorts, type Query, type Sort } from './query'

const debounce = 200 // milliseconds between the last key and the search

/** Searches, filters and sorts the menu. What is chosen stands in the address, so that it can be shared and gone back to. */
export function Toolbar({ query, categories }: { query: Query; categories: readonly string[] }) {
  const [typed, setTyped] = useState(query.q)
  const input = useRef<HTMLInputElement>(null)
  const sortId = useId()

  // The address may change without the input: with the back button, or by a link.
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
        <span className="hidden">Search the menu</span>
        <svg viewBox="0 0 24 24" aria-hidden="true">
          <circle cx="10.5" cy="10.5" r="6.5" />
          <path d="M15.5 15.5L21 21" />
        </svg>
        <input
          ref={input}
          type="search"
          placeholder="Search the menu"
          autoComplete="off"
          enterKeyHint="search"
          maxLength={200}
          value={typed}
          onChange={(event) => setTyped(event.target.value)}
        />
      </label>
      <div className="sort">
        <label htmlFor={sortId}>Sort by</label>
        <select id={sortId} value={query.sort} onChange={(event) => go({ ...query, sort: event.target.value as Sort })}>
          {Object.entries(sorts).map(([sort, label]) => (
            <option key={sort} value={sort}>
              {label}
            </option>
          ))}
        </select>
      </div>
      {categories.length > 0 && (
        <fieldset className="categories">
          <legend className="hidden">Category</legend>
          {['', ...categories].map((category) => (
            <label key={category} className="chip">
              <input
                type="radio"
                name="category"
                value={category}
                checked={query.category === category}
                onChange={() => go({ ...query, q: typed, category })}
              />
              <span>{category || 'All'}</span>
            </label>
          ))}
        </fieldset>
      )}
    </search>
  )
}

// Without a step in the history for each: back leads out of the search, not through every word of it.
function go(query: Query) {
  navigate(window.location.pathname + formatQuery(query), { replace: true })
}

/** Shows everything again. */
export const clearQuery = () => go(everything)
