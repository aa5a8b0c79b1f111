// Several users at once, and broken connections.
import { test, type Dashboard } from '../../support/dashboard.ts'
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

test.describe('another user changes the item that is being edited', () => {
  /** Starts to edit the burger. Its live changes do not arrive, so that the page learns of them when it saves. */
  async function edit(dashboard: Dashboard, changes: Record<string, string>) {
    await dashboard.page.route('**/items/events*', (route) => route.fulfill({ status: 204 }))
    await dashboard.openAs('Avery Admin')
    await dashboard.openItem('Burger', 'Edit')
    for (const [label, text] of Object.entries(changes)) await dashboard.field(label).fill(text)
  }

  test.beforeEach(({ expected }) => void expected.push(/412 \(Precondition Failed\)/, /204/))

  test('other fields: both changes are saved', { tag: '@engine' }, async ({ dashboard, program, page }) => {
    await edit(dashboard, { Name: 'My burger' })
    await program.change('Burger', { price: 9.99, tagline: 'Theirs' })
    await dashboard.button('Save').click()
    await expect(page.getByText('My burger saved.')).toBeVisible()
    expect(await program.item('My burger')).toMatchObject({ price: 9.99, tagline: 'Theirs' })
  })

  // Editor.test.tsx also has the other choice.
  test('the same field: Use theirs', async ({ dashboard, program, page }) => {
    await edit(dashboard, { Name: 'My burger', Tagline: 'Mine' })
    await program.change('Burger', { name: 'Their burger', price: 9.99 })
    await dashboard.button('Save').click()
    await expect(dashboard.dialog.getByText('Not saved. Choose a version')).toBeVisible()
    await expect(dashboard.button('Keep mine')).toBeFocused()
    await expect(dashboard.dialog.getByText('Someone else changed this to Their burger')).toBeVisible()
    await expect(dashboard.field('Price')).toHaveValue('9.99') // only the other user changed it

    // The primary button never discards anything.
    await dashboard.button('Save').click()
    await expect(dashboard.button('Keep mine')).toBeFocused()
    expect(await program.item('Their burger')).toMatchObject({ price: 9.99 })

    await dashboard.button('Use theirs').click()
    await dashboard.button('Save').click()
    await expect(page.getByText('Their burger saved.')).toBeVisible()
    expect(await program.item('Their burger')).toMatchObject({ price: 9.99, tagline: 'Mine' })
  })

  test('live: the form merges while it is open', async ({ dashboard, program }) => {
    await dashboard.openAs('Avery Admin')
    await dashboard.expectLive()
    await dashboard.openItem('Burger', 'Edit')
    await dashboard.field('Name').pressSequentially(' of mine')
    await program.change('Burger', { price: 9.99 })
    await expect(dashboard.dialog.getByText('Someone else changed: Price.')).toBeVisible()
    await expect(dashboard.field('Price')).toHaveValue('9.99')
    await expect(dashboard.field('Name')).toHaveValue('Burger of mine')
    await expect(dashboard.field('Name')).toBeFocused()
  })

  test('deleted: the editor stays, and restores it with the changes', async ({ dashboard, program, page, expected }) => {
    expected.push(/404 \(Not Found\)/)
    await dashboard.openAs('Avery Admin')
    await dashboard.expectLive()
    await dashboard.openItem('Burger', 'Edit')
    const description = dashboard.field('Description')
    await description.fill('Typed ')
    const { id } = await program.item('Burger')
    await program.call('DELETE', `/items/${id}`)
    await expect(dashboard.dialog.getByText('Someone deleted this item while you were editing.')).toBeVisible()
    await page.keyboard.type('with care') // in the field that had the focus
    await expect(description).toHaveValue('Typed with care')
    await dashboard.button('Restore with my changes').click()
    await expect(page.getByText('Burger saved.')).toBeVisible()
    expect(await program.item('Burger')).toMatchObject({ id, description: 'Typed with care' })
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
