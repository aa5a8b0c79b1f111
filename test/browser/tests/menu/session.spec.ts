// Sessions that end while a user works.
import { Dashboard, test } from '../../support/dashboard.ts'
import { expect } from '../../support/test.ts'

test.describe('a short-lived access token', () => {
  test.use({ settings: { DEV_TOKEN_LIFETIME: '2s', AUTHZ_CLOCK_SKEW: '0s' } })

  test('is renewed silently', async ({ dashboard, page, program }) => {
    await dashboard.open()
    const response = page.waitForResponse((response) => response.url().endsWith('/oauth/token'))
    await dashboard.signIn('Avery Admin')
    const { access_token } = await (await response).json()
    await dashboard.openItem('Burger', 'Edit')
    await dashboard.field('Name').fill('Late burger')
    const me = () => fetch(program.url + '/me', { headers: { Authorization: `Bearer ${access_token}` } })
    await expect.poll(async () => (await me()).status, { message: 'the token expires' }).toBe(401)
    await dashboard.button('Save').click()
    await expect(page.getByText('Late burger saved.')).toBeVisible()
  })
})

test('an expired session loses no typed text', async ({ dashboard, page, program, expected }) => {
  await dashboard.open()
  await dashboard.signIn('Avery Admin')
  await dashboard.openItem('Burger', 'Edit')
  await dashboard.field('Name').fill('Precious burger')
  await dashboard.field('Description').fill('Typed with care')

  // The provider keeps sessions, refresh tokens and signing keys in memory, so a restart signs everyone out.
  expected.push(/net::ERR_/, /40[13] \((Unauthorized|Forbidden)\)/)
  await program.stop()
  await program.start()
  await dashboard.button('Save').click()
  await expect(dashboard.dialog.getByText('Your session has ended.')).toBeVisible()
  await expect(dashboard.field('Name')).toHaveValue('Precious burger')

  await dashboard.dialog.getByRole('button', { name: 'Sign in again' }).click()
  await page.getByRole('button', { name: 'Avery Admin' }).click()
  await expect(dashboard.field('Name')).toHaveValue('Precious burger')
  await expect(dashboard.field('Description')).toHaveValue('Typed with care')
  await dashboard.button('Save').click()
  await expect(page.getByText('Precious burger saved.')).toBeVisible()
  await expect(page.getByRole('dialog', { name: 'Precious burger', exact: true })).toContainText('Typed with care')
})

test('signing out signs out every tab', async ({ dashboard, context, program, page }) => {
  await dashboard.open()
  await dashboard.signIn('Avery Admin')
  const second = new Dashboard(await context.newPage(), program)
  await second.open()
  await second.expectSignedIn('Avery Admin')
  await dashboard.button('Sign out').click()
  await expect(page.getByRole('button', { name: 'Sign in', exact: true })).toBeVisible()
  await expect(second.page.getByRole('button', { name: 'Sign in', exact: true })).toBeVisible()
  await expect(second.button('Add an item')).toBeHidden()
})

test.describe('an expired token', () => {
  test.use({ settings: { DEV_TOKEN_LIFETIME: '2s', AUTHZ_CLOCK_SKEW: '0s' } })

  test('offline, the page says so in words, and recovers', async ({ dashboard, context, page, expected }) => {
    expected.push(/net::ERR_INTERNET_DISCONNECTED/)
    await dashboard.open()
    await dashboard.signIn('Avery Admin')
    await dashboard.button('Add an item').click()
    await dashboard.field('Name').fill('Late burger')
    await dashboard.field('Price').fill('5')
    await context.setOffline(true)
    await page.waitForTimeout(2_500) // the token expires
    await dashboard.button('Add to the menu').click()
    await expect(dashboard.dialog.getByRole('alert')).toHaveText(/^Not saved\. The sign-in service cannot be reached\./)
    await context.setOffline(false)
    await dashboard.button('Add to the menu').click()
    await expect(page.getByText('Late burger added to the menu.')).toBeVisible()
  })

  test('when permissions cannot be checked, the page says so and tries again', async ({ dashboard, context, page, expected }) => {
    expected.push(/net::ERR_FAILED/)
    await dashboard.open()
    await dashboard.signIn('Avery Admin')
    await context.route('**/me', (route) => route.abort())
    await page.reload()
    await expect(page.getByText('We could not check your permissions.')).toBeVisible()
    await expect(dashboard.names.first()).toBeVisible()
    await context.unroute('**/me')
    await expect(dashboard.button('Add an item')).toBeVisible()
    await expect(page.getByText('We could not check your permissions.')).toBeHidden()
  })
})

test('signing in returns to the filter, and Back does not fail', async ({ dashboard, page }) => {
  await dashboard.open('/?q=te')
  await dashboard.signIn('Avery Admin')
  await expect(page).toHaveURL(/\/\?q=te$/)
  await page.goBack()
  await expect(page).toHaveURL(/\/\?q=te$/)
  await dashboard.expectSignedIn('Avery Admin')
  await expect(page.getByText('Signing in failed')).toBeHidden()
})

test('with cookies and site data blocked, the menu shows and sign-in explains itself', async ({ dashboard, page }) => {
  await page.addInitScript(() => {
    const blocked = {
      get() {
        throw new DOMException('Access is denied for this document.', 'SecurityError')
      },
    }
    for (const name of ['localStorage', 'sessionStorage']) Object.defineProperty(window, name, blocked)
    Object.defineProperty(document, 'cookie', blocked)
  })
  await dashboard.open()
  await expect(dashboard.names).toHaveText(['Burger', 'Pizza', 'Tea'])
  await page.getByRole('link', { name: 'Sign in' }).click()
  await expect(page.getByRole('main')).toContainText('Signing in needs cookies and site data')
})
