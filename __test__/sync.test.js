'use strict'

const assert = require('node:assert/strict')
const { existsSync, mkdirSync, readdirSync, writeFileSync } = require('node:fs')
const { dirname, join } = require('node:path')
const test = require('node:test')
const { BackupEngine } = require('..')
const { makeRoot, until } = require('./root.js')

/** An engine whose backups go to a folder beside the root, which is `disk`. */
function syncedEngine(t, settings = {}) {
  const root = makeRoot(t)
  const disk = join(dirname(root), 'disk')
  mkdirSync(disk)
  const cloud = [{ provider: 'folder', name: 'office', path: disk }]
  const engine = new BackupEngine({ root, encryption: false, cloud, ...settings })
  t.after(() => engine.scheduler.stop())
  return { engine, root, disk }
}

/** The names of the backups that are on the disk. */
function there(disk) {
  const [vault] = readdirSync(disk)
  const records = vault && join(disk, vault, 'snapshots')
  return records && existsSync(records) ? readdirSync(records) : []
}

test('a backup is queued, a sync waits until it is there, and each says so', async (t) => {
  const { engine, disk } = syncedEngine(t)
  const { backup, cloud } = await engine.createBackup()
  assert.equal(cloud, 'queued')
  assert.equal((await engine.listBackups())[0].cloud, 'queued')
  const phases = new Set()
  const report = await engine.sync({ target: 'office', onProgress: ({ phase }) => phases.add(phase) })
  assert.deepEqual([report.pending, report.failed], [0, []])
  assert.ok(report.uploaded > 3 && report.bytes > 0)
  assert.deepEqual(there(disk), [backup])
  assert.equal((await engine.listBackups())[0].cloud, 'synced')
  const { cloud: targets } = await engine.status()
  assert.equal(targets[0].state, 'synced')
  assert.ok(targets[0].lastSuccess > 0)
  const [run] = await engine.history({ operation: 'sync' })
  assert.equal(run.items, report.uploaded)
  await assert.rejects(engine.sync({ target: 'cellar' }), { code: 'E_CONFIG', message: /office/ })
  await assert.rejects(engine.sync({ to: 'office' }), { code: 'E_CONFIG' })
})

test('a scheduler brings each backup to its targets by itself, and a bot that is started again goes on', async (t) => {
  const { engine, root, disk } = syncedEngine(t)
  const told = []
  engine.on('sync:success', (report) => told.push(report))
  engine.scheduler.start()
  await until(() => there(disk).length === 1, 'the first backup on the disk')
  await until(() => told.length === 1, 'that it was told')
  assert.equal(told[0].pending, 0)
  await engine.scheduler.stop()
  writeFileSync(join(root, 'config.json'), '{"later":1}')
  await engine.createBackup()
  assert.equal(there(disk).length, 1)
  engine.scheduler.start()
  await until(() => there(disk).length === 2, 'the second backup on the disk')
})

test('what lies at a target is read back, mended from here, and pruned by the counts of the target', async (t) => {
  const { engine, root, disk } = syncedEngine(t, { cloud: undefined })
  await engine.createBackup()
  assert.equal((await engine.listBackups())[0].cloud, 'off')
  const cloud = [{ provider: 'folder', name: 'office', path: disk, keep: { MANUAL: 1 } }]
  const synced = new BackupEngine({ root, encryption: false, cloud })
  await synced.sync()
  assert.deepEqual((await synced.listBackups())[0].location, ['local', 'office'])
  const [vault] = readdirSync(disk)
  const packs = join(disk, vault, 'packs')
  const [folder] = readdirSync(packs)
  const [pack] = readdirSync(join(packs, folder))
  writeFileSync(join(packs, folder, pack), 'not what was written')
  const report = await synced.verify(undefined, { target: 'office', deep: true })
  assert.equal(report.ok, false)
  assert.equal((await synced.verify(undefined, { target: 'office', deep: true })).ok, true)
  const kept = await synced.prune({ target: 'office', dryRun: true })
  assert.deepEqual([kept.removed, kept.backups.length], [0, 1])
  await assert.rejects(synced.verify('latest', { target: 'office' }), { code: 'E_CONFIG' })
  await assert.rejects(synced.prune({ target: 'office', atOnce: true }), { code: 'E_CONFIG' })
  await assert.rejects(synced.prune({ target: 'cellar' }), { code: 'E_CONFIG', message: /office/ })
})
