/** One wrong field of a request. */
export interface FieldError {
  field: string
  message: string
}

/** A refusal of the API: a problem document (RFC 9457), or a status without one. */
export class Problem extends Error {
  readonly status: number
  /** The last part of the type, such as "token-expired". */
  readonly kind: string
  /** What is wrong with which field, without the "item." of a wrapped body. */
  readonly errors: readonly FieldError[]
  /** In seconds. */
  readonly retryAfter: number | undefined

  constructor(response: Response, document: Partial<ProblemDocument>) {
    super(document.detail || document.title || `The server answered with status ${response.status}.`)
    this.name = 'Problem'
    this.status = response.status
    this.kind = (document.type ?? '').split(':').pop() ?? ''
    this.errors = (document.errors ?? []).map(({ field, message }) => ({ field: field.replace(/^item\./, ''), message }))
    this.retryAfter = retryAfterOf(response)
  }
}

interface ProblemDocument {
  type: string
  title: string
  detail: string
  errors: FieldError[]
}

/** The server could not be reached: nobody knows whether it got the request. */
export class Unreachable extends Error {
  constructor(cause: unknown) {
    super('The server cannot be reached. Check the connection and try again.', { cause })
    this.name = 'Unreachable'
  }
}

/** The provider vouches for this person no more: they have to sign in again. */
export class SessionEnded extends Error {
  constructor(cause?: unknown) {
    super('Your session has ended.', { cause })
    this.name = 'SessionEnded'
  }
}

/** Reads the problem out of an answer that is not ok. */
export async function problemOf(response: Response): Promise<Problem> {
  const isProblem = response.headers.get('Content-Type')?.startsWith('application/problem+json')
  const document = isProblem ? await response.json().catch(() => ({})) : {}
  return new Problem(response, document as Partial<ProblemDocument>)
}

/** How long to wait before the next attempt, in seconds, undefined when the answer does not say (RFC 9110 section 10.2.3). */
export function retryAfterOf(response: Response): number | undefined {
  const header = response.headers.get('Retry-After')
  if (!header) return undefined
  const seconds = Number(header)
  if (Number.isFinite(seconds)) return Math.max(0, seconds)
  const date = Date.parse(header)
  return Number.isNaN(date) ? undefined : Math.max(0, Math.ceil((date - Date.now()) / 1000))
}

/** What went wrong, for the person in front of the page. */
export function messageOf(error: unknown): string {
  if (error instanceof Problem && error.retryAfter) return `${error.message} (in ${error.retryAfter} s)`
  return error instanceof Error ? error.message : String(error)
}
