// A small app to back up, in one line, and what the tests ask about processes.

'use strict'

const { execFileSync } = require('node:child_process')
const { randomBytes } = require('node:crypto')
const { mkdirSync, mkdtempSync, realpathSync, appendFileSync, writeFileSync } = require('node:fs')
const { rm } = require('node:fs/promises')
const { tmpdir } = require('node:os')
const { join } = require('node:path')
const { setTimeout: sleep } = require('node:timers/promises')

const MB = 1 << 20

/** A temporary folder that goes when the test ends. */
function folder(t) {
  const path = realpathSync(mkdtempSync(join(tmpdir(), 'lifeboat-test-')))
  // An engine may still be looking for events in its vault, and SQLite then makes files there: `rm`, unlike `rmSync`, looks
  // again at what is in a folder that it finds not empty.
  t.after(() => rm(path, { recursive: true, force: true, maxRetries: 5 }))
  return path
}

/** An app's root. `photos`: MB of bytes that do not compress. `zeros`: MB that take a while to read and little to store. */
function makeRoot(t, { photos = 0, zeros = 0 } = {}) {
  const root = join(folder(t), 'bot')
  mkdirSync(join(root, 'sessions/main'), { recursive: true })
  mkdirSync(join(root, 'uploads'))
  writeFileSync(join(root, 'config.json'), '{"ownerNumber":["62811@s.whatsapp.net"]}')
  for (let n = 0; n < 50; n++) writeFileSync(join(root, `sessions/main/pre-key-${n}.json`), JSON.stringify({ n }))
  for (let n = 0; n < photos; n++) writeFileSync(join(root, `uploads/${n}.jpg`), randomBytes(MB))
  const block = Buffer.alloc(16 * MB)
  for (let n = 0; n < zeros; n += 16) appendFileSync(join(root, 'uploads/video.bin'), block)
  return root
}

/** The ids of the workers that process `parent` has running. */
const workersOf = (parent) => processesOf(parent, 'lifeboat worker')

/** The same of those that read a vault for it. */
const clerksOf = (parent) => processesOf(parent, 'lifeboat clerk')

function processesOf(parent, command) {
  try {
    const lines = execFileSync('ps', ['-A', '-o', 'pid=,ppid=,args='], { encoding: 'utf8' }).split('\n')
    const rows = lines.map((line) => line.trim().split(/\s+/))
    return rows
      .filter(([, ppid, ...args]) => Number(ppid) === parent && args.join(' ').endsWith(command))
      .map(([pid]) => Number(pid))
  } catch (error) {
    throw new Error('`ps` is needed to see the worker', { cause: error })
  }
}

function isAlive(pid) {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

async function until(condition, what, ms = 20_000) {
  for (const end = Date.now() + ms; Date.now() < end; await sleep(20)) if (await condition()) return
  throw new Error(`${what}: not within ${ms} ms`)
}

/** Runs `script` as a program of its own and gives back what it printed, its exit code and its signal. */
function runScript(script, { args = [], env = {}, cwd, module = false, detached = false } = {}) {
  const { spawn } = require('node:child_process')
  const input = [...(module ? ['--input-type=module'] : []), '-e', script, ...args]
  const child = spawn(process.execPath, input, { cwd, detached, env: { ...process.env, ...env } })
  const out = { child, stdout: '', stderr: '' }
  child.stdout.on('data', (data) => (out.stdout += data))
  child.stderr.on('data', (data) => (out.stderr += data))
  out.ended = new Promise((resolve) => child.on('close', (code, signal) => resolve({ ...out, code, signal })))
  return out
}

module.exports = { clerksOf, folder, isAlive, makeRoot, runScript, until, workersOf }
