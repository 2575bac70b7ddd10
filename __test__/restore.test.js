// Restores in place, from the host: all of it or nothing, under connections that stay open, and across a restart.

'use strict'

const assert = require('node:assert/strict')
const { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } = require('node:fs')
const { dirname, join } = require('node:path')
const { performance } = require('node:perf_hooks')
const test = require('node:test')
const sqlite3 = require('sqlite3')
const { BackupEngine } = require('..')
const { makeRoot, runScript, until, workersOf } = require('./root.js')

const HOME = dirname(__dirname)
const MEGABYTES = Number(process.env.LIFEBOAT_TEST_MB ?? 120)
const WORKSPACE = '.lifeboat-restore'

const engineOf = (root) => new BackupEngine({ root, encryption: false })

/** Every file below `root` but the vault and what says which it is, with its content, or its length where that is large, and its time. */
function tree(root) {
  const files = {}
  for (const entry of readdirSync(root, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name)
    if (!entry.isFile() || path.startsWith(join(root, 'backups')) || entry.name === '.lifeboat.json') continue
    const { size, mtimeMs } = statSync(path)
    files[path.slice(root.length + 1)] = [size > 1e8 ? size : readFileSync(path).toString('base64'), mtimeMs]
  }
  return files
}

/** Without the database, which is changed page by page under its connections. */
const plain = (files) => Object.fromEntries(Object.entries(files).filter(([path]) => !path.includes('.sqlite')))

function damage(root) {
  writeFileSync(join(root, 'config.json'), '{}')
  rmSync(join(root, 'sessions/main/pre-key-1.json'))
  writeFileSync(join(root, 'sessions/main/pre-key-999.json'), '{}')
  writeFileSync(join(root, 'notes.txt'), 'unknown to the backup')
}

test('everything goes back in place, and the safety backup takes it back again', async (t) => {
  const root = makeRoot(t, { photos: 2 })
  const engine = engineOf(root)
  const before = tree(root)
  const { backup } = await engine.createBackup()
  damage(root)
  const damaged = tree(root)

  const dry = await engine.restore(backup, { dryRun: true })
  assert.deepEqual(tree(root), damaged)
  const reloads = []
  engine.on('restore:reload', (event) => reloads.push(event))
  const result = await engine.restore(backup)
  assert.deepEqual(result.plan, dry.plan)
  assert.deepEqual(result.restored.toSorted(), ['config.json', 'sessions/main', 'sessions/main/pre-key-1.json'])
  assert.deepEqual(result.plan.remove, ['sessions/main/pre-key-999.json'])
  assert.deepEqual(reloads, [{ paths: [...result.restored, ...result.plan.remove] }])
  assert.deepEqual(tree(root), { ...before, 'notes.txt': damaged['notes.txt'] })

  assert.match(result.safetyBackup, /^backup_SAFETY_/)
  await engine.restore(result.safetyBackup)
  assert.deepEqual(tree(root), damaged)
  assert.equal(existsSync(join(root, WORKSPACE)), false)
})

test('a part, a moment, and what is not there', async (t) => {
  const root = makeRoot(t)
  const engine = engineOf(root)
  await engine.createBackup()
  const moment = new Date()
  damage(root)
  await engine.createBackup()
  await engine.restore({ at: moment }, { selective: true, items: ['config.json'] })
  assert.match(readFileSync(join(root, 'config.json'), 'utf8'), /ownerNumber/)
  assert.ok(existsSync(join(root, 'sessions/main/pre-key-999.json')))
  const failures = []
  engine.on('restore:failure', (event) => failures.push(event))
  await assert.rejects(engine.restore('latest', { items: ['confg.json'] }), {
    code: 'E_NOT_FOUND',
    message: /nearest are config\.json/
  })
  await until(() => failures.length === 1, 'the event')
  assert.equal(failures[0].rolledBack, false)
  // A plan that cannot be made brings nothing into danger.
  await assert.rejects(engine.restore('latest', { items: ['confg.json'], dryRun: true }), { code: 'E_NOT_FOUND' })
  await assert.rejects(engine.undoRestore({ dryRun: true, mode: 'sideways' }), { code: 'E_CONFIG' })
  assert.equal(failures.length, 1)
})

test('what is staged for the restart is applied by the first line of the next start, once', async (t) => {
  const root = makeRoot(t)
  const engine = engineOf(root)
  const { backup } = await engine.createBackup()
  const before = tree(root)
  writeFileSync(join(root, 'config.json'), '{}')
  const staged = await engine.restore(backup, { mode: 'on-restart' })
  assert.deepEqual([staged.staged, staged.mode, staged.restored], [true, 'on-restart', []])
  assert.equal(readFileSync(join(root, 'config.json'), 'utf8'), '{}')

  const script = `
    const { configure, applyPendingRestore } = require(${JSON.stringify(HOME)})
    configure({ root: ${JSON.stringify(root)}, encryption: false })
    applyPendingRestore().then((result) => console.log(JSON.stringify(result)))`
  const first = await runScript(script).ended
  assert.deepEqual(JSON.parse(first.stdout).restored, ['config.json'], first.stderr)
  assert.deepEqual(tree(root), before)
  assert.equal((await runScript(script).ended).stdout, 'null\n')

  assert.equal(await engine.discardPendingRestore(), false)
  // Nothing differs now. What the app writes until its next start does.
  await engine.restore(backup, { mode: 'on-restart' })
  writeFileSync(join(root, 'config.json'), '{}')
  assert.equal(await engine.discardPendingRestore(), true)
  assert.equal(await engine.applyPendingRestore(), null)
  assert.equal(readFileSync(join(root, 'config.json'), 'utf8'), '{}')
})

