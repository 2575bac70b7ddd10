// The host is never harmed: not by a disk of the vault that hangs, a worker that stands still, a Ctrl-C that was meant for
// somebody else, or a listener that throws what cannot be shown. A FIFO in place of a database hangs whoever opens it.

'use strict'

const assert = require('node:assert/strict')
const { execFileSync, spawn } = require('node:child_process')
const {
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  utimesSync,
  writeFileSync
} = require('node:fs')
const { dirname, join } = require('node:path')
const { setTimeout: sleep } = require('node:timers/promises')
const test = require('node:test')
const { BackupEngine } = require('..')
const { clerksOf, isAlive, makeRoot, runScript, until, workersOf } = require('./root.js')

const HOME = dirname(__dirname)
const LIFEBOAT = join(HOME, 'bin', 'lifeboat')
const CLOCK = Symbol.for('lifeboat.clock')
const windows = process.platform === 'win32'
const linux = process.platform === 'linux'
/** Takes some seconds to read, and no space. */
const SLOW = { zeros: 1600 }

const engineOf = (root, deadlines, more) =>
  new BackupEngine({ root, encryption: false, [CLOCK]: { deadlines }, ...more })

/** How long the event loop stood still at most while `work` was done, in milliseconds. */
async function standstill(work) {
  let [last, worst] = [performance.now(), 0]
  const look = () => {
    worst = Math.max(worst, performance.now() - last)
    last = performance.now()
  }
  const timer = setInterval(look, 5)
  try {
    await work()
  } finally {
    look()
    clearInterval(timer)
  }
  return worst
}

const threads = () => readdirSync('/proc/self/task').length

test('what hangs in the vault is an error in time, and costs the host neither its event loop nor threads', {
  skip: !linux
}, async (t) => {
  const root = makeRoot(t)
  const engine = engineOf(root, { question: 700 })
  await engine.createBackup()
  await engine.status()
  const before = threads()
  const stood = await standstill(async () => {
    for (let n = 0; n < 4; n++) {
      // As a process does that waits for a disk.
      await engine.status()
      for (const pid of clerksOf(process.pid)) process.kill(pid, 'SIGSTOP')
      const calls = [engine.status(), engine.history(), engine.history({ limit: 1 })]
      const expected = { name: 'BackupError', code: 'E_WORKER', message: /does not answer/ }
      await Promise.all(calls.map((call) => assert.rejects(call, expected)))
    }
    engine.scheduler.start()
    assert.equal(engine.scheduler.next(3).length, 3)
    await engine.scheduler.stop()
  })
  assert.ok(stood < 500, `the event loop stood still for ${stood} ms`)
  assert.ok(threads() <= before + 2, `${before} threads became ${threads()}`)
  assert.ok(clerksOf(process.pid).length <= 1)
  assert.equal((await engine.status()).storage.backups, 1)
})

test('a scheduler starts at once, whoever holds the logbook', { skip: windows }, async (t) => {
  const root = makeRoot(t)
  const engine = engineOf(root)
  await engine.createBackup()
  const { Database } = require('sqlite3')
  const holder = await new Promise((resolve, reject) => {
    const db = new Database(join(root, 'backups/logbook.sqlite'), (error) => (error ? reject(error) : resolve(db)))
  })
  await new Promise((resolve, reject) => holder.exec('BEGIN IMMEDIATE', (error) => (error ? reject(error) : resolve())))
  t.after(() => holder.close())
  const stood = await standstill(async () => {
    await sleep(50)
    engine.scheduler.start()
    assert.equal(engine.scheduler.running, true)
    await sleep(500)
  })
  await new Promise((resolve) => holder.exec('ROLLBACK', resolve))
  await engine.scheduler.stop()
  assert.ok(stood < 400, `the event loop stood still for ${stood} ms`)
})

test('a worker that stands still is given up, and the next one works', { skip: windows }, async (t) => {
  const root = makeRoot(t, SLOW)
  const engine = engineOf(root, { silent: 5000 })
  const running = assert.rejects(engine.createBackup(), { code: 'E_WORKER', message: /no sign of life.*killed/ })
  await until(() => workersOf(process.pid).length > 0, 'a worker')
  const [worker] = workersOf(process.pid)
  process.kill(worker, 'SIGSTOP')
  await running
  assert.equal(isAlive(worker), false)
  rmSync(join(root, 'uploads/video.bin'))
  assert.equal((await engine.createBackup()).success, true)
})

