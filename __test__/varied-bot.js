// A bot with one of everything that a backup can hold, its vault, and ways to bring it back and to compare: for the tests that
// hold the readers of a vault against each other.

'use strict'

const assert = require('node:assert/strict')
const { spawnSync } = require('node:child_process')
const crypto = require('node:crypto')
const fs = require('node:fs')
const os = require('node:os')
const path = require('node:path')
const { before, after } = require('node:test')

const REPO = path.join(__dirname, '..')
const LIFEBOAT = [process.env.LIFEBOAT_BIN, 'bin/lifeboat', 'target/release/lifeboat', 'target/debug/lifeboat']
  .filter(Boolean)
  .map((file) => path.resolve(REPO, file) + (process.platform === 'win32' ? '.exe' : ''))
  .find((file) => fs.existsSync(file))
const PASSPHRASE = 'correct horse battery staple — ünïcode'
const unix = process.platform !== 'win32'

/** Where everything of this test file is; gone at its end. */
const scratch = fs.mkdtempSync(path.join(os.tmpdir(), 'lifeboat-recover-'))
before(() => assert.ok(LIFEBOAT, 'the lifeboat executable has not been built'))
after(() => {
  spawnSync('chmod', ['-R', 'u+rwx', scratch])
  fs.rmSync(scratch, { recursive: true, force: true })
})

function run(command, args, { env = {}, ...options } = {}) {
  const clean = { ...process.env, BACKUP_PASSPHRASE: '', BACKUP_KEY_FILE: '' }
  return spawnSync(command, args, { env: { ...clean, ...env }, maxBuffer: 1 << 30, ...options })
}

function lifeboat(bot, ...args) {
  const result = run(LIFEBOAT, [...args, '--json', '--root', bot.root, '--vault', bot.vault], { env: bot.env })
  const document = JSON.parse(result.stdout.toString())
  // 5: a backup that is degraded, as that of the folder here is, by its broken database.
  const expected = document.degraded ? 5 : 0
  assert.equal(result.status, expected, `${args.join(' ')}: ${result.stdout}${result.stderr}`)
  return document
}

/** The vault's own copy of the script, as a person finds it on the worst day. */
function recover(bot, args = [], { env = bot.env, ...options } = {}) {
  return run(process.execPath, [path.join(bot.vault, 'recover.mjs'), ...args], { env, ...options })
}

const noise = (length) => crypto.randomBytes(length)

/** A folder with one of everything that a backup can hold. */
function makeFolder(root) {
  const write = (file, content, mode = 0o644) => {
    const place = path.join(root, file)
    fs.mkdirSync(path.dirname(place), { recursive: true })
    fs.writeFileSync(place, content)
    fs.chmodSync(place, mode)
  }
  write('config.json', '{"ownerNumber":["628123@s.whatsapp.net"]}', 0o600)
  write('empty', '')
  write('run.sh', '#!/bin/sh\n', 0o755)
  write('database/accounts.json', '[]')
  write('uploads/photo.jpg', noise(300_000))
  write('uploads/large.bin', noise(9_000_000))
  write('uploads/zeros.bin', Buffer.alloc(5_000_000))
  write('uploads/same.jpg', Buffer.alloc(700_000, 'abc'))
  write(`deep/${'folder/'.repeat(60)}leaf.txt`, 'leaf')
  write(`long/${'n'.repeat(255)}`, 'a name of 255 bytes')
  write('names/ümläut — 日本語 😀.txt', 'text')
  for (let n = 0; n < 300; n++)
    write(`sessions/main/pre-key-${n}.json`, JSON.stringify({ keyId: n, key: noise(300).toString('base64') }))
  fs.mkdirSync(path.join(root, 'nothing in here'))
  // A raw database: its name and size say SQLite, its content does not, and its side files belong to it.
  write('database/broken.sqlite', Buffer.concat([Buffer.from('SQLite format 3\0'), noise(200_000)]))
  write('database/broken.sqlite-wal', noise(5000))
  for (const side of ['', '-wal'])
    fs.utimesSync(path.join(root, `database/broken.sqlite${side}`), 1_600_000_000, 1_600_000_000)
  const db = run('sqlite3', [
    path.join(root, 'database.sqlite'),
    'CREATE TABLE t(x); INSERT INTO t SELECT hex(randomblob(500)) FROM generate_series(1, 2000);'
  ])
  assert.equal(db.status, 0, `sqlite3 is needed for this test: ${db.error ?? db.stderr}`)
  if (!unix) return
  write('names/line\nbreak', 'x')
  fs.writeFileSync(
    Buffer.concat([Buffer.from(path.join(root, 'names/')), Buffer.from([0x66, 0xff, 0xfe])]),
    'not UTF-8'
  )
  const longRaw = Buffer.concat([Buffer.from(path.join(root, 'names/')), Buffer.alloc(180, 0xe9)])
  fs.writeFileSync(longRaw, 'long and not UTF-8')
  fs.symlinkSync('config.json', path.join(root, 'link'))
  fs.symlinkSync('../config.json', path.join(root, 'deep/up'))
  fs.symlinkSync('/nowhere/at/all', path.join(root, 'dangling'))
  fs.symlinkSync('x'.repeat(300), path.join(root, 'far'))
  fs.symlinkSync(Buffer.from([0x61, 0xff]), path.join(root, 'raw link'))
  fs.lutimesSync(path.join(root, 'link'), 1_500_000_000, 1_500_000_000)
  fs.chmodSync(path.join(root, 'long'), 0o555)
  fs.utimesSync(path.join(root, 'run.sh'), 1_234_567_890.25, 1_234_567_890.25)
  fs.utimesSync(path.join(root, 'sessions'), 1_400_000_000, 1_400_000_000)
}

