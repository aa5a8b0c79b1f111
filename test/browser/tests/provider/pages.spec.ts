// The pages of the development identity provider.
import { expectAccessible, expectNoSidewaysScroll } from '../../support/checks.ts'
import { expect, test } from '../../support/test.ts'

const request = new URLSearchParams({
  client_id: 'menu-dashboard',
  redirect_uri: 'http://localhost:4040/',
  response_type: 'code',
  code_challenge: 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM',
  code_challenge_method: 'S256',
})

test('every page is accessible and fits a phone', async ({ page, program, expected }) => {
  expected.push(/400 \(Bad Request\)/)
  await page.setViewportSize({ width: 320, height: 640 })
  for (const [path, heading] of [
    ['', 'Menu API sign-in'],
    [`authorize?${request}`, 'Sign in'],
    ['v2/logout', 'You are signed out'],
    ['authorize', 'Bad Request'],
  ]) {
    await test.step(heading, async () => {
      await page.goto(program.issuer + path)
      await expect(page.getByRole('heading', { level: 1 })).toHaveText(heading)
      await expectAccessible(page)
      await expectNoSidewaysScroll(page)
    })
  }
})

test('sign in with the keyboard only', async ({ page, program, site }) => {
  const application = await site({
    '/': ['text/html', `<!doctype html><title>App</title><link rel="icon" href="data:,">`],
  })
  request.set('redirect_uri', application.origin + '/callback')
  await page.goto(`${program.issuer}authorize?${request}`)
  await page.keyboard.press('Tab')
  await expect(page.getByRole('button', { name: 'Avery Admin' })).toBeFocused()
  await page.keyboard.press('Enter')
  await expect(page).toHaveURL(/\/callback\?code=/)
})
