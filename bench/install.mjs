// How long the build from source in `npm install` takes, against an earlier commit: each in a folder of its own from nothing, one
// after the other, with the crates downloaded already. Processor time says more than the clock where a machine does other things.
//
//   node bench/install.mjs COMMIT [--times]     --times: which crates cost most, too

import { execFileSync, spawnSync } from 'node:child_process'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { parseArgs } from 'node:util'

const { values, positionals } = parseArgs({ allowPositionals: true, options: { times: { type: 'boolean' } } })
if (positionals.length !== 1) {
  console.error('Name the commit to compare with: node bench/install.mjs COMMIT')
  process.exit(2)
}
const home = path.join(import.meta.dirname, '..')
const work = fs.mkdtempSync(path.join(os.tmpdir(), 'lifeboat-install-'))
process.on('exit', () => fs.rmSync(work, { recursive: true, force: true }))

// Called as rustc's wrapper: `user system crate`, a line a call.
const timer = path.join(work, 'timer')
fs.writeFileSync(
  timer,
  `#!/usr/bin/env bash
name=-; prev=
for arg in "$@"; do [ "$prev" = --crate-name ] && name=$arg; prev=$arg; done
TIMEFORMAT="%U %S $name"
{ time "$@" 2>&3; code=$?; } 3>&2 2>>"$CRATE_TIMES"
exit $code
`,
  { mode: 0o755 }
)

function measure(commit, name) {
  const tree = path.join(work, name)
  fs.mkdirSync(tree)
  execFileSync('bash', ['-c', 'git archive "$0" | tar -x -C "$1"', commit, tree], { cwd: home })
  execFileSync('cargo', ['fetch', '--locked', '--quiet'], { cwd: tree, stdio: 'inherit' })
  const env = { ...process.env, CARGO_TARGET_DIR: path.join(work, `${name}-target`), TIMEFORMAT: '%R %U %S' }
  if (values.times) Object.assign(env, { RUSTC_WRAPPER: timer, CRATE_TIMES: path.join(work, `${name}-times`) })
  const run = 'exec 3>&1 4>&2; { time node scripts/install.mjs >&4 2>&4; } 2>&1'
  const { stdout, status } = spawnSync('bash', ['-c', run], {
    cwd: tree,
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
    encoding: 'utf8'
  })
  if (status !== 0) process.exit(1)
  const [wall, user, system] = stdout.trim().split('\n').at(-1).split(' ').map(Number)
  fs.rmSync(env.CARGO_TARGET_DIR, { recursive: true, force: true })
  return { wall, cpu: user + system, crates: values.times ? crates(env.CRATE_TIMES) : [] }
}

function crates(file) {
  const costs = new Map()
  for (const line of fs.readFileSync(file, 'utf8').split('\n')) {
    const [user, system, name] = line.split(' ')
    if (name && /^\d/.test(user)) costs.set(name, (costs.get(name) ?? 0) + Number(user) + Number(system))
  }
  return [...costs].sort((a, b) => b[1] - a[1])
}

const before = measure(positionals[0], 'before')
const now = measure('HEAD', 'now')
for (const [name, { wall, cpu }] of Object.entries({ before, now })) {
  console.log(`${name.padEnd(7)} ${cpu.toFixed(0)} s of processor time, ${wall.toFixed(0)} s by the clock`)
}
console.log(
  `now is ${(now.cpu / before.cpu).toFixed(2)} times the processor time, ${(now.wall / before.wall).toFixed(2)} times the clock`
)
const known = new Map(before.crates)
for (const [name, seconds] of now.crates.slice(0, 25)) {
  console.log(
    `  ${seconds.toFixed(1).padStart(6)} s  ${name}${known.has(name) ? `  (before: ${known.get(name).toFixed(1)} s)` : '  (new)'}`
  )
}