test('one that was cancelled and does not stop is given up sooner', { skip: windows }, async (t) => {
  const engine = engineOf(makeRoot(t, SLOW), { cancelled: 500 })
  const controller = new AbortController()
  const running = assert.rejects(engine.createBackup('MANUAL', { signal: controller.signal }), {
    code: 'E_WORKER',
    message: /was cancelled.*did not stop within 0.5 seconds/
  })
  await until(() => workersOf(process.pid).length > 0, 'a worker')
  process.kill(workersOf(process.pid)[0], 'SIGSTOP')
  controller.abort()
  await running
  assert.deepEqual(workersOf(process.pid), [])
})

test('a worker that waits or works for long without progress is not given up', { skip: windows }, async (t) => {
  const root = makeRoot(t, SLOW)
  mkdirSync(join(root, 'config'))
  writeFileSync(join(root, 'config/backup-config.json'), '{"encryption":false}')
  const other = spawn(LIFEBOAT, ['--root', root, 'backup'], { stdio: 'ignore' })
  t.after(() => other.kill('SIGKILL'))
  const engine = engineOf(root, { silent: 6000 })
  await until(async () => (await engine.status()).running, 'a backup by the command line')
  process.kill(other.pid, 'SIGSTOP')
  const running = engine.createBackup('MANUAL', { wait: true })
  const early = await Promise.race([running.then(() => 'ended', String), sleep(9000)])
  assert.equal(early, undefined)
  process.kill(other.pid, 'SIGKILL')
  rmSync(join(root, 'uploads/video.bin'))
  assert.equal((await running).success, true)
})

test('a Ctrl-C that the host survives ends no backup of its', { skip: windows }, async (t) => {
  const root = makeRoot(t, { zeros: 800 })
  const script = `
    const { BackupEngine } = require(process.argv[1])
    process.on('SIGINT', () => console.log('heard'))
    const engine = new BackupEngine({ root: process.argv[2], encryption: false })
    engine.createBackup('MANUAL', { onProgress: () => console.log('progress') })
      .then(({ success }) => console.log('made', success), ({ code }) => console.log(code))`
  const host = runScript(script, { args: [HOME, root], detached: true })
  await until(() => host.stdout.includes('progress'), 'progress')
  const [worker] = workersOf(host.child.pid)
  const sessionOf = (pid) => execFileSync('ps', ['-o', 'sess=', '-p', String(pid)], { encoding: 'utf8' }).trim()
  assert.equal(sessionOf(worker), String(worker))
  process.kill(-host.child.pid, 'SIGINT')
  const { stdout, code } = await host.ended
  assert.match(stdout, /heard[\s\S]*made true/)
  assert.equal(code, 0)
})

test('an error that cannot be shown ends nothing, whatever threw it', async (t) => {
  const script = `
    const { BackupEngine } = require(process.argv[1])
    const odd = [
      () => Object.assign(new Error('x'), { [Symbol.for('nodejs.util.inspect.custom')]: () => { throw new Error('never shown') } }),
      () => new Proxy({}, { get: () => { throw new Error('never got') }, getPrototypeOf: () => { throw new Error('no') }, ownKeys: () => { throw new Error('no') } }),
      () => ({ get then() { throw new Error('never then') } }),
      () => Object.create(null),
      () => null
    ]
    const engine = new BackupEngine({ root: process.argv[2], encryption: false })
    let heard = 0
    for (const one of odd) {
      engine.on('backup:success', () => { throw one() })
      engine.on('backup:success', async () => { throw one() })
      engine.on('backup:success', () => one())
      engine.on('progress', () => { throw one() })
    }
    engine.on('backup:success', () => heard++)
    ;(async () => {
      for (const one of odd) await engine.createBackup('MANUAL', { onProgress: () => { throw one() } })
      await engine.createBackup()
      for (let n = 0; n < 100 && heard < 6; n++) await new Promise((go) => setTimeout(go, 50))
      console.log('heard', heard)
      process.exit()
    })()`
  const { code, stdout, stderr } = await runScript(script, { args: [HOME, makeRoot(t)] }).ended
  assert.equal(code, 0, stderr)
  assert.match(stdout, /heard 6/)
})

