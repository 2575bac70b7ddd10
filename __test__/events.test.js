'use strict'

const assert = require('node:assert/strict')
const { execFileSync, spawnSync } = require('node:child_process')
const { mkdirSync, renameSync, writeFileSync } = require('node:fs')
const { dirname, join } = require('node:path')
const test = require('node:test')
const { BackupEngine } = require('..')
const { clerksOf, makeRoot, runScript, until } = require('./root.js')

const HOME = dirname(__dirname)
const LIFEBOAT = join(HOME, 'bin', process.platform === 'win32' ? 'lifeboat.exe' : 'lifeboat')

const windows = process.platform === 'win32'

/** The first lines of a script whose worker cannot be started. */
const WITHOUT_WORKER = `
    const { join } = require('node:path')
    require.cache[require.resolve(join(process.argv[1], 'js/binary.js'))] = {
      exports: { ...require(join(process.argv[1], 'js/binary.js')), WORKER: '/nowhere/lifeboat' }
    }
    const { BackupEngine } = require(process.argv[1])`

/** What a test expects to be told of goes to no terminal. */
function silence(t) {
  const listener = () => {}
  process.removeAllListeners('warning')
  process.on('warning', listener)
  t.after(() => process.off('warning', listener))
}

test('an event that a listener could not take comes again, in order, and only to that listener', async (t) => {
  silence(t)
  const engine = new BackupEngine({ root: makeRoot(t), encryption: false })
  let isConnected = false
  const [whatsapp, log] = [[], []]
  engine.on('backup:success', ({ backup }) => log.push(backup))
  engine.on('backup:success', async ({ backup }) => {
    await null
    if (!isConnected) throw new Error('WhatsApp is not connected')
    whatsapp.push(backup)
  })
  const made = []
  for (let n = 0; n < 3; n++) made.push((await engine.createBackup()).backup)
  await until(async () => log.length >= 1, 'the first event')
  assert.deepEqual(whatsapp, [])
  isConnected = true
  made.push((await engine.createBackup()).backup)
  await until(() => whatsapp.length === 4 && log.length === 4, 'all events')
  assert.deepEqual(whatsapp, made)
  assert.deepEqual(log, made)
  made.push((await engine.createBackup()).backup)
  await until(() => whatsapp.length === 5 && log.length === 5, 'the last event')
  assert.deepEqual([whatsapp, log], [made, made])
})

test('a listener that always throws, or never comes to an end, keeps nobody else waiting', async (t) => {
  silence(t)
  const patience = { [Symbol.for('lifeboat.clock')]: { patience: 50 } }
  const root = makeRoot(t)
  const engine = new BackupEngine({ root, encryption: false, ...patience })
  const heard = []
  let calls = 0
  engine.on('backup:success', () => {
    throw new TypeError('a bug')
  })
  let release
  engine.on('backup:success', () => (calls++ === 0 ? new Promise((resolve) => (release = resolve)) : undefined))
  engine.on('backup:success', ({ type }) => heard.push(type))
  engine.on('backup:failure', ({ code }) => heard.push(code))
  await engine.createBackup('MANUAL')
  await engine.createBackup('API')
  await until(() => heard.length === 2, 'the first two')
  renameSync(root, `${root}-away`)
  await assert.rejects(engine.createBackup('MANUAL'), { code: 'E_SOURCE' })
  renameSync(`${root}-away`, root)
  await until(() => heard.length === 3, 'all events')
  assert.deepEqual(heard, ['MANUAL', 'API', 'E_SOURCE'])
  // The one that hung is told again of the first, and then of the second.
  await engine.verify()
  await until(() => calls >= 3, 'what it has missed')
  release()
})

