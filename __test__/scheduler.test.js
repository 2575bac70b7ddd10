'use strict'

const assert = require('node:assert/strict')
const { dirname, join } = require('node:path')
const { renameSync, rmSync, writeFileSync } = require('node:fs')
const { setTimeout: sleep } = require('node:timers/promises')
const test = require('node:test')
const lifeboat = require('..')
const { makeRoot, runScript, until } = require('./root.js')

const { BackupEngine, BackupScheduler } = lifeboat
const HOME = dirname(__dirname)
const HOUR = 3_600_000

/** A clock that stands still until it is moved, and timers that go off when it passes them. */
class Clock {
  constructor(at) {
    this.at = Date.parse(at)
    this.timers = new Map()
    this.jitter = 0
    this.options = {
      now: () => this.read(),
      random: () => this.jitter,
      setTimeout: (callback, ms) => {
        const id = Symbol('timer')
        this.timers.set(id, { callback, at: this.at + ms })
        return id
      },
      clearTimeout: (id) => this.timers.delete(id)
    }
  }

  read() {
    return this.at
  }

  /** Goes to a time; whatever is due on the way happens at its own. `settle`: waits until nothing is under way. */
  async to(time, settle) {
    const end = typeof time === 'number' ? time : Date.parse(time)
    for (;;) {
      const next = [...this.timers].sort(([, a], [, b]) => a.at - b.at)[0]
      if (!next || next[1].at > end) break
      this.timers.delete(next[0])
      this.at = Math.max(this.at, next[1].at)
      next[1].callback()
      await settle()
    }
    this.at = Math.max(this.at, end)
  }
}

/** An engine whose scheduler has a clock of its own; what its backups were. */
function engineAt(t, time, config = {}) {
  const root = makeRoot(t)
  const clock = new Clock(time)
  const settings = { root, encryption: false, timezone: 'UTC', monitor: { verifyCron: '0 0 1 1 *' }, ...config }
  const engine = new BackupEngine({ ...settings, [Symbol.for('lifeboat.clock')]: clock.options })
  const runs = []
  engine.on('backup:success', ({ type }) => runs.push(`${type} ${new Date(clock.at).toISOString().slice(0, 16)}`))
  engine.on('backup:failure', ({ type, code }) => runs.push(`${type} ${code}`))
  t.after(() => engine.scheduler.stop())
  // A turn is over when it has set its next timer, and told when nothing of it waits any more.
  const settle = async () => {
    await until(() => clock.timers.size > 0 || !engine.scheduler.running, 'the end of a turn')
    await sleep(30)
  }
  return { root, clock, engine, runs, settle, settings, to: (when) => clock.to(when, settle) }
}

test('backups happen by themselves, the first at once, and the largest runs for the others', async (t) => {
  const { engine, runs, to } = engineAt(t, '2026-11-29T00:30:00Z')
  assert.equal(engine.scheduler.running, false)
  engine.scheduler.start()
  engine.scheduler.start()
  assert.equal(engine.scheduler.running, true)
  await to('2026-11-29T04:30:00Z')
  await until(() => runs.length === 5, 'all that was told')
  assert.deepEqual(runs, [
    'HOURLY 2026-11-29T00:30',
    'HOURLY 2026-11-29T01:00',
    'DAILY 2026-11-29T02:00',
    'WEEKLY 2026-11-29T03:00',
    'HOURLY 2026-11-29T04:00'
  ])
  const { running, next, by, hosts } = (await engine.status()).schedule
  assert.deepEqual([running, by, hosts.length, hosts[0].pid], [true, 'host', 1, process.pid])
  assert.deepEqual(next, { type: 'HOURLY', at: Date.parse('2026-11-29T05:00:00Z') })
  await engine.scheduler.stop()
  await to('2026-11-30T00:00:00Z')
  assert.equal(runs.length, 5)
  const [weekly] = await engine.listBackups({ type: 'WEEKLY' })
  assert.deepEqual(weekly.covers, ['HOURLY'])
  const operations = (await engine.history()).map(({ operation, type, covers }) => [operation, type, covers])
  assert.deepEqual(operations[2], ['BACKUP', 'DAILY', ['HOURLY']])
})