test('an inspection that hangs stops neither backups nor the watch', { skip: !linux }, async (t) => {
  const root = makeRoot(t)
  const timers = new Map()
  const clock = {
    at: Date.now() + 1000,
    now: () => clock.at,
    random: () => 0,
    setTimeout: (callback, ms) => {
      const id = Symbol('timer')
      timers.set(id, { callback, at: clock.at + ms })
      return id
    },
    clearTimeout: (id) => timers.delete(id)
  }
  /** One turn of the scheduler. */
  const turn = async () => {
    await until(() => timers.size > 0, 'the end of a turn')
    const [id, { callback, at }] = [...timers].sort(([, a], [, b]) => a.at - b.at)[0]
    timers.delete(id)
    clock.at = Math.max(clock.at, at)
    callback()
    await until(() => timers.size > 0, 'the end of a turn')
  }
  const off = { enabled: false }
  const schedules = { HOURLY: { cron: '3-59/5 * * * *' }, DAILY: off, WEEKLY: off, MONTHLY: off }
  const engine = new BackupEngine({
    root,
    backupDir: join(dirname(root), 'vault'),
    encryption: false,
    timezone: 'UTC',
    schedules,
    monitor: { verifyCron: '*/5 * * * *' },
    [CLOCK]: clock
  })
  const { backup } = await engine.createBackup()
  // An archive that nobody has read for long is read by the next inspection, which hangs in it, as in a dying disk.
  mkdirSync(join(dirname(root), 'vault/archives'))
  const archive = join(dirname(root), 'vault/archives', `${backup}.tar.gz`)
  execFileSync('mkfifo', [archive])
  utimesSync(archive, 1, 1)
  const [made, stale] = [[], []]
  engine.on('backup:success', ({ type }) => made.push(type))
  engine.on('backup:stale', (value) => stale.push(value))
  engine.scheduler.start()
  t.after(async () => {
    for (const worker of workersOf(process.pid)) process.kill(worker, 'SIGKILL')
    await engine.scheduler.stop()
  })
  const begin = clock.at
  // At each fifth minute there is an inspection, and at each fifth but three a backup.
  while (clock.at < begin + 6 * 60_000) await turn()
  const hanging = workersOf(process.pid)
  assert.equal(hanging.length, 1, 'an inspection hangs')
  const before = made.length
  while (made.length < before + 2) await turn()
  renameSync(root, `${root}-away`)
  clock.at += 40 * 3_600_000
  while (stale.length === 0) await turn()
  assert.ok(stale[0].ageMs > 39 * 3_600_000)
  assert.deepEqual(workersOf(process.pid), hanging, 'it still hangs')
})

test('the process that reads the vault is replaced where it is killed, and the host is seen again', {
  skip: windows
}, async (t) => {
  const root = makeRoot(t)
  const engine = engineOf(root)
  await engine.createBackup()
  engine.scheduler.start()
  t.after(() => engine.scheduler.stop())
  const hosts = async () => (await engine.status().catch(() => null))?.schedule.hosts.map(({ pid }) => pid)
  await until(async () => (await hosts())?.length === 1, 'the host is seen')
  const before = clerksOf(process.pid)
  for (const pid of before) process.kill(pid, 'SIGKILL')
  await until(async () => (await hosts())?.length === 1, 'the host is seen again')
  assert.ok(clerksOf(process.pid).every((pid) => !before.includes(pid)))
})

test('the process that reads the vault has no secret, and ends with its host', { skip: !linux }, async (t) => {
  const root = makeRoot(t)
  const script = `
    const { BackupEngine } = require(process.argv[1])
    const engine = new BackupEngine({ root: process.argv[2], passphrase: 'open sesame' })
    engine.createBackup().then(() => engine.scheduler.start()).then(() => engine.status()).then(() => console.log('up'))
    setInterval(() => {}, 1000)`
  const host = runScript(script, { args: [HOME, root] })
  await until(() => host.stdout.includes('up'), 'its start')
  const [clerk] = clerksOf(host.child.pid)
  const seen = readFileSync(`/proc/${clerk}/environ`, 'latin1') + readFileSync(`/proc/${clerk}/cmdline`, 'latin1')
  assert.ok(!seen.includes('sesame'))
  const hosts = join(root, 'backups/hosts')
  const files = () => (existsSync(hosts) ? readdirSync(hosts) : []).filter((name) => name.endsWith('.json'))
  assert.equal(files().length, 1)
  host.child.kill('SIGKILL')
  await host.ended
  await until(() => !isAlive(clerk), 'its end', 5000)
  assert.deepEqual(files(), [])
})