test('where nothing waits, the first line starts no worker', async (t) => {
  const engine = engineOf(makeRoot(t))
  const started = performance.now()
  for (let n = 0; n < 100; n++) assert.equal(await engine.applyPendingRestore(), null)
  const each = (performance.now() - started) / 100
  t.diagnostic(`${each.toFixed(3)} ms each`)
  assert.ok(each < 1, 'it is called at each start of the bot')
  assert.deepEqual(workersOf(process.pid), [])
})

test('a worker that is killed in the middle leaves all of the old state or all of the new', async (t) => {
  // Staging a gigabyte takes long enough to be met, beside the safety backup; and so does replacing files, while a database of them is locked.
  const root = makeRoot(t, { zeros: 600 })
  const engine = engineOf(root)
  const bank = open(join(root, 'database.sqlite'))
  await bank.exec('CREATE TABLE t (n); INSERT INTO t VALUES (1)')
  const before = tree(root)
  const { backup } = await engine.createBackup()
  writeFileSync(join(root, 'config.json'), '{}')
  writeFileSync(join(root, 'uploads/video.bin'), 'damaged')
  await bank.exec('UPDATE t SET n = 2')
  const damaged = tree(root)
  const restoreAndKill = (phase, then = () => {}) => {
    let kills = 0
    const onProgress = (progress) => {
      if (phase === 'replacing' && progress.phase === 'restoring') bank.exec('BEGIN IMMEDIATE').catch(() => {})
      if (kills > 0 || progress.phase !== phase) return
      for (const pid of workersOf(process.pid)) kills += process.kill(pid, 'SIGKILL')
      then()
      bank.exec('ROLLBACK').catch(() => {})
    }
    return engine.restore(backup, { onProgress, watch: false }).finally(() => assert.equal(kills, 1))
  }
  const RESTORED = ['config.json', 'database.sqlite', 'uploads/video.bin']
  await assert.rejects(restoreAndKill('restoring'), { code: 'E_WORKER' })
  await engine.status()
  assert.deepEqual(tree(root), damaged)
  assert.equal(existsSync(join(root, WORKSPACE)), false)

  const result = await restoreAndKill('replacing')
  assert.deepEqual(result.restored.toSorted(), RESTORED)
  assert.deepEqual(plain(tree(root)), plain(before))
  assert.equal((await bank.get('SELECT n FROM t')).n, 1)
  assert.equal(existsSync(join(root, WORKSPACE)), false)
  await engine.restore(result.safetyBackup, { watch: false })
  assert.deepEqual(plain(tree(root)), plain(damaged))
  assert.equal((await bank.get('SELECT n FROM t')).n, 2)

  // It cannot be finished at once: that is told, and nothing is lost.
  const journal = join(root, WORKSPACE, 'journal')
  let kept
  const failures = []
  engine.on('restore:failure', (event) => failures.push(event))
  const unfinished = restoreAndKill('replacing', () => {
    kept = readFileSync(journal)
    writeFileSync(journal, '{')
  })
  await assert.rejects(unfinished, { message: /died in the middle of the restore.*applyPendingRestore/s })
  await until(() => failures.length === 1, 'the event')
  assert.equal(failures[0].rolledBack, false)
  const { healthy, problems } = await engine.status()
  assert.deepEqual([healthy, /cut off/.test(problems[0].message)], [false, true])
  writeFileSync(journal, kept)
  assert.deepEqual((await engine.applyPendingRestore()).restored.toSorted(), RESTORED)
  assert.deepEqual(plain(tree(root)), plain(before))
  assert.equal(existsSync(join(root, WORKSPACE)), false)
  await bank.close()
})

test('aborting leaves the old state, or comes too late', async (t) => {
  const root = makeRoot(t, { zeros: 400 })
  const engine = engineOf(root)
  const before = tree(root)
  const { backup } = await engine.createBackup()
  for (const phase of ['restoring', 'replacing', 'verifying']) {
    writeFileSync(join(root, 'config.json'), '{}')
    writeFileSync(join(root, 'uploads/video.bin'), 'damaged')
    const damaged = tree(root)
    const controller = new AbortController()
    const onProgress = (progress) => progress.phase === phase && controller.abort()
    const outcome = await engine.restore(backup, { signal: controller.signal, onProgress }).catch((error) => error.code)
    const aborted = typeof outcome === 'string'
    t.diagnostic(`${phase}: ${aborted ? outcome : 'done'}`)
    if (aborted) assert.ok(['E_ABORTED', 'E_ROLLED_BACK'].includes(outcome), outcome)
    assert.deepEqual(tree(root), aborted ? damaged : before)
    assert.equal(existsSync(join(root, WORKSPACE)), false)
    if (phase === 'restoring') assert.equal(outcome, 'E_ABORTED')
  }
})

