'use strict'

// Two apps and a cluster of four on one vault, whose processes are killed at random: hosts, workers and clerks.
// LIFEBOAT_KILLS=500 is `npm run torture`; LIFEBOAT_SEED=N repeats the choices of a run.

const { spawn } = require('node:child_process')
const { existsSync, readFileSync, rmSync } = require('node:fs')
const { join } = require('node:path')
const { test } = require('node:test')
const assert = require('node:assert/strict')
const { setTimeout: sleep } = require('node:timers/promises')
const { BackupEngine } = require('..')
const { clerksOf, makeRoot, until, workersOf } = require('./root.js')

const CONSUMERS = ['bot', 'bot', 'bot', 'bot', 'panel', 'admin']
const kills = Number(process.env.LIFEBOAT_KILLS ?? 12)
const seed = Number(process.env.LIFEBOAT_SEED ?? Date.now() % 1e9)

/** Numbers from 0 up to 1, the same for the same seed (mulberry32). */
function randomness(state) {
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

test('whoever is killed, every backup is made once, comes back, and is told to each app', {
  skip: process.platform === 'win32'
}, async (t) => {
  t.diagnostic(`LIFEBOAT_SEED=${seed}, ${kills} kills`)
  const random = randomness(seed)
  const pick = (list) => list[Math.floor(random() * list.length)]
  const root = makeRoot(t)
  const notesOf = (consumer) => join(root, '..', `${consumer}.notes`)
  const hosts = new Map()
  const start = (slot) => {
    const args = [join(__dirname, 'crowd.js'), root, CONSUMERS[slot], notesOf(CONSUMERS[slot])]
    hosts.set(slot, spawn(process.execPath, args, { stdio: 'ignore' }))
  }
  const kill = (pid) => {
    try {
      return process.kill(pid, 'SIGKILL')
    } catch {
      // It has ended by itself.
      return false
    }
  }
  for (const slot of CONSUMERS.keys()) start(slot)
  const killAll = () => {
    for (const host of hosts.values()) host.kill('SIGKILL')
  }
  t.after(killAll)
  const watcher = new BackupEngine({ root, encryption: false })
  const told = (consumer) => {
    const text = existsSync(notesOf(consumer)) ? readFileSync(notesOf(consumer), 'utf8') : ''
    // The last line of a process that was killed may be half of one.
    return text.split('\n').flatMap((line) => (line.endsWith('}') ? [JSON.parse(line)] : []))
  }
  const consumers = [...new Set(CONSUMERS)]
  // From the first that it is told of, it is told of all.
  await until(() => consumers.every((consumer) => told(consumer).length > 0), 'the first backup', 60_000)

  const killed = { host: 0, worker: 0, clerk: 0 }
  for (let done = 0; done < kills; ) {
    await sleep(50 + random() * 400)
    const slot = pick([...hosts.keys()])
    const what = pick(['host', 'worker', 'worker', 'clerk'])
    if (what === 'host') {
      const host = hosts.get(slot)
      const ended = new Promise((resolve) => host.once('exit', resolve))
      host.kill('SIGKILL')
      await ended
      start(slot)
    } else {
      const of = what === 'worker' ? workersOf : clerksOf
      const found = [...hosts.values()].flatMap(({ pid }) => of(pid))
      if (found.length === 0 || !kill(pick(found))) continue
    }
    killed[what]++
    done++
  }
  t.diagnostic(JSON.stringify(killed))

  // Nobody is killed any more: it goes on without help.
  const before = (await watcher.listBackups())[0].backup
  await watcher.createBackup('MANUAL', { wait: true })
  const successes = async () => {
    const runs = await watcher.history({ limit: 10_000 })
    return runs
      .filter(({ operation, result }) => operation === 'BACKUP' && result === 'success')
      .map((run) => run.backup)
  }
  const untold = async (consumer) => {
    const known = told(consumer).map(({ what }) => what)
    const all = await successes()
    // The newest is the first.
    return all.slice(0, all.indexOf(known[0])).filter((backup) => !known.includes(backup))
  }
  for (const consumer of consumers) {
    await until(async () => (await untold(consumer)).length === 0, `${consumer} is told of all`, 120_000)
  }
  killAll()
  await until(() => [...hosts.values()].every(({ exitCode, signalCode }) => exitCode ?? signalCode), 'the end of all')

  const listed = await watcher.listBackups()
  assert.notEqual(listed[0].backup, before)
  const { ok, damaged } = await watcher.verify(undefined, { deep: true })
  assert.deepEqual({ ok, damaged }, { ok: true, damaged: [] })
  // A run is for all that was due when it began.
  const begun = (await watcher.history({ limit: 10_000 })).filter(
    ({ type, result }) => type === 'HOURLY' && result === 'success'
  )
  const slots = begun.map(({ at }) => Math.floor(at / 2000))
  assert.equal(new Set(slots).size, slots.length, `a backup was made twice: ${begun.map(({ at }) => at)}`)
  const target = join(root, '..', 'restored')
  for (const { backup } of listed.filter((_, index) => index % Math.ceil(listed.length / 10) === 0)) {
    await watcher.restore(backup, { target })
    assert.equal(readFileSync(join(target, 'config.json'), 'utf8'), readFileSync(join(root, 'config.json'), 'utf8'))
    rmSync(target, { recursive: true })
  }
  for (const consumer of consumers) {
    const good = told(consumer).flatMap(({ event, what }) => (event === 'backup:success' ? [what] : []))
    const again = good.length - new Set(good).size
    // Who is killed while it is told is told again.
    assert.ok(again <= killed.host + killed.clerk, `${consumer}: ${again} were told more than once`)
  }
})
