'use strict'

const assert = require('node:assert/strict')
const { spawnSync } = require('node:child_process')
const { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } = require('node:fs')
const { join } = require('node:path')
const test = require('node:test')
const { BackupEngine, BackupError } = require('..')
const { folder, makeRoot } = require('./root.js')

const fails =
  (code, words = /./) =>
  (error) => {
    assert.ok(error instanceof BackupError, `${error?.stack}`)
    assert.equal(error.code, code)
    assert.match(error.message, words)
    return true
  }

test('a backup is exported, unpacked by tar, and imported into another vault', async (t) => {
  const root = makeRoot(t, { photos: 2 })
  const engine = new BackupEngine({ root, encryption: false })
  const { backup } = await engine.createBackup('DAILY', { note: 'to go' })
  const out = folder(t)
  const result = await engine.exportBackup('latest', out)
  assert.equal(result.file, join(out, `${backup}.tar.gz`))
  assert.equal(result.size, statSync(result.file).size)
  assert.equal(result.encrypted, false)
  await assert.rejects(engine.exportBackup(backup, out), fails('E_CONFIG', /exists already/))
  await engine.exportBackup(backup, out, { overwrite: true })

  const unpacked = join(out, 'unpacked')
  mkdirSync(unpacked)
  const tar = spawnSync('tar', ['-xzf', result.file, '-C', unpacked], { encoding: 'utf8' })
  assert.deepEqual([tar.status, tar.stderr], [0, ''])
  assert.deepEqual(readFileSync(join(unpacked, 'uploads/1.jpg')), readFileSync(join(root, 'uploads/1.jpg')))

  const other = new BackupEngine({ root: folder(t), encryption: false })
  const seen = []
  const info = await other.importBackup(result.file, { onProgress: (progress) => seen.push(progress) })
  assert.equal(info.backup, backup)
  assert.equal(info.note, 'to go')
  assert.deepEqual(await other.listBackups(), [info])
  assert.deepEqual(
    (await other.listItems(backup)).map(({ path, category, sha256 }) => [path, category, sha256]),
    (await engine.listItems(backup)).map(({ path, category, sha256 }) => [path, category, sha256])
  )
  assert.equal((await other.verify(null, { deep: true })).ok, true)
})

test('a sealed archive opens with its own passphrase in a vault that has another', async (t) => {
  const one = new BackupEngine({ root: makeRoot(t), passphrase: 'of the old server' })
  const { backup } = await one.createBackup()
  const file = join(folder(t), 'bot.tar.gz.sealed')
  const result = await one.exportBackup(backup, file, { items: ['session'] })
  assert.equal(result.encrypted, true)
  assert.equal(readFileSync(file).toString('latin1', 0, 6), 'LBSEAL')

  const two = new BackupEngine({ root: folder(t), passphrase: 'of the new one' })
  await assert.rejects(two.importBackup(file), fails('E_PASSPHRASE', /bot\.tar\.gz\.sealed cannot be opened/))
  const wrong = fails('E_PASSPHRASE', /^(?!.*neither of them)/)
  await assert.rejects(two.importBackup(file, { passphrase: 'neither of them' }), wrong)
  const info = await two.importBackup(file, { passphrase: 'of the old server' })
  assert.equal(info.items, 52)
  assert.equal((await two.importBackup(file, { passphrase: 'of the old server' })).backup, info.backup)
  assert.equal((await two.listBackups()).length, 1)
})

test('what is wrong is said, and what fails leaves nothing', async (t) => {
  const engine = new BackupEngine({ root: makeRoot(t, { photos: 8 }), encryption: false })
  const { backup } = await engine.createBackup()
  const out = folder(t)
  const file = join(out, 'a.tar.gz')
  await assert.rejects(engine.exportBackup(), fails('E_CONFIG', /needs `backup`/))
  await assert.rejects(engine.exportBackup(7, file), fails('E_CONFIG', /`backup` must be a string/))
  await assert.rejects(engine.exportBackup(backup, file, { item: [] }), fails('E_CONFIG', /no `item` in `options`/))
  await assert.rejects(
    engine.importBackup(file, { passphrase: 7777 }),
    fails('E_CONFIG', /^(?!.*7777).*it must be a string/)
  )
  await assert.rejects(engine.exportBackup(backup, file, { items: ['confg.json'] }), fails('E_NOT_FOUND'))
  await assert.rejects(engine.exportBackup(backup, file, { encrypt: true }), fails('E_PASSPHRASE', /BACKUP_PASSPHRASE/))
  await assert.rejects(engine.exportBackup(backup, join(out, 'no/a.tar.gz')), fails('E_CONFIG', /does not exist/))
  await assert.rejects(engine.exportBackup('backup_API_2020-01-01T00-00-00-000Z', file), fails('E_NOT_FOUND'))
  await assert.rejects(engine.exportBackup(backup, file, { signal: AbortSignal.abort() }), fails('E_ABORTED'))
  assert.deepEqual(readdirSync(out), [])

  await assert.rejects(engine.importBackup(file), fails('E_NOT_FOUND'))
  writeFileSync(file, 'no archive')
  await assert.rejects(engine.importBackup(file), fails('E_SOURCE', /not an archive that Lifeboat wrote/))
  await engine.exportBackup(backup, file, { overwrite: true })
  const bytes = readFileSync(file)
  bytes[bytes.length >> 1] ^= 1
  writeFileSync(file, bytes)
  const other = new BackupEngine({ root: folder(t), encryption: false })
  await assert.rejects(other.importBackup(file), fails('E_CORRUPT', /a\.tar\.gz is damaged/))
  assert.deepEqual(await other.listBackups(), [])
  assert.ok(existsSync(file))
})
