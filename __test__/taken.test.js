// What is taken and what is told, as a host sees it: previews, the doctor, and degraded backups.

'use strict'

const { deepEqual, equal, match, ok, rejects } = require('node:assert/strict')
const { existsSync, mkdirSync, symlinkSync, writeFileSync } = require('node:fs')
const { join } = require('node:path')
const { test } = require('node:test')
const { BackupEngine } = require('..')
const { folder, makeRoot, runScript, until } = require('./root.js')

test('a preview says what would be taken and what not, and makes no vault', async (t) => {
  const root = makeRoot(t, { photos: 1 })
  mkdirSync(join(root, 'node_modules/x'), { recursive: true })
  writeFileSync(join(root, 'node_modules/x/index.js'), 'x'.repeat(1000))
  const preview = await new BackupEngine({ root }).previewBackup()
  deepEqual(preview.taken[0], { path: 'uploads', category: 'media', items: 2, size: 1 << 20 })
  const [left] = preview.left
  deepEqual([left.path, left.reason, left.size, left.lost], ['node_modules', 'default', 1000, false])
  equal(existsSync(join(root, 'backups')), false)
})

test('a backup that is not whole is told as degraded, and kept where nobody listens', async (t) => {
  const root = makeRoot(t)
  const volume = folder(t)
  writeFileSync(join(volume, 'photo.jpg'), 'p')
  symlinkSync(volume, join(root, 'data'))
  const engine = new BackupEngine({ root, encryption: false })
  const made = await engine.createBackup('DAILY')
  equal(made.degraded, true)
  equal((await engine.history())[0].result, 'degraded')
  const heard = []
  engine.on('backup:success', ({ backup }) => heard.push(['success', backup]))
  engine.on('backup:degraded', ({ backup, warnings }) => heard.push(['degraded', backup, warnings[0].path]))
  const second = await engine.createBackup()
  await until(() => heard.length === 2, 'both events')
  deepEqual(heard.sort(), [made, second].map(({ backup }) => ['degraded', backup, 'data']).sort())

  const following = new BackupEngine({ root, encryption: false, followLinks: ['data'] })
  equal((await following.createBackup()).degraded, false)
  const items = await following.listItems('latest', { items: ['data/**'] })
  ok(items.some(({ path }) => path === 'data/photo.jpg'))
})

test('the doctor looks at everything, also where the configuration is wrong', async (t) => {
  const root = makeRoot(t)
  const engine = new BackupEngine({ root, encryption: false })
  await engine.createBackup('DAILY')
  const { checks: idle } = await engine.doctor()
  deepEqual(
    idle.filter(({ ok }) => !ok).map(({ name }) => name),
    ['schedule']
  )
  engine.scheduler.start()
  t.after(() => engine.scheduler.stop())
  const well = await engine.doctor()
  deepEqual(
    well.checks.filter(({ ok }) => !ok),
    []
  )
  equal(well.ok, true)
  await rejects(engine.doctor({ quick: true }), { code: 'E_CONFIG' })

  mkdirSync(join(root, 'config'))
  writeFileSync(join(root, 'config/backup-config.json'), '{"encrytion":false}')
  const script = `require(${JSON.stringify(join(__dirname, '..'))}).doctor().then((d) => console.log(JSON.stringify(d)))`
  const { stdout } = await runScript(script, { cwd: root }).ended
  const { ok: isOk, checks } = JSON.parse(stdout)
  equal(isOk, false)
  match(checks[0].message, /encryption/)
  ok(checks.length > 8)
})
