#!/usr/bin/env node
// Gets the backups out of a Lifeboat vault with nothing but Node 18 or newer: no catalog, no engine, no npm.
//
// It is a second implementation of the format in `docs/format.md`, and the tests hold the two against each other. It
// only reads the vault. Nothing is trusted before it authenticates, and paths are not trusted at all: every file is
// created new, in a folder that was empty, and links are made when everything else is done.

import crypto from 'node:crypto'
import fs from 'node:fs'
import path from 'node:path'
import readline from 'node:readline'
import { Writable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import zlib from 'node:zlib'

const USAGE = `Usage:
  node recover.mjs [--vault DIR]                   lists the backups
  node recover.mjs [--vault DIR] BACKUP FOLDER     writes a backup into an empty or a new folder
  node recover.mjs [--vault DIR] BACKUP -          writes a backup to stdout, as a tar archive
BACKUP is a name from the list, or 'latest'. The vault is the folder of this file, unless --vault says otherwise.
It opens by BACKUP_KEY_FILE, by BACKUP_PASSPHRASE, or it asks for the passphrase.
Exit codes: 0 all is there, 1 failed or something is damaged (it says what), 2 wrong usage.`

const MAJOR = 1
const TAG = 16
const MAX_CHUNK = 16 << 20
const KEPT_CHUNKS = 16
const ZEROS = Buffer.alloc(MAX_CHUNK)
/** After these there is no use in going on with the next item: the disk is full, or nobody reads the tar. */
const HOPELESS = ['ENOSPC', 'EDQUOT', 'EROFS', 'EPIPE', 'BROKEN', 'NEWER']

const newer = (object) =>
  Object.assign(new Error(`${object} was written by a newer Lifeboat. Use its recover.mjs.`), { code: 'NEWER' })
const warn = (text) => process.stderr.write(`Warning: ${text}\n`)
const base64 = (text) => Buffer.from(String(text), 'base64')
const hkdf = (key, salt, info) => Buffer.from(crypto.hkdfSync('sha256', key, salt, info, 32))

/** Opens what AES-256-GCM sealed; null where it is not what was sealed. */
function open(key, nonce, aad, sealed) {
  if (sealed.length < TAG) return null
  const cipher = crypto.createDecipheriv('aes-256-gcm', key, nonce, { authTagLength: TAG })
  cipher.setAAD(Buffer.from(aad)).setAuthTag(sealed.subarray(sealed.length - TAG))
  try {
    return Buffer.concat([cipher.update(sealed.subarray(0, sealed.length - TAG)), cipher.final()])
  } catch {
    return null
  }
}

// ---- vault.json and the keys ----

/** A JSON object that holds its own checksum. A damaged one is used as far as it goes: wrong facts open nothing. */
function readChecked(vault, object) {
  const text = fs.readFileSync(path.join(vault, object), 'latin1')
  let value
  try {
    value = JSON.parse(Buffer.from(text, 'latin1').toString())
  } catch {
    throw new Error(`${object} is damaged: it is not JSON`)
  }
  const stated = String(value?.sha256)
  const sha256 = crypto
    .createHash('sha256')
    .update(text.replace(stated, '0'.repeat(64)), 'latin1')
    .digest('hex')
  if (sha256 !== stated) warn(`${object} is damaged: its checksum does not fit. Going on with what it says.`)
  return value ?? {}
}

/** The master key, by the first key that opens. */
async function unlock(vault, vaultId) {
  const keys = { none: [], keyfile: [], passphrase: [] }
  for (const name of fs.readdirSync(path.join(vault, 'keys')).filter((name) => name.endsWith('.json'))) {
    try {
      const key = readChecked(vault, `keys/${name}`)
      keys[key.kind]?.push({ ...key, aad: `lifeboat key ${vaultId} ${name.slice(0, -5)}` })
    } catch (error) {
      warn(error.message)
    }
  }
  if (keys.none.length > 0) return Buffer.from(keys.none[0].master, 'hex')
  const secret = process.env.BACKUP_KEY_FILE && fs.readFileSync(process.env.BACKUP_KEY_FILE)
  for (const { kdf, nonce, aad, wrapped } of secret ? keys.keyfile : []) {
    const master = open(hkdf(secret, base64(kdf.salt), 'lifeboat v1 wrap'), base64(nonce), aad, base64(wrapped))
    if (master) return master
  }
  const passphrase = keys.passphrase.length > 0 && (process.env.BACKUP_PASSPHRASE || (await ask()))
  for (const { kdf, nonce, aad, wrapped } of keys.passphrase) {
    const { n: N, r, p, salt } = kdf
    if (!(N <= 2 ** 20 && r <= 16 && p <= 4)) throw new Error('A key in keys/ asks for an absurd key derivation')
    const wrapping = crypto.scryptSync(passphrase, base64(salt), 32, { N, r, p, maxmem: 256 * N * r })
    const master = open(wrapping, base64(nonce), aad, base64(wrapped))
    if (master) return master
  }
  throw new Error('The passphrase or key file does not open this vault (BACKUP_PASSPHRASE, BACKUP_KEY_FILE).')
}

/** Asks on the terminal, without echo; where stdin is no terminal, its first line is the answer. */
function ask() {
  process.stderr.write('Passphrase of the vault: ')
  const output = new Writable({ write: (_chunk, _encoding, done) => done() })
  const lines = readline.createInterface({ input: process.stdin, output, terminal: process.stdin.isTTY === true })
  lines.once('close', () => process.stderr.write('\n'))
  return new Promise((resolve, reject) => {
    lines.once('line', (line) => resolve(line) ?? lines.close())
    lines.once('close', () => reject(new Error('No passphrase was given.')))
  })
}

// ---- packs ----

/** Finds and opens chunks, by the packs' own indexes. */
class Packs {
  places = new Map()
  kept = new Map()

  constructor(vault, key) {
    const folder = path.join(vault, 'packs')
    for (const prefix of fs.readdirSync(folder).filter((name) => /^[0-9a-f]{2}$/.test(name))) {
      for (const id of fs.readdirSync(path.join(folder, prefix)).filter((name) => /^[0-9a-f]{64}$/.test(name))) {
        const own = hkdf(key, Buffer.from(id, 'hex'), 'lifeboat v1 pack')
        const pack = { id, key: own, object: `packs/${prefix}/${id}`, file: path.join(folder, prefix, id) }
        try {
          this.index(pack)
        } catch (error) {
          if (error.code === 'NEWER') throw error
          warn(`${pack.object} is damaged: ${error.message}. What only this pack holds is lost.`)
        }
      }
    }
  }

  index(pack) {
    const { size } = fs.statSync(pack.file)
    const [header, footer] = [this.readAt(pack, 40, 0), this.readAt(pack, 24, size - 24)]
    const magic = header.toString('latin1', 0, 6) + footer.toString('latin1', 16, 22)
    if (magic !== 'LBPACKLBPACK') throw new Error('it does not look like a pack')
    if (header[6] > MAJOR && header[6] === footer[22]) throw newer(pack.object)
    const [length, count] = [footer.readUInt32LE(0), footer.readUInt32LE(4)]
    if (footer.readBigUInt64LE(8) !== BigInt(size) || length !== count * 40 + TAG || length + 64 > size) {
      throw new Error('its footer does not fit its length')
    }
    const sealed = this.readAt(pack, length, size - 24 - length)
    const index = open(pack.key, Buffer.alloc(12, 0xff), `lifeboat index ${pack.id}`, sealed)
    if (!index) throw new Error('its index does not authenticate')
    for (let at = 0, offset = 40; at < index.length; at += 40) {
      const [id, length, plain] = [
        index.toString('hex', at, at + 32),
        index.readUInt32LE(at + 32),
        index.readUInt32LE(at + 36)
      ]
      // A chunk may lie in several packs, and be damaged in one of them.
      this.places.set(id, { pack, ordinal: at / 40, offset, length, plain, other: this.places.get(id) })
      offset += length
    }
  }

  readAt(pack, length, position) {
    if (position < 0 || length > 2 * MAX_CHUNK) throw new Error('its length is wrong')
    const [fd, bytes] = [fs.openSync(pack.file), Buffer.alloc(length)]
    try {
      if (fs.readSync(fd, bytes, 0, length, position) < length) throw new Error('it is cut off')
      return bytes
    } finally {
      fs.closeSync(fd)
    }
  }

  /** The plain bytes of a chunk, from whichever pack has it whole. */
  chunk(id) {
    let plain = this.kept.get(id)
    let fault = `a pack is missing or damaged: none has the chunk ${id}`
    for (let place = this.places.get(id); place && !plain; place = place.other) {
      try {
        plain = this.plain(place)
      } catch (error) {
        fault = `${place.pack.object} is damaged: ${error.message}`
      }
    }
    if (!plain) throw new Error(fault)
    this.kept.set(id, plain)
    if (this.kept.size > KEPT_CHUNKS) this.kept.delete(this.kept.keys().next().value)
    return plain
  }

  plain({ pack, ordinal, offset, length, plain }) {
    const nonce = Buffer.alloc(12)
    nonce.writeUInt32BE(ordinal, 8)
    const member = open(pack.key, nonce, `lifeboat chunk ${pack.id}`, this.readAt(pack, length, offset))
    if (!member) throw new Error(`chunk ${ordinal} does not authenticate`)
    const bytes = zlib.gunzipSync(member, { maxOutputLength: MAX_CHUNK })
    if (bytes.length !== plain) throw new Error(`chunk ${ordinal} has another length than its index says`)
    return bytes
  }

  *ids({ chunks = [], lists = [] }) {
    yield* chunks
    for (const list of lists) {
      const ids = this.chunk(list)
      for (let at = 0; at < ids.length; at += 32) yield ids.toString('hex', at, at + 32)
    }
  }

  /** The content of a file in pieces; throws in the end where its length or its hash is wrong. */
  *content(file) {
    const hash = crypto.createHash('sha256')
    const [bundle, offset] = file.bundle ?? []
    let length = 0
    for (const id of bundle ? [bundle] : this.ids(file)) {
      const piece = bundle ? this.chunk(id).subarray(offset, offset + file.size) : this.chunk(id)
      length += piece.length
      hash.update(piece)
      yield piece
    }
    if (length !== file.size) throw new Error('its content has another length than the backup says')
    if (file.sha256 && hash.digest('hex') !== file.sha256) throw new Error('its content has another hash')
  }
}

// ---- snapshots and item lists ----

function readSnapshot(vault, key, name) {
  const bytes = fs.readFileSync(path.join(vault, 'snapshots', name))
  const [own, version] = [hkdf(key, bytes.subarray(8, 40), 'lifeboat v1 snapshot'), `${bytes[6]}.${bytes[7]}`]
  const json = open(own, Buffer.alloc(12), `lifeboat snapshot ${version} ${name}`, bytes.subarray(40))
  if (bytes.toString('latin1', 0, 6) !== 'LBSNAP') throw new Error(`snapshots/${name} is damaged: it is no snapshot`)
  if (bytes[6] > MAJOR) throw newer(`snapshots/${name}`)
  if (!json) throw new Error(`snapshots/${name} is damaged: it does not authenticate`)
  return JSON.parse(json.toString())
}

/** The items of a backup, as far as its list can be read; `damaged` hears about the rest. */
function* readItems(packs, list, damaged) {
  let [rest, last, link] = [Buffer.alloc(0), Buffer.alloc(0), Buffer.alloc(1)]
  for (const [number, id] of list.chunks.entries()) {
    let [lines, start, item] = [Buffer.alloc(0), 0]
    try {
      lines = Buffer.concat([rest, packs.chunk(id)])
    } catch (error) {
      damaged(`part ${number + 1} of ${list.chunks.length} of the item list, with all items in it`, error)
    }
    for (let end = lines.indexOf(10); end >= 0; end = lines.indexOf(10, start)) {
      try {
        item = JSON.parse(lines.toString('utf8', start, end))
        start = end + 1
        item.bytes = item.raw === undefined ? Buffer.from(item.path) : base64(item.raw)
        checkPath(item.bytes)
        // Sorted, each once, none inside of a link: what is not was not written by Lifeboat. '/' sorts first.
        const key = Buffer.from(item.bytes.map((byte) => (byte === 0x2f ? 0 : byte)))
        if (Buffer.compare(last, key) >= 0) throw new Error('its path is out of order or there twice')
        if (key.subarray(0, link.length).equals(link)) throw new Error('its path leads through a link')
        last = key
        if (item.type === 'symlink') link = Buffer.concat([key, Buffer.alloc(1)])
        yield item
      } catch (error) {
        start = end + 1
        damaged(item?.path ?? 'a line of the item list', error)
      }
    }
    rest = lines.subarray(start)
  }
  if (rest.length > 0) damaged('the end of the item list', new Error('it is cut off'))
}

function checkPath(bytes) {
  const text = bytes.toString('latin1')
  const unsafe = text.split('/').some((part) => ['', '.', '..'].includes(part)) || text.includes('\0')
  if (unsafe || (process.platform === 'win32' && /[\\:]/.test(text))) throw new Error('its path is unsafe: refused')
}

function linkTarget(item) {
  const target = item.linkRaw === undefined ? Buffer.from(item.link ?? '') : base64(item.linkRaw)
  if (target.length === 0 || target.includes(0)) throw new Error('its target is not a path')
  return target
}

// ---- where it goes: a folder or an archive ----

function writeAll(fd, bytes, at = null) {
  for (let done = 0; done < bytes.length; ) {
    try {
      done += fs.writeSync(fd, bytes, done, bytes.length - done, at === null ? null : at + done)
    } catch (error) {
      // A full pipe that somebody made non-blocking: wait for its reader.
      if (error.code !== 'EAGAIN') throw error
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5)
    }
  }
}