test('what was cancelled, or met another operation, is rejected, and no bad news to anybody', async (t) => {
  const root = makeRoot(t, { zeros: 800 })
  mkdirSync(join(root, 'config'))
  writeFileSync(join(root, 'config/backup-config.json'), '{"encryption":false}')
  const engine = new BackupEngine({ root, encryption: false })
  const heard = []
  for (const event of ['backup:failure', 'restore:failure'])
    engine.on(event, ({ code }) => heard.push(`${event} ${code}`))
  const controller = new AbortController()
  const running = engine.createBackup('HOURLY', { signal: controller.signal })
  const operation = async () => (await engine.status()).running?.operation
  await until(async () => (await operation()) === 'BACKUP HOURLY', 'a backup under way')
  await assert.rejects(engine.createBackup(), { code: 'E_BUSY' })
  await assert.rejects(engine.restore('latest'), { code: 'E_BUSY' })
  // The command line keeps nothing for the next host either.
  const cli = spawnSync(LIFEBOAT, ['--root', root, 'backup'])
  assert.equal(cli.status, 3, String(cli.stderr))
  controller.abort()
  await assert.rejects(running, { code: 'E_ABORTED' })
  await engine.verify()
  assert.deepEqual(heard, [])
  // What was refused has not happened; what was cancelled has begun.
  const runs = await engine.history({ operation: 'BACKUP' })
  assert.deepEqual(
    runs.map(({ type, code }) => `${type} ${code}`),
    ['HOURLY E_ABORTED']
  )
  assert.equal((await engine.status()).lastFailure, undefined)
})

test('bad news of backups that never had a vault is kept, too', async (t) => {
  silence(t)
  const root = join(dirname(makeRoot(t)), 'gone')
  const engine = new BackupEngine({ root, encryption: false })
  let isConnected = false
  const heard = []
  engine.on('backup:failure', ({ type }) => {
    if (!isConnected) throw new Error('WhatsApp is not connected')
    heard.push(type)
  })
  await assert.rejects(engine.createBackup('MANUAL'), { code: 'E_SOURCE' })
  await assert.rejects(engine.createBackup('API'), { code: 'E_SOURCE' })
  isConnected = true
  await assert.rejects(engine.createBackup('DAILY'), { code: 'E_SOURCE' })
  await until(() => heard.length >= 3, 'all events')
  assert.deepEqual(heard, ['MANUAL', 'API', 'DAILY'])
})

test('bad news is kept for whoever comes, also after a restart of the host', async (t) => {
  const root = makeRoot(t)
  const engine = new BackupEngine({ root, encryption: false })
  await engine.createBackup()
  // The vault goes with the root: it must lie elsewhere for this.
  const backupDir = join(dirname(root), 'vault')
  renameSync(join(root, 'backups'), backupDir)
  const script = `
    const { BackupEngine } = require(process.argv[1])
    const engine = new BackupEngine({ root: process.argv[2] + '-gone', backupDir: process.argv[3], encryption: false })
    engine.createBackup('DAILY').catch(({ code }) => console.log(code))`
  const { stdout, code } = await runScript(script, { args: [HOME, root, backupDir] }).ended
  assert.deepEqual([stdout.trim(), code], ['E_SOURCE', 0])
  const next = new BackupEngine({ root, backupDir, encryption: false })
  const heard = []
  next.on('backup:failure', ({ type, code }) => heard.push(`${type} ${code}`))
  next.on('backup:success', ({ type }) => heard.push(type))
  await next.createBackup('HOURLY')
  await next.createBackup('API')
  await until(() => heard.length === 3, 'all events')
  assert.deepEqual(heard.toSorted(), ['API', 'DAILY E_SOURCE', 'HOURLY'])
})

test('what the command line did while no host ran is told to the next one, in order and once', async (t) => {
  const root = makeRoot(t)
  const env = { ...process.env, BACKUP_PASSPHRASE: 'kapal' }
  const cli = (...args) => execFileSync(LIFEBOAT, ['--root', root, '--json', '--quiet', ...args], { env })
  const hear = async () => {
    const script = `
      const { BackupEngine } = require(process.argv[1])
      const engine = new BackupEngine({ root: process.argv[2], passphrase: 'kapal', consumer: 'bot' })
      engine.on('backup:success', ({ type }) => console.log(type))
      engine.verify().then(() => setTimeout(() => process.exit(), 1000))`
    const { stdout } = await runScript(script, { args: [HOME, root] }).ended
    return stdout.split('\n').filter(Boolean)
  }
  cli('backup', 'MANUAL')
  assert.deepEqual(await hear(), [], 'good news is told from now on')
  cli('backup', 'DAILY')
  cli('backup', 'HOURLY')
  assert.deepEqual(await hear(), ['DAILY', 'HOURLY'])
  assert.deepEqual(await hear(), [])
})

