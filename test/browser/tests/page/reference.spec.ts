// The API reference at /docs, which sends requests.
import { expectAccessible } from '../../support/checks.ts'
import { expect, test } from '../../support/test.ts'

test('read, fail without a token, sign in with PKCE, write', async ({ page, program, expected }) => {
  const elsewhere: string[] = []
  page.on('request', (request) => {
    const { hostname, protocol } = new URL(request.url())
    if (hostname !== 'localhost' && protocol !== 'data:') elsewhere.push(request.url())
  })
  await page.goto(program.url + '/docs')

  const execute = async (operation: string) => {
    const block = page.locator(`[id$="-${operation}"]`)
    if ((await block.getByRole('button', { name: 'Execute' }).count()) === 0) await block.locator('.opblock-summary-control').click()
    await block.getByRole('button', { name: 'Execute' }).click()
    return block.locator('.live-responses-table')
  }
  await expect(await execute('listItems')).toContainText('Burger')
  expected.push(/401 \(Unauthorized\)/)
  await expect(await execute('createItem')).toContainText('token-missing')

  await page.locator('.auth-wrapper .btn.authorize').first().click()
  const form = page.locator('.auth-container').filter({ hasText: 'authorizationCode with PKCE' })
  const opened = page.waitForEvent('popup')
  await form.getByRole('button', { name: 'Authorize' }).click()
  const popup = await opened
  await popup.waitForURL(/\/authorize\?.*code_challenge_method=S256.*audience=https%3A%2F%2Fmenu\.example\.com|\/login/)
  const closed = popup.waitForEvent('close')
  await popup.getByRole('button', { name: 'Avery Admin' }).click()
  await closed
  await expect(form).toContainText('Authorized')
  await form.getByRole('button', { name: 'Close' }).click()

  const written = await execute('createItem')
  await expect(written).toContainText('"name": "Soup"')
  await expect(written).toContainText(`location: /items/${(await program.item('Soup')).id}`)
  expect(elsewhere, 'requests to other hosts').toEqual([])
})

test('axe finds nothing on the page, in an operation and in the dialog for tokens', async ({ page, program, expected }) => {
  test.slow() // axe takes long on this page
  expected.push(/401 \(Unauthorized\)/)
  await page.goto(program.url + '/docs')
  await expect(page.locator('.opblock').first()).toBeVisible()
  await expectAccessible(page)
  const create = page.locator('[id$="-createItem"]')
  await create.locator('.opblock-summary-control').click()
  await create.getByRole('button', { name: 'Execute' }).click()
  await expect(create.locator('.live-responses-table')).toContainText('token-missing')
  await page.locator('[id$="-listItems"] .opblock-summary-control').click()
  await expectAccessible(page)
  await page.locator('.auth-wrapper .btn.authorize').first().click()
  await expect(page.locator('.auth-container').first()).toBeVisible()
  await expectAccessible(page)
})

test('a callback without a sign-in explains itself', async ({ page, program }) => {
  await page.goto(program.url + '/docs/callback?error=access_denied&state=x')
  await expect(page.locator('#result')).toHaveText('Start from /docs: this page is only the end of a sign-in.')
})
