// recover.mjs and records that authenticate and lie: whoever has the key can seal anything.

'use strict'

const { test } = require('node:test')
const assert = require('node:assert/strict')
const crypto = require('node:crypto')
const fs = require('node:fs')
const path = require('node:path')
const zlib = require('node:zlib')
const { lifeboat, noise, recover, run, scratch, unix } = require('./varied-bot.js')

/** Seals a snapshot with the given items, and with what `lies` says of them: what somebody can do who has the key. */
function forge(bot, name, items, lies = {}) {
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

  const totalSize = items.flatMap((item) => [item, ...(item.sides ?? [])]).reduce((sum, { size }) => sum + size, 0)
  const { listSize = list.length, ...others } = lies
  const counts = { items: items.length, totalSize, ...others }
  const snapshot = { backup: name, ...counts, list: { chunks: [chunk.toString('hex')], size: listSize } }
  const key = hkdf(subKey('snapshots'), salt, 'snapshot')
  const body = seal(key, Buffer.alloc(12), `lifeboat snapshot 1.0 ${name}`, Buffer.from(JSON.stringify(snapshot)))
  const head = Buffer.from('LBSNAP\x01\x00', 'latin1')
  fs.writeFileSync(path.join(bot.vault, 'snapshots', name), Buffer.concat([head, salt, body]))
}

const NAME = 'backup_MANUAL_2026-01-01T00-00-00-000Z'

function plainBot(name) {
  const base = path.join(scratch, name)
  const bot = { base, root: path.join(base, 'bot'), vault: path.join(base, 'vault'), env: {} }
  fs.mkdirSync(path.join(bot.root, 'config'), { recursive: true })
  fs.writeFileSync(path.join(bot.root, 'config/backup-config.json'), '{"encryption":false}')
  lifeboat(bot, 'backup')
  return bot
}

const item = (name, type, more) => ({ path: name, type, mode: 0o644, uid: 0, gid: 0, mtime: [1, 0], size: 0, ...more })

test('a path that leads out of the folder is refused, also through a link; the rest is written', {
  skip: !unix
}, () => {
  const bot = plainBot('hostile')
  const outside = path.join(bot.base, 'outside')
  fs.mkdirSync(outside)
  forge(bot, NAME, [
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
  const target = path.join(bot.base, 'target')
  const result = recover(bot, [NAME, target])
  assert.equal(result.status, 1)
  assert.match(result.stderr.toString(), /NOT RECOVERED, or not whole \(7\)/)
  assert.deepEqual(fs.readdirSync(outside), [])
  assert.deepEqual(fs.readdirSync(target).sort(), ['good', 'out'])
  const archive = recover(bot, [NAME, '-'])
  assert.equal(archive.status, 1)
  assert.equal(run('tar', ['-tf', '-'], { input: archive.stdout }).stdout.toString(), 'good\nout\n')
})

test('a record that says more or less than its list holds is noticed, and what there is comes back', () => {
  const bot = plainBot('miscounted')
  for (const [n, [lies, words]] of [
    [{ items: 7 }, /7 items, and 2 are in its list/],
    [{ totalSize: 1 }, /1 bytes, and 0 are in its list/],
    [{ listSize: 1 }, /1 bytes of list, and \d+ are in its list/],
    [{}, /all 2 items are there/]
  ].entries()) {
    forge(bot, NAME, [item('a', 'file'), item('b', 'dir')], lies)
    const target = path.join(bot.base, `counted-${n}`)
    const result = recover(bot, [NAME, target])
    assert.match(result.stderr.toString(), words)
    assert.equal(result.status, words.source.startsWith('all') ? 0 : 1)
    assert.deepEqual(fs.readdirSync(target), ['a', 'b'])
  }
})

test('an item of a type that nobody knows, or with a side that no database has, is named', () => {
  const bot = plainBot('unknown')
  const sides = [{ suffix: '-shm', size: 0, chunks: [] }]
  forge(bot, NAME, [item('a', 'file'), item('b', 'device'), item('c.db', 'file', { sides })])
  const target = path.join(bot.base, 'target')
  const result = recover(bot, [NAME, target])
  assert.equal(result.status, 1)
  assert.match(result.stderr.toString(), /"b": .*type/)
  assert.match(result.stderr.toString(), /"c\.db-shm": no database has such a file/)
  assert.deepEqual(fs.readdirSync(target), ['a', 'c.db'])
})
