// Pictures of the dashboard for people to look at, at three widths, in light and in dark: see `make screenshots`.
import { fileURLToPath } from 'node:url'
import type { Page } from '@playwright/test'
import { settle } from '../../support/checks.ts'
import { test } from '../../support/dashboard.ts'
import { menu } from '../../support/menu.ts'
import { expect } from '../../support/test.ts'

const folder = fileURLToPath(new URL('../../screenshots/', import.meta.url))

for (const [width, height] of [
  [360, 740],
  [768, 1024],
  [1280, 800],
]) {
  for (const colorScheme of ['light', 'dark'] as const) {
    test.describe(`${width} px, ${colorScheme}`, () => {
      test.use({ viewport: { width, height }, colorScheme, deviceScaleFactor: width === 360 ? 2 : 1 })

      test('everything', async ({ dashboard, page, program, expected }) => {
        test.slow()
        expected.push(/40[04] \(/, /412 \(/)
        await program.replaceMenu(menu)
        const shoot = async (name: string, fullPage = false) => {
          await loaded(page)
          await settle(page)
          await page.screenshot({ path: `${folder}${name}-${width}-${colorScheme}.png`, fullPage })
        }

        await dashboard.open()
        await dashboard.expectLive()
        await shoot('menu')
        await shoot('menu-whole', true)
        await page.getByRole('searchbox').fill('xyz')
        await expect(page.getByText('Nothing on the menu matches.')).toBeVisible()
        await shoot('nothing')
        await dashboard.button('Show everything').click()
        await dashboard.openItem('Burger')
        await shoot('item')
        await page.keyboard.press('Escape')
        await page.getByRole('link', { name: 'Print' }).click()
        await expect(dashboard.button('Two columns')).toBeVisible()
        await shoot('print')
        await page.keyboard.press('Escape')
        for (const columns of [1, 2]) {
          await page.evaluate((columns) => localStorage.setItem('menu.columns', `${columns}`), columns)
          await page.reload()
          await expect(page.locator('.printed')).toBeAttached()
          await page.pdf({ path: `${folder}printed-${columns}-${width}-${colorScheme}.pdf`, format: 'A4' })
        }
        await page.getByRole('button', { name: 'Sign in', exact: true }).click()
        await expect(page.getByRole('heading', { name: 'Sign in' })).toBeVisible()
        await shoot('sign-in')
        await page.getByRole('button', { name: 'Avery Admin' }).click()
        await dashboard.expectSignedIn('Avery Admin')
        await shoot('menu-admin')
        for (const name of ['Arrange', 'Change several']) {
          await page.getByRole('link', { name }).click()
          await expect(dashboard.dialog.getByText('Tomato soup')).toBeVisible()
          await shoot(name.toLowerCase().replace(' ', '-'))
          await page.keyboard.press('Escape')
        }
        await page.getByRole('link', { name: 'Activity' }).click()
        await expect(page.getByText('Added 8 items')).toBeVisible()
        await shoot('activity')
        await page.goBack()

        await dashboard.openItem('Burger')
        await shoot('item-admin')
        await dashboard.dialog.getByRole('link', { name: 'Edit' }).click()
        await expect(dashboard.field('Name')).toBeFocused()
        await shoot('edit')
        await dashboard.field('Price').fill('cheap')
        await dashboard.field('Picture').fill('burger.png')
        await dashboard.button('Save').click()
        await expect(dashboard.field('Price')).toBeFocused()
        await shoot('edit-wrong')
        await dashboard.field('Price').fill('12.50')
        await dashboard.field('Picture').fill('')
        await dashboard.field('Name').fill('House burger')
        const [burger] = Object.values<{ id: number }>(await (await fetch(program.url + '/items?limit=1')).json())
        await program.call('PATCH', `/items/${burger.id}`, { price: 10.9, tagline: 'Now with more pickles' })
        await expect(dashboard.button('Keep mine')).toBeVisible()
        await shoot('conflict')
        await dashboard.button('Keep mine').click()
        await dashboard.button('Save').click()
        await expect(page.getByText('House burger saved.')).toBeVisible()
        await shoot('saved')
        await dashboard.dialog.getByRole('link', { name: 'History' }).click()
        await expect(dashboard.dialog.getByText('by you').first()).toBeVisible()
        await shoot('history')
        await page.keyboard.press('Escape')
        await dashboard.button('Delete').click()
        await expect(dashboard.button('Undo')).toBeVisible()
        await shoot('deleted')
        await page.getByRole('link', { name: 'Profile of Avery Admin' }).click()
        await expect(page.getByText('Granted.').first()).toBeAttached()
        await shoot('profile')
        await dashboard.open('/menu/999')
        await expect(page.getByRole('dialog', { name: 'Not on the menu' })).toBeVisible()
        await shoot('not-on-the-menu')
      })
    })
  }
}

/** Waits for the pictures. */
async function loaded(page: Page): Promise<void> {
  await page.evaluate(() =>
    Promise.all(
      [...document.images].filter(({ loading }) => loading !== 'lazy').map((image) => image.decode().catch(() => {})),
    ),
  )
}
