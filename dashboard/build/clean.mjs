// Empties dist before a build, except for what Git keeps there.
import { mkdirSync, readdirSync, rmSync } from 'node:fs'

mkdirSync('dist', { recursive: true })
for (const entry of readdirSync('dist')) {
  if (entry !== '.gitignore') rmSync(`dist/${entry}`, { recursive: true })
}
