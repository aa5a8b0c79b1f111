// What an administrator can do with the menu, and what a customer cannot.
import { test } from '../../support/dashboard.ts'
import { expect } from '../../support/test.ts'

test('an administrator adds, edits, deletes, undoes and restores a version', { tag: '@engine' }, async ({ dashboard, page }) => {
  await dashboard.open()
  await dashboard.signIn('Avery Admin')

  await test.step('add', async () => {
    await dashboard.button('Add an item').click()
    await dashboard.field('Name').fill('Tomato soup')
    await dashboard.field('Price').fill('4,50') // a decimal comma
    await dashboard.field('Category').fill('Starters')
    await dashboard.field('Description').fill('Warm')
    await dashboard.button('Add to the menu').click()
    await expect(dashboard.dialog).toBeHidden()
    await expect(page.getByText('Tomato soup added to the menu.')).toBeVisible()
    await expect(dashboard.card('Tomato soup')).toContainText('4.50')
  })

  await test.step('edit', async () => {
    await dashboard.openItem('Tomato soup', 'Edit')
    await expect(dashboard.field('Price')).toHaveValue('4.50')
    await dashboard.field('Name').fill('Gazpacho')
    await dashboard.field('Price').fill('5.25')
    await dashboard.button('Save').click()
    await expect(page.getByRole('dialog', { name: 'Gazpacho', exact: true })).toContainText('5.25')
    await page.keyboard.press('Escape')
    await expect(dashboard.card('Gazpacho')).toContainText('5.25')
  })

  await test.step('delete and undo', async () => {
    await dashboard.openItem('Gazpacho')
    await dashboard.button('Delete').click()
    await expect(dashboard.card('Gazpacho')).toBeHidden()
    await dashboard.button('Undo').click()
    await expect(dashboard.card('Gazpacho')).toBeVisible()
  })

  await test.step('history', async () => {
    await dashboard.openItem('Gazpacho', 'History')
    await expect(page.getByRole('dialog', { name: 'History of Gazpacho' })).toBeVisible()
    const changes = dashboard.dialog.getByRole('listitem')
    await expect(changes.locator('strong')).toHaveText(['Restored', 'Deleted', 'Changed', 'Added'])
    await expect(changes.nth(2)).toContainText('by you')
    await expect(changes.nth(2).locator('del').first()).toHaveText('Tomato soup')
    await expect(changes.nth(2).locator('ins').first()).toHaveText('Gazpacho')
    await changes.last().getByRole('button', { name: 'Go back to this version' }).click()
    await expect(changes.locator('strong')).toHaveText(['Changed', 'Restored', 'Deleted', 'Changed', 'Added'])
    await page.keyboard.press('Escape')
    await page.keyboard.press('Escape')
    await expect(dashboard.card('Tomato soup')).toContainText('4.50')
  })

  await test.step('every change is stored', async () => {
    await page.reload()
    await expect(dashboard.names).toHaveText(['Burger', 'Pizza', 'Tea', 'Tomato soup'])
    await dashboard.expectSignedIn('Avery Admin')
  })
})

test('a deleted item is restored from its address', async ({ dashboard, page, program, expected }) => {
  const { id } = await program.call('DELETE', `/items/${(await program.item('Pizza')).id}`)
  expected.push(/404 \(Not Found\)/)
  await dashboard.open(`/menu/${id}`)
  await expect(page.getByRole('dialog', { name: 'Not on the menu' })).toBeVisible()
  await expect(dashboard.button('Restore it')).toBeHidden()
  await page.keyboard.press('Escape')
  await expect(dashboard.names).toHaveText(['Burger', 'Tea'])
  await dashboard.openAs('Avery Admin', `/menu/${id}`)
  await dashboard.button('Restore it').click()
  await expect(page.getByRole('dialog', { name: 'Pizza', exact: true })).toBeVisible()
  await page.keyboard.press('Escape')
  await expect(dashboard.names).toHaveText(['Burger', 'Pizza', 'Tea'])
})

test('an address that never had an item offers no restore', async ({ dashboard, page, expected }) => {
  expected.push(/404 \(Not Found\)/)
  await dashboard.openAs('Avery Admin', '/menu/99999')
  await expect(page.getByRole('dialog', { name: 'Not on the menu' })).toContainText('There is no item with the number 99999.')
  await expect(dashboard.button('See the menu')).toBeVisible()
  await expect(dashboard.button('Restore it')).toBeHidden()
})