/** Node takes a negative number for "now", but not a negative date. */
const seconds = ([whole, nanos]) => (whole < 0 ? new Date(whole * 1000 + nanos / 1e6) : whole + nanos / 1e9)

class FolderOutput {
  asOwner = process.getuid?.() === 0

  constructor(folder) {
    const isNew = !fs.existsSync(folder) || fs.readdirSync(folder).length === 0
    if (!isNew) throw new Error(`${folder} is not empty. Choose an empty or a new folder.`)
    this.folder = Buffer.from(path.resolve(folder) + path.sep)
    this.dir({ bytes: Buffer.alloc(0) })
  }

  place({ bytes }) {
    const place = Buffer.concat([this.folder, bytes])
    return process.platform === 'win32' ? place.toString() : place
  }

  dir = (item) => fs.mkdirSync(this.place(item), { recursive: true })
  parent = ({ bytes }) => this.dir({ bytes: bytes.subarray(0, Math.max(bytes.lastIndexOf(0x2f), 0)) })

  file(item, content) {
    this.parent(item)
    const fd = fs.openSync(this.place(item), 'wx', 0o600)
    try {
      let at = 0
      for (const piece of content()) {
        // What is all zeros stays a hole.
        if (!piece.equals(ZEROS.subarray(0, piece.length))) writeAll(fd, piece, at)
        at += piece.length
      }
      fs.ftruncateSync(fd, at)
      fs.closeSync(fd)
    } catch (error) {
      fs.closeSync(fd)
      fs.unlinkSync(this.place(item))
      throw error
    }
    this.finish(item)
  }

