// recover.mjs and the engine are two implementations of docs/format.md. Here each backup of a varied folder is brought
// back by both, and the results must be the same: names, bytes, modes, times, links.

'use strict'

const { test } = require('node:test')
const assert = require('node:assert/strict')
const { createHash } = require('node:crypto')
const fs = require('node:fs')
const path = require('node:path')
const {
  PASSPHRASE,
  assertSame,
  botWithBackups,
  describe,
  lifeboat,
  makeFolder,
  noise,
  recover,
  run,
  scratch,
  unix
} = require('./varied-bot.js')

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
  const [wrong, text] = ['wrong.key', 'text.key'].map((name) => path.join(bot.base, name))
  fs.writeFileSync(wrong, noise(32))
  fs.writeFileSync(text, noise(32).toString('hex'))
  for (const [env, words] of [
    [{}, /opens by a key file alone.*BACKUP_KEY_FILE/],
    [{ BACKUP_PASSPHRASE: 'wrong' }, /opens by a key file alone.*BACKUP_KEY_FILE/],
    [{ BACKUP_KEY_FILE: wrong }, /does not open this vault/],
    [{ BACKUP_KEY_FILE: text }, /no key file: it has 64 bytes, and not 32/]
  ]) {
    const target = path.join(bot.base, 'not made')
    const result = recover(bot, ['latest', target], { env })
    assert.equal(result.status, 1)
    assert.match(result.stderr.toString(), words)
    assert.ok(!fs.existsSync(target))
  }
})

/** A small bot with one backup, under a passphrase. */
function smallBot(name) {
  const base = path.join(scratch, name)
  const bot = {
    base,
    root: path.join(base, 'bot'),
    vault: path.join(base, 'vault'),
    env: { BACKUP_PASSPHRASE: PASSPHRASE }
  }
  fs.mkdirSync(bot.root, { recursive: true })
  fs.writeFileSync(path.join(bot.root, 'config.json'), '{}')
  bot.backup = lifeboat(bot, 'backup').backup
  return bot
}

let asked
/** One that tests only open. */
const askedBot = () => (asked ??= smallBot('asked'))

test('the passphrase is read from stdin where there is none in the environment', () => {
  const bot = askedBot()
  const result = recover(bot, [], { env: {}, input: `${PASSPHRASE}\n` })
  assert.equal(result.status, 0, result.stderr.toString())
  assert.ok(result.stdout.toString().startsWith(bot.backup))
  assert.ok(!`${result.stdout}${result.stderr}`.includes(PASSPHRASE))
  const ended = recover(bot, [], { env: {}, input: '' })
  assert.equal(ended.status, 1)
  assert.match(ended.stderr.toString(), /input ended without a passphrase.*BACKUP_PASSPHRASE/)
})

test('it says where a key file would do as well', () => {
  const bot = smallBot('either')
  const key = path.join(bot.base, 'bot.key')
  lifeboat(bot, 'init', '--key-file', key)
  const result = recover(bot, [], { env: {}, input: 'wrong\n' })
  assert.match(result.stderr.toString(), /Passphrase of the vault, which also opens by BACKUP_KEY_FILE/)
  assert.equal(recover(bot, [], { env: { BACKUP_KEY_FILE: key } }).status, 0)
})

test('on a terminal nothing of the passphrase shows, not even what is typed at once', { skip: !unix }, (t) => {
  if (run('python3', ['--version']).status !== 0) return t.skip('python3 gives the terminal')
  const bot = askedBot()
  // It types as soon as the first letter of the question is there, and prints all that the terminal shows.
  const typist = `
import os, pty, sys
child, terminal = pty.fork()
if child == 0: os.execvp(sys.argv[2], sys.argv[2:])
shown = b''
while True:
    try: more = os.read(terminal, 1)
    except OSError: break
    if not more: break
    if shown == b'': os.write(terminal, (sys.argv[1] + '\\n').encode())
    shown += more
sys.stdout.buffer.write(shown)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))`
  const script = path.join(bot.vault, 'recover.mjs')
  const result = run('python3', ['-c', typist, PASSPHRASE, process.execPath, script], { env: { LC_ALL: 'C.UTF-8' } })
  const shown = result.stdout.toString()
  assert.equal(result.status, 0, `${shown}${result.stderr}`)
  assert.ok(shown.startsWith('Passphrase of') && shown.includes(bot.backup), shown)
  for (const word of PASSPHRASE.split(' ').filter((word) => word.length > 3)) assert.ok(!shown.includes(word), shown)
})

test('the latest backup is none that a restore has replaced', () => {
  const bot = smallBot('replaced')
  fs.writeFileSync(path.join(bot.root, 'config.json'), '{"changed":true}')
  lifeboat(bot, 'restore', bot.backup)
  const names = fs.readdirSync(path.join(bot.vault, 'snapshots'))
  assert.ok(
    names.some((name) => name.startsWith('backup_SAFETY_')),
    names
  )
  const target = path.join(bot.base, 'target')
  const result = recover(bot, ['latest', target])
  assert.equal(result.status, 0, result.stderr.toString())
  assert.ok(result.stderr.includes(bot.backup))
  assert.equal(fs.readFileSync(path.join(target, 'config.json'), 'utf8'), '{}')
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
    for (const env of locked) refused([sealed, other], /does not open|opens by a key file alone/, env)
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

test('keys that are none and folders that may not be looked into keep nobody out', () => {
  const bot = botWithBackups('strangers', 'key file')
  const keys = path.join(bot.vault, 'keys')
  const foreign = {
    '00aa00aa00aa00aa': { kind: 'none', master: '11'.repeat(32) },
    '00aa00aa00aa00ab': { kind: 'keyfile', nonce: '', wrapped: '' },
    '00aa00aa00aa00ac': { kind: 'passphrase', kdf: { n: 3, r: 8, p: 1, salt: 'aaaa' }, nonce: '', wrapped: '' }
  }
  for (const [name, key] of Object.entries(foreign)) {
    const zeroed = JSON.stringify({ ...key, sha256: '0'.repeat(64) })
    const sum = createHash('sha256').update(zeroed).digest('hex')
    fs.writeFileSync(path.join(keys, `${name}.json`), zeroed.replace('0'.repeat(64), sum))
  }
  fs.symlinkSync('nowhere', path.join(bot.vault, 'snapshots', 'backup_DAILY_2026-01-01T00-00-00-000Z'))
  const result = recover(bot, [bot.backups[0], path.join(bot.base, 'out')])
  assert.equal(result.status, 0, result.stderr.toString())
})
