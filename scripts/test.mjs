// `npm test`: part after part, what is quick first, and at the end which part took how long. It stops at the first that fails.
//
// The parts are scripts of package.json: `npm run test:js` runs one by itself.

import { spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { HOME } from './cargo.mjs'

const PARTS = [
  'test:machine',
  'check:js',
  'check:licenses',
  'check:format',
  'build',
  'check:operations',
  'check:native',
  'check:rust',
  'test:rust',
  'test:js'
]

/** .ci/run shows it below its own parts. */
const TABLE = join(HOME, 'target', 'parts.txt')

// Most tests wait most of the time, for the disk: every write of a vault is synced.
const threads = String(2 * availableParallelism())
const env = { RUST_TEST_THREADS: threads, ...process.env }
// Nobody builds there again: what cargo would keep for the next build costs more than it saves.
if (process.env.CI) env.CARGO_INCREMENTAL = '0'

/** Seconds of all cores that children of this process have used: on Linux, elsewhere nobody says it. */
function cpuOfChildren() {
  if (process.platform !== 'linux') return Number.NaN
  const fields = readFileSync('/proc/self/stat', 'utf8').split(') ').at(-1).split(' ')
  const TICKS = 100
  return (Number(fields[13]) + Number(fields[14])) / TICKS
}

const rows = [`${'seconds'.padStart(9)}${'of CPU'.padStart(9)}  part`]
function row(name, seconds, cpu) {
  const text = (number) => (Number.isNaN(number) ? '' : number.toFixed(0)).padStart(9)
  rows.push(`${text(seconds)}${text(cpu)}  ${name}`)
}

function part(name) {
  console.log(`\n==> npm run ${name}`)
  const [start, cpu] = [Date.now(), cpuOfChildren()]
  const { status } = spawnSync('npm', ['run', '--silent', name], { cwd: HOME, stdio: 'inherit', env, shell: true })
  row(status === 0 ? name : `${name}: FAILED`, (Date.now() - start) / 1000, cpuOfChildren() - cpu)
  return status === 0
}

const passed = PARTS.every(part)
row('npm test', process.uptime(), cpuOfChildren())
mkdirSync(join(HOME, 'target'), { recursive: true })
writeFileSync(TABLE, `${rows.join('\n')}\n`)
console.log(`\n${rows.join('\n')}\n`)
process.exit(passed ? 0 : 1)
