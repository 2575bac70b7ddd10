// `npm run test:js`: the tests in JavaScript, several files side by side, because they mostly wait; and then those by themselves
// that measure how the host feels.

import { spawnSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { HOME } from './cargo.mjs'

/** They measure how long a loop of the host, and a writer in it, wait. */
const ALONE = ['guest.test.js', 'live-writer.test.js']

const files = readdirSync(join(HOME, '__test__')).filter((name) => name.endsWith('.test.js'))
const together = files.filter((name) => !ALONE.includes(name))

function run(names, concurrency) {
  const args = ['--test', `--test-concurrency=${concurrency}`, ...names.map((name) => join('__test__', name))]
  return spawnSync(process.execPath, args, { cwd: HOME, stdio: 'inherit' }).status === 0
}

const results = [run(together, 3), run(ALONE, 1)]
process.exit(results.every(Boolean) ? 0 : 1)