test('a script takes no alarm away from the bot', async (t) => {
  const root = makeRoot(t)
  const engine = new BackupEngine({ root, encryption: false, backupDir: '../vault', consumer: 'bot' })
  const script = new BackupEngine({ root, encryption: false, backupDir: '../vault', consumer: 'script' })
  const heard = []
  engine.on('backup:failure', () => heard.push('bot'))
  script.on('backup:failure', () => heard.push('script'))
  await engine.createBackup()
  renameSync(root, `${root}-away`)
  await assert.rejects(script.createBackup('DAILY'), { code: 'E_SOURCE' })
  renameSync(`${root}-away`, root)
  // Each asks for its events when it has done something.
  await engine.verify()
  await script.verify()
  await until(() => heard.length === 2, 'both')
  assert.deepEqual(heard.toSorted(), ['bot', 'script'])
})

test('a worker that cannot be started is told once, and is in the history as soon as one can', async (t) => {
  silence(t)
  const root = makeRoot(t)
  const worker = join(dirname(root), 'lifeboat')
  await new BackupEngine({ root, encryption: false }).createBackup()
  const script = `
    ${WITHOUT_WORKER.replace("'/nowhere/lifeboat'", 'process.argv[3]')}
    const engine = new BackupEngine({ root: process.argv[2], encryption: false })
    engine.on('backup:failure', ({ type, code }) => console.log('told', type, code))
    const show = async () => {
      const [{ type, result, code }] = await engine.history()
      const { healthy, problems } = await engine.status()
      console.log(type, result, code, healthy, problems.map(({ code }) => code))
    }
    engine.createBackup('DAILY').catch(async () => {
      await new Promise((go) => setTimeout(go, 500))
      require('node:fs').copyFileSync(process.argv[4], process.argv[3])
      await show()
      await engine.verify()
      await new Promise((go) => setTimeout(go, 500))
      await show()
      process.exit()
    })`
  const { stdout, stderr } = await runScript(script, { args: [HOME, root, worker, LIFEBOAT] }).ended
  const lines = [
    'told DAILY E_WORKER',
    "DAILY failure E_WORKER false [ 'E_WORKER' ]",
    "undefined success undefined false [ 'E_WORKER' ]"
  ]
  assert.deepEqual(stdout.trim().split('\n'), lines, stderr)
})

test('a vault that is nearly full is an event', async (t) => {
  const root = makeRoot(t, { photos: 5 })
  const engine = new BackupEngine({ root, encryption: false, maxLocalStorage: '6MB' })
  const heard = []
  engine.on('storage:warning', ({ percent, limit }) => heard.push([percent > 80, limit]))
  await engine.createBackup()
  await until(() => heard.length > 0, 'the warning')
  assert.deepEqual(heard, [[true, 6_000_000]])
  assert.equal((await engine.status()).problems[0].code, 'E_STORAGE_LIMIT')
})

test('a scheduler without a worker tells it once, and rests, also while a restore waits', async (t) => {
  const root = makeRoot(t)
  await new BackupEngine({ root, encryption: false }).createBackup()
  const script = `
    ${WITHOUT_WORKER}
    const schedules = { HOURLY: { cron: '* * * * * *' } }
    const engine = new BackupEngine({ root: process.argv[2], encryption: false, schedules })
    engine.on('backup:failure', ({ code }) => console.log(code))
    engine.scheduler.start()
    setTimeout(() => process.exit(), 1500)`
  const hear = async () => (await runScript(script, { args: [HOME, root] }).ended).stdout.split('\n').filter(Boolean)
  assert.deepEqual(await hear(), ['E_WORKER'])
  mkdirSync(join(root, '.lifeboat-restore'))
  assert.deepEqual(await hear(), ['E_WORKER'])
})

test('a listener that has gone is called no more, and takes nothing away', async (t) => {
  const engine = new BackupEngine({ root: makeRoot(t), encryption: false })
  const [early, late] = [[], []]
  let isOff = false
  const listener = ({ backup }) => early.push([backup, isOff])
  const made = []
  for (let n = 0; n < 4; n++) {
    engine.on('backup:success', listener)
    made.push((await engine.createBackup()).backup)
    for (let turn = 0; turn < n; turn++) await null
    engine.off('backup:success', listener)
    isOff = true
    // Whoever comes under its name next gets what it has not heard.
    const next = ({ backup }) => late.push(backup)
    engine.on('backup:success', next)
    await engine.verify()
    await until(() => early.length + late.length > n, 'the event')
    engine.off('backup:success', next)
    isOff = false
  }
  assert.deepEqual(
    early.filter(([, isOff]) => isOff),
    []
  )
  assert.deepEqual([...early.map(([backup]) => backup), ...late].toSorted(), made.toSorted())
})

