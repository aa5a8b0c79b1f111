// Compresses the assets in advance, and fails when the JavaScript exceeds its budget.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { brotliCompressSync, constants, gzipSync } from 'node:zlib'

const KIB = 1024
const JAVASCRIPT_BUDGET = 150 * KIB // of all scripts together, in either form

const folder = 'dist/assets'
const total = { gzip: 0, brotli: 0 }
console.log('      raw     gzip   brotli')
for (const name of readdirSync(folder).sort()) {
  const raw = readFileSync(`${folder}/${name}`)
  const gzip = gzipSync(raw, { level: 9 })
  const brotli = brotliCompressSync(raw, { params: { [constants.BROTLI_PARAM_SIZE_HINT]: raw.length } })
  writeFileSync(`${folder}/${name}.gz`, gzip)
  writeFileSync(`${folder}/${name}.br`, brotli)
  print(raw.length, gzip.length, brotli.length, name)
  if (name.endsWith('.js')) {
    total.gzip += gzip.length
    total.brotli += brotli.length
  }
}
print('', total.gzip, total.brotli, `JavaScript in total; the budget is ${JAVASCRIPT_BUDGET}`)
if (Math.max(total.gzip, total.brotli) > JAVASCRIPT_BUDGET) {
  console.error('The JavaScript exceeds its budget of 150 KiB.')
  process.exit(1)
}

/** @param {(number | string)[]} columns */
function print(...columns) {
  const name = columns.pop()
  console.log(columns.map((column) => String(column).padStart(9)).join(''), '', name)
}
