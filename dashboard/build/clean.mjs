// Empties dist before a build, except for the files in Git.
import { mkdirSync, readdirSync, rmSync } from 'node:fs'

mkdirSync('dist', { recursive: true })
for (const entry of readdirSync('dist')) {
  if (entry !== '.gitignore') rmSync(`dist/${entry}`, { recursive: true })
}
