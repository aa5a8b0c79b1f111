// Dialogs, toasts, the Back button and the reader's place.
import type { Page } from '@playwright/test'
import { test } from '../../support/dashboard.ts'
import { menu } from '../../support/menu.ts'
import { expect } from '../../support/test.ts'

/** Controls under a toast, by their names. */
async function coveredControls(page: Page): Promise<string[]> {
  return page.evaluate(() => {
    const covered = new Set<string>()
    for (const toast of document.querySelectorAll('.toast')) {
      const { left, right, top, bottom } = toast.getBoundingClientRect()
      for (let x = left + 1; x < right; x += 8) {
        for (let y = top + 1; y < bottom; y += 8) {
          for (const element of document.elementsFromPoint(x, y)) {
            const control = element.closest('a, button, input, select, textarea, .card')
            if (control && !control.closest('.toasts')) covered.add(control.outerHTML.slice(0, 100))
          }
        }
      }
    }
    return [...covered]
  })
}

test('a toast covers no control, and Undo is one key away', async ({ dashboard, page, program }) => {
  await program.replaceMenu(menu)
  await page.setViewportSize({ width: 360, height: 640 })
  await dashboard.openAs('Avery Admin')
  await page.locator('.page').evaluate((page) => page.scrollBy(0, 300))
  await dashboard.openItem('Garden salad')
  await dashboard.button('Delete').press('Enter')
  await expect(page.getByText('Garden salad deleted.')).toBeVisible()
  expect(await coveredControls(page)).toEqual([])

  await page.keyboard.press('Tab')
  await expect(dashboard.button('Undo')).toBeFocused()
  await page.keyboard.press('Enter')
  await expect(dashboard.card('Garden salad').getByRole('link')).toBeFocused()

  // Without Undo, the focus moves to the next card.
  await dashboard.openItem('Garden salad')
  await dashboard.button('Delete').press('Enter')
  await expect(page.getByText('Garden salad deleted.')).toBeVisible()
  await page.keyboard.press('Tab')
  await page.keyboard.press('Tab')
  await expect(dashboard.button('Dismiss').last()).toBeFocused()
  await page.keyboard.press('Enter')
  await expect(dashboard.card('Chocolate cake').getByRole('link')).toBeFocused()

  await dashboard.openItem('Tomato soup', 'Edit')
  await dashboard.field('Name').fill('Soup')
  await dashboard.button('Save').click()
  await expect(dashboard.dialog.getByText('Soup saved.')).toBeVisible()
  expect(await coveredControls(page)).toEqual([])
})

test('Back never reopens what was closed', async ({ dashboard, page }) => {
  await dashboard.openAs('Avery Admin')
  await page.getByRole('link', { name: 'Profile of Avery Admin' }).click()
  await page.getByRole('link', { name: 'Menu', exact: true }).click()
  await dashboard.openItem('Burger', 'Edit')
  await dashboard.field('Name').fill('Cheeseburger')
  await dashboard.button('Save').click()
  await expect(page.getByRole('dialog', { name: 'Cheeseburger', exact: true })).toBeVisible()
  await dashboard.dialog.getByRole('link', { name: 'Edit' }).click()
  await dashboard.button('Cancel').click()
  await expect(dashboard.button('Delete')).toBeVisible()
  await dashboard.button('Close').click()
  await expect(dashboard.dialog).toBeHidden()
  await dashboard.button('Add an item').click()
  await page.keyboard.press('Escape')
  await expect(dashboard.dialog).toBeHidden()
  await page.goBack()
  await expect(page).toHaveURL(/\/profile$/)
  await expect(dashboard.dialog).toBeHidden()

  // An address that was typed has nothing to go back to.
  await page.getByRole('link', { name: 'Menu', exact: true }).click()
  await dashboard.open('/#new')
  await expect(dashboard.field('Name')).toBeVisible()
  await page.keyboard.press('Escape')
  await expect(dashboard.dialog).toBeHidden()
  await expect(page).toHaveURL(/\/$/)
})

test('the heading, the price and the buttons of a dialog stay in view', async ({ dashboard, page, program }) => {
  await program.replaceMenu([{ name: 'Burger', price: 5.99, description: 'Long\n'.repeat(100), image: '' }])
  await page.setViewportSize({ width: 360, height: 500 })
  await dashboard.openAs('Avery Admin')
  await dashboard.openItem('Burger')
  await dashboard.dialog.locator('.dialog-body').evaluate((body) => body.scrollBy(0, 500))
  await expect(dashboard.dialog.getByRole('heading')).toBeInViewport({ ratio: 1 })
  await expect(dashboard.dialog.getByText('5.99')).toBeInViewport({ ratio: 1 })
  await expect(dashboard.button('Delete')).toBeInViewport({ ratio: 1 })
  await dashboard.dialog.getByRole('link', { name: 'Edit' }).click()
  await expect(dashboard.button('Save')).toBeInViewport({ ratio: 1 })
})

