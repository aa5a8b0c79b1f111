import { defineConfig } from '@playwright/test'
import type { Options } from './support/test.ts'

// Debian's browser; nothing is downloaded. CHROMIUM names another one.
const chromium = process.env.CHROMIUM ?? '/usr/bin/chromium'

export default defineConfig<Options>({
  testDir: 'tests',
  outputDir: 'results', // traces and screenshots of failures
  fullyParallel: true,
  workers: 2,
  retries: 0, // a test that passes at the second attempt hides something
  forbidOnly: true,
  timeout: 120_000, // for machines that are busy with other tests; it measures nothing
  expect: { timeout: 20_000 },
  reporter: process.env.E2E_REPORT ? [['list'], ['json', { outputFile: process.env.E2E_REPORT }]] : [['list']],
  use: {
    browserName: 'chromium',
    headless: true,
    locale: 'en-GB',
    actionTimeout: 20_000,
    trace: 'retain-on-failure',
    launchOptions: {
      executablePath: chromium,
      args: [
        '--no-sandbox', // containers run the tests as root
        '--disable-gpu',
        '--disable-quic',
        '--no-first-run',
        '--disable-background-networking',
        '--disable-component-update',
        '--disable-sync',
      ],
    },
  },
  projects: [
    // What does not depend on the database is tested over one.
    { name: 'provider', testDir: 'tests/provider', use: { engine: 'sqlite' } },
    { name: 'page', testDir: 'tests/page', use: { engine: 'sqlite' } },
    { name: 'sqlite', testDir: 'tests/menu', use: { engine: 'sqlite' } },
    { name: 'postgres', testDir: 'tests/menu', use: { engine: 'postgres' } },
    // Not a test: see `make screenshots`.
    { name: 'screenshots', testDir: 'tests/screenshots', use: { engine: 'sqlite', trace: 'off' } },
  ],
})
