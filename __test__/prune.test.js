'use strict'

const assert = require('node:assert/strict')
const { randomBytes } = require('node:crypto')
const { rmSync, writeFileSync } = require('node:fs')
const { join } = require('node:path')
const test = require('node:test')
const { BackupEngine } = require('..')
const { folder, makeRoot } = require('./root.js')

test('what no rule keeps goes with its room, and what is pinned stays', async (t) => {
  const root = makeRoot(t)
  const engine = new BackupEngine({
    root,
    encryption: false,
    localRetentionDays: 0,
    schedules: { HOURLY: { keep: 2 } }
  })
  const names = async () => (await engine.listBackups()).map((info) => info.backup)
  const huge = join(root, 'uploads/huge.bin')
  writeFileSync(huge, randomBytes(5_000_000))
  const { backup: oldest } = await engine.createBackup('HOURLY')
  rmSync(huge)
  const later = []
  for (let n = 0; n < 3; n++) later.unshift((await engine.createBackup('HOURLY')).backup)

  await engine.pin(later[2])
  const dry = await engine.prune({ dryRun: true })
  assert.deepEqual([dry.removed, (await names()).length], [1, 4])
  assert.deepEqual(
    dry.backups.map(({ keep }) => keep),
    [true, true, true, false]
  )
  const report = await engine.prune()
  // A copy of the vault that is being made misses nothing: the room comes back a day later, or when somebody says so.
  assert.equal(report.waiting, dry.waiting)
  assert.ok(report.waiting > 5_000_000)
  const atOnce = await engine.prune({ atOnce: true })
  assert.ok(atOnce.freed > 5_000_000)
  assert.equal(atOnce.waiting, 0)
  assert.match(atOnce.warnings[0].message, /copy/)
  assert.deepEqual(await names(), later)
  await engine.unpin(later[2])
  assert.equal((await engine.prune()).removed, 1)

  await engine.deleteBackup(later[1])
  assert.deepEqual(await names(), [later[0]])
  await assert.rejects(engine.deleteBackup(oldest), { code: 'E_NOT_FOUND' })
  assert.equal((await engine.verify(null, { deep: true })).ok, true)
  await engine.restore(later[0], { target: join(folder(t), 'out') })
})
