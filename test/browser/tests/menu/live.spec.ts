// Several users at once, and broken connections.
import { test, type Dashboard } from '../../support/dashboard.ts'
import type { Program } from '../../support/program.ts'
import { expect } from '../../support/test.ts'

test('another user sees each change without a reload', { tag: '@engine' }, async ({ dashboard, another, page }) => {
  await dashboard.openAs('Avery Admin')
  const reader = await another()
  await reader.expectLive()

  await dashboard.openItem('Burger', 'Edit')
  await dashboard.field('Price').fill('7.77')
  await dashboard.button('Save').click()
  await expect(reader.card('Burger')).toContainText('7.77')

  // The reader may receive the change before the editor receives the response.
  await expect(page.getByRole('dialog', { name: 'Burger', exact: true })).toBeVisible()
  await page.keyboard.press('Escape')
  await dashboard.openItem('Pizza')
  await dashboard.button('Delete').click()
  await expect(reader.names).toHaveText(['Burger', 'Tea'])
  await dashboard.button('Undo').click()
  await expect(reader.names).toHaveText(['Burger', 'Pizza', 'Tea'])
})

test.describe('a conflict', () => {
  /** Saves the burger after another user has changed it. */
  async function collide(dashboard: Dashboard, program: Program) {
    await dashboard.openAs('Avery Admin')
    await dashboard.openItem('Burger', 'Edit')
    await dashboard.field('Name').fill('My burger')
    await program.change('Burger', { price: 9.99, tagline: 'Theirs' })
    await dashboard.button('Save').click()
    await expect(dashboard.dialog.getByRole('heading', { name: /^Somebody else has changed/ })).toBeFocused()
    const row = (field: string) => dashboard.dialog.getByRole('row').filter({ hasText: field })
    await expect(row('Name').getByRole('cell')).toHaveText(['My burger', 'Burger'])
    await expect(row('Price').getByRole('cell')).toHaveText([/5\.99/, /9\.99/])
    await expect(row('Tagline').getByRole('cell')).toHaveText(['none', 'Theirs'])
  }

  test.beforeEach(({ expected }) => void expected.push(/412 \(Precondition Failed\)/))

  test('keep mine', { tag: '@engine' }, async ({ dashboard, program }) => {
    await collide(dashboard, program)
    await dashboard.button('Keep mine').click()
    await expect(dashboard.page.getByText('My burger is saved.')).toBeVisible()
    const saved = await program.item('My burger')
    expect(saved.price).toBe(5.99)
    expect(saved).not.toHaveProperty('tagline')
  })

  test('use theirs', async ({ dashboard, program }) => {
    await collide(dashboard, program)
    await dashboard.button('Use theirs').click()
    await expect(dashboard.page.getByRole('dialog', { name: 'Burger', exact: true })).toContainText('9.99')
    expect(await program.item('Burger')).toMatchObject({ price: 9.99, tagline: 'Theirs' })
    await dashboard.dialog.getByRole('link', { name: 'Edit' }).click()
    await expect(dashboard.field('Name')).toHaveValue('Burger') // the draft is gone
  })

  test('continue with both changes', async ({ dashboard, program }) => {
    await collide(dashboard, program)
    await dashboard.button('Continue editing').click()
    await expect(dashboard.field('Name')).toHaveValue('My burger')
    await expect(dashboard.field('Price')).toHaveValue('9.99')
    await dashboard.button('Save').click()
    await expect(dashboard.page.getByText('My burger is saved.')).toBeVisible()
    expect(await program.item('My burger')).toMatchObject({ price: 9.99, tagline: 'Theirs' })
  })

  test('the other user deleted the item', async ({ dashboard, program, expected }) => {
    expected.push(/404 \(Not Found\)/)
    await dashboard.openAs('Avery Admin')
    await dashboard.openItem('Burger', 'Edit')
    await dashboard.field('Name').fill('My burger')
    const { id } = await program.item('Burger')
    await program.call('DELETE', `/items/${id}`)
    await dashboard.button('Save').click()
    await expect(dashboard.dialog.getByRole('heading', { name: /^Somebody else has deleted/ })).toBeFocused()
    await dashboard.button('Restore it with my changes').click()
    await expect(dashboard.page.getByText('My burger is saved.')).toBeVisible()
    expect(await program.item('My burger')).toMatchObject({ id })
  })
})

test('the program restarts while a page is open', { tag: '@engine' }, async ({ dashboard, program, page, expected }) => {
  await dashboard.open()
  await dashboard.expectLive()
  expected.push(/net::ERR_/)
  await program.stop()
  await expect(page.getByRole('status', { name: 'Updates: Reconnecting' })).toBeVisible()
  await expect(dashboard.names).toHaveText(['Burger', 'Pizza', 'Tea'])
  await program.start()
  await program.change('Tea', { name: 'Green tea' }) // perhaps before the page reconnects
  await expect(dashboard.names).toHaveText(['Burger', 'Pizza', 'Green tea'])
  await dashboard.expectLive()
})

test('a page at another origin receives live changes', async ({ program, page, site }) => {
  const other = await site({ '/': ['text/html', `<!doctype html><title>Other</title><link rel="icon" href="data:,">`] })
  await page.goto(other.origin)
  const changed = page.evaluate(
    (url) =>
      new Promise<{ action: string; item: { name: string } }>((resolve, reject) => {
        const events = new EventSource(url)
        events.addEventListener('ready', () => (document.title = 'Ready'))
        events.addEventListener('change', ({ data }) => resolve(JSON.parse(data)))
        events.addEventListener('error', reject)
      }),
    program.url + '/items/events',
  )
  await expect(page).toHaveTitle('Ready')
  const { id } = await program.change('Pizza', { name: 'Calzone' })
  expect(await changed).toMatchObject({ id, action: 'update', item: { name: 'Calzone' } })
})

test('an import replaces the menu while a page is open', { tag: '@engine' }, async ({ dashboard, program }) => {
  await dashboard.open()
  await dashboard.expectLive()
  await program.replaceMenu([{ name: 'Ramen', price: 12, description: '', image: '' }])
  await expect(dashboard.names).toHaveText(['Ramen'])
})

test('the page keeps the menu offline and catches up online', async ({
  dashboard,
  context,
  program,
  page,
  expected,
}) => {
  await dashboard.open()
  await dashboard.expectLive()
  expected.push(/net::ERR_INTERNET_DISCONNECTED/)
  await context.setOffline(true)
  await expect(page.getByText('You are offline.')).toBeVisible()
  await program.change('Burger', { name: 'Cheeseburger' })
  await page.getByRole('searchbox').fill('burg')
  await expect(dashboard.names).toHaveText(['Burger'])
  await context.setOffline(false)
  await expect(dashboard.names).toHaveText(['Cheeseburger'])
  await expect(page.getByText('You are offline.')).toBeHidden()
  await dashboard.expectLive()
})