test('each invalid field shows its error', async ({ dashboard, page, expected }) => {
  await dashboard.openAs('Avery Admin')
  await dashboard.button('Add an item').click()
  await dashboard.field('Price').fill('-1')
  await dashboard.field('Calories').fill('many')
  await dashboard.field('Picture').fill('soup.png')
  expected.push(/400 \(Bad Request\)/)
  await dashboard.button('Add to the menu').click()

  await expect(dashboard.dialog.getByRole('alert')).toHaveText('Not saved. Fix the fields marked in red.')
  for (const [label, words] of Object.entries({
    Name: 'Enter a name',
    Price: 'Price must be a number from 0 to 1,000,000',
    Calories: 'Enter a whole number',
    'Picture link': 'Enter a link that starts with https://',
  })) {
    const field = dashboard.field(label)
    await expect(field).toHaveAttribute('aria-invalid', 'true')
    await expect(field).toHaveAccessibleDescription(new RegExp(words))
  }
  await expect(dashboard.field('Description')).not.toHaveAttribute('aria-invalid')
  await expect(dashboard.field('Name')).toBeFocused()
  await expect(dashboard.field('Picture')).toHaveValue('soup.png')
  await expect(dashboard.cards).toHaveCount(3) // the optimistic item is gone

  await dashboard.field('Name').fill('Soup')
  await expect(dashboard.field('Name')).not.toHaveAttribute('aria-invalid') // while the user edits it
  await expect(dashboard.field('Price')).toHaveAttribute('aria-invalid', 'true')
  await dashboard.field('Price').fill('19.999')
  await dashboard.field('Calories').fill('')
  await dashboard.field('Picture').fill('')
  await dashboard.button('Add to the menu').click()
  await expect(dashboard.field('Price')).toBeFocused()
  await expect(dashboard.field('Name')).not.toHaveAttribute('aria-invalid')
  await dashboard.field('Price').fill('1.99')
  await page.keyboard.press('Enter')
  await expect(dashboard.card('Soup')).toContainText('1.99')
})

test('the reason for a failed save is visible in a scrolled form', async ({ dashboard, context, page, expected }) => {
  await page.setViewportSize({ width: 360, height: 500 })
  await dashboard.openAs('Avery Admin')
  await dashboard.button('Add an item').click()
  await dashboard.field('Name').fill('Soup')
  await dashboard.field('Price').fill('4.50')
  await dashboard.field('Picture').scrollIntoViewIfNeeded()
  expected.push(/net::ERR_INTERNET_DISCONNECTED/)
  await context.setOffline(true)
  await dashboard.button('Add to the menu').click()
  await expect(dashboard.dialog.getByRole('alert')).toBeInViewport({ ratio: 1 })
  await expect(dashboard.field('Name')).toHaveValue('Soup')
})

test('the profile shows the user and their permissions', async ({ dashboard, page }) => {
  await dashboard.open('/profile')
  await expect(page.getByRole('heading', { name: 'Your profile' })).toBeVisible()
  const main = page.getByRole('main')
  await main.getByRole('button', { name: 'Sign in' }).click()
  await page.getByRole('button', { name: 'Avery Admin' }).click()
  await expect(page).toHaveURL(/\/profile$/) // where the user signed in
  await expect(main).toContainText('admin@example.com')
  await expect(main).toContainText('auth0|dev-admin')
  for (const permission of ['create:items', 'update:items', 'delete:items']) {
    await expect(main.getByRole('listitem').filter({ hasText: permission })).toContainText('Granted.')
  }

  await page.getByRole('banner').getByRole('button', { name: 'Sign out' }).click()
  await expect(page.getByRole('banner').getByRole('button', { name: 'Sign in' })).toBeVisible()
  await expect(dashboard.button('Add an item')).toBeHidden()

  // Another user in the same browser.
  await dashboard.signIn('Casey Customer')
  await page.getByRole('link', { name: 'Profile of Casey Customer' }).click()
  await expect(main).toContainText('auth0|dev-customer')
  await expect(main.getByText('Not granted.')).toHaveCount(3)
})

test('a customer sees only the actions that they may take', async ({ dashboard, page, program }) => {
  await dashboard.openAs('Casey Customer')
  await page.getByRole('link', { name: 'Profile of Casey Customer' }).click()
  await expect(page.getByText('Not granted.')).toHaveCount(3) // the permissions are known
  await page.goBack()
  await expect(dashboard.button('Add an item')).toBeHidden()
  await dashboard.openItem('Burger')
  for (const control of ['Edit', 'History', 'Delete']) {
    await expect(dashboard.dialog.getByText(control, { exact: true })).toBeHidden()
  }
  await dashboard.open(`/menu/${(await program.item('Burger')).id}#edit`) // typed by hand
  await expect(page.getByRole('dialog', { name: 'Burger', exact: true })).toBeVisible()
  await expect(page.getByRole('textbox', { name: 'Name' })).toBeHidden()
})
