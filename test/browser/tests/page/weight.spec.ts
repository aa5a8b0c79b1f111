// The size of the page and its first view.
import { test } from '../../support/dashboard.ts'
import { expect } from '../../support/test.ts'

test('the page shows the menu without another request', async ({ dashboard, page, expected }) => {
  expected.push(/net::ERR_FAILED/)
  await page.route(/.*/, (route) => {
    const own = ['document', 'script', 'stylesheet', 'image', 'font'].includes(route.request().resourceType())
    return own ? route.fallback() : route.abort()
  })
  await dashboard.open()
  await expect(dashboard.names).toHaveText(['Burger', 'Pizza', 'Tea'])
})

test('the scripts of a guest are under 90 KB, without the SDK', async ({ dashboard, page }) => {
  let total = 0
  page.on('requestfinished', async (request) => {
    if (request.url().endsWith('.js')) total += (await request.sizes()).responseBodySize
  })
  await dashboard.open()
  await dashboard.expectLive()
  await dashboard.openItem('Burger')
  console.log(`scripts of a guest: ${(total / 1000).toFixed(1)} KB compressed`)
  expect(total).toBeGreaterThan(0)
  expect(total).toBeLessThan(90_000)
})

test('all scripts together are under 150 KiB and cached for a year', async ({ dashboard, page }) => {
  const scripts = new Map<string, number>()
  page.context().on('requestfinished', async (request) => {
    const path = new URL(request.url()).pathname
    if (!path.endsWith('.js')) return
    const sizes = await request.sizes()
    if (sizes.responseBodySize > 0) scripts.set(path, sizes.responseBodySize) // 0 from the cache
    const response = (await request.response())!
    expect.soft(response.headers()['content-encoding'], path).toMatch(/^(br|gzip)$/)
    expect.soft(response.headers()['cache-control'], path).toMatch(/max-age=31536000.*immutable/)
  })
  // This visit also loads the parts that the page loads on demand: sign-in, editor, history.
  await dashboard.open()
  await dashboard.signIn('Avery Admin')
  await dashboard.openItem('Burger', 'Edit')
  await expect(dashboard.field('Name')).toBeVisible()
  await dashboard.button('Cancel').click()
  await dashboard.dialog.getByRole('link', { name: 'History' }).click()
  await expect(page.getByRole('dialog', { name: 'History of Burger' })).toBeVisible()

  const total = [...scripts.values()].reduce((sum, size) => sum + size, 0)
  console.log(`scripts: ${scripts.size} files, ${(total / 1024).toFixed(1)} KiB compressed`)
  expect(scripts.size).toBeGreaterThan(0)
  expect(total).toBeLessThan(150 * 1024)
})
