'use strict'

const assert = require('node:assert/strict')
const { rmSync, writeFileSync } = require('node:fs')
const { join } = require('node:path')
const test = require('node:test')
const { Database } = require('sqlite3')
const { BackupEngine, BackupError } = require('..')
const { makeRoot } = require('./root.js')

const fails =
  (code, words = /./) =>
  (error) => {
    assert.ok(error instanceof BackupError, `${error?.stack}`)
    assert.equal(error.code, code)
    assert.match(error.message, words)
    return true
  }

/** The bot's own connection, which stays open while things are compared. */
function openDatabase(t, file) {
  const db = new Database(file)
  t.after(() => new Promise((resolve) => db.close(resolve)))
  return (sql) => new Promise((resolve, reject) => db.exec(sql, (error) => (error ? reject(error) : resolve())))
}

test('the versions of a file, and what changed between backups and since one', async (t) => {
  const root = makeRoot(t)
  const engine = new BackupEngine({ root, encryption: false })
  const exec = openDatabase(t, join(root, 'saldo.sqlite'))
  await exec(
    'CREATE TABLE saldo (id INTEGER PRIMARY KEY, jumlah INTEGER); INSERT INTO saldo VALUES (1, 1), (2, 2), (3, 3)'
  )
  const first = await engine.createBackup()
  writeFileSync(join(root, 'config.json'), '{}')
  rmSync(join(root, 'sessions/main/pre-key-7.json'))
  await exec('UPDATE saldo SET jumlah = 0 WHERE id = 2; INSERT INTO saldo VALUES (4, 4)')

  const live = await engine.diff(first.backup)
  assert.equal(live.to, undefined)
  const second = await engine.createBackup()
  const stored = await engine.diff(first.backup, { at: Date.now() })
  assert.equal(stored.to, second.backup)
  for (const report of [live, stored]) {
    assert.equal(report.from, first.backup)
    assert.deepEqual(report.added, [])
    assert.deepEqual(
      report.removed.map((item) => item.path),
      ['sessions/main/pre-key-7.json']
    )
    const changed = report.changed.filter((change) => !change.metadataOnly)
    assert.deepEqual(
      changed.map((change) => change.path),
      ['config.json', 'saldo.sqlite']
    )
    assert.equal(changed[0].after.size, 2)
    assert.deepEqual(changed[1].tables, [{ table: 'saldo', added: 1, removed: 0, changed: 1, schema: false }])
    assert.ok(report.unchanged > 49)
  }
  // Its locks are as they were: the worker opened the file, and not this process.
  await exec('BEGIN IMMEDIATE; DELETE FROM saldo; COMMIT')

  const versions = await engine.versions('./config.json')
  assert.deepEqual(
    versions.map(({ backup, size }) => [backup, size]),
    [
      [second.backup, 2],
      [first.backup, 40]
    ]
  )
  assert.equal(versions[0].path, 'config.json')
  assert.ok(versions[0].timestamp > versions[1].timestamp)
})

test('what is wrong with a comparison is said, and it can be cancelled', async (t) => {
  const engine = new BackupEngine({ root: makeRoot(t), encryption: false })
  const { backup } = await engine.createBackup()
  await assert.rejects(engine.versions('confg.json'), fails('E_NOT_FOUND', /nearest in the newest are config\.json/))
  await assert.rejects(engine.versions('../x'), fails('E_CONFIG', /not a path in the root/))
  await assert.rejects(engine.versions(), fails('E_CONFIG', /needs `path`/))
  await assert.rejects(engine.diff(), fails('E_CONFIG', /needs `from`/))
  await assert.rejects(engine.diff(backup, 7), fails('E_CONFIG', /`to` must be a backup's name/))
  await assert.rejects(engine.diff(backup, null, { deep: true }), fails('E_CONFIG', /no `deep` in `options` of diff/))
  await assert.rejects(engine.diff('backup_DAILY_2020-01-01T00-00-00-000Z'), fails('E_NOT_FOUND', /nearest/))
  await assert.rejects(engine.diff(backup, null, { signal: AbortSignal.abort() }), fails('E_ABORTED'))
  assert.equal((await engine.diff(backup, backup)).changed.length, 0)
})
