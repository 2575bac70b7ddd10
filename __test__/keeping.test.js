// Whose a vault is, and which backup is right: what a host hears, and what its owner decides.

'use strict'

const assert = require('node:assert/strict')
const { execFileSync } = require('node:child_process')
const { existsSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } = require('node:fs')
const { join } = require('node:path')
const test = require('node:test')
const { BackupEngine } = require('..')
const { folder, makeRoot, until } = require('./root.js')

/** An engine, and what it tells. */
function engineOf(config) {
  const engine = new BackupEngine({ encryption: false, ...config })
  const heard = []
  for (const event of ['backup:success', 'backup:failure', 'backup:suspicious', 'backup:degraded'])
    engine.on(event, (value) => heard.push([event, value]))
  return { engine, heard, last: () => heard.at(-1)?.[0] }
}

test('a vault that is gone is an alarm, and no new one is made', async (t) => {
  const disk = folder(t)
  const { engine, heard } = engineOf({ root: makeRoot(t), backupDir: join(disk, 'vault') })
  await engine.createBackup()
  await until(() => heard.length === 1, 'the success')
  renameSync(join(disk, 'vault'), join(disk, 'unmounted'))
  await assert.rejects(engine.createBackup('HOURLY'), { code: 'E_VAULT' })
  await until(() => heard.length === 2, 'the alarm')
  assert.deepEqual([heard[1][0], heard[1][1].code], ['backup:failure', 'E_VAULT'])
  assert.equal((await engine.status()).healthy, false)
  assert.equal(existsSync(join(disk, 'vault/vault.json')), false)
})

test('a vault is for one root, until the other adopts it', async (t) => {
  const backupDir = join(folder(t), 'vault')
  const [one, two] = [makeRoot(t), makeRoot(t)].map((root) => engineOf({ root, backupDir }).engine)
  await one.createBackup()
  await assert.rejects(two.createBackup(), { code: 'E_VAULT' })
  await assert.rejects(two.prune(), { code: 'E_VAULT' })
  assert.equal(await two.adoptVault(), undefined)
  await two.createBackup()
  await assert.rejects(one.createBackup(), { code: 'E_VAULT' })
})

test('a suspicious backup is told once, and pruning waits until it is accepted', async (t) => {
  const root = makeRoot(t)
  for (let n = 0; n < 30; n++) writeFileSync(join(root, `uploads/${n}.jpg`), `photo ${n}`)
  const { engine, heard, last } = engineOf({ root })
  const good = await engine.createBackup()
  assert.equal(good.suspicious, undefined)
  rmSync(join(root, 'uploads'), { recursive: true })
  mkdirSync(join(root, 'uploads'))
  const wrong = await engine.createBackup()
  await until(() => last() === 'backup:suspicious', 'the alarm')
  assert.deepEqual(heard.at(-1)[1], { backup: wrong.backup, reasons: wrong.suspicious.reasons })
  assert.equal(wrong.suspicious.against, good.backup)
  const next = await engine.createBackup()
  await until(() => heard.length === 3, 'the end')
  assert.deepEqual([last(), next.suspicious.since], ['backup:success', wrong.backup])

  assert.equal((await engine.status()).healthy, false)
  await assert.rejects(engine.prune(), { code: 'E_VAULT' })
  await engine.prune({ despiteSuspicion: true })
  const recover = join(root, 'backups/recover.mjs')
  const out = join(folder(t), 'out')
  execFileSync(process.execPath, [recover, 'latest', out], { stdio: 'pipe' })
  assert.equal(readdirSync(join(out, 'uploads')).length, 30, 'recover.mjs passes over it, too')

  assert.ok((await engine.acceptBackup('latest')).includes(wrong.backup))
  const suspicious = (await engine.listBackups()).filter((info) => info.suspicious)
  assert.deepEqual(suspicious, [])
  await engine.prune()
  assert.equal((await engine.status()).healthy, true)
  await assert.rejects(engine.acceptBackup(''), { code: 'E_CONFIG' })
})
