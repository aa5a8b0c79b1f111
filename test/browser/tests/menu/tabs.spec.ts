// Many tabs over HTTP/1.1, of which a browser allows six connections to a host.
import { Dashboard, test } from '../../support/dashboard.ts'
import { expect } from '../../support/test.ts'

test('ten tabs load, save and stay up to date', async ({ dashboard, context, program }) => {
  await dashboard.openAs('Avery Admin')
  const tabs = [dashboard]
  for (const started = Date.now(); tabs.length < 10; ) {
    await tabs.at(-1)!.setVisible(false)
    const tab = new Dashboard(await context.newPage(), program)
    tabs.push(tab)
    await tab.open()
    await expect(tab.names).toHaveText(['Burger', 'Pizza', 'Tea'])
    if (tabs.length === 10) console.log(`ten tabs are loaded after ${Date.now() - started} ms`)
  }
  await tabs[9].setVisible(false)

  const started = Date.now()
  await dashboard.setVisible(true)
  await dashboard.openItem('Burger', 'Edit')
  await dashboard.field('Price').fill('7.77')
  await dashboard.button('Save').click()
  await expect(dashboard.page.getByText('Burger saved.')).toBeVisible()
  console.log(`the first tab has saved after ${Date.now() - started} ms`)
  expect(Date.now() - started).toBeLessThan(20_000)
})

test('only a visible tab keeps a stream, and it resumes without reloading the menu', async ({ dashboard, page, program }) => {
  await dashboard.open()
  await dashboard.expectLive()
  const stream = page.waitForEvent('requestfailed', (request) => request.url().includes('/items/events'))
  await dashboard.setVisible(false)
  await stream // closed a few seconds after the tab is hidden
  await program.change('Tea', { name: 'Green tea' })

  const requests: string[] = []
  page.on('request', (request) => requests.push(request.url().replace(program.url, '')))
  await dashboard.setVisible(true)
  await expect(dashboard.names).toHaveText(['Burger', 'Pizza', 'Green tea'])
  expect(requests).toEqual([expect.stringMatching(/^\/items\/events\?after=./)])
})
