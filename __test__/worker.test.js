'use strict'

const assert = require('node:assert/strict')
const { readFileSync, readdirSync, rmSync } = require('node:fs')
const { dirname, join } = require('node:path')
const test = require('node:test')
const { BackupEngine, BackupError } = require('..')
const { isAlive, makeRoot, runScript, until, workersOf } = require('./root.js')

const HOME = dirname(__dirname)
const windows = process.platform === 'win32'
/** Takes some seconds to read, and no space. */
const SLOW = { zeros: 1600 }

const engineOf = (root) => new BackupEngine({ root, encryption: false })

/** A backup that has begun to work; its promise in an object, because it is not awaited here. */
async function underWay(engine, { type = 'MANUAL', signal } = {}) {
  let running
  await new Promise((resolve, reject) => {
    running = engine.createBackup(type, { signal, onProgress: resolve })
    running.then(() => reject(new Error('it ended before its first progress')), reject)
  })
  return { running }
}

/** The vault is whole, has no half backup, and takes the next one. */
async function assertWhole(engine, root) {
  assert.deepEqual(await engine.listBackups(), [])
  rmSync(join(root, 'uploads/video.bin'))
  const made = await engine.createBackup('MANUAL', { wait: true })
  assert.deepEqual(
    (await engine.listBackups()).map((info) => info.backup),
    [made.backup]
  )
  assert.equal((await engine.verify(null, { deep: true })).ok, true)
  assert.deepEqual(readdirSync(join(root, 'backups/tmp')), [])
}

test('an aborted signal starts nothing', async (t) => {
  const root = makeRoot(t)
  const signal = AbortSignal.abort()
  await assert.rejects(engineOf(root).createBackup('MANUAL', { signal }), { code: 'E_ABORTED' })
  assert.ok(!readdirSync(root).includes('backups'))
})

test('aborting ends an operation under way, and leaves no half backup and no listener', async (t) => {
  const root = makeRoot(t, SLOW)
  const engine = engineOf(root)
  const controller = new AbortController()
  const { getEventListeners } = require('node:events')
  const { running } = await underWay(engine, { signal: controller.signal })
  assert.equal(getEventListeners(controller.signal, 'abort').length, 1)
  controller.abort()
  await assert.rejects(running, (error) => error instanceof BackupError && error.code === 'E_ABORTED')
  assert.equal(getEventListeners(controller.signal, 'abort').length, 0)
  await assertWhole(engine, root)
})

test('a second backup is E_BUSY and says what is running; listing does not wait', async (t) => {
  const engine = engineOf(makeRoot(t, SLOW))
  const controller = new AbortController()
  const { running: first } = await underWay(engine, { type: 'HOURLY', signal: controller.signal })
  await assert.rejects(engine.createBackup(), { code: 'E_BUSY', message: /BACKUP HOURLY/ })
  assert.deepEqual(await engine.listBackups(), [])
  assert.equal((await engine.status()).running.operation, 'BACKUP HOURLY')
  controller.abort()
  await assert.rejects(first, { code: 'E_ABORTED' })
})

test('an onProgress that throws harms nothing, and is told once', async (t) => {
  const engine = engineOf(makeRoot(t, { zeros: 300 }))
  const warnings = []
  const listener = (warning) => warning.name === 'LifeboatWarning' && warnings.push(warning.message)
  process.on('warning', listener)
  t.after(() => process.off('warning', listener))
  let calls = 0
  const made = await engine.createBackup('MANUAL', {
    onProgress: () => {
      calls += 1
      throw new Error('the owner is asleep')
    }
  })
  assert.equal(made.success, true)
  assert.ok(calls > 1, `${calls} calls`)
  await until(() => warnings.length > 0, 'a warning')
  assert.equal(warnings.length, 1)
  assert.match(warnings[0], /onProgress threw.*the owner is asleep/)
})

test('a worker that is killed is E_WORKER, and the vault is whole', { skip: windows }, async (t) => {
  const root = makeRoot(t, SLOW)
  const engine = engineOf(root)
  const { running } = await underWay(engine)
  const [pid] = workersOf(process.pid)
  process.kill(pid, 'SIGKILL')
  await assert.rejects(running, { code: 'E_WORKER', message: /died \(signal 9\).*the vault is whole/ })
  assert.equal(isAlive(pid), false)
  await assertWhole(engine, root)
})

test('when the host is killed its worker ends, and leaves no half backup', { skip: windows }, async (t) => {
  const root = makeRoot(t, SLOW)
  const script = `
    const { BackupEngine } = require(process.argv[1])
    const engine = new BackupEngine({ root: process.argv[2], encryption: false })
    engine.createBackup('MANUAL', { onProgress: () => console.log('progress') })`
  const host = runScript(script, { args: [HOME, root] })
  await until(() => host.stdout.includes('progress'), 'progress')
  const [worker] = workersOf(host.child.pid)
  assert.ok(worker > 0)
  host.child.kill('SIGKILL')
  assert.equal((await host.ended).signal, 'SIGKILL')
  await until(() => !isAlive(worker), 'the end of the worker', 12_000)
  await assertWhole(engineOf(root), root)
})

test('the worker gets no secret by its arguments or environment', { skip: process.platform !== 'linux' }, async (t) => {
  const root = makeRoot(t, SLOW)
  process.env.BACKUP_PASSPHRASE = 'open sesame'
  t.after(() => delete process.env.BACKUP_PASSPHRASE)
  const controller = new AbortController()
  const engine = new BackupEngine({ root })
  const { running } = await underWay(engine, { signal: controller.signal })
  const [pid] = workersOf(process.pid)
  const seen = readFileSync(`/proc/${pid}/environ`, 'latin1') + readFileSync(`/proc/${pid}/cmdline`, 'latin1')
  assert.ok(seen.includes('PATH='))
  assert.ok(!seen.includes('sesame'))
  controller.abort()
  await assert.rejects(running, { code: 'E_ABORTED' })
})

test('the launcher in bin/ has the exit code of the executable', async () => {
  const { execFileSync, spawnSync } = require('node:child_process')
  const launcher = join(HOME, 'bin/lifeboat.js')
  assert.match(execFileSync(process.execPath, [launcher, '--version'], { encoding: 'utf8' }), /lifeboat/)
  assert.equal(spawnSync(process.execPath, [launcher, 'dance']).status, 2)
})
