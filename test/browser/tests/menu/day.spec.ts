// A restaurant's working day: sold out, the order of the menu, several items at once, who changed what.
import { expectAccessible } from '../../support/checks.ts'
import { test } from '../../support/dashboard.ts'
import { menu } from '../../support/menu.ts'
import { expect } from '../../support/test.ts'

test('a dish is sold out with one tap, and everything is available again with another', { tag: '@engine' }, async ({ dashboard, another, page, program }) => {
  await dashboard.openAs('Avery Admin')
  const guest = await another()
  await guest.expectLive()
  const soldOut = (name: string) => page.getByRole('button', { name: `Sold out: ${name}` })
  await soldOut('Pizza').click()
  await expect(soldOut('Pizza')).toHaveAttribute('aria-pressed', 'true')
  await expect(guest.card('Pizza')).toContainText('Sold out')
  await expect(guest.card('Tea')).not.toContainText('Sold out')
  await soldOut('Tea').click()
  await expect(page.getByText('Tea is sold out.')).toBeVisible()
  expect(await program.item('Tea')).toMatchObject({ soldOut: true })

  await dashboard.button('Make everything available').click()
  await expect(page.getByText('Everything is available.')).toBeVisible()
  await expect(guest.card('Pizza')).not.toContainText('Sold out')
  await dashboard.button('Undo').click()
  await expect(guest.card('Pizza')).toContainText('Sold out')
  await soldOut('Pizza').click()
  await expect(guest.card('Pizza')).not.toContainText('Sold out')
})

test('the order of the menu: sections, with the keyboard, a pointer and a finger', async ({ dashboard, page, program }) => {
  await program.replaceMenu(menu)
  await dashboard.openAs('Avery Admin')
  const headings = page.getByRole('main').getByRole('heading', { level: 2 })
  await expect(headings).toHaveText(['Mains', 'Starters', 'Desserts', 'Drinks'])
  await page.getByRole('link', { name: 'Arrange' }).click()
  const handle = (name: string) => dashboard.button(`Move ${name}`)
  const write = () => page.waitForResponse((response) => response.request().method() === 'PATCH')

  await test.step('keyboard', async () => {
    let request = write()
    await handle('Burger').press('ArrowDown')
    expect(Object.keys((await request).request().postDataJSON())).toHaveLength(1) // only the moved item
    await expect(handle('Burger')).toBeFocused()
    await expect(dashboard.dialog.getByText('Burger, place 2 of 2')).toBeAttached()
    request = write()
    await handle('the section Drinks').press('ArrowUp')
    expect(Object.keys((await request).request().postDataJSON())).toHaveLength(2)
  })

  await test.step('pointer', async () => {
    const from = (await handle('Mint tea').boundingBox())!
    const to = (await handle('Filter coffee').boundingBox())!
    const request = write()
    await page.mouse.move(from.x + 10, from.y + 10)
    await page.mouse.down()
    await page.mouse.move(to.x + 10, to.y + 10, { steps: 5 })
    await page.mouse.up()
    await request
  })
  await dashboard.button('Close').click()
  await expect(headings).toHaveText(['Mains', 'Starters', 'Drinks', 'Desserts'])
  await expect(dashboard.names).toHaveText([
    'Pizza Diavola',
    'Burger',
    'Tomato soup',
    'Garden salad',
    'Mint tea',
    'Filter coffee',
    'Chocolate cake',
    'Crème brûlée',
  ])
  await dashboard.button('Undo').click()
  await expect(dashboard.names.nth(4)).toHaveText('Filter coffee')
  await page.reload()
  await expect(headings).toHaveText(['Mains', 'Starters', 'Drinks', 'Desserts'])

  await test.step('finger', async () => {
    await page.getByRole('link', { name: 'Arrange' }).click()
    const from = (await handle('the section Desserts').boundingBox())!
    const to = (await handle('the section Mains').boundingBox())!
    const session = await page.context().newCDPSession(page)
    const touch = (type: 'touchStart' | 'touchMove' | 'touchEnd', y?: number) =>
      session.send('Input.dispatchTouchEvent', { type, touchPoints: y === undefined ? [] : [{ x: from.x + 10, y }] })
    const request = write()
    await touch('touchStart', from.y + 10)
    for (let n = 1; n <= 5; n++) await touch('touchMove', from.y + 10 + ((to.y - from.y) * n) / 5)
    await touch('touchEnd')
    await request
    await page.keyboard.press('Escape')
    await expect(headings).toHaveText(['Desserts', 'Mains', 'Starters', 'Drinks'])
  })
})

