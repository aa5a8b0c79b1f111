import { test as base, expect, type BrowserContext } from "@playwright/test";
import { Program, type Engine } from "./program.ts";
import { Site, type Page } from "./site.ts";

/** What a project chooses. */
export interface Options {
  engine: Engine;
}

interface Fixtures {
  /** Settings of the program, over those of `menu-api dev`. */
  settings: Record<string, string>;
  /** The program, running with a new database that has the default menu. */
  program: Program;
  /** Starts a site at another origin, until the end of the test. */
  site: (pages: Record<string, Page>) => Promise<Site>;
  /** Messages on the console that are expected, as regular expressions. Any other error fails the test. */
  expected: RegExp[];
  /** Watches the pages of another browser as those of the test's own are. */
  watch: (context: BrowserContext) => void;
}

export const test = base.extend<Options & Fixtures & { watched: void }>({
  engine: ["sqlite", { option: true }],
  settings: [{}, { option: true }],

  program: async ({ engine, settings }, use) => {
    const program = await Program.start(engine, settings);
    await use(program);
    await program.remove();
  },

  site: async ({}, use) => {
    const sites: Site[] = [];
    await use(async (pages) => {
      const site = await Site.start(pages);
      sites.push(site);
      return site;
    });
    await Promise.all(sites.map((site) => site.stop()));
  },

  expected: async ({}, use) => use([]),

  watch: async ({ expected }, use) => {
    const errors: string[] = [];
    await use((context) => {
      context.on("weberror", (error) => errors.push(String(error.error().stack ?? error.error())));
      // Violations of the Content-Security-Policy and failed requests are on the console too.
      context.on("console", (message) => {
        if (message.type() === "error") errors.push(`${message.text()} (${message.location().url})`);
      });
    });
    const unexpected = errors.filter((error) => !expected.some((pattern) => pattern.test(error)));
    expect(unexpected, "errors on the console").toEqual([]);
  },

  watched: [
    async ({ context, watch }, use) => {
      watch(context);
      await use();
    },
    { auto: true },
  ],
});

export { expect };
