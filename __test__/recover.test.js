// recover.mjs and the engine are two implementations of docs/format.md. Here each backup of a varied folder is brought
// back by both, and the results must be the same: names, bytes, modes, times, links.

'use strict'

const { test, before, after } = require('node:test')
const assert = require('node:assert/strict')
const { spawnSync } = require('node:child_process')
const crypto = require('node:crypto')
const fs = require('node:fs')
const os = require('node:os')
const path = require('node:path')
const zlib = require('node:zlib')

const REPO = path.join(__dirname, '..')
const LIFEBOAT = [process.env.LIFEBOAT_BIN, 'bin/lifeboat', 'target/release/lifeboat', 'target/debug/lifeboat']
  .filter(Boolean)
  .map((file) => path.resolve(REPO, file) + (process.platform === 'win32' ? '.exe' : ''))
  .find((file) => fs.existsSync(file))
const PASSPHRASE = 'correct horse battery staple — ünïcode'
const unix = process.platform !== 'win32'

let scratch
before(() => {
  assert.ok(LIFEBOAT, 'the lifeboat executable has not been built')
  scratch = fs.mkdtempSync(path.join(os.tmpdir(), 'lifeboat-recover-'))
})
after(() => {
  if (scratch) spawnSync('chmod', ['-R', 'u+rwx', scratch])
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

for (const how of ['passphrase', 'key file', 'none']) {
  test(`every backup comes back the same by recover.mjs and by the engine (${how})`, () => {
    const bot = botWithBackups(how.replace(' ', '-'), how)
    const list = recover(bot)
    assert.equal(list.status, 0, list.stderr.toString())
    for (const backup of bot.backups) assert.match(list.stdout.toString(), new RegExp(`^${backup} `, 'm'))
    assert.match(list.stdout.toString(), /the first/)
    for (const [number, backup] of bot.backups.entries()) {
      const [one, two] = [path.join(bot.base, `engine-${number}`), path.join(bot.base, `recover-${number}`)]
      lifeboat(bot, 'restore', backup, '--to', one, '--allow-outside-links')
      const result = recover(bot, [backup, two])
      assert.equal(result.status, 0, result.stderr.toString())
      const expected = describe(one)
      assert.ok(Object.keys(expected).length > 350)
      assertSame(describe(two), expected)
    }
    // And the newest is what the root is now.
    assertSame(describe(path.join(bot.base, 'recover-2')), describe(bot.root))
  })
}

let shared
/** One vault for the tests that only read. */
const sharedBot = () => (shared ??= botWithBackups('shared', 'key file'))

for (const tar of ['tar', 'bsdtar']) {
  test(`the archive is extracted by ${tar} without a warning, to the nanosecond`, { skip: !unix }, (t) => {
    if (run(tar, ['--version']).status !== 0) {
      assert.ok(!process.env.CI, `${tar} is not installed`)
      return t.skip(`${tar} is not installed`)
    }
    const bot = sharedBot()
    const expected = path.join(bot.base, `for-${tar}`)
    const folder = path.join(bot.base, `by-${tar}`)
    const archive = path.join(bot.base, `${tar}.tar`)
    lifeboat(bot, 'restore', bot.backups[0], '--to', expected, '--allow-outside-links')
    fs.mkdirSync(folder)
    const out = fs.openSync(archive, 'w')
    const result = recover(bot, [bot.backups[0], '-'], { stdio: ['ignore', out, 'pipe'] })
    fs.closeSync(out)
    assert.equal(result.status, 0, result.stderr.toString())
    const extract = run(tar, ['-xpf', archive, '-C', folder], { env: { LC_ALL: 'C.UTF-8' } })
    assert.equal(extract.stderr.toString(), '')
    assert.equal(extract.status, 0)
    const [actual, wanted] = [folder, expected].map((place) => describe(place, { nanoseconds: true }))
    for (const [name, entry] of Object.entries(wanted)) assert.deepEqual(actual[name], entry, name)
    assert.equal(Object.keys(actual).length, Object.keys(wanted).length)
  })
}

test('a wrong passphrase, a wrong key file or none opens nothing and writes nothing', () => {
  const bot = sharedBot()
  const wrong = path.join(bot.base, 'wrong.key')
  fs.writeFileSync(wrong, noise(32))
  for (const env of [{}, { BACKUP_PASSPHRASE: 'wrong' }, { BACKUP_KEY_FILE: wrong }]) {
    const target = path.join(bot.base, 'not made')
    const result = recover(bot, ['latest', target], { env })
    assert.equal(result.status, 1)
    assert.match(result.stderr.toString(), /does not open this vault/)
    assert.ok(!fs.existsSync(target))
  }
})

test('the passphrase is read from stdin where there is none in the environment', () => {
  const base = path.join(scratch, 'asked')
  const bot = { root: path.join(base, 'bot'), vault: path.join(base, 'vault'), env: { BACKUP_PASSPHRASE: PASSPHRASE } }
  fs.mkdirSync(bot.root, { recursive: true })
  fs.writeFileSync(path.join(bot.root, 'config.json'), '{}')
  const { backup } = lifeboat(bot, 'backup')
  const result = recover(bot, [], { env: {}, input: `${PASSPHRASE}\n` })
  assert.equal(result.status, 0, result.stderr.toString())
  assert.ok(result.stdout.toString().startsWith(backup))
  assert.ok(!`${result.stdout}${result.stderr}`.includes(PASSPHRASE))
})

test('a folder that is not empty is refused and left as it was', () => {
  const bot = sharedBot()
  const target = path.join(bot.base, 'full')
  fs.mkdirSync(target)
  fs.writeFileSync(path.join(target, 'mine'), 'mine')
  const result = recover(bot, ['latest', target])
  assert.equal(result.status, 1)
  assert.match(result.stderr.toString(), /is not empty/)
  assert.deepEqual(fs.readdirSync(target), ['mine'])
})

test('a newer major version is refused, and wrong usage ends in 2', () => {
  const bot = sharedBot()
  assert.equal(recover(bot, ['latest']).status, 2)
  assert.equal(recover(bot, ['a', 'b', 'c']).status, 2)
  const copy = path.join(bot.base, 'newer')
  fs.cpSync(bot.vault, copy, { recursive: true })
  const text = fs.readFileSync(path.join(copy, 'vault.json'), 'utf8').replace('"major": 1', '"major": 2')
  fs.writeFileSync(path.join(copy, 'vault.json'), text)
  const result = recover({ ...bot, vault: copy })
  assert.equal(result.status, 1)
  assert.match(result.stderr.toString(), /newer Lifeboat/)
})

test('a flipped bit never gives wrong data: what is damaged is named, the rest is there', () => {
  const bot = sharedBot()
  const backup = bot.backups[2]
  const whole = path.join(bot.base, 'whole')
  assert.equal(recover(bot, [backup, whole]).status, 0)
  const expected = describe(whole)
  const packs = fs.readdirSync(path.join(bot.vault, 'packs'), { recursive: true }).filter((name) => name.length > 60)
  const objects = [`snapshots/${backup}`, 'vault.json', ...packs.map((name) => `packs/${name.replace(/\\/g, '/')}`)]
  let hurt = 0
  for (const object of objects) {
    const original = fs.readFileSync(path.join(bot.vault, object))
    const size = original.length
    for (const at of [6, 20, 50, Math.floor(size / 2), size - 30, size - 1]) {
      const flipped = Buffer.from(original)
      flipped[at] ^= 1 << (at % 8)
      const target = path.join(bot.base, 'flipped')
      fs.writeFileSync(path.join(bot.vault, object), flipped)
      const result = recover(bot, [backup, target])
      fs.writeFileSync(path.join(bot.vault, object), original)
      const said = result.stderr.toString()
      assert.doesNotMatch(said, /\n {4}at /, 'a stack trace is no message')
      if (result.status !== 0) {
        hurt++
        assert.ok(
          said.includes(object.split('/').at(-1)) || said.includes('This vault'),
          `${object} byte ${at}: ${said}`
        )
      }
      // Files only: what a folder that lost a file looks like is not what was in the backup.
      const found = fs.existsSync(target) ? describe(target) : {}
      for (const [name, entry] of Object.entries(found))
        assert.equal(entry.sha256, expected[name]?.sha256, `${object} byte ${at}: ${name}`)
      if (result.status === 0) assertSame(found, expected)
      if (fs.existsSync(target)) run('chmod', ['-R', 'u+rwx', target])
      fs.rmSync(target, { recursive: true, force: true })
    }
  }
  assert.ok(hurt > objects.length)
})

/** Seals a snapshot with the given items: what somebody can do who has the key. */
function forge(bot, name, items) {
  const { id } = JSON.parse(fs.readFileSync(path.join(bot.vault, 'vault.json'), 'utf8'))
  const [keyFile] = fs.readdirSync(path.join(bot.vault, 'keys'))
  const { master } = JSON.parse(fs.readFileSync(path.join(bot.vault, 'keys', keyFile), 'utf8'))
  const hkdf = (key, salt, info) => Buffer.from(crypto.hkdfSync('sha256', key, salt, `lifeboat v1 ${info}`, 32))
  const subKey = (purpose) => hkdf(Buffer.from(master, 'hex'), Buffer.from(id, 'hex'), purpose)
  const seal = (key, nonce, aad, plain) => {
    const cipher = crypto.createCipheriv('aes-256-gcm', key, nonce)
    cipher.setAAD(Buffer.from(aad))
    return Buffer.concat([cipher.update(plain), cipher.final(), cipher.getAuthTag()])
  }
  const u32 = (value) => Buffer.from(Uint32Array.of(value).buffer)

  const list = Buffer.from(items.map((item) => `${JSON.stringify(item)}\n`).join(''))
  const [pack, chunk, salt] = [noise(32), noise(32), noise(32)]
  const packKey = hkdf(subKey('packs'), pack, 'pack')
  const packName = pack.toString('hex')
  const sealed = seal(packKey, Buffer.alloc(12), `lifeboat chunk ${packName}`, zlib.gzipSync(list))
  const entry = Buffer.concat([chunk, u32(sealed.length), u32(list.length)])
  const index = seal(packKey, Buffer.alloc(12, 0xff), `lifeboat index ${packName}`, entry)
  const magic = Buffer.from('LBPACK\x01\x00', 'latin1')
  const length = Buffer.alloc(8)
  length.writeBigUInt64LE(BigInt(40 + sealed.length + index.length + 24))
  const folder = path.join(bot.vault, 'packs', packName.slice(0, 2))
  fs.mkdirSync(folder, { recursive: true })
  const parts = [magic, pack, sealed, index, u32(index.length), u32(1), length, magic]
  fs.writeFileSync(path.join(folder, packName), Buffer.concat(parts))

  const snapshot = { backup: name, items: items.length, list: { chunks: [chunk.toString('hex')], size: list.length } }
  const key = hkdf(subKey('snapshots'), salt, 'snapshot')
  const body = seal(key, Buffer.alloc(12), `lifeboat snapshot 1.0 ${name}`, Buffer.from(JSON.stringify(snapshot)))
  const head = Buffer.from('LBSNAP\x01\x00', 'latin1')
  fs.writeFileSync(path.join(bot.vault, 'snapshots', name), Buffer.concat([head, salt, body]))
}

test('a path that leads out of the folder is refused, also through a link; the rest is written', {
  skip: !unix
}, () => {
  const base = path.join(scratch, 'hostile')
  const bot = { root: path.join(base, 'bot'), vault: path.join(base, 'vault'), env: {} }
  const outside = path.join(base, 'outside')
  fs.mkdirSync(path.join(bot.root, 'config'), { recursive: true })
  fs.mkdirSync(outside)
  fs.writeFileSync(path.join(bot.root, 'config/backup-config.json'), '{"encryption":false}')
  lifeboat(bot, 'backup')
  const item = (name, type, more) => ({
    path: name,
    type,
    mode: 0o644,
    uid: 0,
    gid: 0,
    mtime: [1, 0],
    size: 0,
    ...more
  })
  const name = 'backup_MANUAL_2026-01-01T00-00-00-000Z'
  forge(bot, name, [
    item('../outside/a', 'file'),
    item(path.join(outside, 'b'), 'file'),
    item('good', 'file'),
    item('looks good', 'file', { raw: Buffer.from('../outside/c').toString('base64') }),
    item('out', 'symlink', { link: outside }),
    item('out/d', 'file'),
    item('out/e', 'symlink', { link: 'x' }),
    item('again', 'file'),
    item('zz/../../outside/f', 'file')
  ])
  const target = path.join(base, 'target')
  const result = recover(bot, [name, target])
  assert.equal(result.status, 1)
  assert.match(result.stderr.toString(), /NOT RECOVERED, or not whole \(7\)/)
  assert.deepEqual(fs.readdirSync(outside), [])
  assert.deepEqual(fs.readdirSync(target).sort(), ['good', 'out'])
  const archive = recover(bot, [name, '-'])
  assert.equal(archive.status, 1)
  assert.equal(run('tar', ['-tf', '-'], { input: archive.stdout }).stdout.toString(), 'good\nout\n')
})

for (const how of ['passphrase', 'key file']) {
  test(`what is in a sealed archive is the plain one, byte for byte (${how})`, () => {
    const base = path.join(scratch, `archive-${how.replace(' ', '-')}`)
    const bot = { base, root: path.join(base, 'bot'), vault: path.join(base, 'vault'), env: {} }
    fs.mkdirSync(bot.root, { recursive: true })
    makeFolder(bot.root)
    if (how === 'passphrase') bot.env = { BACKUP_PASSPHRASE: PASSPHRASE }
    else {
      bot.env = { BACKUP_KEY_FILE: path.join(base, 'bot.key') }
      lifeboat(bot, 'init', '--key-file', bot.env.BACKUP_KEY_FILE)
    }
    lifeboat(bot, 'backup')
    const [plain, sealed, out] = ['bot.tar.gz', 'bot.tar.gz.sealed', 'out.tar.gz'].map((name) => path.join(base, name))
    lifeboat(bot, 'export', 'latest', plain, '--plain')
    lifeboat(bot, 'export', 'latest', sealed)
    const result = recover(bot, ['--archive', sealed, out])
    assert.equal(result.status, 0, result.stderr.toString())
    assert.ok(fs.readFileSync(plain).equals(fs.readFileSync(out)))
    const piped = recover(bot, ['--archive', sealed, '-'])
    assert.equal(piped.status, 0, piped.stderr.toString())
    assert.ok(fs.readFileSync(plain).equals(piped.stdout))
    // And tar unpacks that into what a restore writes.
    const [unpacked, restored] = [path.join(base, 'unpacked'), path.join(base, 'restored')]
    fs.mkdirSync(unpacked)
    assert.equal(run('tar', ['-xpzf', out, '-C', unpacked], { env: { LC_ALL: 'C.UTF-8' } }).stderr.toString(), '')
    fs.rmSync(path.join(unpacked, '.lifeboat'), { recursive: true })
    lifeboat(bot, 'restore', 'latest', '--to', restored, '--allow-outside-links')
    assertSame(describe(unpacked), describe(restored))

    const refused = (args, words, env = bot.env) => {
      const result = recover(bot, ['--archive', ...args], { env })
      assert.equal(result.status, 1)
      assert.match(result.stderr.toString(), words)
      assert.doesNotMatch(result.stderr.toString(), /\n {4}at /, 'a stack trace is no message')
    }
    refused([sealed, out], /EEXIST/)
    assert.ok(fs.readFileSync(plain).equals(fs.readFileSync(out)), 'a file that was there is as it was')
    const other = path.join(base, 'other')
    refused([plain, other], /is not sealed/)
    const wrong = path.join(base, 'wrong.key')
    fs.writeFileSync(wrong, noise(32))
    const locked = how === 'passphrase' ? [{ BACKUP_PASSPHRASE: 'wrong' }] : [{ BACKUP_KEY_FILE: wrong }, {}]
    for (const env of locked) refused([sealed, other], /does not open/, env)
    const bytes = fs.readFileSync(sealed)
    const damaged = path.join(base, 'damaged')
    const segment = (64 << 10) + 16
    const cut = (...parts) => Buffer.concat(parts.map(([from, to]) => bytes.subarray(from, to)))
    for (const [forged, words] of [
      [cut([0, 40]), /cut off/],
      [cut([0, 67]), /damaged or cut off/],
      [cut([0, 67 + 3 * segment]), /damaged or cut off/],
      [cut([0, bytes.length - 1]), /damaged or cut off/],
      [cut([0, 67], [67 + segment, 67 + 2 * segment], [67, 67 + segment], [67 + 2 * segment]), /segment 0/],
      [cut([0, 67 + segment], [67]), /segment 1/],
      [Buffer.concat([bytes, noise(1)]), /damaged or cut off/],
      [Buffer.concat([bytes.subarray(0, 6), Buffer.from([2]), bytes.subarray(7)]), /newer Lifeboat/]
    ]) {
      fs.writeFileSync(damaged, forged)
      refused([damaged, other], words)
      assert.ok(!fs.existsSync(other))
    }
  })
}

test('a vault that was downloaded in pieces, with other names, gives everything back', () => {
  const base = fs.mkdtempSync(path.join(scratch, 'downloaded-'))
  const bot = {
    base,
    root: path.join(base, 'bot'),
    vault: path.join(base, 'vault'),
    env: { BACKUP_PASSPHRASE: PASSPHRASE }
  }
  fs.mkdirSync(bot.root, { recursive: true })
  makeFolder(bot.root)
  lifeboat(bot, 'backup')
  const download = path.join(base, 'download')
  const all = fs
    .readdirSync(bot.vault, { recursive: true })
    .filter((name) => /^(keys|packs|snapshots)\W|^vault\.json$/.test(name))
  const objects = all.filter((name) => fs.statSync(path.join(bot.vault, name)).isFile())
  for (const [n, name] of objects.entries()) {
    const [, stem, ending = ''] = /^(.*?)(\.json)?$/.exec(name)
    const called = n % 2 ? `${stem}(1)${ending}` : `${stem}${ending}`
    const place = path.join(download, `Lifeboat-${n % 3}`, 'Lifeboat', called)
    fs.mkdirSync(path.dirname(place), { recursive: true })
    fs.copyFileSync(path.join(bot.vault, name), place)
    // The browser's first try, which ended in its middle.
    const half = fs.readFileSync(place)
    if (n % 2) fs.writeFileSync(place.replace('(1)', ''), half.subarray(0, half.length >> 1))
  }
  fs.writeFileSync(path.join(download, '.DS_Store'), 'x')
  const [out, restored] = [path.join(base, 'out'), path.join(base, 'restored')]
  const result = recover(bot, ['--vault', download, 'latest', out])
  assert.equal(result.status, 0, result.stderr.toString())
  lifeboat(bot, 'restore', 'latest', '--to', restored, '--allow-outside-links')
  assertSame(describe(out), describe(restored))
})
