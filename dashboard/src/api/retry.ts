import { retryAfterOf, Unreachable } from './problem'

const attempts = 4
const longestWait = 10 // seconds; the page reports a longer wait to the user
const timeout = 20_000 // milliseconds

/**
 * Like fetch, but retries when a busy server sends a short Retry-After. Every request of this page can be repeated: reads,
 * writes with If-Match, and POSTs with an Idempotency-Key.
 *
 * Throws Unreachable without a response, and the signal's reason after an abort.
 */
export async function fetchWithRetry(request: Request, onWait?: (seconds: number) => void): Promise<Response> {
  for (let attempt = 1; ; attempt++) {
    const response = await fetchOnce(request.clone())
    const wait = retryAfterOf(response)
    const later = [409, 429, 503].includes(response.status) && wait !== undefined && wait <= longestWait
    if (!later || attempt === attempts) return response
    onWait?.(wait)
    await delay(wait * 1000, request.signal)
  }
}

async function fetchOnce(request: Request): Promise<Response> {
  try {
    return await fetch(request, { signal: AbortSignal.any([request.signal, AbortSignal.timeout(timeout)]) })
  } catch (error) {
    if (request.signal.aborted) throw request.signal.reason
    throw new Unreachable(error)
  }
}

function delay(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, milliseconds)
    signal.addEventListener('abort', () => (clearTimeout(timer), reject(signal.reason)), { once: true })
  })
}
