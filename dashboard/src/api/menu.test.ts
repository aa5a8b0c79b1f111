import { expect, test } from 'vitest'

import { bodyOf, serve } from '../testing/server'
import { createAPI } from './menu'
import { SessionEnded } from './problem'

const soup = { name: 'Soup', price: 4.5, description: '', image: '' }

test('a list request has the query and returns the next page key', async () => {
  let asked = ''
  await serve((request, response) => {
    asked = request.url ?? ''
    response
      .writeHead(200, { 'Content-Type': 'application/json', ETag: '"x"', Link: '</items?limit=100&after=ab.7>; rel="next"' })
      .end('[]')
  })
  const page = await createAPI(async () => '').list({ q: ' crème ', category: 'A & B', sort: '-price' })
  expect(Object.fromEntries(new URLSearchParams(asked.split('?')[1]))).toEqual({
    limit: '100',
    q: 'crème',
    category: 'A & B',
    sort: '-price',
  })
  expect(page).toEqual({ items: [], after: 'ab.7', etag: '"x"' })
})

test('a write sends its token, its condition and its body', async () => {
  let seen: unknown
  await serve(async (request, response) => {
    seen = { method: request.method, url: request.url, ...pick(request.headers), body: await bodyOf(request) }
    response.writeHead(200, { 'Content-Type': 'application/json', ETag: '"2-b"' }).end(JSON.stringify({ id: 3, ...soup }))
  })
  const saved = await createAPI(async () => 'token').update(3, { price: 4.5 }, '"1-a"')
  expect(seen).toEqual({
    method: 'PATCH',
    url: '/items/3',
    authorization: 'Bearer token',
    'if-match': '"1-a"',
    body: { item: { price: 4.5 } },
  })
  expect(saved).toEqual({ item: { id: 3, ...soup }, etag: '"2-b"' })
})

const pick = (headers: NodeJS.Dict<string | string[]>) => ({ authorization: headers.authorization, 'if-match': headers['if-match'] })

test('a rejected token is renewed once, and the idempotency key stays', async () => {
  const keys = new Set<unknown>()
  await serve((request, response) => {
    keys.add(request.headers['idempotency-key'])
    if (request.headers.authorization !== 'Bearer new') return void response.writeHead(401).end()
    response.writeHead(201, { 'Content-Type': 'application/json' }).end(JSON.stringify({ id: 4, ...soup }))
  })
  const { item } = await createAPI(async (renew) => (renew ? 'new' : 'old')).create(soup, 'one-key')
  expect(item.id).toBe(4)
  expect([...keys]).toEqual(['one-key'])
})

test('a failed renewal ends the session', async () => {
  await serve((_, response) => response.writeHead(401).end())
  await expect(createAPI(async () => 'old').me()).rejects.toBeInstanceOf(SessionEnded)
})
