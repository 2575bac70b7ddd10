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
const SIDES = ['-wal', '-shm', '-journal']
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

function writeAll(fd, bytes, at = null) {
  for (let done = 0; done < bytes.length; ) {
    try {
      done += fs.writeSync(fd, bytes, done, bytes.length - done, at === null ? null : at + done)
    } catch (error) {
      if (error.code !== 'EAGAIN') throw error
      // A pipe that is full, and that somebody made non-blocking.
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5)
    }
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

/** The master key, by the first key file that opens. */
async function unlock(vault, vaultId) {
  const keys = []
  for (const name of fs.readdirSync(path.join(vault, 'keys')).filter((name) => name.endsWith('.json'))) {
    try {
      keys.push({ ...readChecked(vault, `keys/${name}`), id: name.slice(0, -5) })
    } catch (error) {
      warn(error.message)
    }
  }
  const ofKind = (kind) => keys.filter((key) => key.kind === kind)
  const unwrap = (key, wrapping) =>
    open(wrapping, base64(key.nonce), `lifeboat key ${vaultId} ${key.id}`, base64(key.wrapped))

  for (const key of ofKind('none')) return Buffer.from(key.master, 'hex')
  const secret = process.env.BACKUP_KEY_FILE && fs.readFileSync(process.env.BACKUP_KEY_FILE)
  for (const key of secret ? ofKind('keyfile') : []) {
    const master = unwrap(key, hkdf(secret, base64(key.kdf.salt), 'lifeboat v1 wrap'))
    if (master) return master
  }
  const passphrase = ofKind('passphrase').length > 0 && (process.env.BACKUP_PASSPHRASE || (await ask()))
  for (const key of ofKind('passphrase')) {
    const { n, r, p, salt } = key.kdf
    if (!(n <= 2 ** 20 && r <= 16 && p <= 4)) throw new Error(`keys/${key.id}.json asks for an absurd key derivation`)
    const master = unwrap(key, crypto.scryptSync(passphrase, base64(salt), 32, { N: n, r, p, maxmem: 256 * n * r }))
    if (master) return master
  }
  throw new Error('The passphrase or key file does not open this vault (BACKUP_PASSPHRASE, BACKUP_KEY_FILE).')
}

/** Asks on the terminal, without echo; where stdin is no terminal, its first line is the answer. */
function ask() {
  process.stderr.write('Passphrase of the vault: ')
  const output = new Writable({ write: (_chunk, _encoding, done) => done() })
  const lines = readline.createInterface({ input: process.stdin, output, terminal: process.stdin.isTTY === true })
  lines.once('line', () => lines.close())
  lines.once('close', () => process.stderr.write('\n'))
  return new Promise((resolve, reject) => {
    lines.once('line', resolve)
    lines.once('close', () => reject(new Error('No passphrase was given.')))
  })
}

// ---- packs ----

/** Finds and opens chunks, by the packs' own indexes. */
class Packs {
  places = new Map()
  kept = new Map()

  constructor(vault, key) {
    this.vault = vault
    for (const prefix of fs.readdirSync(path.join(vault, 'packs')).filter((name) => /^[0-9a-f]{2}$/.test(name))) {
      for (const id of fs.readdirSync(path.join(vault, 'packs', prefix))) {
        if (!/^[0-9a-f]{64}$/.test(id) || !id.startsWith(prefix)) continue
        const object = `packs/${prefix}/${id}`
        try {
          this.index({ id, object, key: hkdf(key, Buffer.from(id, 'hex'), 'lifeboat v1 pack') })
        } catch (error) {
          if (error.code === 'NEWER') throw error
          warn(`${object} is damaged: ${error.message}. What only this pack holds is lost.`)
        }
      }
    }
  }

  index(pack) {
    const length = fs.statSync(path.join(this.vault, pack.object)).size
    const header = this.readAt(pack, 40, 0)
    const footer = this.readAt(pack, 24, length - 24)
    const magic = header.toString('latin1', 0, 6) + footer.toString('latin1', 16, 22)
    if (magic !== 'LBPACKLBPACK') throw new Error('it does not look like a pack')
    if (header[6] > MAJOR && header[6] === footer[22]) throw newer(pack.object)
    const [indexLength, count] = [footer.readUInt32LE(0), footer.readUInt32LE(4)]
    const at = length - 24 - indexLength
    if (footer.readBigUInt64LE(8) !== BigInt(length) || indexLength !== count * 40 + TAG || at < 40) {
      throw new Error('its footer does not fit its length')
    }
    const sealed = this.readAt(pack, indexLength, at)
    const index = open(pack.key, Buffer.alloc(12, 0xff), `lifeboat index ${pack.id}`, sealed)
    if (!index) throw new Error('its index does not authenticate')
    let offset = 40
    for (let ordinal = 0; ordinal < count; ordinal++) {
      const entry = index.subarray(ordinal * 40, ordinal * 40 + 40)
      const [id, length, plain] = [entry.toString('hex', 0, 32), entry.readUInt32LE(32), entry.readUInt32LE(36)]
      if (plain > MAX_CHUNK || length > MAX_CHUNK * 1.1) throw new Error('its index states a chunk larger than any')
      // A chunk may lie in several packs, and be damaged in one of them.
      this.places.set(id, { pack, ordinal, offset, length, plain, other: this.places.get(id) })
      offset += length
    }
  }

  readAt(pack, length, position) {
    const bytes = Buffer.alloc(length)
    const fd = fs.openSync(path.join(this.vault, pack.object))
    try {
      for (let done = 0, read; done < length; done += read) {
        read = fs.readSync(fd, bytes, done, length - done, position + done)
        if (read === 0) throw new Error('it is cut off')
      }
    } finally {
      fs.closeSync(fd)
    }
    return bytes
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
    // The one that was used last is the last to go.
    this.kept.delete(id)
    this.kept.set(id, plain)
    if (this.kept.size > KEPT_CHUNKS) this.kept.delete(this.kept.keys().next().value)
    return plain
  }

  plain({ pack, ordinal, offset, length, plain }) {
    const nonce = Buffer.alloc(12)
    nonce.writeUInt32BE(ordinal, 8)
    const member = open(pack.key, nonce, `lifeboat chunk ${pack.id}`, this.readAt(pack, length, offset))
    if (!member) throw new Error(`chunk ${ordinal} does not authenticate`)
    const bytes = zlib.gunzipSync(member, { maxOutputLength: Math.max(plain, 1) })
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

const snapshotNames = (vault) =>
  fs
    .readdirSync(path.join(vault, 'snapshots'))
    .filter((name) => /^backup_[A-Z]+_[0-9TZ-]+$/.test(name))
    .sort((a, b) => (a.split('_')[2] < b.split('_')[2] ? -1 : 1))

function readSnapshot(vault, key, name) {
  const object = `snapshots/${name}`
  const bytes = fs.readFileSync(path.join(vault, object))
  if (bytes.toString('latin1', 0, 6) !== 'LBSNAP') throw new Error(`${object} is damaged: it is not a snapshot`)
  const [own, version] = [hkdf(key, bytes.subarray(8, 40), 'lifeboat v1 snapshot'), `${bytes[6]}.${bytes[7]}`]
  const json = open(own, Buffer.alloc(12), `lifeboat snapshot ${version} ${name}`, bytes.subarray(40))
  if (!json) throw bytes[6] > MAJOR ? newer(object) : new Error(`${object} is damaged: it does not authenticate`)
  return JSON.parse(json.toString())
}

/** The items of a backup, as far as its list can be read; `damaged` hears about the rest. */
function* readItems(packs, list, damaged) {
  let [rest, last, link] = [Buffer.alloc(0), Buffer.alloc(0), null]
  for (const [number, id] of list.chunks.entries()) {
    let lines = Buffer.alloc(0)
    try {
      lines = Buffer.concat([rest, packs.chunk(id)])
    } catch (error) {
      damaged(`part ${number + 1} of ${list.chunks.length} of the item list, with all items in it`, error)
    }
    let start = 0
    for (let end = lines.indexOf(10); end >= 0; end = lines.indexOf(10, start)) {
      const line = lines.toString('utf8', start, end)
      start = end + 1
      let item
      try {
        item = JSON.parse(line)
        item.bytes = item.raw === undefined ? Buffer.from(item.path) : base64(item.raw)
        checkPath(item.bytes)
        // Sorted, each once, none inside of a link: what is not was not written by Lifeboat. '/' sorts first.
        const key = Buffer.from(item.bytes.map((byte) => (byte === 0x2f ? 0 : byte)))
        if (Buffer.compare(last, key) >= 0) throw new Error('its path is out of order or there twice')
        if (link && key.subarray(0, link.length).equals(link)) throw new Error('its path leads through a link')
        last = key
        if (item.type === 'symlink') link = Buffer.concat([key, Buffer.alloc(1)])
      } catch (error) {
        damaged(item?.path ?? 'a line of the item list', error)
        continue
      }
      yield item
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

class FolderOutput {
  constructor(folder) {
    if (fs.existsSync(folder) && fs.readdirSync(folder).length > 0) {
      throw new Error(`${folder} is not empty. Choose an empty or a new folder.`)
    }
    fs.mkdirSync(folder, { recursive: true })
    this.folder = Buffer.from(path.resolve(folder) + path.sep)
    this.asOwner = process.getuid?.() === 0
  }

  place(bytes) {
    const place = Buffer.concat([this.folder, bytes])
    return process.platform === 'win32' ? place.toString() : place
  }

  dir(item) {
    fs.mkdirSync(this.place(item.bytes), { recursive: true })
  }

  parent(item) {
    const end = item.bytes.lastIndexOf(0x2f)
    if (end > 0) fs.mkdirSync(this.place(item.bytes.subarray(0, end)), { recursive: true })
  }

  file(item, content) {
    this.parent(item)
    const place = this.place(item.bytes)
    const fd = fs.openSync(place, 'wx', 0o600)
    try {
      let at = 0
      for (const piece of content()) {
        // What is all zeros stays a hole.
        if (!piece.equals(ZEROS.subarray(0, piece.length))) writeAll(fd, piece, at)
        at += piece.length
      }
      fs.ftruncateSync(fd, at)
    } catch (error) {
      fs.unlinkSync(place)
      throw error
    } finally {
      fs.closeSync(fd)
    }
    this.finish(item)
  }

  /** Owner, mode and time. The owner comes first, because changing it clears bits of the mode. */
  finish(item) {
    const place = this.place(item.bytes)
    if (this.asOwner) fs.chownSync(place, item.uid, item.gid)
    fs.chmodSync(place, item.mode & 0o7777)
    fs.utimesSync(place, seconds(item.mtime), seconds(item.mtime))
  }

  link(item) {
    const place = this.place(item.bytes)
    fs.symlinkSync(linkTarget(item), place)
    if (this.asOwner) fs.lchownSync(place, item.uid, item.gid)
    fs.lutimesSync(place, seconds(item.mtime), seconds(item.mtime))
  }
}

/** Node takes a negative number for "now", but not a negative date. */
const seconds = ([whole, nanos]) => (whole < 0 ? new Date(whole * 1000 + nanos / 1e6) : whole + nanos / 1e9)

/** A tar archive to stdout: ustar, and pax headers for what does not fit into that. */
class TarOutput {
  written = 0

  write(bytes) {
    writeAll(1, bytes)
    this.written += bytes.length
  }

  pad(block) {
    this.write(ZEROS.subarray(0, (block - (this.written % block)) % block))
  }

  header(kind, name, { size = 0, mode = 0o644, uid = 0, gid = 0, mtime = [0] }, link = '') {
    const header = Buffer.alloc(512)
    // What has no room in a field stands in a pax header.
    const octal = (at, width, value) =>
      header.write((value >= 0 && value < 8 ** (width - 1) ? value : 0).toString(8).padStart(width - 1, '0'), at)
    Buffer.from(name).copy(header, 0, 0, 100)
    octal(100, 8, mode & 0o7777)
    octal(108, 8, uid)
    octal(116, 8, gid)
    octal(124, 12, size)
    octal(136, 12, mtime[0])
    header.write(`        ${kind}`, 148)
    Buffer.from(link).copy(header, 157, 0, 100)
    header.write('ustar\x0000', 257)
    octal(
      148,
      7,
      header.reduce((sum, byte) => sum + byte, 0)
    )
    header[154] = 0
    this.write(header)
  }

  extra(kind, body) {
    this.header(kind, '././@Header', { size: body.length })
    this.write(body)
    this.pad(512)
  }

  entry(kind, name, item, link = Buffer.alloc(0)) {
    const records = []
    const pax = (key, value) => {
      const record = Buffer.concat([Buffer.from(` ${key}=`), Buffer.from(value), Buffer.from('\n')])
      // A record begins with its length, which counts its own digits.
      let length = record.length + 1
      while (String(length).length + record.length > length) length++
      records.push(Buffer.from(String(length)), record)
    }
    const long = (bytes, key, gnu) => {
      const text = bytes.toString()
      if (!Buffer.from(text).equals(bytes)) {
        // pax is UTF-8. What is not goes the GNU way, which has no encoding.
        if (bytes.length > 100) this.extra(gnu, Buffer.concat([bytes, Buffer.alloc(1)]))
      } else if (bytes.length > 100 || /[^ -~]/.test(text)) pax(key, bytes)
    }
    long(name, 'path', 'L')
    long(link, 'linkpath', 'K')
    const time = BigInt(item.mtime[0]) * 10n ** 9n + BigInt(item.mtime[1])
    const digits = String(time < 0 ? -time : time).padStart(10, '0')
    if (item.mtime[1] || time < 0) pax('mtime', `${time < 0 ? '-' : ''}${digits.slice(0, -9)}.${digits.slice(-9)}`)
    if (item.size >= 8 ** 11) pax('size', String(item.size))
    for (const key of ['uid', 'gid']) if (item[key] >= 8 ** 7) pax(key, String(item[key]))
    if (records.length > 0) this.extra('x', Buffer.concat(records))
    this.header(kind, name, item, link)
  }

  dir(item) {
    this.entry('5', Buffer.concat([item.bytes, Buffer.from('/')]), { ...item, size: 0 })
  }

  file(item, content) {
    // A header can't be taken back: everything is read and checked once before it is written.
    for (const _piece of content());
    this.entry('0', item.bytes, item)
    try {
      for (const piece of content()) this.write(piece)
    } catch (error) {
      throw Object.assign(error, { code: 'BROKEN' })
    }
    this.pad(512)
  }

  link(item) {
    this.entry('2', item.bytes, { ...item, size: 0 }, linkTarget(item))
  }

  end() {
    this.write(ZEROS.subarray(0, 1024))
    this.pad(10240)
  }
}

// ---- what it does ----

function listBackups(vault, key) {
  for (const name of snapshotNames(vault)) {
    try {
      const { items, totalSize, degraded, note = '' } = readSnapshot(vault, key, name)
      console.log(`${name}  ${items} items  ${(totalSize / 1e6).toFixed(1)} MB  ${degraded ? 'degraded  ' : ''}${note}`)
    } catch (error) {
      console.log(`${name}  CAN'T BE READ: ${error.message}`)
      process.exitCode = 1
    }
  }
}

function recover(packs, snapshot, output) {
  const [faults, links, dirs] = [[], [], []]
  const damaged = (what, error) => {
    if (HOPELESS.includes(error.code)) throw error
    faults.push(`  ${JSON.stringify(what)}: ${error.message}\n`)
  }
  /** What is wrong with one item doesn't stop the rest. */
  const attempt = (item, work) => {
    try {
      work()
    } catch (error) {
      damaged(item.path, error)
    }
  }
  let [count, bytes] = [0, 0]
  for (const item of readItems(packs, snapshot.list, damaged)) {
    count++
    if (item.type === 'symlink') links.push(item)
    else if (item.type === 'dir') {
      dirs.push(item)
      attempt(item, () => output.dir(item))
    } else {
      for (const part of [{ ...item, suffix: '' }, ...(item.sides ?? [])]) {
        const beside = { ...item, path: item.path + part.suffix, size: part.size }
        beside.bytes = Buffer.concat([item.bytes, Buffer.from(part.suffix)])
        attempt(beside, () => {
          if (!['', ...SIDES].includes(part.suffix)) throw new Error('no database has such a file beside it')
          output.file(beside, () => packs.content(part))
          bytes += part.size
        })
      }
    }
  }
  // First all folders that links lie in, while there is no link yet that could lead out.
  for (const item of links) attempt(item, () => output.parent?.(item))
  for (const item of links) attempt(item, () => output.link(item))
  for (const item of dirs.reverse()) attempt(item, () => output.finish?.(item))
  output.end?.()
  process.stderr.write(`${snapshot.backup}: ${count} items, ${(bytes / 1e6).toFixed(1)} MB.\n`)
  if (faults.length > 0) process.stderr.write(`NOT RECOVERED, or not whole (${faults.length}):\n${faults.join('')}`)
  process.exitCode = faults.length > 0 ? 1 : 0
}

async function main(args) {
  const at = args.indexOf('--vault')
  const vault = at < 0 ? path.dirname(fileURLToPath(import.meta.url)) : args.splice(at, 2)[1]
  if (args.includes('--help') || args.includes('-h')) return console.log(USAGE)
  if (!vault || args.length === 1 || args.length > 2 || args.some((arg) => arg.startsWith('--'))) {
    console.error(USAGE)
    process.exitCode = 2
    return
  }
  const { format, version, id } = readChecked(vault, 'vault.json')
  if (format !== 'lifeboat' || !/^[0-9a-f]{32}$/.test(id)) throw new Error('vault.json does not describe a vault')
  if (!(version?.major <= MAJOR)) throw newer('This vault')
  const master = await unlock(vault, id)
  const subKey = (purpose) => hkdf(master, Buffer.from(id, 'hex'), `lifeboat v1 ${purpose}`)
  if (args.length === 0) return listBackups(vault, subKey('snapshots'))
  const names = snapshotNames(vault)
  const name = args[0] === 'latest' ? names.at(-1) : args[0]
  if (!names.includes(name))
    throw new Error(`There is no backup ${args[0]}. Without arguments, this lists what there is.`)
  const snapshot = readSnapshot(vault, subKey('snapshots'), name)
  recover(new Packs(vault, subKey('packs')), snapshot, args[1] === '-' ? new TarOutput() : new FolderOutput(args[1]))
}

main(process.argv.slice(2)).catch((error) => {
  console.error(`Failed: ${error.message}`)
  process.exitCode = 1
})