/** Everything about a tree that a restore has to bring back; times to the microsecond, which is what Node can set. */
function describe(root, { nanoseconds = false } = {}) {
  const found = {}
  const walk = (folder, prefix) => {
    // Which vault a root belongs to is in no backup.
    for (const name of fs.readdirSync(folder, 'buffer').filter((name) => String(name) !== '.lifeboat.json')) {
      const place = Buffer.concat([folder, Buffer.from('/'), name])
      const key = prefix + name.toString('latin1')
      const stat = fs.lstatSync(place, { bigint: true })
      const mtime = nanoseconds ? stat.mtimeNs : stat.mtimeNs / 1000n
      const entry = { mode: stat.mode.toString(8), uid: stat.uid, gid: stat.gid, mtime }
      found[key] = entry
      if (stat.isSymbolicLink()) entry.link = fs.readlinkSync(place, 'latin1')
      else if (stat.isDirectory()) walk(place, `${key}/`)
      else entry.sha256 = crypto.createHash('sha256').update(fs.readFileSync(place)).digest('hex')
    }
  }
  walk(Buffer.from(root), '')
  return found
}

function assertSame(actual, expected) {
  assert.deepEqual(Object.keys(actual).sort(), Object.keys(expected).sort())
  for (const [name, entry] of Object.entries(expected)) {
    const { mtime, ...rest } = actual[name]
    const { mtime: wanted, ...others } = entry
    assert.deepEqual(rest, others, name)
    // A double holds a time of today to a quarter of a microsecond.
    const off = mtime > wanted ? mtime - wanted : wanted - mtime
    assert.ok(off <= 1n, `${name}: the time is off by ${off} (${mtime}, ${wanted})`)
  }
}

/** A bot with a vault that opens in the given way, three backups, and what each of them has to bring back. */
function botWithBackups(name, how) {
  const base = path.join(scratch, name)
  const bot = { base, root: path.join(base, 'bot'), vault: path.join(base, 'vault'), env: {}, backups: [] }
  fs.mkdirSync(bot.root, { recursive: true })
  makeFolder(bot.root)
  if (how === 'passphrase') bot.env = { BACKUP_PASSPHRASE: PASSPHRASE }
  if (how === 'key file') {
    bot.env = { BACKUP_KEY_FILE: path.join(base, 'bot.key') }
    lifeboat(bot, 'init', '--key-file', bot.env.BACKUP_KEY_FILE)
  }
  if (how === 'none') {
    fs.mkdirSync(path.join(bot.root, 'config'))
    fs.writeFileSync(path.join(bot.root, 'config/backup-config.json'), '{"encryption":false}')
  }
  const take = (...args) => bot.backups.push(lifeboat(bot, 'backup', ...args).backup)
  take('--note', 'the first')
  fs.rmSync(path.join(bot.root, 'uploads/photo.jpg'))
  fs.writeFileSync(path.join(bot.root, 'config.json'), '{"changed":true}')
  fs.appendFileSync(path.join(bot.root, 'uploads/large.bin'), noise(100_000))
  // Before 1970: only in a later backup, because GNU tar finds such a time worth a warning.
  if (unix) fs.utimesSync(path.join(bot.root, 'empty'), new Date(-86_400_000), new Date(-86_400_000))
  take('hourly')
  fs.writeFileSync(path.join(bot.root, 'sessions/main/pre-key-7.json'), '{}')
  take('daily')
  return bot
}

module.exports = {
  REPO,
  PASSPHRASE,
  unix,
  scratch,
  run,
  lifeboat,
  recover,
  noise,
  makeFolder,
  describe,
  assertSame,
  botWithBackups
}
