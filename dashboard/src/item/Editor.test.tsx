import { screen, waitFor, within } from '@testing-library/react'
import userEvent from '@testing-library/user-event'
import { expect, test, vi } from 'vitest'

import type { Item } from '../menu/item'
import { renderPage } from '../testing/render'
import { bodyOf, serve } from '../testing/server'
import Editor from './Editor'

const tea: Item = { id: 3, name: 'Tea', price: 1.99, description: 'Informative', image: '' }
const editor = ['create:items', 'update:items']

/** A server with one item. The test decides the responses to writes. */
async function serveItem(write: (body: { item: Item }, headers: NodeJS.Dict<string | string[]>) => [status: number, body: unknown, etag?: string], now = () => ({ item: tea, etag: '"1-a"' })) {
  await serve(async (request, response) => {
    const send = (status: number, body: unknown, etag = '') =>
      response
        .writeHead(status, { 'Content-Type': status < 400 ? 'application/json' : 'application/problem+json', ETag: etag })
        .end(JSON.stringify(body))
    if (request.method === 'GET') return void send(200, now().item, now().etag)
    send(...write((await bodyOf(request)) as { item: Item }, request.headers))
  })
}

const field = (name: string | RegExp) => screen.findByRole('textbox', { name })
const press = (name: string) => userEvent.click(screen.getByRole('button', { name }))

test('each invalid field shows its error, and the first has the focus', async () => {
  await serveItem(() => [
    400,
    {
      type: 'urn:problem-type:menu-api:invalid-request',
      detail: 'The item is not valid.',
      errors: [
        { field: 'item.price', message: 'must be a number' },
        { field: 'item.image', message: 'must be a URL' },
      ],
    },
  ])
  renderPage(<Editor id={null} />, { permissions: editor })
  await userEvent.type(await field('Name'), 'Soup')
  await userEvent.type(await field('Price'), 'abc')
  await press('Add to the menu')
  const price = await field('Price')
  await waitFor(() => expect(document.activeElement).toBe(price))
  expect(price.getAttribute('aria-invalid')).toBe('true')
  const described = price.getAttribute('aria-describedby')?.split(' ').map((id) => document.getElementById(id)?.textContent)
  expect(described).toContain('must be a number')
  expect((await field(/Picture/)).getAttribute('aria-invalid')).toBe('true')
  expect((await field('Name')).getAttribute('aria-invalid')).toBeNull()
  expect(screen.getByRole('alert').textContent).toContain('Nothing is saved yet')
})

test('the same item has the same idempotency key, another one has not', async () => {
  const keys: unknown[] = []
  await serveItem((_, headers) => {
    keys.push(headers['idempotency-key'])
    return [500, { detail: 'Broken.' }]
  })
  renderPage(<Editor id={null} />, { permissions: editor })
  await userEvent.type(await field('Name'), 'Soup')
  for (const more of ['', '', '!']) {
    if (more) await userEvent.type(await field('Name'), more)
    await press('Add to the menu')
    await screen.findByText('Broken.')
    await waitFor(() => expect(screen.getByRole('button', { name: 'Add to the menu' })).toBeTruthy())
  }
  expect(keys).toHaveLength(3)
  expect(keys[0]).toBe(keys[1])
  expect(keys[0]).not.toBe(keys[2])
})

test('a conflict shows both versions, and "Keep mine" saves over theirs', async () => {
  const theirs = { item: { ...tea, price: 3, tagline: 'Hot' }, etag: '"2-b"' }
  let now = { item: tea, etag: '"1-a"' }
  const conditions: unknown[] = []
  await serveItem(
    ({ item }, headers) => {
      conditions.push(headers['if-match'])
      if (headers['if-match'] === theirs.etag) return [200, { ...theirs.item, ...item }, '"3-c"']
      now = theirs
      return [412, { detail: 'Changed.' }]
    },
    () => now,
  )
  renderPage(<Editor id={3} />, { items: [tea], permissions: editor })
  const price = await field('Price')
  await userEvent.clear(price)
  await userEvent.type(price, '2.50')
  await press('Save')
  const row = within(await screen.findByRole('row', { name: /Price/ }))
  expect(row.getAllByRole('cell').map((cell) => cell.textContent)).toEqual(['$2.50', '$3.00'])
  expect(screen.getByRole('row', { name: /Tagline/ }).className).toBe('different')
  expect(screen.getByRole('row', { name: /Name/ }).className).toBe('same')
  await press('Keep mine')
  await screen.findByText('Tea is saved.')
  expect(conditions).toEqual(['"1-a"', '"2-b"'])
})

test('a field that the page does not know keeps its value', async () => {
  let stored = { ...tea, origin: 'Ceylon' }
  const bodies: unknown[] = []
  await serveItem(
    (body) => {
      bodies.push(body)
      stored = { ...stored, ...body.item } // a merge patch
      return [200, stored, '"2-b"']
    },
    () => ({ item: stored, etag: '"1-a"' }),
  )
  renderPage(<Editor id={3} />, { items: [tea], permissions: editor })
  await userEvent.type(await field('Name'), ' with milk')
  await press('Save')
  await screen.findByText('Tea with milk is saved.')
  expect(bodies).toEqual([{ item: { name: 'Tea with milk' } }])
  expect(stored).toEqual({ ...tea, name: 'Tea with milk', origin: 'Ceylon' })
})

test('"Continue editing" after a conflict merges both changes', async () => {
  const theirs = { item: { ...tea, tagline: 'Hot' }, etag: '"2-b"' }
  let now = { item: tea, etag: '"1-a"' }
  await serveItem(() => ((now = theirs), [412, { detail: 'Changed.' }]), () => now)
  renderPage(<Editor id={3} />, { items: [tea], permissions: editor })
  await userEvent.type(await field('Name'), ' of mine')
  await press('Save')
  await userEvent.click(await screen.findByRole('button', { name: 'Continue editing' }))
  expect((await field('Name') as HTMLInputElement).value).toBe('Tea of mine')
  expect((await field(/Tagline/) as HTMLInputElement).value).toBe('Hot')
})

test('an expired session asks to sign in again and keeps the draft', async () => {
  await serveItem(() => [401, { detail: 'The access token expired.' }])
  const signIn = vi.fn()
  const { unmount } = renderPage(<Editor id={3} />, { items: [tea], permissions: editor, signIn })
  await userEvent.type(await field('Name'), ' with milk')
  await press('Save')
  await userEvent.click(await screen.findByRole('button', { name: 'Sign in again' }))
  expect(signIn).toHaveBeenCalledOnce()
  unmount() // the redirect to the sign-in page
  renderPage(<Editor id={3} />, { items: [tea], permissions: editor })
  expect((await field('Name') as HTMLInputElement).value).toBe('Tea with milk')
  await press('Start over')
  await waitFor(async () => expect((await field('Name') as HTMLInputElement).value).toBe('Tea'))
})
