import { defineConfig } from "@playwright/test";
import type { Options } from "./support/test.ts";

// Debian's browser; nothing is downloaded. CHROMIUM names another one.
const chromium = process.env.CHROMIUM ?? "/usr/bin/chromium";

export default defineConfig<Options>({
  testDir: "tests",
  outputDir: "results", // traces and screenshots of failures
  fullyParallel: true,
  workers: 2,
  retries: 0, // a test that passes at the second attempt hides something
  forbidOnly: true,
  timeout: 60_000, // for machines that are busy with other tests; it is no measure of anything
  expect: { timeout: 15_000 },
  reporter: process.env.E2E_REPORT ? [["list"], ["json", { outputFile: process.env.E2E_REPORT }]] : [["list"]],
  use: {
    browserName: "chromium",
    headless: true,
    locale: "en-GB",
    trace: "retain-on-failure",
    launchOptions: {
      executablePath: chromium,
      args: [
        "--no-sandbox", // containers run the tests as root
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
      ],
    },
  },
  projects: [
    { name: "provider", testDir: "tests/provider", use: { engine: "sqlite" } },
  ],
});
