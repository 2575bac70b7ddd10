// What opens a vault, from JavaScript: what a person typed, wherever it comes from; and what is told where nothing opens it.

'use strict'

const assert = require('node:assert/strict')
const { spawnSync } = require('node:child_process')
const crypto = require('node:crypto')
const { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } = require('node:fs')
const { join } = require('node:path')
const test = require('node:test')
const { BackupEngine } = require('..')
const { folder, makeRoot } = require('./root.js')

const NFC = 'caf\u00e9 hitam'
const NFD = 'cafe\u0301 hitam'

/** Sets the environment of this process for one test. */
function environment(t, values) {
  const before = { ...process.env }
  const set = (name, value) => {
    if (value === undefined) delete process.env[name]
    else process.env[name] = value
  }
  for (const [name, value] of Object.entries(values)) {
    set(name, value)
    t.after(() => set(name, before[name]))
  }
}

const recover = (vault, args, env) =>
  spawnSync(process.execPath, [join(vault, 'recover.mjs'), ...args], {
    encoding: 'utf8',
    env: { ...process.env, ...env }
  })

const hkdf = (key, salt, info) => Buffer.from(crypto.hkdfSync('sha256', key, salt, info, 32))

function gcm(key, nonce, aad, bytes, opens) {
  const cipher = crypto[opens ? 'createDecipheriv' : 'createCipheriv']('aes-256-gcm', key, nonce, { authTagLength: 16 })
  cipher.setAAD(Buffer.from(aad))
  if (!opens) return Buffer.concat([cipher.update(bytes), cipher.final(), cipher.getAuthTag()])
  cipher.setAuthTag(bytes.subarray(-16))
  return Buffer.concat([cipher.update(bytes.subarray(0, -16)), cipher.final()])
}

/** Seals a vault's key anew by the very bytes of `raw`, as Lifeboat did before passphrases had a form. By docs/format.md. */
function sealAsBefore(vault, passphrase, raw) {
  const [name] = readdirSync(join(vault, 'keys'))
  const key = JSON.parse(readFileSync(join(vault, 'keys', name), 'utf8'))
  const aad = `lifeboat key ${key.vault} ${key.id}`
  const base64 = (text) => Buffer.from(text, 'base64')
  const scrypt = (words, { n, r, p, salt }) =>
    crypto.scryptSync(words, base64(salt), 32, { N: n, r, p, maxmem: 2 ** 30 })
  const master = gcm(scrypt(passphrase, key.kdf), base64(key.nonce), aad, base64(key.wrapped), true)
  // Cheap: how much it costs is written beside it.
  key.kdf.n = 1024
  key.wrapped = gcm(scrypt(raw, key.kdf), base64(key.nonce), aad, master).toString('base64')
  const text = JSON.stringify({ ...key, sha256: '0'.repeat(64) }, null, 2)
  const sum = crypto.createHash('sha256').update(text).digest('hex')
  writeFileSync(join(vault, 'keys', name), text.replace('0'.repeat(64), sum))
}

/** The same with a sealed archive of one segment. */
function resealAsBefore(file, passphrase, raw) {
  const bytes = readFileSync(file)
  const header = bytes.subarray(0, 67)
  const keyOf = (words) => {
    const cost = { N: 2 ** header[9], r: header[10], p: header[11], maxmem: 2 ** 30 }
    const secret = crypto.scryptSync(words, header.subarray(12, 44), 32, cost)
    return { secret, key: hkdf(secret, header.subarray(12, 44), 'lifeboat v1 archive') }
  }
  const nonce = Buffer.concat([header.subarray(44, 51), Buffer.from('0000000001', 'hex')])
  const plain = gcm(keyOf(passphrase).key, nonce, header, bytes.subarray(67), true)
  header[9] = 10
  const { secret, key } = keyOf(raw)
  hkdf(secret, header.subarray(0, 51), 'lifeboat v1 archive check').copy(header, 51, 0, 16)
  writeFileSync(file, Buffer.concat([header, gcm(key, nonce, header, plain)]))
}

test('the same words open a vault and an archive in each form that a system gives them', async (t) => {
  environment(t, { BACKUP_PASSPHRASE: undefined, BACKUP_KEY_FILE: undefined })
  const root = makeRoot(t)
  const vault = join(root, 'backups')
  const { backup } = await new BackupEngine({ root, passphrase: `${NFD}\n` }).createBackup()
  const archive = join(folder(t), 'one.tar.gz.sealed')
  await new BackupEngine({ root, passphrase: `\uFEFF${NFC}` }).exportBackup(backup, archive)
  for (const form of [NFC, NFD, `${NFC}\r\n`]) {
    assert.equal((await new BackupEngine({ root, passphrase: form }).listBackups()).length, 1, JSON.stringify(form))
    assert.match(recover(vault, [], { BACKUP_PASSPHRASE: form }).stdout, /backup_MANUAL/)
  }
  writeFileSync(join(root, 'words'), `\uFEFF${NFD}\r\n`)
  assert.equal((await new BackupEngine({ root, passphraseFile: 'words' }).listBackups()).length, 1)
  const out = join(folder(t), 'out.tar.gz')
  assert.equal(recover(vault, ['--archive', archive, out], { BACKUP_PASSPHRASE: `${NFD}\n` }).status, 0)
  // Into another vault, with the archive's words of their own; from the environment, too.
  const other = () => new BackupEngine({ root: makeRoot(t), encryption: false })
  assert.equal((await other().importBackup(archive, { passphrase: `${NFD}\r\n` })).backup, backup)
  environment(t, { BACKUP_ARCHIVE_PASSPHRASE: NFD })
  assert.equal((await other().importBackup(archive, { passphrase: '' })).backup, backup)
})

