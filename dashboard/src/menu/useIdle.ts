import { useEffect, useState } from 'react'

// Safari has no idle callbacks.
const whenIdle = window.requestIdleCallback ?? ((run: () => void) => setTimeout(run, 1_000))

/** Whether the browser has been idle since the component appeared. */
export function useIdle(): boolean {
  const [idle, setIdle] = useState(false)
  useEffect(() => void whenIdle(() => setIdle(true)), [])
  return idle
}