test('an engine that is replaced just now tells nothing twice', async (t) => {
  const script = `
    const lifeboat = require(process.argv[1])
    const configure = () => lifeboat.configure({ root: process.argv[2], encryption: false })
    const told = {}
    configure()
    lifeboat.on('backup:success', async ({ backup }) => {
      told[backup] = (told[backup] ?? 0) + 1
      await new Promise((go) => setTimeout(go, 100))
    })
    ;(async () => {
      for (let n = 0; n < 6; n++) {
        await lifeboat.createBackup()
        for (let turn = 0; turn < n; turn++) await new Promise((go) => setImmediate(go))
        configure()
        configure()
        await lifeboat.verify()
        await new Promise((go) => setTimeout(go, 500))
      }
      console.log(JSON.stringify(Object.values(told)))
      process.exit()
    })()`
  const { stdout, stderr } = await runScript(script, { args: [HOME, makeRoot(t)] }).ended
  assert.equal(stdout.trim(), '[1,1,1,1,1,1]', stderr)
})

test('what was taken and could not be written down is not told again', { skip: windows }, async (t) => {
  const root = makeRoot(t)
  const engine = new BackupEngine({
    root,
    encryption: false,
    [Symbol.for('lifeboat.clock')]: { deadlines: { question: 1500 } }
  })
  await engine.createBackup()
  const told = []
  engine.on('backup:success', ({ backup }) => {
    // The disk of the vault hangs at this moment.
    if (told.length === 0) for (const pid of clerksOf(process.pid)) process.kill(pid, 'SIGSTOP')
    told.push(backup)
  })
  const made = [(await engine.createBackup()).backup]
  await until(() => told.length === 1, 'the first')
  await until(() => engine.status().then(Boolean, () => false), 'another clerk')
  for (let n = 0; n < 2; n++) made.push((await engine.createBackup()).backup)
  await until(() => told.length >= 3, 'all events')
  await engine.verify()
  assert.deepEqual(told, made)
})

const SLOW_LISTENER = `
    const { BackupEngine } = require(process.argv[1])
    const engine = new BackupEngine({ root: process.argv[2], encryption: false, consumer: 'bot' })
    engine.on('backup:success', async ({ backup }) => {
      console.log('begins', backup)
      await new Promise((go) => setTimeout(go, Number(process.argv[3])))
      console.log('has sent', backup)
    })
    engine.applyPendingRestore().then(() => engine.status()).then(() => console.log('up'))
    process.stdin.on('data', () => engine.verify().then(() => console.log('verified')))`

test('what one of a cluster is just sending is sent by no other, though its clerk died', {
  skip: windows
}, async (t) => {
  const root = makeRoot(t)
  await new BackupEngine({ root, encryption: false }).createBackup()
  const start = async (ms) => {
    const host = runScript(SLOW_LISTENER, { args: [HOME, root, String(ms)] })
    t.after(() => host.child.kill('SIGKILL'))
    await until(() => host.stdout.includes('up'), 'its start')
    return host
  }
  const one = await start(3000)
  await new BackupEngine({ root, encryption: false }).createBackup()
  one.child.stdin.write('look')
  await until(() => one.stdout.includes('begins'), 'the event')
  const two = await start(0)
  for (const pid of clerksOf(one.child.pid)) process.kill(pid, 'SIGKILL')
  two.child.stdin.write('look')
  await until(() => two.stdout.includes('verified'), 'another look')
  await until(() => one.stdout.includes('has sent'), 'the event')
  assert.doesNotMatch(two.stdout, /begins/)
})

test('what a host was just sending when it was killed is sent by the next one at once', {
  skip: windows
}, async (t) => {
  const root = makeRoot(t)
  await new BackupEngine({ root, encryption: false }).createBackup()
  const one = runScript(SLOW_LISTENER, { args: [HOME, root, '60000'] })
  await until(() => one.stdout.includes('up'), 'its start')
  await new BackupEngine({ root, encryption: false }).createBackup()
  one.child.stdin.write('look')
  await until(() => one.stdout.includes('begins'), 'the event')
  const two = runScript(SLOW_LISTENER, { args: [HOME, root, '0'] })
  t.after(() => two.child.kill('SIGKILL'))
  await until(() => two.stdout.includes('up'), 'its start')
  one.child.kill('SIGKILL')
  await until(() => two.stdout.includes('has sent'), 'the event')
})