test('what was sealed before passphrases had a form opens by the text as it was given, in both readers', async (t) => {
  environment(t, { BACKUP_PASSPHRASE: undefined, BACKUP_KEY_FILE: undefined })
  const root = makeRoot(t)
  const vault = join(root, 'backups')
  const raw = `${NFD}\n`
  const { backup } = await new BackupEngine({ root, passphrase: NFC }).createBackup()
  const archive = join(folder(t), 'one.tar.gz.sealed')
  await new BackupEngine({ root, passphrase: NFC }).exportBackup(backup, archive, { items: ['config.json'] })
  sealAsBefore(vault, NFC, raw)
  resealAsBefore(archive, NFC, raw)
  environment(t, { BACKUP_PASSPHRASE: raw })
  assert.equal((await new BackupEngine({ root }).listBackups()).length, 1)
  assert.match(recover(vault, [], {}).stdout, /backup_MANUAL/)
  const out = join(folder(t), 'out.tar.gz')
  assert.equal(recover(vault, ['--archive', archive, out], {}).status, 0)
  const other = new BackupEngine({ root: makeRoot(t), encryption: false })
  assert.equal((await other.importBackup(archive)).backup, backup)
  // It is these bytes that open it, and no others.
  environment(t, { BACKUP_PASSPHRASE: NFC })
  await assert.rejects(new BackupEngine({ root }).listBackups(), { code: 'E_PASSPHRASE' })
  assert.equal(recover(vault, [], {}).status, 1)
})

test('blanks seal nothing', async (t) => {
  environment(t, { BACKUP_PASSPHRASE: ' \t\u00a0 ', BACKUP_KEY_FILE: undefined })
  const root = makeRoot(t)
  await assert.rejects(new BackupEngine({ root }).createBackup(), { code: 'E_CONFIG', message: /made of blanks only/ })
  assert.ok(!existsSync(join(root, 'backups/keys')), 'no vault was made')
})

test('config/backup.pass opens the vault of a bot without an environment', async (t) => {
  environment(t, { BACKUP_PASSPHRASE: undefined, BACKUP_KEY_FILE: '' })
  const root = makeRoot(t)
  mkdirSync(join(root, 'config'))
  writeFileSync(join(root, 'config/backup.pass'), `${NFD}\n`, { mode: 0o600 })
  const engine = new BackupEngine({ root })
  await engine.createBackup()
  assert.equal((await engine.listBackups()).length, 1)
  assert.match(recover(join(root, 'backups'), [], { BACKUP_PASSPHRASE: NFC }).stdout, /backup_MANUAL/)
  // Taken away it opens nothing, and the error says that it is missing.
  rmSync(join(root, 'config/backup.pass'))
  await assert.rejects(new BackupEngine({ root }).listBackups(), {
    code: 'E_PASSPHRASE',
    message: /There is no .*backup\.pass\./
  })
})

test('E_PASSPHRASE in an app speaks of its process.env, and of an .env that it does not load', async (t) => {
  environment(t, { BACKUP_PASSPHRASE: undefined, BACKUP_KEY_FILE: undefined })
  const root = makeRoot(t)
  writeFileSync(join(root, '.env'), 'BACKUP_PASSPHRASE=sangat rahasia\n')
  const engine = new BackupEngine({ root })
  const refused = async (pattern) => {
    const error = await engine.createBackup().then(assert.fail, (error) => error)
    assert.equal(error.code, 'E_PASSPHRASE')
    assert.match(error.message, pattern)
    assert.ok(!error.message.includes('rahasia'), error.message)
  }
  await refused(/BACKUP_PASSPHRASE is not set in the app's process\.env\./)
  await refused(/\.env has a line BACKUP_PASSPHRASE=…, but Lifeboat does not read this file, and the app's process/)
  process.env.BACKUP_PASSPHRASE = ''
  await refused(/BACKUP_PASSPHRASE is empty in the app's process\.env/)
  // Loaded at last, by whatever means.
  process.env.BACKUP_PASSPHRASE = 'sangat rahasia'
  assert.equal((await engine.createBackup()).success, true)
})
