// Several people at once, and connections that break.
import { test, type Dashboard } from '../../support/dashboard.ts'
import type { Program } from '../../support/program.ts'
import { expect } from '../../support/test.ts'

test('what one changes, another sees without a reload', async ({ dashboard, another, page }) => {
  await dashboard.open()
  await dashboard.signIn('Avery Admin')
  const reader = await another()
  await reader.expectLive()

  await dashboard.openItem('Burger', 'Edit')
  await dashboard.field('Price').fill('7.77')
  await dashboard.button('Save').click()
  await expect(reader.card('Burger')).toContainText('7.77')

  // The other one may hear of it before this one has its answer.
  await expect(page.getByRole('dialog', { name: 'Burger', exact: true })).toBeVisible()
  await page.keyboard.press('Escape')
  await dashboard.openItem('Pizza')
  await dashboard.button('Delete').click()
  await expect(reader.names).toHaveText(['Burger', 'Tea'])
  await dashboard.button('Undo').click()
  await expect(reader.names).toHaveText(['Burger', 'Pizza', 'Tea'])
})

test.describe('two edit the same item', () => {
  /** Lets somebody else change the burger while it is being edited here, and saves. */
  async function collide(dashboard: Dashboard, program: Program) {
    await dashboard.open()
    await dashboard.signIn('Avery Admin')
    await dashboard.openItem('Burger', 'Edit')
    await dashboard.field('Name').fill('My burger')
    await program.call('PATCH', '/items/1', { price: 9.99, tagline: 'Theirs' })
    await dashboard.button('Save').click()
    await expect(dashboard.dialog.getByRole('heading', { name: /^Somebody else has changed/ })).toBeFocused()
    const row = (field: string) => dashboard.dialog.getByRole('row').filter({ hasText: field })
    await expect(row('Name').getByRole('cell')).toHaveText(['My burger', 'Burger'])
    await expect(row('Price').getByRole('cell')).toHaveText([/5\.99/, /9\.99/])
    await expect(row('Tagline').getByRole('cell')).toHaveText(['none', 'Theirs'])
  }
  const burger = (program: Program) => fetch(program.url + '/items/1').then((answer) => answer.json())

  test.beforeEach(({ expected }) => void expected.push(/412 \(Precondition Failed\)/))

  test('and mine is kept', async ({ dashboard, program }) => {
    await collide(dashboard, program)
    await dashboard.button('Keep mine').click()
    await expect(dashboard.page.getByText('My burger is saved.')).toBeVisible()
    const saved = await burger(program)
    expect(saved).toMatchObject({ name: 'My burger', price: 5.99 })
    expect(saved).not.toHaveProperty('tagline')
  })

  test('and theirs is taken', async ({ dashboard, program }) => {
    await collide(dashboard, program)
    await dashboard.button('Take theirs').click()
    await expect(dashboard.page.getByRole('dialog', { name: 'Burger', exact: true })).toContainText('9.99')
    expect(await burger(program)).toMatchObject({ name: 'Burger', price: 9.99, tagline: 'Theirs' })
    await dashboard.dialog.getByRole('link', { name: 'Edit' }).click()
    await expect(dashboard.field('Name')).toHaveValue('Burger') // what was typed is gone
  })

  test('and both go on together', async ({ dashboard, program }) => {
    await collide(dashboard, program)
    await dashboard.button('Edit on').click()
    await expect(dashboard.field('Name')).toHaveValue('My burger')
    await expect(dashboard.field('Price')).toHaveValue('9.99')
    await dashboard.button('Save').click()
    await expect(dashboard.page.getByText('My burger is saved.')).toBeVisible()
    expect(await burger(program)).toMatchObject({ name: 'My burger', price: 9.99, tagline: 'Theirs' })
  })

  test('which one of them has deleted', async ({ dashboard, program, expected }) => {
    expected.push(/404 \(Not Found\)/)
    await dashboard.open()
    await dashboard.signIn('Avery Admin')
    await dashboard.openItem('Burger', 'Edit')
    await dashboard.field('Name').fill('My burger')
    await program.call('DELETE', '/items/1')
    await dashboard.button('Save').click()
    await expect(dashboard.dialog.getByRole('heading', { name: /^Somebody else has deleted/ })).toBeFocused()
    await dashboard.button('Put it back with my text').click()
    await expect(dashboard.page.getByText('My burger is saved.')).toBeVisible()
    expect(await burger(program)).toMatchObject({ id: 1, name: 'My burger' })
  })
})

test('the program is started again under an open page', async ({ dashboard, program, page, expected }) => {
  await dashboard.open()
  await dashboard.expectLive()
  expected.push(/net::ERR_/)
  await program.stop()
  await expect(page.getByRole('status', { name: 'Updates: Reconnecting' })).toBeVisible()
  await expect(dashboard.names).toHaveText(['Burger', 'Pizza', 'Tea'])
  await program.start()
  await program.call('PATCH', '/items/3', { name: 'Green tea' }) // while the page may not be connected again
  await expect(dashboard.names).toHaveText(['Burger', 'Pizza', 'Green tea'])
  await dashboard.expectLive()
})

test('a page at another origin follows the menu', async ({ program, page, site }) => {
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
  await program.call('PATCH', '/items/2', { name: 'Calzone' })
  expect(await changed).toMatchObject({ id: 2, action: 'update', item: { name: 'Calzone' } })
})

test('the whole menu is replaced under an open page', async ({ dashboard, program }) => {
  await dashboard.open()
  await dashboard.expectLive()
  await program.replaceMenu([{ name: 'Ramen', price: 12, description: '', image: '' }])
  await expect(dashboard.names).toHaveText(['Ramen'])
})

test('offline, what was there stays; online, what was missed comes', async ({
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
  await program.call('PATCH', '/items/1', { name: 'Cheeseburger' })
  await page.getByRole('searchbox').fill('burg')
  await expect(dashboard.names).toHaveText(['Burger'])
  await context.setOffline(false)
  await expect(dashboard.names).toHaveText(['Cheeseburger'])
  await expect(page.getByText('You are offline.')).toBeHidden()
  await dashboard.expectLive()
})
