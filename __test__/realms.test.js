'use strict'

const assert = require('node:assert/strict')
const { createRequire } = require('node:module')
const { readFileSync } = require('node:fs')
const { dirname, join } = require('node:path')
const test = require('node:test')
const vm = require('node:vm')
const { Worker } = require('node:worker_threads')
const { makeRoot, runScript } = require('./root.js')

const HOME = dirname(__dirname)
const config = (t) => ({ root: makeRoot(t), encryption: false })

test('it is required twice, as two instances of the module', async (t) => {
  const first = require('..')
  const isOurs = (path) => [HOME, join(HOME, 'js')].includes(dirname(path))
  for (const path of Object.keys(require.cache).filter(isOurs)) delete require.cache[path]
  const second = require('..')
  assert.notEqual(first, second)
  const both = config(t)
  first.configure(both)
  second.configure(both)
  const made = await first.createBackup()
  assert.equal((await second.listBackups())[0].backup, made.backup)
})

test('ES modules import its names', async (t) => {
  const { BackupEngine, createBackup, default: all } = await import('../index.mjs')
  assert.equal(createBackup, require('..').createBackup)
  assert.equal(all.BackupEngine, BackupEngine)
  const script = `
    import { BackupEngine } from 'lifeboat'
    const made = await new BackupEngine(JSON.parse(process.argv[1])).createBackup()
    console.log(made.success)`
  const { stdout, stderr } = await runScript(script, { args: [JSON.stringify(config(t))], cwd: HOME, module: true })
    .ended
  assert.equal(stdout, 'true\n', stderr)
})

test('it works in a worker thread, and a thread that is ended takes its operation along', async (t) => {
  const script = `
    const { parentPort, workerData } = require('node:worker_threads')
    const { BackupEngine } = require(workerData.home)
    const engine = new BackupEngine(workerData.config)
    engine.createBackup('MANUAL', { onProgress: () => parentPort.postMessage('progress') })
      .then((made) => parentPort.postMessage(made), (error) => parentPort.postMessage(error.code))`
  const start = (config) => new Worker(script, { eval: true, workerData: { home: HOME, config } })
  const message = (worker, isWanted = () => true) =>
    new Promise((resolve, reject) => {
      worker.on('message', (said) => isWanted(said) && resolve(said)).once('error', reject)
    })

  const made = await message(start(config(t)), (said) => said !== 'progress')
  assert.equal(made.success, true)

  const slow = { root: makeRoot(t, { zeros: 1200 }), encryption: false }
  const worker = start(slow)
  assert.equal(await message(worker), 'progress')
  await worker.terminate()
  const { BackupEngine } = require('..')
  const engine = new BackupEngine(slow)
  const begin = Date.now()
  await assert.rejects(engine.createBackup('MANUAL', { wait: true, signal: AbortSignal.timeout(1_000) }), {
    code: 'E_ABORTED'
  })
  assert.ok(Date.now() - begin < 10_000)
  assert.deepEqual(await engine.listBackups(), [])
})

test("in jest's realm promises, errors and dates are the caller's", async (t) => {
  // As jest does it: a context with globals of its own, and modules compiled inside it.
  const context = vm.createContext({ process, queueMicrotask, AbortController, config: config(t) })
  const loaded = new Map()
  const load = (path) => {
    if (loaded.has(path)) return loaded.get(path).exports
    if (path.endsWith('.node') || path.endsWith('native.js')) return require(path)
    const from = createRequire(path)
    const inner = (name) => (name.startsWith('.') ? load(from.resolve(name)) : from(name))
    const module = { exports: {} }
    loaded.set(path, module)
    const wrapper = `(function (module, exports, require, __dirname) {${readFileSync(path, 'utf8')}\n})`
    vm.runInContext(wrapper, context, { filename: path })(module, module.exports, inner, dirname(path))
    return module.exports
  }
  context.lifeboat = load(join(HOME, 'index.js'))
  const checks = await vm.runInContext(
    `(async () => {
      const engine = new lifeboat.BackupEngine(config)
      const promise = engine.createBackup()
      const made = await promise
      const error = await engine.listItems('nothing').catch((error) => error)
      const listed = await engine.listBackups({ since: new Date(0) })
      return {
        promise: promise instanceof Promise,
        object: made instanceof Object,
        array: listed instanceof Array && listed.length === 1,
        error: error instanceof Error && error instanceof lifeboat.BackupError && error.code === 'E_NOT_FOUND'
      }
    })()`,
    context
  )
  assert.deepEqual({ ...checks }, { promise: true, object: true, array: true, error: true })
})

test('a process that has nothing else to do exits', async (t) => {
  const script = `
    const { BackupEngine } = require(process.argv[1])
    const engine = new BackupEngine(JSON.parse(process.argv[2])).on('progress', () => {})
    engine.createBackup('MANUAL', { onProgress: () => {}, signal: new AbortController().signal })
      .then((made) => console.log(made.success))`
  const begin = Date.now()
  const { stdout, stderr, code } = await runScript(script, { args: [HOME, JSON.stringify(config(t))] }).ended
  assert.deepEqual({ stdout, stderr, code }, { stdout: 'true\n', stderr: '', code: 0 })
  assert.ok(Date.now() - begin < 10_000)
})
