'use strict'

const assert = require('node:assert/strict')
const { mkdirSync, readFileSync, writeFileSync } = require('node:fs')
const { join } = require('node:path')
const test = require('node:test')
const lifeboat = require('..')
const { folder, makeRoot, until } = require('./root.js')

const { BackupEngine, BackupError } = lifeboat
const UNENCRYPTED = { encryption: false }

/** Is it a BackupError of the caller's realm, with this code and these words? */
const fails =
  (code, words = /./) =>
  (error) => {
    assert.ok(error instanceof BackupError, `${error?.stack}`)
    assert.ok(error instanceof Error)
    assert.equal(error.code, code)
    assert.match(error.message, words)
    return true
  }

test('a backup is made, listed, looked into, verified and restored', async (t) => {
  const root = makeRoot(t)
  const engine = new BackupEngine({ root, ...UNENCRYPTED })
  const made = await engine.createBackup('DAILY', { note: 'the first' })
  assert.equal(made.success, true)
  assert.equal(made.type, 'DAILY')
  assert.equal(made.full, true)
  assert.equal(made.degraded, false)

  const [info, ...others] = await engine.listBackups()
  assert.equal(others.length, 0)
  assert.equal(info.backup, made.backup)
  assert.equal(info.note, 'the first')
  assert.deepEqual(await engine.listBackups({ since: new Date(Date.now() + 60_000) }), [])
  assert.deepEqual(await engine.listBackups({ type: 'HOURLY' }), [])

  const items = await engine.listItems('latest', { items: ['session'] })
  assert.equal(items.filter((item) => item.type === 'file').length, 50)
  assert.ok(items.every((item) => item.category === 'session'))
  assert.equal((await engine.verify(made.backup, { deep: true })).ok, true)
  assert.equal((await engine.status()).storage.backups, 1)

  const target = join(folder(t), 'out')
  const restored = await engine.restore({ at: new Date() }, { target })
  assert.equal(restored.backup, made.backup)
  assert.deepEqual(readFileSync(join(target, 'config.json')), readFileSync(join(root, 'config.json')))
  // Numbers and not BigInts: a bot sends its results as JSON.
  assert.doesNotThrow(() => JSON.stringify({ made, info, items, restored }))
})

test('wrong arguments reject, and the message says what is wrong', async (t) => {
  const engine = new BackupEngine({ root: makeRoot(t), ...UNENCRYPTED })
  const wrong = [
    [() => engine.createBackup('YEARLY'), /`type` must be one of .*`MANUAL`.*not `YEARLY`/],
    [() => engine.createBackup('MANUAL', { nota: 'x' }), /no `nota` in `options`\. It takes .*`note`/],
    [() => engine.createBackup('MANUAL', { full: 'yes' }), /`options.full` must be a boolean, not a string/],
    [() => engine.createBackup('MANUAL', null), /`options` must be an object, not null/],
    [() => engine.restore('latest', []), /`options` must be an object, not an array/],
    [() => engine.restore('latest', Promise.resolve({})), /`options` must be an object/],
    [() => engine.restore('latest', { target: null }), /`options.target` must not be null/],
    [() => engine.createBackup('MANUAL', { covers: ['DAILY'] }), /no `covers` in `options`/],
    [() => engine.importBackup('a', 'open sesame'), /^(?!.*sesame).*must be an object/],
    [() => engine.scheduler.stop({ cancle: true }), /no `cancle` in `options` of stop/],
    [() => engine.scheduler.stop(null), /`options` must be an object, not null/],
    [() => engine.createBackup('MANUAL', { onProgress: 1 }), /`options.onProgress` must be a function, not 1/],
    [() => engine.createBackup('MANUAL', { signal: {} }), /`options.signal` must be an AbortSignal/],
    [() => engine.listBackups({ limit: -1 }), /`filter.limit` must be a whole number of 0 or more/],
    [() => engine.listBackups({ since: 'yesterday' }), /`filter.since` must be a time such as/],
    [() => engine.listItems(), /needs `backup`/],
    [() => engine.listItems('latest', { items: [1] }), /`filter.items\[0\]` must be a string, not/],
    [() => engine.restore({ at: 'noon-ish' }, { target: 'x' }), /`backup.at` must be a time such as/],
    [() => engine.restore('latest', { selective: true }), /needs `items`/],
    [() => engine.restore({ at: '2026-11-26 08:32' }), /`backup.at` must be a time such as/],
    [
      () => engine.restore('latest', { mode: 'quick' }),
      /`options.mode` must be one of `auto`, `live`, `offline`, `on-restart`, not `quick`/
    ],
    [
      () => engine.restore('latest', { mirror: ['photos'] }),
      /`options.mirror\[0\]` must be one of `database`.*not `photos`/
    ],
    [() => engine.restore('latest', { perItem: true }), /needs items/],
    [() => engine.restore('latest', { salvage: true }), /needs another folder/],
    [() => engine.restore('latest', { owner: 'nobody-has-this-name' }), /no user|Only root/],
    [() => engine.verify(7), /`backup` must be a string, not/],
    [() => engine.listBackups({ since: new Date(Number.NaN) }), /`since` must be a Date/],
    [() => engine.createBackup('MANUAL', { note: () => 'x' }), /`note` must not be a function/],
    [() => engine.diff('latest', null, { deep: true }), /no `deep` in `options` of diff/]
  ]
  for (const [call, words] of wrong) {
    let promise
    assert.doesNotThrow(() => (promise = call()), 'it must reject, not throw')
    await assert.rejects(promise, fails('E_CONFIG', words))
  }
})

