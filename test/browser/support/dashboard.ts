import type { BrowserContext, Locator, Page } from '@playwright/test'
import { signIn } from './application.ts'
import type { Program } from './program.ts'
import { expect, test as base } from './test.ts'

type Person = 'Avery Admin' | 'Casey Customer'

/** The dashboard in a browser, in terms of what a user sees. */
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

  /** Opens the page signed in. The first test of a worker signs in through the form, and later tests reuse its cookies. */
  async openAs(person: Person, path = '/'): Promise<void> {
    const context = this.page.context()
    const cookies = this.#program.cookies.get(person)
    if (cookies) {
      await context.addCookies(cookies)
    } else {
      await this.open()
      await this.signIn(person)
      this.#program.cookies.set(person, await context.cookies())
    }
    await this.open(path)
    await this.expectSignedIn(person)
  }

  /** Opens an item of the menu, and then one of its actions. */
  async openItem(name: string, then?: 'Edit' | 'History'): Promise<void> {
    await this.card(name).getByRole('link').click()
    await expect(this.page.getByRole('dialog', { name, exact: true })).toBeVisible()
    if (then) await this.dialog.getByRole('link', { name: then }).click()
  }

  /** Signs in and waits for the user's permissions. */
  async signIn(person: Person): Promise<void> {
    await signIn(this.page, person)
    await this.expectSignedIn(person)
    expect(await this.scrollTop(), 'scrolled, after signing in').toBe(0)
  }

  async expectSignedIn(person: Person): Promise<void> {
    await expect(this.page.getByRole('link', { name: `Profile of ${person}` })).toBeVisible()
    if (person === 'Avery Admin') await expect(this.button('Add an item')).toBeVisible()
  }

  /** How far the page is scrolled. */
  async scrollTop(): Promise<number> {
    return this.page.locator('.page').evaluate((page) => page.scrollTop)
  }

  /** Hides or shows the tab. Playwright's pages are always visible. */
  async setVisible(visible: boolean): Promise<void> {
    await this.page.evaluate((visibilityState) => {
      Object.defineProperty(document, 'visibilityState', { value: visibilityState, configurable: true })
      document.dispatchEvent(new Event('visibilitychange'))
    }, visible ? 'visible' : 'hidden')
  }

  /** Waits until the page receives live changes. */
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