  /** Owner, mode and time. The owner comes first, because changing it clears bits of the mode. */
  finish(item) {
    if (this.asOwner) fs.chownSync(this.place(item), item.uid, item.gid)
    fs.chmodSync(this.place(item), item.mode & 0o7777)
    fs.utimesSync(this.place(item), seconds(item.mtime), seconds(item.mtime))
  }

  link(item) {
    fs.symlinkSync(linkTarget(item), this.place(item))
    if (this.asOwner) fs.lchownSync(this.place(item), item.uid, item.gid)
    fs.lutimesSync(this.place(item), seconds(item.mtime), seconds(item.mtime))
  }
}

/** A tar archive to stdout: ustar, and pax headers for what does not fit into that. Text is latin1: a byte a letter. */
class TarOutput {
  written = 0

  write(bytes, block = 1) {
    const padding = (block - ((this.written + bytes.length) % block)) % block
    writeAll(1, bytes)
    writeAll(1, ZEROS.subarray(0, padding))
    this.written += bytes.length + padding
  }

  header(kind, name, { size = 0, mode = 0o644, uid = 0, gid = 0, mtime = [0] }, link = '') {
    const text = (value, width) => value.slice(0, width).padEnd(width, '\0')
    const fit = (value, width) => (value >= 0 && value < 8 ** width ? value : 0)
    const octal = (value, width) => `${fit(value, width).toString(8).padStart(width, '0')}\0`
    const owner = `${octal(mode & 0o7777, 7)}${octal(uid, 7)}${octal(gid, 7)}`
    const before = `${text(name, 100)}${owner}${octal(size, 11)}${octal(mtime[0], 11)}`
    const after = `${kind}${text(link, 100)}ustar\x0000`
    const sum = Buffer.from(before + after, 'latin1').reduce((sum, byte) => sum + byte, 8 * 32)
    this.write(Buffer.from(`${before}${octal(sum, 6)} ${after}`, 'latin1'), 512)
  }

