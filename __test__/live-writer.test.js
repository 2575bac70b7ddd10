// The law that the whole design follows from: the host's own database connections never notice a backup.
// A bot that writes 200 times a second through `sqlite3`, with its default busy timeout, in the very process that
// calls createBackup, sees no error while ten backups run, and each of the ten is sound inside.

'use strict'

const { test } = require('node:test')
const assert = require('node:assert/strict')
const { spawnSync } = require('node:child_process')
const fs = require('node:fs')
const os = require('node:os')
const path = require('node:path')
const { performance } = require('node:perf_hooks')
const sqlite3 = require('sqlite3')
const { BackupEngine } = require('..')

const ACCOUNTS = 2_000
const TOTAL = ACCOUNTS * 1_000
const MEGABYTES = Number(process.env.LIFEBOAT_TEST_MB ?? 120)
const BACKUPS = 10

/** The callback API of sqlite3 as promises. */
function open(file) {
  const db = new sqlite3.Database(file)
  const call =
    (name) =>
    (...args) =>
      new Promise((resolve, reject) => db[name](...args, (error, value) => (error ? reject(error) : resolve(value))))
  return { run: call('run'), get: call('get'), exec: call('exec'), close: call('close') }
}

/** A database of accounts whose balances always add up, among other tables that make it large. */
async function makeDatabase(file, journal) {
  const db = open(file)
  await db.exec(`PRAGMA journal_mode = ${journal}; PRAGMA synchronous = OFF;
    CREATE TABLE saldo (id INTEGER PRIMARY KEY, jumlah INTEGER NOT NULL);
    CREATE TABLE pesan (id INTEGER PRIMARY KEY, isi TEXT);
    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${ACCOUNTS})
      INSERT INTO saldo SELECT i, 1000 FROM n;
    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${MEGABYTES * 900})
      INSERT INTO pesan SELECT i, hex(randomblob(500)) FROM n;
    PRAGMA synchronous = FULL;`)
  return db
}

/** Transfers between accounts, about 200 commits a second, until it is told to stop. */
function startWriter(db) {
  const seen = { commits: 0, slowest: 0, errors: [], since: performance.now() }
  let stopped = false
  const done = (async () => {
    while (!stopped) {
      const started = performance.now()
      const [from, to] = [1 + Math.floor(Math.random() * ACCOUNTS), 1 + Math.floor(Math.random() * ACCOUNTS)]
      try {
        await db.exec(`BEGIN; UPDATE saldo SET jumlah = jumlah - 7 WHERE id = ${from};
          UPDATE saldo SET jumlah = jumlah + 7 WHERE id = ${to};
          UPDATE pesan SET isi = hex(randomblob(500)) WHERE id = ${from * 7}; COMMIT;`)
      } catch (error) {
        seen.errors.push(error)
        await db.exec('ROLLBACK').catch(() => {})
      }
      const took = performance.now() - started
      seen.commits += 1
      seen.slowest = Math.max(seen.slowest, took)
      await new Promise((resolve) => setTimeout(resolve, Math.max(0, 5 - took)))
    }
  })()
  return {
    async stop() {
      stopped = true
      await done
      seen.perSecond = seen.commits / ((performance.now() - seen.since) / 1000)
      return seen
    }
  }
}

async function checkSound(file) {
  const db = open(file)
  assert.equal((await db.get('PRAGMA integrity_check')).integrity_check, 'ok')
  assert.equal((await db.get('SELECT sum(jumlah) AS sum FROM saldo')).sum, TOTAL)
  await db.close()
}

function makeEngine(t) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'lifeboat-live-'))
  t.after(() => fs.promises.rm(folder, { recursive: true, force: true, maxRetries: 5 }))
  const root = path.join(folder, 'bot')
  fs.mkdirSync(root)
  const engine = new BackupEngine({ root, backupDir: path.join(folder, 'vault'), encryption: false })
  return { folder, root, engine }
}

for (const journal of ['DELETE', 'WAL']) {
  test(`a writer in the host's own process is not disturbed by ten backups (journal_mode = ${journal})`, async (t) => {
    const { folder, root, engine } = makeEngine(t)
    const db = await makeDatabase(path.join(root, 'database.sqlite'), journal)
    const writer = startWriter(db)
    const results = []
    for (let n = 0; n < BACKUPS; n += 1) {
      results.push(await engine.createBackup(n % 5 === 4 ? 'DAILY' : 'HOURLY'))
      await new Promise((resolve) => setTimeout(resolve, 200))
    }
    const seen = await writer.stop()
    await db.close()
    t.diagnostic(
      `${MEGABYTES} MB, ${seen.perSecond.toFixed(0)} commits/s, slowest ${seen.slowest.toFixed(0)} ms, ` +
        `backups ${results.map((result) => result.durationMs).join(', ')} ms`
    )
    assert.deepEqual(seen.errors, [])
    // SQLITE_BUSY comes after 1,000 ms. What was measured stands in the diagnostic above.
    assert.ok(seen.slowest < 1_000, `the slowest commit took ${seen.slowest} ms`)
    for (const [n, result] of results.entries()) {
      assert.equal(result.degraded, false)
      const target = path.join(folder, `out-${n}`)
      await engine.restore(result.backup, { target })
      await checkSound(path.join(target, 'database.sqlite'))
      fs.rmSync(target, { recursive: true })
    }
  })
}

test('a write transaction that the host holds open over a backup keeps its lock', async (t) => {
  const { folder, root, engine } = makeEngine(t)
  const file = path.join(root, 'database.sqlite')
  const db = await makeDatabase(file, 'DELETE')
  await db.exec('BEGIN IMMEDIATE; UPDATE saldo SET jumlah = jumlah - 500 WHERE id = 1;')

  /** Tries to write from a process of its own. */
  const writeElsewhere = () =>
    spawnSync(
      process.execPath,
      [
        '-e',
        `const db = new (require(${JSON.stringify(require.resolve('sqlite3'))}).Database)(process.argv[1])
         db.configure('busyTimeout', 100)
         db.run('UPDATE saldo SET jumlah = 0 WHERE id = 2', (error) => process.exit(error ? (error.code === 'SQLITE_BUSY' ? 5 : 1) : 0))`,
        file
      ],
      { stdio: 'ignore' }
    ).status

  assert.equal(writeElsewhere(), 5, 'the lock is held before the backup')
  const result = await engine.createBackup('MANUAL')
  assert.equal(writeElsewhere(), 5, 'and after it: no lock of the host was dropped')
  await db.exec('UPDATE saldo SET jumlah = jumlah + 500 WHERE id = 2; COMMIT;')
  await db.close()
  await checkSound(file)

  const target = path.join(folder, 'out')
  await engine.restore(result.backup, { target })
  await checkSound(path.join(target, 'database.sqlite'))
})
