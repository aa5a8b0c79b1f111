// The development identity provider with Auth0's SDK, from another origin.
import type { Page, Request } from '@playwright/test'
import { audience, expectUser, signIn, test } from '../../support/application.ts'
import type { Program } from '../../support/program.ts'
import { expect } from '../../support/test.ts'

for (const [version, sdk] of [
  ['the current version', '@auth0/auth0-spa-js'],
  ['version 2.0', 'auth0-spa-js-2.0'],
]) {
  test.describe(`Auth0's SDK, ${version}`, () => {
    test.use({ sdk })

    test('sign in, reload, write, sign out, sign in as another user', async ({
      page,
      context,
      program,
      open,
      expected,
    }) => {
      const site = await open()
      await signIn(page, 'Avery Admin')
      await expectUser(page, 'Avery Admin')
      expect(await page.evaluate(() => window.client.getUser())).toMatchObject({
        sub: 'auth0|dev-admin',
        email: 'admin@example.com',
        picture: expect.stringMatching(/^data:image\/svg/),
        [audience + '/roles']: ['menu-admin'],
      })

      // A reload loses the page's memory, so the SDK asks the provider in a hidden frame.
      const silent = page.waitForRequest(isSilent)
      await page.reload()
      await silent
      await expectUser(page, 'Avery Admin')
      const second = await context.newPage()
      await second.goto(site.origin)
      await expectUser(second, 'Avery Admin')

      expect(await write(page, program)).toEqual({ status: 201, name: 'Soup' })

      await page.getByRole('button', { name: 'Sign out' }).click()
      await expect(page).toHaveURL(site.origin + '/bye')
      await expectUser(page, 'anonymous')
      expect(await silentError(page)).toBe('login_required')

      await signIn(page, 'Casey Customer')
      await expectUser(page, 'Casey Customer')
      expected.push(/403 \(Forbidden\)/)
      expect(await write(page, program)).toMatchObject({ status: 403 })
    })

    test('sign in through a popup, then as another user without signing out', async ({ page, program, open }) => {
      await open()
      const opened = page.waitForEvent('popup')
      await page.getByRole('button', { name: 'Sign in, in a window' }).click()
      const popup = await opened
      const closed = popup.waitForEvent('close')
      await popup.getByRole('button', { name: 'Avery Admin' }).click()
      await closed
      await expectUser(page, 'Avery Admin')
      expect(await write(page, program)).toMatchObject({ status: 201 })

      await page.evaluate(() => window.client.loginWithRedirect({ authorizationParams: { prompt: 'login' } }))
      await page.getByRole('button', { name: 'Casey Customer' }).click()
      await expectUser(page, 'Casey Customer')
    })

    test('silent sign-in fails at once without a session; sign-out without a target returns', async ({ page, open }) => {
      const site = await open()
      const frame = page.waitForResponse((response) => isSilent(response.request()))
      expect(await silentError(page)).toBe('login_required') // "timeout" without a response to the hidden frame
      expect((await frame).headers()['x-frame-options']).toBeUndefined()

      await signIn(page, 'Avery Admin')
      await expectUser(page, 'Avery Admin')
      await page.evaluate(() => window.client.logout())
      await expect(page).toHaveURL(site.origin + '/')
      await expectUser(page, 'anonymous')
      expect(await silentError(page)).toBe('login_required')
    })

    for (const { cacheLocation, useFormData } of [
      { cacheLocation: 'memory', useFormData: true }, // the SDK renews in a worker
      { cacheLocation: 'localstorage', useFormData: false },
    ] as const) {
      const encoding = useFormData ? 'a form' : 'JSON'
      test(`refresh tokens, kept in ${cacheLocation}, sent as ${encoding}`, async ({
        page,
        context,
        program,
        open,
      }) => {
        await open({ useRefreshTokens: true, useRefreshTokensFallback: true, cacheLocation, useFormData })
        await signIn(page, 'Avery Admin')
        await expectUser(page, 'Avery Admin')
        // Twice: the SDK uses the refresh token of the first renewal's response for the second one.
        for (let renewal = 1; renewal <= 2; renewal++) {
          const sent = context.waitForEvent('request', isRefresh)
          await page.evaluate(() => window.client.getTokenSilently({ cacheMode: 'off' }))
          const request = await sent
          expect(request.headers()['content-type']).toContain(useFormData ? 'x-www-form-urlencoded' : 'json')
          expect((await request.response())?.status()).toBe(200)
        }
        expect(await write(page, program)).toMatchObject({ status: 201 })

        await page.reload()
        await expectUser(page, 'Avery Admin')

        await page.getByRole('button', { name: 'Sign out' }).click()
        await expectUser(page, 'anonymous')
        expect(await silentError(page)).toBe('login_required')
      })
    }
  })
}

test.describe('an origin that is not allowed', () => {
  test.use({ settings: { CORS_ALLOWED_ORIGINS: 'http://localhost:1' } })

  test('signs in, but cannot write', async ({ page, program, open, expected }) => {
    await open()
    await signIn(page, 'Avery Admin')
    await expectUser(page, 'Avery Admin')
    expected.push(/blocked by CORS policy/, /net::ERR_FAILED/)
    await expect(write(page, program)).rejects.toThrow('Failed to fetch')
  })
})

/** Adds an item with the SDK's token. The page is at another origin, so the browser sends a preflight first. */
async function write(page: Page, program: Program) {
  return page.evaluate(async (url) => {
    const response = await fetch(url, {
      method: 'POST',
      headers: {
        Authorization: `Bearer ${await window.client.getTokenSilently()}`,
        'Content-Type': 'application/json',
      },
      body: JSON.stringify({ item: { name: 'Soup', price: 4.5, description: 'Warm', image: '' } }),
    })
    return { status: response.status, name: (await response.json()).name }
  }, program.url + '/items')
}

/** The error code of a silent sign-in. */
async function silentError(page: Page) {
  return page.evaluate(() =>
    window.client.getTokenSilently({ cacheMode: 'off' }).then(
      () => 'no error',
      (error) => error.error,
    ),
  )
}

function isSilent(request: Request) {
  const url = new URL(request.url())
  return (
    url.pathname === '/authorize' &&
    url.searchParams.get('prompt') === 'none' &&
    url.searchParams.get('response_mode') === 'web_message'
  )
}

function isRefresh(request: Request) {
  return request.url().endsWith('/oauth/token') && (request.postData() ?? '').includes('refresh_token')
}