test('what was missed is made up once, a little after the start', async (t) => {
  const world = engineAt(t, '2026-11-23T12:30:00Z')
  await world.engine.createBackup('HOURLY')
  await world.engine.scheduler.trigger('DAILY')
  await until(() => world.runs.length === 2, 'both')
  world.runs.length = 0
  world.clock.at += 100 * HOUR
  world.clock.jitter = 0.5
  const begin = world.clock.at
  world.engine.scheduler.start()
  await world.to(begin + 29_000)
  assert.deepEqual(world.runs, [])
  await world.to(begin + 31_000)
  await until(() => world.runs.length === 1, 'what was missed')
  assert.match(world.runs[0], /^DAILY /)
  await world.to(begin + 59_000)
  assert.equal(world.runs.length, 1)
})

test('a failed run is an event, and is tried again an hour later', async (t) => {
  const { root, engine, runs, to } = engineAt(t, '2026-11-23T12:30:00Z', { backupDir: '../vault' })
  await engine.createBackup('HOURLY')
  engine.scheduler.start()
  await to('2026-11-23T13:10:00Z')
  renameSync(root, `${root}.away`)
  await to('2026-11-23T14:10:00Z')
  renameSync(`${root}.away`, root)
  await to('2026-11-23T15:10:00Z')
  await until(() => runs.length === 4, 'all')
  assert.deepEqual(runs, [
    'HOURLY 2026-11-23T12:30',
    'HOURLY 2026-11-23T13:00',
    'HOURLY E_SOURCE',
    'HOURLY 2026-11-23T15:00'
  ])
})

test('a large backup that failed is tried once more with the next one', async (t) => {
  const { root, engine, runs, to } = engineAt(t, '2026-11-30T01:30:00Z', { backupDir: '../vault' })
  await engine.createBackup('HOURLY')
  engine.scheduler.start()
  await to('2026-11-30T01:40:00Z')
  renameSync(root, `${root}.away`)
  await to('2026-11-30T02:10:00Z')
  renameSync(`${root}.away`, root)
  await to('2026-11-30T04:10:00Z')
  await until(() => runs.length === 4, 'all')
  assert.deepEqual(runs.slice(1), ['DAILY E_SOURCE', 'DAILY 2026-11-30T03:00', 'HOURLY 2026-11-30T04:00'])
})

test('where nothing can be written down, what failed is tried once an hour and told each time', async (t) => {
  const { root, engine, runs, to } = engineAt(t, '2026-11-23T12:30:00Z')
  rmSync(root, { recursive: true })
  engine.scheduler.start()
  await to('2026-11-23T13:20:00Z')
  await until(() => runs.length === 1, 'the first')
  await to('2026-11-23T13:50:00Z')
  await until(() => runs.length === 2, 'the second')
  assert.deepEqual(runs, ['HOURLY E_SOURCE', 'HOURLY E_SOURCE'])
})

test('of four processes on one vault one makes each backup, and one of them is told', async (t) => {
  const root = makeRoot(t)
  const schedules = { HOURLY: { cron: '*/3 * * * * *' } }
  await new BackupEngine({ root, encryption: false, schedules }).createBackup('MANUAL')
  const script = `
    const { BackupEngine } = require(process.argv[1])
    const engine = new BackupEngine({ root: process.argv[2], encryption: false, schedules: ${JSON.stringify(schedules)} })
    engine.on('backup:success', ({ type, backup }) => type === 'HOURLY' && console.log(backup))
    engine.scheduler.start()
    setTimeout(() => process.exit(), 14_000)`
  const apps = [1, 2, 3, 4].map(() => runScript(script, { args: [HOME, root] }).ended)
  const told = (await Promise.all(apps)).flatMap(({ stdout }) => stdout.trim().split('\n').filter(Boolean))
  const made = await new BackupEngine({ root, encryption: false }).listBackups({ type: 'HOURLY' })
  assert.ok(made.length >= 2 && made.length <= 6, `${made.length} backups in 14 s`)
  assert.equal(new Set(told).size, told.length, 'none is told twice')
  assert.ok(told.length >= made.length - 1, `${told.length} of ${made.length} were told`)
})

