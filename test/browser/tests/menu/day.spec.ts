// A restaurant's working day: sold out, the order of the menu.
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
  await dashboard.button('Arrange').click()
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
    await dashboard.button('Arrange').click()
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