test('a misspelt field of the configuration is named with its nearest', () => {
  assert.throws(() => new BackupEngine({ encrytion: true }), fails('E_CONFIG', /"encrytion".*"encryption"/))
  assert.throws(() => lifeboat.configure(42), fails('E_CONFIG', /not 42/))
  assert.throws(() => lifeboat.configure('/nowhere/config.json'), fails('E_CONFIG', /nowhere/))
})

test('what is not in the vault is E_NOT_FOUND, and a root that is not there is E_SOURCE', async (t) => {
  const root = makeRoot(t)
  const engine = new BackupEngine({ root, ...UNENCRYPTED })
  await engine.createBackup()
  await assert.rejects(engine.listItems('backup_DAILY_2020-01-01T00-00-00-000Z'), fails('E_NOT_FOUND'))
  const lost = new BackupEngine({ root: join(root, 'nothing'), ...UNENCRYPTED })
  await assert.rejects(lost.createBackup(), fails('E_SOURCE', /nothing/))
})

test('configure replaces the default engine, and leaves it as it was where the configuration is wrong', async (t) => {
  const root = makeRoot(t)
  lifeboat.configure({ root, ...UNENCRYPTED })
  const made = await lifeboat.createBackup()
  assert.throws(() => lifeboat.configure({ rot: 1 }), fails('E_CONFIG'))
  assert.equal((await lifeboat.listBackups())[0].backup, made.backup)

  const file = join(folder(t), 'elsewhere.json')
  writeFileSync(file, `\uFEFF${JSON.stringify({ root: makeRoot(t), ...UNENCRYPTED })}`)
  lifeboat.configure(file)
  assert.deepEqual(await lifeboat.listBackups(), [])
})

test('the default engine reads config/backup-config.json under the current folder', async (t) => {
  const root = makeRoot(t)
  mkdirSync(join(root, 'config'))
  writeFileSync(join(root, 'config/backup-config.json'), JSON.stringify({ backupDir: 'vault', ...UNENCRYPTED }))
  const before = process.cwd()
  t.after(() => process.chdir(before))
  process.chdir(root)
  const path = require.resolve('..')
  const cached = require.cache[path]
  delete require.cache[path]
  t.after(() => (require.cache[path] = cached))
  const fresh = require('..')
  await fresh.createBackup()
  assert.ok(readFileSync(join(root, 'vault/vault.json')))
})

test('the passphrase comes from process.env as it is at the call; a wrong one opens nothing, also later', async (t) => {
  const engine = new BackupEngine({ root: makeRoot(t) })
  t.after(() => delete process.env.BACKUP_PASSPHRASE)
  await assert.rejects(engine.createBackup(), fails('E_PASSPHRASE'))
  process.env.BACKUP_PASSPHRASE = 'right'
  await engine.createBackup()
  process.env.BACKUP_PASSPHRASE = 'wrong'
  await assert.rejects(engine.listBackups(), fails('E_PASSPHRASE', /^(?!.*wrong)/))
  process.env.BACKUP_PASSPHRASE = 'right'
  assert.equal((await engine.listBackups()).length, 1)
})

test('events tell how operations end', async (t) => {
  const engine = new BackupEngine({ root: makeRoot(t), ...UNENCRYPTED })
  const seen = []
  const listener = (result) => seen.push(result)
  assert.equal(engine.on('backup:success', listener), engine)
  const made = await engine.createBackup()
  await until(() => seen.length === 1, 'the event')
  assert.deepEqual(seen, [made])
  engine.off('backup:success', listener)
  await engine.createBackup()
  assert.equal(seen.length, 1)
  engine.on('restore:failure', listener)
  await assert.rejects(engine.restore('backup_API_2020-01-01T00-00-00-000Z', { target: join(folder(t), 'out') }))
  await until(() => seen.length === 2, 'the failure')
  assert.equal(seen[1].code, 'E_NOT_FOUND')
})

test('a panic in Rust is E_INTERNAL, on the calling thread and on a supervising one', async () => {
  const { panicOnPurpose } = require('../native.js')
  for (const onThread of [false, true]) {
    const { error } = JSON.parse(await panicOnPurpose(onThread))
    assert.equal(error.code, 'E_INTERNAL')
    assert.match(error.message, /a panic on purpose/)
  }
})

test('for import there is the same as for require', async () => {
  const { default: whole, ...names } = await import('../index.mjs')
  assert.equal(whole, lifeboat)
  assert.deepEqual(Object.keys(names).sort(), Object.keys(lifeboat).sort())
})