test('a pause holds, and ends by itself', async (t) => {
  const { clock, engine, runs, to } = engineAt(t, '2026-11-23T12:30:00Z')
  await engine.createBackup('MANUAL')
  await engine.pause(new Date('2026-11-23T15:30:00Z'))
  assert.deepEqual(engine.scheduler.next(), [{ type: 'HOURLY', at: new Date('2026-11-23T16:00:00Z') }])
  const { paused, next } = (await engine.status()).schedule
  assert.equal(paused, Date.parse('2026-11-23T15:30:00Z'))
  assert.deepEqual(next, { type: 'HOURLY', at: Date.parse('2026-11-23T16:00:00Z') })
  engine.scheduler.start()
  await to('2026-11-23T15:20:00Z')
  await until(() => runs.length === 1, 'the first')
  await to('2026-11-23T15:40:00Z')
  await until(() => runs.length === 2, 'what was missed')
  await engine.pause(clock.at + HOUR * 24)
  assert.ok(engine.scheduler.next()[0].at > clock.at + HOUR * 23)
  await engine.resume()
  assert.ok(engine.scheduler.next()[0].at <= clock.at + HOUR)
  await to('2026-11-23T16:10:00Z')
  await until(() => runs.length === 3, 'the next')
  await assert.rejects(engine.pause('tomorrow'), { code: 'E_CONFIG' })
  await assert.rejects(engine.pause(1), { code: 'E_CONFIG' })
  await assert.rejects(engine.pause(8.64e15), { code: 'E_CONFIG' })
})

test('a turn that cannot be made is a warning, and the next one comes all the same', async (t) => {
  const { clock, engine, runs, to } = engineAt(t, '2026-11-23T12:30:00Z')
  await engine.createBackup('MANUAL')
  const warnings = []
  const listener = ({ message }) => warnings.push(message)
  process.removeAllListeners('warning')
  process.on('warning', listener)
  t.after(() => process.off('warning', listener))
  engine.scheduler.start()
  await to('2026-11-23T12:31:00Z')
  clock.read = () => {
    throw new Error('no memory')
  }
  await to('2026-11-23T12:40:00Z')
  delete clock.read
  // Also where something is due: not again at once, but a minute later.
  await to('2026-11-23T12:59:30Z')
  const before = warnings.length
  let calls = 0
  clock.read = () => {
    if (calls++ % 2 === 0) throw new Error('no memory')
    return clock.at
  }
  await to('2026-11-23T13:00:30Z')
  assert.equal(warnings.length - before, 1)
  delete clock.read
  await to('2026-11-23T13:10:00Z')
  await until(() => runs.length === 2, 'what was due')
  assert.ok(warnings.length >= 9 && warnings.every((message) => message.includes('no memory')), warnings.join('\n'))
})

test('stop waits for the run under way, or cancels it', async (t) => {
  for (const cancel of [false, true]) {
    const root = makeRoot(t, { zeros: 800 })
    const engine = new BackupEngine({ root, encryption: false, schedules: { HOURLY: { cron: '* * * * * *' } } })
    const ends = []
    engine.on('backup:success', () => ends.push('success'))
    engine.on('backup:failure', ({ code }) => ends.push(code))
    let begun = false
    engine.on('progress', () => (begun = true))
    engine.scheduler.start()
    await until(() => begun, 'a run')
    await engine.scheduler.stop({ cancel })
    if (!cancel) await until(() => ends.length > 0, 'what is to be told')
    // What was cancelled on purpose is no failure.
    assert.deepEqual(ends, cancel ? [] : ['success'])
    assert.equal((await engine.history())[0].code, cancel ? 'E_ABORTED' : undefined)
    assert.equal((await engine.status()).running, undefined)
    await sleep(1500)
    assert.equal(ends.length, cancel ? 0 : 1)
  }
})

test('trigger does at once what the schedule does, and meets what is running with E_BUSY', async (t) => {
  const root = makeRoot(t, { zeros: 800 })
  const engine = new BackupEngine({ root, encryption: false, schedules: { HOURLY: { keep: 1 } } })
  const first = engine.scheduler.trigger('HOURLY')
  // And not only the making of its vault.
  const isBackup = (running) => running?.operation.startsWith('BACKUP')
  await until(async () => isBackup((await engine.status()).running), 'a backup under way')
  await assert.rejects(engine.scheduler.trigger('HOURLY'), { code: 'E_BUSY', message: /BACKUP HOURLY/ })
  await first
  await engine.scheduler.trigger('HOURLY')
  const left = (await engine.listBackups()).length
  assert.equal(left, 1, 'what no rule keeps has gone')
  await assert.rejects(engine.scheduler.trigger('NEVER'), { code: 'E_CONFIG' })
})