  extra(kind, body) {
    this.header(kind, '././@Header', { size: body.length })
    this.write(Buffer.from(body, 'latin1'), 512)
  }

  entry(kind, name, item, link = '') {
    let records = ''
    const pax = (key, value) => {
      const record = ` ${key}=${value}\n`
      // A record begins with its length, which counts its own digits.
      let length = record.length + 1
      while (String(length).length + record.length > length) length++
      records += length + record
    }
    const long = (value, key, gnu) => {
      const isUtf8 = Buffer.from(Buffer.from(value, 'latin1').toString()).toString('latin1') === value
      if (isUtf8 && (value.length > 100 || /[^ -~]/.test(value))) pax(key, value)
      // pax is UTF-8. A long name that is not goes the GNU way, which has no encoding.
      else if (value.length > 100) this.extra(gnu, `${value}\0`)
    }
    long(name, 'path', 'L')
    long(link, 'linkpath', 'K')
    const time = BigInt(item.mtime[0]) * 10n ** 9n + BigInt(item.mtime[1])
    const digits = String(time < 0 ? -time : time).padStart(10, '0')
    if (item.mtime[1] || time < 0) pax('mtime', `${time < 0 ? '-' : ''}${digits.slice(0, -9)}.${digits.slice(-9)}`)
    for (const key of ['size', 'uid', 'gid']) if (item[key] >= (key === 'size' ? 8 ** 11 : 8 ** 7)) pax(key, item[key])
    if (records) this.extra('x', records)
    this.header(kind, name, item, link)
  }

