// What anyone can do with the menu.
import { test } from '../../support/dashboard.ts'
import { menu } from '../../support/menu.ts'
import { expect } from '../../support/test.ts'

test('browse, search, filter and sort', async ({ dashboard, page, program }) => {
  await program.replaceMenu(menu)
  await dashboard.open()
  const all = menu.map(({ name }) => name)
  await expect(dashboard.names).toHaveText(all)
  await expect(dashboard.card('Burger')).toContainText('11.50')
  await expect(dashboard.button('Add an item')).toBeHidden()

  const search = page.getByRole('searchbox', { name: 'Search the menu' })
  await search.pressSequentially('creme')
  await expect(dashboard.names).toHaveText(['Crème brûlée'])
  await expect(page).toHaveURL(/\?q=creme$/)
  await search.fill('nothing of the kind')
  await expect(page.getByText('Nothing on the menu matches.')).toBeVisible()
  await dashboard.button('Show everything').click()
  await expect(dashboard.names).toHaveText(all)

  await page.getByRole('radio', { name: 'Drinks' }).check()
  await expect(dashboard.names).toHaveText(['Filter coffee', 'Mint tea'])
  await page.getByLabel('Sort by').selectOption('Price, high to low')
  await expect(dashboard.names).toHaveText(['Mint tea', 'Filter coffee'])

  await page.reload() // the query is in the address
  await expect(dashboard.names).toHaveText(['Mint tea', 'Filter coffee'])
  await expect(page.getByRole('radio', { name: 'Drinks' })).toBeChecked()
})

test('an item has an address', async ({ dashboard, page, program, expected }) => {
  await dashboard.open(`/menu/${(await program.item('Pizza')).id}`)
  const pizza = page.getByRole('dialog', { name: 'Pizza', exact: true })
  await expect(pizza).toContainText('2.99')
  await expect(page).toHaveTitle(/Pizza/)
  await expect(pizza.getByRole('link', { name: 'Edit' })).toBeHidden()
  await page.keyboard.press('Escape')
  await expect(pizza).toBeHidden()
  await expect(page).toHaveURL(/\/$/)

  expected.push(/404 \(Not Found\)/)
  await dashboard.open('/menu/999999')
  await expect(page.getByRole('dialog', { name: 'Not on the menu' })).toBeVisible()
  await dashboard.button('See the menu').click()
  await expect(dashboard.names).toHaveText(['Burger', 'Pizza', 'Tea'])
})

test('a placeholder replaces a broken picture', async ({ dashboard, page, program, expected }) => {
  await program.replaceMenu([
    { name: 'Burger', price: 1, description: '', image: 'https://broken.example/burger.png' },
    { name: 'Pizza', price: 1, description: '', image: 'https://cdn.auth0.com/blog/whatabyte/pizza-sm.png' },
    { name: 'Secret', price: 1, description: '', image: '' },
  ])
  await page.route('https://broken.example/**', (route) => route.abort())
  expected.push(/net::ERR_FAILED/)
  await dashboard.open()
  await expect(dashboard.card('Burger').locator('img')).toHaveCount(0)
  await expect(dashboard.card('Burger').locator('svg')).toBeVisible()
  await expect(dashboard.card('Secret').locator('svg')).toBeVisible()
  const pizza = dashboard.card('Pizza').locator('img')
  await expect.poll(() => pizza.evaluate((img: HTMLImageElement) => img.naturalWidth)).toBeGreaterThan(0)
})

test('two thousand items', async ({ dashboard, page, program }) => {
  const many = Array.from({ length: 2000 }, (_, n) => ({
    name: `Dish ${n + 1}`,
    price: n / 100,
    description: '',
    image: '',
    category: n % 2 ? 'Odd' : 'Even',
  }))
  await program.replaceMenu(many)
  await dashboard.open()
  await expect(dashboard.card('Dish 1')).toBeVisible()
  expect(await dashboard.cards.count(), 'cards at first').toBeLessThanOrEqual(200)

  await expect(async () => {
    await page.mouse.wheel(0, 20_000)
    await expect(dashboard.card('Dish 250')).toBeAttached({ timeout: 200 })
  }).toPass()

  await page.getByRole('searchbox').fill('dish 1987')
  await expect(dashboard.names).toHaveText(['Dish 1987'])
  await page.getByRole('searchbox').fill('')
  await page.getByLabel('Sort by').selectOption('Price, high to low')
  await expect(dashboard.names.first()).toHaveText('Dish 2000')
})

test.describe('a reader in Germany', () => {
  test.use({ locale: 'de-DE' })
  test('sees German prices', async ({ dashboard }) => {
    await dashboard.open()
    await expect(dashboard.card('Burger')).toContainText('5,99')
  })
})

test.describe('a restaurant in Tokyo', () => {
  test.use({ settings: { MENU_NAME: 'Sakura', MENU_CURRENCY: 'JPY' } })
  test('has its name and its currency on the page', async ({ dashboard, page, program }) => {
    await program.change('Burger', { price: 500 })
    await dashboard.openAs('Avery Admin')
    await expect(page).toHaveTitle('Sakura')
    await expect(page.getByRole('banner')).toContainText('Sakura')
    await expect(dashboard.card('Burger')).toContainText('¥500')
    await dashboard.openItem('Burger', 'Edit')
    await expect(dashboard.field('Price')).toHaveValue('500')
    await dashboard.field('Price').fill('650')
    await dashboard.button('Save').click()
    await expect(page.getByRole('dialog', { name: 'Burger', exact: true })).toContainText('¥650')
  })
})