test('the time zone is the one that process.env.TZ says when it is asked', async (t) => {
  const { TZ } = process.env
  t.after(() => {
    if (TZ === undefined) delete process.env.TZ
    else process.env.TZ = TZ
  })
  const clock = new Clock('2026-11-23T12:00:00Z')
  const config = { root: makeRoot(t), schedules: { HOURLY: { enabled: false } } }
  const engine = new BackupEngine({ ...config, [Symbol.for('lifeboat.clock')]: clock.options })
  const next = () => engine.scheduler.next(1)[0]
  process.env.TZ = 'Asia/Jakarta'
  assert.deepEqual(next(), { type: 'DAILY', at: new Date('2026-11-23T19:00:00Z') })
  process.env.TZ = 'America/New_York'
  assert.deepEqual(next(), { type: 'DAILY', at: new Date('2026-11-24T07:00:00Z') })
  assert.equal(engine.scheduler.next(20).length, 20)
  assert.throws(() => engine.scheduler.next(-1), { code: 'E_CONFIG' })
})

test('a running scheduler does not keep a process alive', async (t) => {
  const script = `
    const { BackupEngine } = require(process.argv[1])
    const engine = new BackupEngine({ root: process.argv[2], encryption: false })
    engine.createBackup().then(() => engine.scheduler.start())`
  const { code, stderr } = await runScript(script, { args: [HOME, makeRoot(t)] }).ended
  assert.equal(code, 0, stderr)
})

test('a scheduler of its own, and the default one, which goes on after configure()', async (t) => {
  const root = makeRoot(t)
  const config = { root, encryption: false, schedules: { HOURLY: { cron: '* * * * * *' } } }
  assert.throws(() => new BackupScheduler({ schedules: { DAILY: { cron: 'at two' } } }), { code: 'E_CONFIG' })
  lifeboat.configure(config)
  const made = []
  const listener = ({ backup }) => made.push(backup)
  lifeboat.on('backup:success', listener)
  t.after(() => lifeboat.off('backup:success', listener))
  t.after(() => lifeboat.scheduler.stop())
  lifeboat.scheduler.start()
  await until(() => made.length > 0, 'a backup by the default scheduler')
  const other = makeRoot(t)
  lifeboat.configure({ ...config, root: other })
  assert.equal(lifeboat.scheduler.running, true)
  const elsewhere = new BackupEngine({ ...config, root: other })
  await until(async () => (await elsewhere.listBackups()).length > 0, 'a backup of the other root')
  await lifeboat.scheduler.stop()
  assert.equal(new BackupScheduler(config).running, false)
  await new BackupScheduler(elsewhere).stop()
})

test('the vault is inspected each day, and damage is an event', async (t) => {
  const { clock, engine, root, to } = engineAt(t, new Date(Date.now() + 1000).toISOString(), {
    monitor: { verifyCron: '0 * * * *' },
    schedules: Object.fromEntries(['HOURLY', 'DAILY', 'WEEKLY', 'MONTHLY'].map((type) => [type, { enabled: false }]))
  })
  const reports = []
  engine.on('integrity:failure', (report) => reports.push(report))
  await engine.createBackup()
  engine.scheduler.start()
  await to(clock.at + HOUR)
  await until(async () => (await engine.history()).length === 3, 'the inspection')
  const operations = async () => (await engine.history()).map(({ operation }) => operation)
  assert.deepEqual(await operations(), ['REHEARSAL', 'VERIFY', 'BACKUP'])
  assert.deepEqual(reports, [])
  const { readdirSync, readFileSync } = require('node:fs')
  const packs = join(root, 'backups/packs')
  const pack = readdirSync(packs, { recursive: true, withFileTypes: true }).find((entry) => entry.isFile())
  const path = join(pack.parentPath ?? pack.path, pack.name)
  const bytes = readFileSync(path)
  bytes[bytes.length >> 1] ^= 1
  writeFileSync(path, bytes)
  await to(clock.at + HOUR)
  await until(() => reports.length === 1, 'the alarm')
  assert.equal(reports[0].damaged[0].backups.length, 1)
  assert.equal((await engine.status()).problems[0].code, 'E_CORRUPT')
})