  file(item, content) {
    // A header can't be taken back: everything is read and checked once before it is written.
    for (const _piece of content());
    this.entry('0', item.bytes.toString('latin1'), item)
    try {
      for (const piece of content()) this.write(piece)
    } catch (error) {
      throw Object.assign(error, { code: 'BROKEN' })
    }
    this.write(Buffer.alloc(0), 512)
  }

  dir = (item) => this.entry('5', `${item.bytes.toString('latin1')}/`, { ...item, size: 0 })
  link = (item) =>
    this.entry('2', item.bytes.toString('latin1'), { ...item, size: 0 }, linkTarget(item).toString('latin1'))
  end = () => this.write(Buffer.alloc(1024), 10240)
}

// ---- what it does ----

function recover(packs, snapshot, output) {
  const [faults, links, dirs] = [[], [], []]
  const damaged = (what, error) => {
    if (HOPELESS.includes(error.code)) throw error
    faults.push(`  ${JSON.stringify(what)}: ${error.message}\n`)
  }
  /** What is wrong with one item doesn't stop the rest. */
  const attempt = (item, work) => {
    try {
      work?.(item)
    } catch (error) {
      damaged(item.path, error)
    }
  }
  const writeFile = (file) => output.file(file, () => packs.content(file))
  let count = 0
  for (const item of readItems(packs, snapshot.list, damaged)) {
    count++
    // An archive is extracted in its order, and a folder's time is set when its last entry was there.
    if (item.type === 'symlink' && output instanceof TarOutput) attempt(item, output.link)
    else if (item.type === 'symlink') links.push(item)
    if (item.type === 'dir') dirs.push(item)
    if (item.type === 'dir') attempt(item, (dir) => output.dir(dir))
    if (item.type === 'file') attempt(item, writeFile)
    for (const { suffix, size, chunks } of item.sides ?? []) {
      if (!['-wal', '-shm', '-journal'].includes(suffix)) continue
      const bytes = Buffer.concat([item.bytes, Buffer.from(suffix)])
      const { mode, uid, gid, mtime } = item
      attempt({ path: item.path + suffix, bytes, mode, uid, gid, mtime, size, chunks }, writeFile)
    }
  }
  // First all folders that links lie in, while there is no link yet that could lead out.
  for (const item of links) attempt(item, output.parent)
  for (const item of links) attempt(item, (link) => output.link(link))
  for (const item of dirs.reverse()) attempt(item, (dir) => output.finish?.(dir))
  output.end?.()
  process.stderr.write(`${snapshot.backup}: ${count} items.\n`)
  if (faults.length > 0) process.stderr.write(`NOT RECOVERED, or not whole (${faults.length}):\n${faults.join('')}`)
  process.exitCode = faults.length > 0 ? 1 : 0
}

