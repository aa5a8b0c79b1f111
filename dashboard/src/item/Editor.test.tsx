import { screen, waitFor } from '@testing-library/react'
import userEvent from '@testing-library/user-event'
import { expect, test, vi } from 'vitest'

import type { Item } from '../api/types'
import { renderPage } from '../testing/render'
import { bodyOf, serve } from '../testing/server'
import { Editor } from './Editor'

const tea: Item = { id: 3, name: 'Tea', price: 1.99, description: 'Informative', image: '' }
const editor = ['create:items', 'update:items']

/** A server with one item. The test decides the responses to writes. */
async function serveItem(
  write: (body: { item: Item }, headers: NodeJS.Dict<string | string[]>) => [status: number, body: unknown, etag?: string],
  now = () => ({ item: tea, etag: '"1-a"' }),
) {
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
  const described = price
    .getAttribute('aria-describedby')
    ?.split(' ')
    .map((id) => document.getElementById(id)?.textContent)
  expect(described).toContain('Enter a price')
  expect((await field(/Picture/)).getAttribute('aria-invalid')).toBe('true')
  expect((await field('Name')).getAttribute('aria-invalid')).toBeNull()
  expect(screen.getByRole('alert').textContent).toBe('Not saved. Fix the fields marked in red.')
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
    await screen.findByText('Not saved. Broken.')
    await waitFor(() => expect(screen.getByRole('button', { name: 'Add to the menu' })).toBeTruthy())
  }
  expect(keys).toHaveLength(3)
  expect(keys[0]).toBe(keys[1])
  expect(keys[0]).not.toBe(keys[2])
})

/** A server where another user has changed the tea since the page loaded it. */
async function serveChanged(theirs: Partial<Item>) {
  const changed = { ...tea, ...theirs }
  let now = { item: tea, etag: '"1-a"' }
  const bodies: unknown[] = []
  await serveItem(
    ({ item }, headers) => {
      if (headers['if-match'] !== '"2-b"') {
        now = { item: changed, etag: '"2-b"' }
        return [412, { detail: 'Changed.' }]
      }
      bodies.push(item)
      return [200, { ...changed, ...item }, '"3-c"']
    },
    () => now,
  )
  return bodies
}

test('changes of two users to different fields are saved together', async () => {
  const bodies = await serveChanged({ price: 3, tagline: 'Hot' })
  renderPage(<Editor id={3} />, { items: [tea], permissions: editor })
  await userEvent.type(await field('Name'), ' of mine')
  await press('Save')
  await screen.findByText('Tea of mine saved.')
  expect(bodies).toEqual([{ name: 'Tea of mine' }])
})

test.each([
  ['Keep mine', '2.50', [{ price: 2.5 }]],
  ['Use theirs', '3.00', []],
])('a field that both users changed waits for a choice: %s', async (choice, shown, sent) => {
  const bodies = await serveChanged({ price: 3, tagline: 'Hot' })
  renderPage(<Editor id={3} />, { items: [tea], permissions: editor })
  const price = (await field('Price')) as HTMLInputElement
  await userEvent.clear(price)
  await userEvent.type(price, '2.50')
  await press('Save')
  await screen.findByText('$3.00')
  await waitFor(() => expect(document.activeElement?.textContent).toBe('Keep mine'))
  expect(((await field(/Tagline/)) as HTMLInputElement).value).toBe('Hot')
  await press('Save') // without a choice
  await press(choice)
  expect(price.value).toBe(shown)
  await press('Save')
  await screen.findByText('Tea saved.')
  expect(bodies).toEqual(sent)
})

test('an ambiguous price has to be chosen', async () => {
  const bodies: unknown[] = []
  await serveItem(({ item }) => {
    bodies.push(item.price)
    return [201, { ...tea, ...item, id: 4 }]
  })
  renderPage(<Editor id={null} />, { permissions: editor })
  await userEvent.type(await field('Name'), 'Feast')
  await userEvent.type(await field('Price'), '1.000')
  await press('Add to the menu')
  await screen.findByText('Choose what 1.000 means')
  expect(screen.getByRole('button', { name: '$1.00' })).toBeTruthy()
  await press('$1,000.00')
  await press('Add to the menu')
  await screen.findByText('Feast added to the menu.')
  expect(bodies).toEqual([1000])
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
  await screen.findByText('Tea with milk saved.')
  expect(bodies).toEqual([{ item: { name: 'Tea with milk' } }])
  expect(stored).toEqual({ ...tea, name: 'Tea with milk', origin: 'Ceylon' })
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
  expect(((await field('Name')) as HTMLInputElement).value).toBe('Tea with milk')
  await press('Discard')
  await waitFor(async () => expect(((await field('Name')) as HTMLInputElement).value).toBe('Tea'))
})
