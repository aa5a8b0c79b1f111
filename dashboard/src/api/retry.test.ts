import { expect, test } from 'vitest'

import { serve } from '../testing/server'
import { fetchWithRetry } from './retry'
import { Problem, problemOf, retryAfterOf, Unreachable } from './problem'

test('a response with a short Retry-After is retried', async () => {
  let requests = 0
  const origin = await serve((_, response) => {
    requests++
    if (requests < 3) response.writeHead(503, { 'Retry-After': '0' }).end()
    else response.end('done')
  })
  const waits: number[] = []
  const response = await fetchWithRetry(new Request(`${origin}/items`), (seconds) => waits.push(seconds))
  expect(await response.text()).toBe('done')
  expect(waits).toEqual([0, 0])
})

test.each([
  ['a server that stays busy gets four attempts', 503, '0', 4],
  ['a long wait is not retried', 429, '60', 1],
  ['an error without Retry-After is not retried', 503, undefined, 1],
  ['another status is not retried', 400, '0', 1],
])('%s', async (_, status, retryAfter, attempts) => {
  let requests = 0
  const origin = await serve((_, response) => {
    requests++
    response.writeHead(status, retryAfter ? { 'Retry-After': retryAfter } : {}).end()
  })
  const response = await fetchWithRetry(new Request(`${origin}/items`))
  expect(response.status).toBe(status)
  expect(requests).toBe(attempts)
})

test('a retry sends the body again', async () => {
  const bodies: string[] = []
  const origin = await serve((request, response) => {
    let body = ''
    request.on('data', (chunk) => (body += chunk))
    request.on('end', () => {
      bodies.push(body)
      response.writeHead(bodies.length === 1 ? 503 : 201, { 'Retry-After': '0' }).end()
    })
  })
  await fetchWithRetry(new Request(`${origin}/items`, { method: 'POST', body: 'soup' }))
  expect(bodies).toEqual(['soup', 'soup'])
})

test('a missing server throws Unreachable', async () => {
  await expect(fetchWithRetry(new Request('http://localhost:1/items'))).rejects.toBeInstanceOf(Unreachable)
})

test('a problem document becomes a Problem', async () => {
  const body = {
    type: 'urn:problem-type:menu-api:invalid-request',
    detail: 'Wrong.',
    errors: [{ field: 'item.price', message: 'is required' }],
  }
  const response = new Response(JSON.stringify(body), { status: 400, headers: { 'Content-Type': 'application/problem+json' } })
  const problem = await problemOf(response)
  expect(problem).toBeInstanceOf(Problem)
  expect(problem).toMatchObject({
    status: 400,
    kind: 'invalid-request',
    message: 'Wrong.',
    errors: [{ field: 'price', message: 'is required' }],
  })
})

test('an error page of a proxy becomes a Problem', async () => {
  expect(await problemOf(new Response('<html>', { status: 502 }))).toMatchObject({
    status: 502,
    message: 'The server responded with status 502.',
  })
})

test.each([
  ['7', 7],
  ['0', 0],
  ['-1', 0],
  ['soon', undefined],
  [new Date(Date.now() - 5_000).toUTCString(), 0],
])('Retry-After %s is %s seconds', (header, seconds) => {
  expect(retryAfterOf(new Response(null, { headers: { 'Retry-After': header } }))).toBe(seconds)
})
