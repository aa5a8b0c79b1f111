// Accessibility: axe in light and dark, the keyboard, a small screen, reduced motion.
import { expectAccessible, expectNoSidewaysScroll } from '../../support/checks.ts'
import { test, type Dashboard } from '../../support/dashboard.ts'
import { menu } from '../../support/menu.ts'
import { expect } from '../../support/test.ts'

test.beforeEach(async ({ program, page }) => {
  await program.replaceMenu(menu)
  await page.setViewportSize({ width: 360, height: 740 })
})

/** Checks the page on a phone and on a desktop. */
async function check(dashboard: Dashboard) {
  const { page } = dashboard
  await expectNoSidewaysScroll(page)
  await expectAccessible(page)
  await page.setViewportSize({ width: 1280, height: 800 })
  await expectNoSidewaysScroll(page)
  await page.setViewportSize({ width: 360, height: 740 })
}

test('the pages of an anonymous user', async ({ dashboard, page, expected }) => {
  await test.step('the menu', async () => {
    await dashboard.open()
    await expect(dashboard.cards).toHaveCount(menu.length)
    await dashboard.expectLive()
    await check(dashboard)
  })
  await test.step('nothing found', async () => {
    await page.getByRole('searchbox').fill('xyz')
    await expect(page.getByText('Nothing on the menu matches.')).toBeVisible()
    await check(dashboard)
    await dashboard.button('Show everything').click()
  })
  await test.step('an item', async () => {
    await dashboard.openItem('Burger')
    await check(dashboard)
    await page.keyboard.press('Escape')
  })
  await test.step('print', async () => {
    await page.getByRole('link', { name: 'Print' }).click()
    await expect(dashboard.button('Two columns')).toBeVisible()
    await check(dashboard)
    await page.keyboard.press('Escape')
    await page.emulateMedia({ media: 'print' })
    await expect(page.locator('.printed li')).toHaveCount(menu.length)
    await expectAccessible(page)
    await page.emulateMedia({ media: null })
  })
  await test.step('the profile', async () => {
    await dashboard.open('/profile')
    await expect(page.getByText('You can read the menu without signing in.')).toBeVisible()
    await check(dashboard)
  })
  await test.step('no such item', async () => {
    expected.push(/404 \(Not Found\)/)
    await dashboard.open('/menu/999999')
    await expect(page.getByRole('dialog', { name: 'Not on the menu' })).toBeVisible()
    await check(dashboard)
  })
})

test('the pages of an administrator', async ({ dashboard, page, program, expected }) => {
  test.slow()
  await dashboard.openAs('Avery Admin')
  await test.step('the menu', () => check(dashboard))
  for (const name of ['Arrange', 'Change several']) {
    await test.step(name, async () => {
      await page.getByRole('link', { name }).click()
      await expect(dashboard.dialog.getByText('Tomato soup')).toBeVisible()
      await check(dashboard)
      await page.keyboard.press('Escape')
    })
  }
  await test.step('an item', async () => {
    await dashboard.openItem('Burger')
    await check(dashboard)
  })
  await test.step('editing', async () => {
    await dashboard.dialog.getByRole('link', { name: 'Edit' }).click()
    await expect(dashboard.field('Name')).toBeFocused()
    await check(dashboard)
  })
  await test.step('an invalid field', async () => {
    expected.push(/400 \(Bad Request\)/, /412 \(Precondition Failed\)/)
    await dashboard.field('Price').fill('x')
    await dashboard.button('Save').click()
    await expect(dashboard.field('Price')).toBeFocused()
    await check(dashboard)
  })
  await test.step('a conflict', async () => {
    await dashboard.field('Price').fill('3')
    await program.change('Burger', { price: 4, tagline: 'A rather long line, which another user has just entered' })
    await expect(dashboard.button('Keep mine')).toBeVisible()
    await check(dashboard)
    await dashboard.button('Keep mine').click()
    await dashboard.field('Price').fill('1.000')
    await dashboard.button('Save').click()
    await expect(dashboard.button('US$1,000.00')).toBeVisible()
    await check(dashboard)
    await dashboard.field('Price').fill('3')
    await dashboard.button('Save').click()
    await expect(page.getByText('Burger saved.')).toBeVisible()
  })
  await test.step('history', async () => {
    await dashboard.dialog.getByRole('link', { name: 'History' }).click()
    await expect(dashboard.dialog.getByText('Changed').first()).toBeVisible()
    await check(dashboard)
    await page.keyboard.press('Escape')
  })
  await test.step('deleted, with undo', async () => {
    await dashboard.button('Delete').click()
    await expect(dashboard.button('Undo')).toBeVisible()
    await check(dashboard)
  })
  await test.step('the profile', async () => {
    await page.getByRole('link', { name: 'Profile of Avery Admin' }).click()
    await expect(page.getByText('Granted.').first()).toBeAttached()
    await check(dashboard)
  })
})

test('edit with the keyboard only', async ({ dashboard, page }) => {
  await dashboard.openAs('Avery Admin')
  const tabTo = async (name: string) => {
    await expect(async () => {
      await page.keyboard.press('Tab')
      const focused = page.locator(':focus')
      expect(
        await focused.evaluate((element) => (element.getAttribute('aria-label') ?? element.textContent ?? '').trim()),
      ).toBe(name)
    }).toPass({ intervals: [0] })
  }
  await tabTo('Burger')
  await page.keyboard.press('Enter')
  await expect(page.getByRole('dialog', { name: 'Burger', exact: true })).toBeVisible()
  await tabTo('Edit')
  await page.keyboard.press('Enter')
  await expect(dashboard.field('Name')).toBeFocused()
  await page.keyboard.press('ControlOrMeta+a')
  await page.keyboard.type('Veggie burger')
  await page.keyboard.press('Tab')
  await expect(dashboard.field('Price')).toBeFocused()
  await page.keyboard.press('ControlOrMeta+a')
  await page.keyboard.type('9.75')
  await page.keyboard.press('Enter')
  const item = page.getByRole('dialog', { name: 'Veggie burger', exact: true })
  await expect(item).toContainText('9.75')
  await page.keyboard.press('Escape')
  await expect(item).toBeHidden()
  await expect(dashboard.card('Veggie burger').getByRole('link')).toBeFocused() // where the user started
})

test('no motion with prefers-reduced-motion', async ({ dashboard, page }) => {
  await page.emulateMedia({ reducedMotion: 'reduce' })
  await dashboard.open()
  await dashboard.expectLive()
  const moving = () =>
    page.evaluate(
      () =>
        document.getAnimations().filter((animation) => Number(animation.effect?.getComputedTiming().duration) > 20)
          .length,
    )
  expect(await moving()).toBe(0)
  await dashboard.openItem('Burger')
  expect(await moving()).toBe(0)
  await page.keyboard.press('Escape')
  await page.getByRole('searchbox').hover()
  expect(await moving()).toBe(0)
})