test('several items at once: preview, undo, and one entry in the activity', { tag: '@engine' }, async ({ dashboard, page, program }) => {
  await program.replaceMenu(menu)
  await dashboard.openAs('Avery Admin')
  const open = () => page.getByRole('link', { name: 'Change several' }).click()
  const dialog = dashboard.dialog

  await test.step('prices of a section by percent, rounded', async () => {
    await open()
    await dialog.getByRole('checkbox', { name: 'Mains' }).check()
    await expect(dialog.getByRole('checkbox', { name: /^Pizza Diavola/ })).toBeChecked()
    await dialog.getByLabel('By (such as').fill('10%')
    await dialog.getByLabel('Round to').selectOption('0.50')
    await expect(dialog.getByText('12.50')).toBeVisible() // 11.50 and a tenth is 12.65
    await expectAccessible(page)
    await dashboard.button('Change 2 items').click()
    await expect(page.getByText('2 items changed.')).toBeVisible()
    expect(await program.item('Burger')).toMatchObject({ price: 12.5 })
    expect(await program.item('Pizza Diavola')).toMatchObject({ price: 14 })
  })

  await test.step('undo reverts only what no one has changed since', async () => {
    await program.change('Burger', { price: 20 })
    await expect(dashboard.card('Burger')).toContainText('20.00')
    await dashboard.button('Undo').click()
    await expect(dashboard.card('Pizza Diavola')).toContainText('12.90')
    expect(await program.item('Burger')).toMatchObject({ price: 20 })
  })

  await test.step('delete, and undo', async () => {
    await open()
    await dialog.getByLabel('Action').selectOption('Delete')
    await dialog.getByRole('checkbox', { name: /^Mint tea/ }).check()
    await dialog.getByRole('checkbox', { name: /^Filter coffee/ }).check()
    await dashboard.button('Delete 2 items').click()
    await expect(dashboard.card('Mint tea')).toBeHidden()
    await dashboard.button('Undo').click()
    await expect(dashboard.card('Mint tea')).toBeVisible()
  })

  await test.step('move to the start', async () => {
    await open()
    await dialog.getByLabel('Action').selectOption('Move to the start')
    await dialog.getByRole('checkbox', { name: /^Mint tea/ }).check()
    await dashboard.button('Change 1 item').click()
    await expect(dashboard.names.first()).toHaveText('Mint tea')
  })

  await test.step('the activity', async () => {
    await page.getByRole('link', { name: 'Activity' }).click()
    const entries = page.getByRole('main').locator('.changes > li')
    for (const entry of ['Changed 2 items by you', 'Deleted 2 items by you', 'Restored 2 items by you', 'Added 8 items by import']) {
      await expect(entries.filter({ hasText: entry })).toHaveCount(1)
    }
    await expect(entries.filter({ hasText: 'Changed Burger by' })).toHaveCount(1)
    await entries.filter({ hasText: 'Changed 2 items' }).last().getByText('Show the changes').click()
    await expect(entries.filter({ hasText: 'Changed 2 items' }).last()).toContainText('Pizza Diavola')
    await expectAccessible(page)
    await program.call('DELETE', `/items/${(await program.item('Burger')).id}`)
    await dashboard.button('Restore Burger').click()
    await expect(page.getByText('Burger restored.')).toBeVisible()
  })
})

test('the activity shows nothing to a customer', async ({ dashboard, page }) => {
  await dashboard.openAs('Casey Customer')
  await dashboard.open('/activity')
  await expect(page.getByText('Ask your administrator for access.')).toBeVisible()
})