test('text of any direction', async ({ dashboard, program }) => {
  await program.replaceMenu([{ name: 'حمص', price: 4, description: 'Hummus', category: 'مقبلات', image: '' }, { name: '🍕', price: 4, description: '', image: '' }])
  await dashboard.open()
  const direction = (text: string) => dashboard.cards.first().getByText(text).evaluate((element) => getComputedStyle(element).direction)
  expect(await direction('حمص')).toBe('rtl')
  expect(await direction('مقبلات')).toBe('rtl')
  expect(await direction('Hummus')).toBe('ltr')
  await expect(dashboard.cards.last().locator('svg')).toHaveText('') // a plain plate
})

test('a new item in a large menu, and the place in it', async ({ dashboard, page, program }) => {
  await program.replaceMenu(Array.from({ length: 2000 }, (_, n) => ({ name: `Dish ${n + 1}`, price: 1, description: '', image: '' })))
  await dashboard.openAs('Avery Admin')
  await dashboard.button('Add an item').click()
  await dashboard.field('Name').fill('Needle')
  await dashboard.field('Price').fill('1')
  await dashboard.button('Add to the menu').click()
  await dashboard.button('Show').click()
  await expect(page.getByRole('dialog', { name: 'Needle', exact: true })).toBeVisible()
  await page.keyboard.press('Escape')

  await expect(async () => {
    await page.mouse.move(300, 300)
    await page.mouse.wheel(0, 20_000)
    await expect(dashboard.card('Dish 250')).toBeAttached({ timeout: 200 })
  }).toPass()
  await dashboard.card('Dish 220').scrollIntoViewIfNeeded()
  const before = (await dashboard.card('Dish 220').boundingBox())!.y
  await dashboard.openItem('Dish 220')
  await page.keyboard.press('Escape')
  expect(Math.abs((await dashboard.card('Dish 220').boundingBox())!.y - before)).toBeLessThan(50)
  await page.reload()
  await expect(dashboard.card('Dish 220')).toBeInViewport()
})

test.describe('a reader in Germany', () => {
  test.use({ locale: 'de-DE' })

  test('enters prices in their format', async ({ dashboard, program, page }) => {
    await dashboard.openAs('Avery Admin')
    await dashboard.openItem('Burger', 'Edit')
    await expect(dashboard.field('Price')).toHaveValue('5,99')
    await dashboard.field('Price').fill('1.000')
    await dashboard.button('Save').click()
    await expect(page.getByText('Burger saved.')).toBeVisible()
    expect(await program.item('Burger')).toMatchObject({ price: 1000 })

    await dashboard.dialog.getByRole('link', { name: 'Edit' }).click()
    await dashboard.field('Price').fill('1,000')
    await dashboard.button('Save').click()
    await expect(dashboard.dialog.getByText('Choose what 1,000 means')).toBeVisible()
    await dashboard.dialog.getByRole('button', { name: /^1,00/ }).click()
    await dashboard.button('Save').click()
    await expect(dashboard.field('Price')).toBeHidden()
    expect(await program.item('Burger')).toMatchObject({ price: 1 })
  })
})

test('Escape twice in a row leaves the address and the dialog in agreement', async ({ dashboard, page }) => {
  await dashboard.openAs('Avery Admin')
  for (let round = 0; round < 5; round++) {
    await dashboard.openItem('Burger', 'Edit')
    await expect(dashboard.field('Name')).toBeVisible()
    await Promise.all([page.keyboard.press('Escape'), page.keyboard.press('Escape')])
    await expect(async () => {
      const isOpen = new URL(page.url()).pathname !== '/'
      expect(await dashboard.dialog.isVisible()).toBe(isOpen)
      if (isOpen) await page.keyboard.press('Escape')
      expect(isOpen).toBe(false)
    }).toPass()
  }
  await dashboard.open('/#new')
  await expect(dashboard.field('Name')).toBeVisible()
  await Promise.all([page.keyboard.press('Escape'), page.keyboard.press('Escape')])
  await expect(page).toHaveURL(/\/$/)
  await expect(dashboard.dialog).toBeHidden()
})

for (const { part, address, code, control } of [
  { part: 'the print dialog', address: '/#print', code: '**/assets/PrintedMenu-*.js', control: 'Two columns' },
  { part: 'the editor', address: '/#new', code: '**/assets/Manage-*.js', control: 'Add to the menu' },
]) {
  test(`${part} appears once its code can be loaded`, async ({ dashboard, context, page, expected }) => {
    expected.push(/net::ERR_FAILED/)
    await context.route(code, (route) => route.abort())
    await dashboard.openAs('Avery Admin', address)
    await expect(page.getByRole('alert')).toHaveText(/^This cannot be loaded now\./)
    await expect(dashboard.names).toHaveText(['Burger', 'Pizza', 'Tea'])
    await context.unroute(code)
    await expect(dashboard.button(control)).toBeVisible()
    await expect(page.getByRole('alert')).toBeHidden()
  })
}
