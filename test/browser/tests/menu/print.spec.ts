// The menu on paper.
import { test, type Dashboard } from '../../support/dashboard.ts'
import { menu } from '../../support/menu.ts'
import { expect } from '../../support/test.ts'

// A4 without the margins, in CSS pixels: what a page of the PDF has room for.
const paper = { width: 680, height: 1002 }

/** Waits until the page can be printed: from then on, everything is in memory. */
async function printable({ page }: Dashboard) {
  await expect(page.locator('.printed')).toBeAttached()
}

const rows = ({ page }: Dashboard) => page.locator('.printed li')

/** The number of pages of the document that the browser prints. */
async function pagesOf({ page }: Dashboard): Promise<number> {
  const pdf = (await page.pdf({ format: 'A4' })).toString('latin1')
  return pdf.match(/\/Type\s*\/Page\b/g)!.length
}

test('the browser prints the menu and a code for it, without controls and what is sold out', async ({ dashboard, page, program }) => {
  await program.replaceMenu(menu)
  await program.change('Mint tea', { soldOut: true })
  await dashboard.openAs('Avery Admin')
  await printable(dashboard)
  await expect(page.locator('.printed svg path')).toHaveAttribute('d', /^M.{500}/) // before printing starts
  await expect(page.locator('.printed')).toBeHidden()

  await dashboard.openItem('Burger') // an open item is printed once
  await page.emulateMedia({ media: 'print', colorScheme: 'dark' })
  await expect(rows(dashboard)).toHaveCount(menu.length - 1)
  await expect(page.getByText('Burger', { exact: true }).filter({ visible: true })).toHaveCount(1)
  await expect(page.getByText('Mint tea').filter({ visible: true })).toHaveCount(0)
  await expect(page.locator('.printed').getByRole('heading')).toHaveText(['Menu', 'Mains', 'Starters', 'Desserts', 'Drinks'])
  await expect(page.getByRole('img', { name: 'Today’s menu on your phone' })).toBeVisible()
  await expect(page.locator('.printed')).toContainText(new URL(program.url).host)
  for (const role of ['button', 'searchbox', 'link', 'dialog', 'combobox', 'radio'] as const) await expect(page.getByRole(role)).toHaveCount(0)
  expect(await page.evaluate(() => getComputedStyle(document.querySelector('.printed')!).color)).toBe('rgb(0, 0, 0)')

  const rightEdges = await page.locator('.printed-row span:last-child').evaluateAll((prices) => prices.map((price) => price.getBoundingClientRect().right))
  expect(new Set(rightEdges).size, 'right edges of prices').toBe(1)
  await page.emulateMedia({ media: null, colorScheme: null })
  await expect(dashboard.dialog).toBeVisible()
  expect(await pagesOf(dashboard)).toBe(1)
})

test('every item of a large menu is printed, in the columns of the last time', async ({ dashboard, page, program }) => {
  const many = Array.from({ length: 300 }, (_, n) => ({
    name: `Dish ${n + 1}`,
    price: n,
    description: n % 3 ? '' : 'A line about the dish that is long enough for a second line on a narrow column. '.repeat(2),
    image: '',
    category: `Section ${n % 7}`,
  }))
  await program.replaceMenu(many)
  await page.addInitScript(() => {
    window.print = () => {
      window.dispatchEvent(new Event('beforeprint'))
      document.title = `printed ${document.querySelectorAll('.printed li').length} ${document.querySelector('.printed')!.className}`
      window.dispatchEvent(new Event('afterprint'))
    }
  })
  await dashboard.open('/?q=dish 299')
  await page.getByRole('link', { name: 'Print' }).click()
  await dashboard.button('Two columns').click()
  await expect(page).toHaveTitle('printed 300 printed columns-2')
  await expect(dashboard.dialog).toBeHidden()

  await page.reload()
  await printable(dashboard)
  await expect(page.getByText('1 of 300 items')).toBeVisible()
  const inTwo = await pagesOf(dashboard)
  await page.setViewportSize(paper)
  await page.emulateMedia({ media: 'print' })
  await expect(rows(dashboard)).toHaveCount(300)
  const left = await rows(dashboard).evaluateAll((rows) => rows.map((row) => row.getBoundingClientRect().left))
  expect(new Set(left).size, 'columns').toBe(2)
  expect(await rows(dashboard).first().evaluate((row) => getComputedStyle(row).breakInside)).toBe('avoid')

  await page.emulateMedia({ media: null })
  await page.getByRole('link', { name: 'Print' }).click()
  await dashboard.button('One column').click()
  await expect(page).toHaveTitle('printed 300 printed columns-1')
  expect(inTwo).toBeGreaterThan(1)
  expect(await pagesOf(dashboard)).toBeGreaterThan(inTwo)
})
