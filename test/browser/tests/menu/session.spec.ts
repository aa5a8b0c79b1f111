// Sessions that end while a user works.
import { test } from '../../support/dashboard.ts'
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
    await expect(page.getByText('Late burger is saved.')).toBeVisible()
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
  await expect(page.getByText('Precious burger is saved.')).toBeVisible()
  await expect(page.getByRole('dialog', { name: 'Precious burger', exact: true })).toContainText('Typed with care')
})
