import type { BrowserContext, Locator, Page } from '@playwright/test'
import { signIn } from './application.ts'
import type { Program } from './program.ts'
import { expect, test as base } from './test.ts'

/** The dashboard in a browser, by what a person sees of it. */
export class Dashboard {
  readonly page: Page
  readonly #program: Program
  readonly cards: Locator
  readonly names: Locator
  readonly dialog: Locator

  constructor(page: Page, program: Program) {
    this.page = page
    this.#program = program
    this.cards = page.getByRole('list', { name: 'Items' }).getByRole('listitem')
    this.names = this.cards.getByRole('heading')
    this.dialog = page.getByRole('dialog')
  }

  async open(path = '/'): Promise<void> {
    await this.page.goto(this.#program.url + path)
  }

  card(name: string): Locator {
    return this.cards.filter({ has: this.page.getByRole('heading', { name, exact: true }) })
  }

  button(name: string): Locator {
    return this.page.getByRole('button', { name, exact: true })
  }

  /** A field of the form that is open. */
  field(label: string): Locator {
    return this.dialog.getByLabel(label)
  }

  /** Opens an item of the menu, and then what can be done with it. */
  async openItem(name: string, then?: 'Edit' | 'History'): Promise<void> {
    await this.card(name).getByRole('link').click()
    await expect(this.page.getByRole('dialog', { name, exact: true })).toBeVisible()
    if (then) await this.dialog.getByRole('link', { name: then }).click()
  }

  /** Signs in and waits until it is known what the person may do. */
  async signIn(person: 'Avery Admin' | 'Casey Customer'): Promise<void> {
    await signIn(this.page, person)
    await this.expectSignedIn(person)
  }

  async expectSignedIn(person: 'Avery Admin' | 'Casey Customer'): Promise<void> {
    await expect(this.page.getByRole('link', { name: `Profile of ${person}` })).toBeVisible()
    if (person === 'Avery Admin') await expect(this.button('Add an item')).toBeVisible()
    expect(await this.page.evaluate(() => window.scrollY), 'scrolled, after signing in').toBe(0)
  }

  /** Waits until the page is told of the changes of others. */
  async expectLive(): Promise<void> {
    await expect(this.page.getByRole('status', { name: 'Updates: Live' })).toBeVisible()
  }
}

interface Fixtures {
  dashboard: Dashboard
  /** Opens the dashboard in another browser. */
  another: () => Promise<Dashboard>
}

export const test = base.extend<Fixtures>({
  dashboard: async ({ page, program }, use) => use(new Dashboard(page, program)),

  another: async ({ browser, program, equip }, use) => {
    const contexts: BrowserContext[] = []
    await use(async () => {
      const context = await browser.newContext()
      contexts.push(context)
      await equip(context)
      const other = new Dashboard(await context.newPage(), program)
      await other.open()
      return other
    })
    for (const context of contexts) await context.close()
  },
})
