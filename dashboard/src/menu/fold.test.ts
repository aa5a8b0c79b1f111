import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'

import { fold } from './fold'

// The server's tests read the same file.
const texts = JSON.parse(readFileSync('../items/testdata/fold.json', 'utf8')) as { text: string; folded: string }[]

test.each(texts)('folds $text like the server', ({ text, folded }) => {
  expect(fold(text)).toBe(folded)
})
