import { fileURLToPath } from 'node:url'
import { test as base, expect, type BrowserContext } from '@playwright/test'
import { Program, type Engine } from './program.ts'
import { Site, type Page } from './site.ts'

/** What a project chooses. */
export interface Options {
  engine: Engine
}

interface Fixtures {
  /** Settings of the program, over those of `menu-api dev`. */
  settings: Record<string, string>
  /** The program, running with a new database that has the default menu. */
  program: Program
  /** Starts a site at another origin, until the end of the test. */
  site: (pages: Record<string, Page>) => Promise<Site>
  /** Messages on the console that are expected, as regular expressions. Any other error fails the test. */
  expected: RegExp[]
  /** Gives another browser what the test's own has: the pictures of the menu, and an eye on its console. */
  equip: (context: BrowserContext) => Promise<void>
}

/** Where the pictures of the default menu are. */
const hosted = /^https:\/\/cdn\.auth0\.com\/blog\/whatabyte\/(\w+)-sm\.png$/

export const test = base.extend<Options & Fixtures & { equipped: void }>({
  engine: ['sqlite', { option: true }],
  settings: [{}, { option: true }],

  program: async ({ engine, settings }, use, info) => {
    const program = await Program.start(engine, settings)
    await use(program)
    if (info.status !== info.expectedStatus) await info.attach('log of the program', { body: await program.log() })
    await program.remove()
  },

  site: async ({}, use) => {
    const sites: Site[] = []
    await use(async (pages) => {
      const site = await Site.start(pages)
      sites.push(site)
      return site
    })
    await Promise.all(sites.map((site) => site.stop()))
  },

  expected: async ({}, use) => use([]),

  equip: async ({ expected }, use) => {
    const errors: string[] = []
    await use(async (context) => {
      context.on('weberror', (error) => errors.push(String(error.error().stack ?? error.error())))
      // Violations of the Content-Security-Policy and failed requests are on the console too.
      context.on('console', (message) => {
        if (message.type() === 'error') errors.push(`${message.text()} (${message.location().url})`)
      })
      // The pictures of the menu are on the internet, which there need not be where the tests run.
      await context.route(hosted, (route) => {
        const name = hosted.exec(route.request().url())?.[1]
        return route.fulfill({ path: fileURLToPath(new URL(`./pictures/${name}.svg`, import.meta.url)) })
      })
    })
    const unexpected = errors.filter((error) => !expected.some((pattern) => pattern.test(error)))
    expect(unexpected, 'errors on the console').toEqual([])
  },

  equipped: [
    async ({ context, equip }, use) => {
      await equip(context)
      await use()
    },
    { auto: true },
  ],
})

export { expect }
