#!/usr/bin/env node
// npm run demo:many: the demo again and again, because what goes wrong between an app that writes and a restore goes wrong
// now and then. Of each run that fails the whole story is printed, and its folder is kept.
//
//   --times N   how often (default 100)
//   --busy      keep every core busy with something else meanwhile

import { spawn } from 'node:child_process'
import { availableParallelism } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { green, red, time } from './print.mjs'

const DEMO = join(dirname(fileURLToPath(import.meta.url)), 'demo.mjs')

/** What runs now: it ends with this process. */
const children = new Set()
process.on('exit', () => {
  for (const child of children) child.kill()
})
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(1))

function start(args, stdio) {
  const child = spawn(process.execPath, args, { stdio })
  children.add(child)
  child.on('close', () => children.delete(child))
  return child
}

/** One demo: whether all of its proofs held, and what it said. */
function run() {
  const child = start([DEMO], ['ignore', 'pipe', 'pipe'])
  let story = ''
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text) => (story += text))
  return new Promise((resolve) => child.on('close', (code) => resolve({ held: code === 0, story })))
}

const { values } = parseArgs({
  options: { times: { type: 'string', default: '100' }, busy: { type: 'boolean', default: false } }
})
const times = Number(values.times)
if (!(Number.isInteger(times) && times > 0)) {
  console.error('Usage: npm run demo:many -- [--times N] [--busy]')
  process.exit(2)
}

for (let core = 0; values.busy && core < availableParallelism(); core++) start(['-e', 'for (;;);'], 'ignore')

const begin = performance.now()
let failed = 0
for (let n = 1; n <= times; n++) {
  const { held, story } = await run()
  if (!held) console.log(`${red(`Run ${n} failed:`)}\n${story}`)
  if (!held) failed++
  if (n % 10 === 0 && n < times) console.log(`${n - failed} of ${n} held so far.`)
}
const elapsed = time(performance.now() - begin)
const outcome = `${times - failed} of ${times} demos held all of their proofs, in ${elapsed}.`
console.log(failed === 0 ? green(outcome) : red(outcome))
process.exit(failed === 0 ? 0 : 1)
