import { existsSync } from 'node:fs'
import { defineConfig } from '@playwright/test'
import type { Options } from './support/test.ts'

// Debian's packages: the headless shell is the same browser without its window, and needs half the time. CHROMIUM overrides.
const chromium = process.env.CHROMIUM ?? ['/usr/bin/chromium-headless-shell', '/usr/bin/chromium'].find(existsSync)

export default defineConfig<object, Options>({
  testDir: 'tests',
  outputDir: 'results', // traces and screenshots of failures
  fullyParallel: true,
  workers: 2,
  retries: 0, // a retry would hide a flaky test
  forbidOnly: true,
  timeout: 120_000, // generous, for busy machines
  expect: { timeout: 20_000 },
  reporter: process.env.BROWSER_REPORT ? [['list'], ['json', { outputFile: process.env.BROWSER_REPORT }]] : [['list']],
  use: {
    browserName: 'chromium',
    headless: true,
    locale: 'en-GB',
    actionTimeout: 20_000,
    trace: { mode: 'retain-on-failure', screenshots: false, sources: false },
    launchOptions: {
      executablePath: chromium,
      args: [
        '--no-sandbox', // the tests may run as root in a container
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
    // Tests that do not depend on the engine run on one. A test with the tag @engine runs on both.
    { name: 'provider', testDir: 'tests/provider', use: { engine: 'sqlite' } },
    { name: 'page', testDir: 'tests/page', use: { engine: 'sqlite' } },
    { name: 'sqlite', testDir: 'tests/menu', use: { engine: 'sqlite' } },
    { name: 'postgres', testDir: 'tests/menu', grep: /@engine/, use: { engine: 'postgres' } },
    // Not a test: see `make screenshots`.
    { name: 'screenshots', testDir: 'tests/screenshots', use: { engine: 'sqlite', trace: 'off' } },
  ],
})