/** The callback API of sqlite3 as promises. */
function open(file) {
  const db = new sqlite3.Database(file)
  const call =
    (name) =>
    (...args) =>
      new Promise((resolve, reject) => db[name](...args, (error, value) => (error ? reject(error) : resolve(value))))
  return { get: call('get'), exec: call('exec'), close: call('close') }
}

/** A connection that reads or transfers all the time, and remembers what it saw. */
function work(db, writes) {
  const seen = { rounds: 0, busy: 0, errors: [], era: 0, slowest: 0 }
  let stopped = false
  const done = (async () => {
    for (let n = 0; !stopped; n++) {
      const started = performance.now()
      try {
        const [from, to] = [1 + (n % 2000), 1 + ((n * 7) % 2000)]
        if (writes)
          await db.exec(`BEGIN IMMEDIATE; UPDATE saldo SET jumlah = jumlah - 7 WHERE id = ${from};
            UPDATE saldo SET jumlah = jumlah + 7 WHERE id = ${to}; COMMIT;`)
        const row = await db.get('SELECT (SELECT sum(jumlah) FROM saldo) AS sum, (SELECT n FROM era) AS era')
        assert.equal(row.sum, 2_000_000)
        assert.ok(row.era >= seen.era, 'the old rows came back')
        seen.era = row.era
      } catch (error) {
        await db.exec('ROLLBACK').catch(() => {})
        if (error.code === 'SQLITE_BUSY') seen.busy++
        else seen.errors.push(error)
      }
      seen.rounds++
      seen.slowest = Math.max(seen.slowest, performance.now() - started)
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
  })()
  const stop = () => {
    stopped = true
    return done
  }
  return { seen, stop }
}

for (const journal of ['DELETE', 'WAL']) {
  test(`five connections of the host see the restored rows (journal_mode = ${journal})`, async (t) => {
    const root = makeRoot(t)
    mkdirSync(join(root, 'database'))
    const file = join(root, 'database.sqlite')
    const maker = open(file)
    await maker.exec(`PRAGMA journal_mode = ${journal}; PRAGMA synchronous = OFF;
      CREATE TABLE era (n INTEGER); INSERT INTO era VALUES (2);
      CREATE TABLE saldo (id INTEGER PRIMARY KEY, jumlah INTEGER NOT NULL);
      CREATE TABLE pesan (id INTEGER PRIMARY KEY, isi TEXT);
      WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000)
        INSERT INTO saldo SELECT i, 1000 FROM n;
      WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${MEGABYTES * 900})
        INSERT INTO pesan SELECT i, hex(randomblob(500)) FROM n;`)
    const engine = engineOf(root)
    const { backup } = await engine.createBackup()
    await maker.exec(`UPDATE era SET n = 1; DELETE FROM pesan WHERE id % 3 = 0;
      UPDATE pesan SET isi = hex(randomblob(500)) WHERE id % 5 = 0; CREATE TABLE later (x); PRAGMA synchronous = FULL`)

    const connections = [maker, open(file), open(file), open(file), open(file)]
    const workers = connections.map((db, index) => work(db, index % 2 === 0))
    await until(() => workers.every(({ seen }) => seen.rounds > 3), 'the connections work')
    const result = await engine.restore(backup)
    assert.equal(result.mode, 'live', result.reason)
    assert.match(result.reason, new RegExp(`database.sqlite is open in process ${process.pid}`))
    const rounds = workers.map(({ seen }) => seen.rounds)
    await until(() => workers.every(({ seen }, index) => seen.rounds > rounds[index] + 3), 'they go on working')
    for (const { seen, stop } of workers) {
      await stop()
      assert.deepEqual(seen.errors, [])
      assert.equal(seen.era, 2, 'a connection does not see the restored rows')
    }
    const sum = (of) => workers.reduce((total, { seen }) => total + seen[of], 0)
    const slowest = Math.max(...workers.map(({ seen }) => seen.slowest))
    t.diagnostic(
      `${MEGABYTES} MB, restored in ${result.durationMs} ms; ${sum('rounds')} rounds, ${sum('busy')} busy, slowest ${slowest.toFixed(0)} ms`
    )
    const { integrity_check } = await connections[1].get('PRAGMA integrity_check')
    assert.equal(integrity_check, 'ok')
    await assert.rejects(connections[2].get('SELECT * FROM later'), /no such table/)
    for (const db of connections) await db.close()
    // The rows that the bot had before are in the safety backup.
    const target = join(dirname(root), 'safety')
    await engine.restore(result.safetyBackup, { target, items: ['database.sqlite'] })
    const old = open(join(target, 'database.sqlite'))
    assert.equal((await old.get('SELECT n FROM era')).n, 1)
    assert.equal((await old.get('SELECT sum(jumlah) AS sum FROM saldo')).sum, 2_000_000)
    await old.close()
  })
}
