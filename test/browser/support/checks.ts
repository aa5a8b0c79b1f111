import { readFile } from 'node:fs/promises'
import type { Page } from '@playwright/test'
import type { AxeResults } from 'axe-core'
import { expect } from './test.ts'

interface Axe {
  axe: { run(on: Node, options: object): Promise<AxeResults> }
}

const source = await readFile(new URL('../node_modules/axe-core/axe.min.js', import.meta.url), 'utf8')

/**
 * Checks the page with axe, including its best practices. If a dialog is open, nothing else can be used, so axe checks only
 * that. The dark page differs only in its colours, so axe checks only those there.
 */
export async function expectAccessible(page: Page): Promise<void> {
  for (const [colorScheme, options] of [
    ['dark', { runOnly: ['color-contrast'] }],
    ['light', { resultTypes: ['violations'] }],
  ] as const) {
    await page.emulateMedia({ colorScheme })
    await settle(page)
    if (!(await page.evaluate(() => 'axe' in window))) {
      await page.evaluate(source) // the page's policy would block a script element
    }
    const results = await page.evaluate((options) => {
      const shown = document.querySelector('dialog[open]') ?? document
      return (window as unknown as Axe).axe.run(shown, options)
    }, options)
    const violations = results.violations.map(({ id, help, nodes }) => ({
      rule: `${id}: ${help}`,
      at: nodes.map((node) => `${node.target.join(' ')}: ${node.failureSummary}`),
    }))
    expect(violations, `axe, in ${colorScheme}`).toEqual([])
  }
}

/** Ends all animations, because the contrast is wrong during a transition. */
export async function settle(page: Page): Promise<void> {
  await page.evaluate(() => {
    for (const animation of document.getAnimations()) {
      if (Number.isFinite(animation.effect?.getComputedTiming().endTime)) animation.finish()
    }
  })
}

/** Checks that nothing is wider than the page, except inside elements that scroll. */
export async function expectNoSidewaysScroll(page: Page): Promise<void> {
  const beyond = await page.evaluate(() => {
    const { clientWidth } = document.documentElement
    const scrollsItself = (element: Element): boolean => {
      const parent = element.parentElement
      return (
        parent !== null &&
        parent !== document.body &&
        (getComputedStyle(parent).overflowX !== 'visible' || scrollsItself(parent))
      )
    }
    return [...document.querySelectorAll('body *')]
      .filter((element) => element.getBoundingClientRect().right > clientWidth + 0.5 && !scrollsItself(element))
      .map((element) => element.cloneNode() as Element)
      .map((element) => element.outerHTML)
  })
  expect(beyond, 'wider than the page').toEqual([])
}