async function main(args) {
  const at = args.indexOf('--vault')
  const vault = at < 0 ? path.dirname(fileURLToPath(import.meta.url)) : args.splice(at, 2)[1]
  if (args.includes('--help')) return console.log(USAGE)
  if (!vault || ![0, 2].includes(args.length) || args.some((arg) => arg.startsWith('--'))) {
    console.error(USAGE)
    process.exitCode = 2
    return
  }
  const { format, version, id } = readChecked(vault, 'vault.json')
  if (format !== 'lifeboat' || !/^[0-9a-f]{32}$/.test(id)) throw new Error('vault.json does not describe a vault')
  if (!(version?.major <= MAJOR)) throw newer('This vault')
  const master = await unlock(vault, id)
  const subKey = (purpose) => hkdf(master, Buffer.from(id, 'hex'), `lifeboat v1 ${purpose}`)
  const all = fs.readdirSync(path.join(vault, 'snapshots')).filter((name) => /^backup_[A-Z]+_[0-9TZ-]+$/.test(name))
  all.sort((a, b) => (a.split('_')[2] < b.split('_')[2] ? -1 : 1))
  if (args.length === 2) {
    const name = args[0] === 'latest' ? all.at(-1) : args[0]
    if (!all.includes(name)) throw new Error(`There is no backup ${name}. Without arguments, this lists what there is.`)
    const snapshot = readSnapshot(vault, subKey('snapshots'), name)
    const packs = new Packs(vault, subKey('packs'))
    return recover(packs, snapshot, args[1] === '-' ? new TarOutput() : new FolderOutput(args[1]))
  }
  for (const name of all) {
    try {
      const { items, totalSize, degraded, note = '' } = readSnapshot(vault, subKey('snapshots'), name)
      console.log(`${name}  ${items} items  ${(totalSize / 1e6).toFixed(1)} MB  ${degraded ? 'degraded  ' : ''}${note}`)
    } catch (error) {
      console.log(`${name}  CAN'T BE READ: ${error.message}`)
      process.exitCode = 1
    }
  }
}

main(process.argv.slice(2)).catch((error) => {
  console.error(`Failed: ${error.message}`)
  process.exitCode = 1
})
