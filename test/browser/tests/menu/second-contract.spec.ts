// The second contract, as its publisher's dashboards use it: from another origin, signed in with Auth0's SDK.
import type { Page } from '@playwright/test'
import { expectUser, signIn, test } from '../../support/application.ts'
import { expect } from '../../support/test.ts'

interface Item {
  id: string
  name: string
  price: number
  tagline?: string
  description: string
  image: string
  calories?: number
  category?: string
}

// The forms of these dashboards send an edited field as text.
const soup = {
  name: 'Soup',
  price: '4.99',
  tagline: 'Warms you up',
  description: 'Of the day',
  image: 'https://example.com/soup.png',
  calories: '320',
  category: 'Starters',
}

test("an administrator's dashboard lists, adds, edits and removes", { tag: '@engine' }, async ({ page, program, open }) => {
  await open()
  await signIn(page, 'Avery Admin')
  await expectUser(page, 'Avery Admin')
  const url = program.url + '/api/menu/items'

  const menu = await read<Item[]>(page, url)
  expect(menu.map(({ id, name, price }) => [typeof id, name, price])).toEqual([
    ['string', 'Burger', 599],
    ['string', 'Pizza', 299],
    ['string', 'Tea', 199],
  ])

  expect(await send(page, 'POST', url, soup)).toBe(201)
  const added = (await read<Item[]>(page, url)).find(({ name }) => name === 'Soup')!
  expect(added).toEqual({ ...soup, id: added.id, price: 499, calories: 320 })
  expect(typeof added.id).toBe('string')

  // An unchanged price stays a number. An edited price is what the form shows: only digits.
  expect(await send(page, 'PUT', `${url}/${added.id}`, { ...added, name: 'Broth' })).toBe(200)
  expect(await read(page, `${url}/${added.id}`)).toEqual({ ...added, name: 'Broth' })
  expect(await send(page, 'PUT', `${url}/${added.id}`, { ...added, price: '649' })).toBe(200)
  expect(await read(page, `${url}/${added.id}`)).toEqual({ ...added, price: 649 })
  const first = await page.request.get(`${program.url}/items/${added.id}`)
  expect(await first.json()).toMatchObject({ id: Number(added.id), price: 6.49 })

  expect(await send(page, 'DELETE', `${url}/${added.id}`)).toBe(204)
  expect(await read<Item[]>(page, url)).toEqual(menu)

  expect(await send(page, 'DELETE', url)).toBe(204)
  expect(await read<Item[]>(page, url)).toEqual([])
  expect(await send(page, 'POST', program.url + '/api/menu/reset')).toBe(200)
  expect((await read<Item[]>(page, url)).map(({ name }) => name)).toEqual(['Burger', 'Pizza', 'Tea'])
})

test("a customer's dashboard lists but cannot change anything", async ({ page, program, open, expected }) => {
  await open()
  await signIn(page, 'Casey Customer')
  await expectUser(page, 'Casey Customer')
  const url = program.url + '/api/menu/items'
  expected.push(/403 \(Forbidden\)/)
  expect(await send(page, 'POST', url, soup)).toBe(403)
  const [{ id }] = await read<Item[]>(page, url)
  expect(await send(page, 'PUT', `${url}/${id}`, { ...soup, id })).toBe(403)
  expect(await send(page, 'DELETE', `${url}/${id}`)).toBe(403)
  expect(await send(page, 'DELETE', url)).toBe(403)
  expect(await read<Item[]>(page, url)).toHaveLength(3)
})

test('an invalid token does not affect public reads', async ({ page, program, open }) => {
  await open()
  const names = await page.evaluate(async (url) => {
    const response = await fetch(url, { headers: { Authorization: 'Bearer undefined' } })
    return (await response.json()).map(({ name }: Item) => name)
  }, program.url + '/api/menu/items')
  expect(names).toEqual(['Burger', 'Pizza', 'Tea'])
})

/** Reads as such a dashboard does: with a token that the API does not need. */
async function read<T>(page: Page, url: string): Promise<T> {
  return page.evaluate(async (url) => {
    const token = await window.client.getTokenSilently()
    return (await fetch(url, { headers: { Authorization: `Bearer ${token}` } })).json()
  }, url)
}

/** Sends a request as such a dashboard does and returns its status, which is all that it checks. */
async function send(page: Page, method: string, url: string, body?: object): Promise<number> {
  return page.evaluate(
    async ({ method, url, body }) => {
      const headers: Record<string, string> = { Authorization: `Bearer ${await window.client.getTokenSilently()}` }
      if (body) headers['Content-Type'] = 'application/json'
      return (await fetch(url, { method, headers, body: body && JSON.stringify(body) })).status
    },
    { method, url, body },
  )
}
