import { text } from '../text'
import type { components } from './schema'

type ProblemDocument = components['schemas']['Problem']
export type FieldError = components['schemas']['FieldError']

/** An error response: a problem document (RFC 9457), or a status without one. */
export class Problem extends Error {
  readonly status: number
  /** The last part of the type, such as "token-expired". */
  readonly kind: string
  /** The invalid fields, without the "item." of a wrapped body. */
  readonly errors: readonly FieldError[]
  /** In seconds. */
  readonly retryAfter: number | undefined

  constructor(response: Response, document: Partial<ProblemDocument>) {
    super(document.detail || document.title || text.status(response.status))
    this.name = 'Problem'
    this.status = response.status
    this.kind = (document.type ?? '').split(':').pop() ?? ''
    this.errors = (document.errors ?? []).map(({ field, message }) => ({ field: field.replace(/^item\./, ''), message }))
    this.retryAfter = retryAfterOf(response)
  }
}

/** Whether an error is a response with one of these statuses. */
export const hasStatus = (error: unknown, ...statuses: number[]): error is Problem =>
  error instanceof Problem && statuses.includes(error.status)

/** There was no response, so the server may or may not have processed the request. */
export class Unreachable extends Error {
  constructor(cause: unknown, message: string = text.unreachable) {
    super(message, { cause })
    this.name = 'Unreachable'
  }
}

/** The session has expired, and the user has to sign in again. */
export class SessionEnded extends Error {
  constructor(cause?: unknown) {
    super(text.session.ended, { cause })
    this.name = 'SessionEnded'
  }
}

/** Reads the problem of an error response. */
export async function problemOf(response: Response): Promise<Problem> {
  const isProblem = response.headers.get('Content-Type')?.startsWith('application/problem+json')
  const document = isProblem ? await response.json().catch(() => ({})) : {}
  return new Problem(response, document as Partial<ProblemDocument>)
}

/** The seconds of Retry-After (RFC 9110 section 10.2.3), undefined without a valid one. */
export function retryAfterOf(response: Response): number | undefined {
  const header = response.headers.get('Retry-After')
  if (!header) return undefined
  const seconds = Number(header)
  if (Number.isFinite(seconds)) return Math.max(0, seconds)
  const date = Date.parse(header)
  return Number.isNaN(date) ? undefined : Math.max(0, Math.ceil((date - Date.now()) / 1000))
}

/** The message of an error, for the user. */
export function messageOf(error: unknown): string {
  if (error instanceof Problem && error.retryAfter) return text.retryIn(error.message, error.retryAfter)
  return error instanceof Error ? error.message : String(error)
}
