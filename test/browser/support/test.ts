import { fileURLToPath } from 'node:url'
import { test as base, expect, type BrowserContext } from '@playwright/test'
import { Program, type Engine } from './program.ts'
import { Site, type Page } from './site.ts'

interface TestFixtures {
  /** Settings of the program. A test with settings gets its own program. */
  settings: Record<string, string> | null
  /** The running program with the default menu. The tests of a worker share it. */
  program: Program
  /** Starts a site at another origin, until the end of the test. */
  site: (pages: Record<string, Page>) => Promise<Site>
  /** Patterns of expected console messages. Any other error fails the test. */
  expected: RegExp[]
  /** Prepares a browser context: serves the pictures of the menu and watches the console. */
  equip: (context: BrowserContext) => Promise<void>
  equipped: void
}

/** The settings of a project. */
export interface Options {
  engine: Engine
}

/** The address of the default menu's pictures. */
const hosted = /^https:\/\/cdn\.auth0\.com\/blog\/whatabyte\/(\w+)-sm\.png$/

export const test = base.extend<TestFixtures, Options & { shared: Program }>({
  engine: ['sqlite', { option: true, scope: 'worker' }],
  settings: [null, { option: true }],

  shared: [
    async ({ engine }, use) => {
      const program = await Program.start(engine)
      await use(program)
      await program.remove()
    },
    { scope: 'worker' },
  ],

  program: async ({ engine, settings, shared }, use, info) => {
    const program = settings ? await Program.start(engine, settings) : shared
    if (program === shared) await program.reset()
    await use(program)
    if (info.status !== info.expectedStatus) await info.attach('log of the program', { body: await program.log() })
    if (program !== shared) await program.remove()
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
      // The console also shows violations of the Content-Security-Policy and failed requests.
      context.on('console', (message) => {
        if (message.type() === 'error') errors.push(`${message.text()} (${message.location().url})`)
      })
      // The pictures are on the internet, which the tests do not need.
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
