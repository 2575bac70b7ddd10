// undoRestore(): the last restore in place is taken back by its own record, from the host.

'use strict'

const assert = require('node:assert/strict')
const { existsSync, readFileSync, rmSync, writeFileSync } = require('node:fs')
const { join } = require('node:path')
const test = require('node:test')
const { BackupEngine, undoRestore } = require('..')
const { makeRoot, until } = require('./root.js')

test('a restore is taken back, and the undo as well', async (t) => {
  const root = makeRoot(t, { photos: 1 })
  const at = (path) => join(root, path)
  const engine = new BackupEngine({ root, encryption: false })
  const { backup } = await engine.createBackup()
  writeFileSync(at('config.json'), '{"mine":true}')
  rmSync(at('sessions/main/pre-key-1.json'))
  const events = []
  engine.on('restore:success', ({ backup, takesBack }) => events.push([backup, takesBack?.backup]))

  const restored = await engine.restore(backup)
  assert.equal(restored.undo, 'lifeboat undo')
  const planned = await engine.undoRestore({ dryRun: true })
  assert.deepEqual(planned.plan.remove, ['sessions/main/pre-key-1.json'])
  assert.ok(planned.safetyBytes > 0)
  const undone = await engine.undoRestore()
  assert.deepEqual(undone.plan, planned.plan, 'it does what it has said')
  assert.equal(undone.takesBack.backup, backup)
  assert.equal(readFileSync(at('config.json'), 'utf8'), '{"mine":true}')
  assert.ok(!existsSync(at('sessions/main/pre-key-1.json')))

  const again = await engine.undoRestore()
  assert.equal(again.takesBack.undo, true)
  assert.ok(existsSync(at('sessions/main/pre-key-1.json')))
  await until(() => events.length === 3, 'the events')
  assert.deepEqual(
    events.map(([, of]) => of),
    [undefined, backup, backup],
    'what is only planned is no event'
  )
})

test('where there is nothing to take back, it is E_NOT_FOUND; what is mistyped is E_CONFIG', async (t) => {
  const root = makeRoot(t, { photos: 1 })
  const engine = new BackupEngine({ root, encryption: false })
  await engine.createBackup()
  await assert.rejects(engine.undoRestore(), { code: 'E_NOT_FOUND' })
  await assert.rejects(engine.undoRestore({ items: ['config.json'] }), { code: 'E_CONFIG' })
  assert.equal(typeof undoRestore, 'function')
})
