// Empties dist before a build, except for what Git keeps there.
import { readdirSync, rmSync } from 'node:fs'

for (const entry of readdirSync('dist')) {
  if (entry !== '.gitignore') rmSync(`dist/${entry}`, { recursive: true })
}
