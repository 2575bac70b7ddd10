// Gets the backups out of a Lifeboat vault, and opens sealed archives, with nothing but Node 18.17 or newer. It is a
// second implementation of `format.md`, beside it, and the tests hold it against the first. It only reads. Nothing is
// trusted before it authenticates, and paths not at all: files are created new, in an empty folder, and links come last.

import crypto from 'node:crypto'
import fs from 'node:fs'
import path from 'node:path'
import readline from 'node:readline'
import { fileURLToPath } from 'node:url'
import zlib from 'node:zlib'

const USAGE = `Usage:
  node recover.mjs [--vault DIR]                   lists the backups
  node recover.mjs [--vault DIR] BACKUP FOLDER     writes a backup into an empty or a new folder
  node recover.mjs [--vault DIR] BACKUP -          writes a backup to stdout, as a tar archive
  node recover.mjs --archive FILE.tar.gz.sealed X  writes the .tar.gz in a sealed archive to a new file X, or stdout: -
BACKUP is a name from the list, or 'latest'. The vault is the folder of this file, unless --vault says otherwise. All opens
by BACKUP_KEY_FILE, by BACKUP_PASSPHRASE, or it asks. Exit codes: 0 all is there, 1 not all, 2 wrong usage.`
const [MAJOR, TAG, MAX_CHUNK, KEPT_CHUNKS, SEGMENT] = [1, 16, 16 << 20, 16, 64 << 10]
const [TYPES, SIDES] = [
  ['file', 'dir', 'symlink'],
  ['-wal', '-journal']
]
const BAD_NAME = process.platform === 'win32' ? /^\.{0,2}$|[\0\\:]/ : /^\.{0,2}$|\0/
const ZEROS = Buffer.alloc(MAX_CHUNK)
/** After these there is no use in going on with the next item: the disk is full, or nobody reads the tar. */
const HOPELESS = ['ENOSPC', 'EDQUOT', 'EROFS', 'EPIPE']
const diskFull = Object.assign(new Error('The disk is full.'), { code: 'ENOSPC' })
const newer = (object) => new Error(`${object} was written by a newer Lifeboat. Use its recover.mjs.`)
const warn = (text) => process.stderr.write(`Warning: ${text}\n`)
const base64 = (text) => Buffer.from(String(text), 'base64')
const hkdf = (key, salt, info) => Buffer.from(crypto.hkdfSync('sha256', key, salt, info, 32))
const cost = (n, r, p) => ({ N: Math.min(n, 2 ** 20), r: Math.min(r, 16), p: Math.min(p, 4), maxmem: 2 ** 32 })
const scrypt = (words, salt, ...numbers) => crypto.scryptSync(words, salt, 32, cost(...numbers))
/** The canonical form of a passphrase, and how it may have been given: older Lifeboats sealed with that. */
function forms(text) {
  const canonical = text.replace(/^\uFEFF|[\r\n]+$/g, '').normalize('NFC')
  return [...new Set([canonical, text, canonical.normalize('NFD')])]
}
function keyFile(what) {
  const file = process.env.BACKUP_KEY_FILE
  if (!file && what) throw new Error(`${what} opens by a key file alone. Say where that is, in BACKUP_KEY_FILE.`)
  const key = file ? fs.readFileSync(file) : null
  if (key && key.length !== 32) throw new Error(`${file} is no key file: it has ${key.length} bytes, and not 32.`)
  return key
}
/** Node takes a negative number for "now", but not a negative date. */
const seconds = ([whole, nanos]) => (whole < 0 ? new Date(whole * 1000 + nanos / 1e6) : whole + nanos / 1e9)
/** The files that may be each object of the vault, by the object's name; and what was not downloaded or unpacked to its end. */
const [files, undone] = [new Map(), []]
/**
 * Finds them, also in a vault that was downloaded from a cloud's web page: with folders around it or with none, in several zips
 * that were unpacked side by side, with names like `x(1)`. Of several files what authenticates counts.
 */
function findFiles(vault) {
  const seen = new Set()
  // A folder of the vault may be a link to another disk.
  for (const part of ['.', 'keys', 'snapshots', 'packs', 'accepted'].map((name) => path.join(vault, name))) {
    if (!fs.existsSync(part)) continue
    for (const file of filesBelow(part)) {
      const object = seen.has(file) ? null : objectOf(path.relative(vault, file).split(path.sep), file)
      if (object) files.set(object, [...(files.get(object) ?? []), file])
      seen.add(file)
    }
  }
}
/** What may not be looked into, such as `lost+found`, holds nothing of a vault. */
function* filesBelow(folder) {
  let entries = []
  try {
    entries = fs.readdirSync(folder, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1))
  } catch (error) {
    warn(`${folder} can't be looked into: ${error.code}.`)
  }
  for (const entry of entries) {
    const file = path.join(folder, entry.name)
    if (entry.isDirectory()) yield* filesBelow(file)
    // A link that leads nowhere is no file.
    else if (fs.statSync(file, { throwIfNoEntry: false })?.isFile()) yield file
  }
}
function objectOf(names, file) {
  if (names.some((name) => name.startsWith('.'))) return null
  const plain = names.map((name) => name.replace(/\.(bin|txt|dms)$/, '').replace(/ ?\(\d+\)(?=(\.json)?$)/, ''))
  const [folder, name] = [plain.at(-2), plain.at(-1)]
  if (/\.(crdownload|part|partial|download|opdownload|zip)$/i.test(name)) undone.push(names.join('/'))
  if (/^[0-9a-f]{64}$/.test(name)) return `packs/${name.slice(0, 2)}/${name}`
  if (/^backup_[A-Z]+_[0-9TZ-]+$/.test(name)) {
    if (/^(pins|accepted)$/.test(folder)) return `${folder}/${name}`
    // Without its folder nobody knows what an empty file marks.
    return fs.statSync(file).size > 0 ? `snapshots/${name}` : null
  }
  if (name === 'vault.json') return name
  return /^[0-9a-f]{16}\.json$/.test(name) || (folder === 'keys' && name.endsWith('.json')) ? `keys/${name}` : null
}
const hint = () =>
  `Not all was downloaded or unpacked to its end: ${undone.slice(0, 5).join(', ')}. Do that, and try again.`
const warnOfUndone = () => undone.length > 0 && warn(hint())
const namesIn = (folder) =>
  [...files.keys()].filter((object) => object.startsWith(`${folder}/`)).map((object) => object.slice(folder.length + 1))
/** Opens what AES-256-GCM sealed; null where it is not what was sealed. */
function open(key, nonce, aad, sealed) {
  try {
    const cipher = crypto.createDecipheriv('aes-256-gcm', key, nonce, { authTagLength: TAG })
    cipher.setAAD(Buffer.from(aad)).setAuthTag(sealed.subarray(-TAG))
    return Buffer.concat([cipher.update(sealed.subarray(0, -TAG)), cipher.final()])
  } catch {
    return null
  }
}
/** A JSON object that holds its own checksum, and whether it is intact. */
function readChecked(object) {
  const read = files.get(object).map(readCheckedFile)
  const found = read.find(({ intact }) => intact) ?? read[0]
  if (!found.intact) warn(`${object} is damaged: its checksum does not fit.`)
  return found
}
/** The vault that is there. A damaged description is used as far as it goes: a wrong id opens nothing. */
function describe(vault) {
  if (!files.has('vault.json'))
    throw new Error(`There is no vault.json in ${vault}. ${undone.length > 0 ? hint() : 'A vault has one.'}`)
  const whole = files.get('vault.json').map((file) => [readCheckedFile(file), file])
  const places = new Map(whole.filter(([{ intact }]) => intact).map(([{ id }, file]) => [id, path.dirname(file)]))
  if (places.size > 1) {
    const list = [...places].map(([id, place]) => `  ${id} in ${place}\n`).join('')
    throw new Error(
      `There are several vaults in ${vault}:\n${list}Put all of one into a folder of its own: --vault DIR`
    )
  }
  const { format, version, id, keyCheck } = readChecked('vault.json')
  if (format !== 'lifeboat' || !/^[0-9a-f]{32}$/.test(id)) throw new Error('vault.json does not describe a vault')
  if (!(version?.major <= MAJOR)) throw newer('This vault')
  const check = (master) => hkdf(master, Buffer.from(id, 'hex'), 'lifeboat v1 check').toString('hex', 0, 16)
  return { id, isKey: (master) => !keyCheck || check(master) === keyCheck }
}
function readCheckedFile(file) {
  const text = fs.readFileSync(file, 'latin1')
  const stated = /"sha256":\s*"([0-9a-f]{64})"/.exec(text)?.[1]
  const zeroed = text.replace(stated, '0'.repeat(64))
  const intact = stated === crypto.createHash('sha256').update(zeroed, 'latin1').digest('hex')
  try {
    return { ...JSON.parse(Buffer.from(text, 'latin1').toString()), intact }
  } catch {
    return {}
  }
}
/** The master key, by the first key that opens. Somebody may have added keys that are none, or are another vault's. */
async function unlock(vaultId, isKey) {
  const keys = { none: [], keyfile: [], passphrase: [] }
  for (const name of namesIn('keys')) {
    const aad = `lifeboat key ${vaultId} ${name.slice(0, -5)}`
    readChecked(`keys/${name}`)
    const whole = files
      .get(`keys/${name}`)
      .map(readCheckedFile)
      .filter(({ intact }) => intact)
    for (const { kind, kdf, nonce, wrapped, master } of whole) {
      if (kind === 'none') keys.none.push(() => Buffer.from(master, 'hex'))
      else keys[kind]?.push((derive) => open(derive(base64(kdf.salt), kdf), base64(nonce), aad, base64(wrapped)))
    }
  }
  const first = (openings) => {
    for (const opening of openings) {
      try {
        const master = opening()
        if (master && isKey(master)) return master
      } catch {
        // It is no key of this version.
      }
    }
  }
  const plain = first(keys.none)
  if (plain) return plain
  if (!keys.keyfile[0] && !keys.passphrase[0])
    throw new Error(`No key of the vault is there and whole. ${undone.length > 0 ? hint() : ''}`)
  const secret = keyFile(keys.passphrase.length > 0 ? null : 'This vault')
  const byFile = secret && first(keys.keyfile.map((key) => () => key((salt) => hkdf(secret, salt, 'lifeboat v1 wrap'))))
  if (byFile) return byFile
  const what = keys.keyfile.length > 0 ? 'the vault, which also opens by BACKUP_KEY_FILE' : 'the vault'
  const given = keys.passphrase.length > 0 ? forms(await ask(what)) : []
  const byWords = (words) =>
    keys.passphrase.map((key) => () => key((salt, { n, r, p }) => scrypt(words, salt, n, r, p)))
  const master = first(given.flatMap(byWords))
  if (master) return master
  throw new Error('The passphrase or key file does not open this vault (BACKUP_PASSPHRASE, BACKUP_KEY_FILE).')
}
/** From the environment, or asked on the terminal without echo; where stdin is no terminal, its first line counts. */
async function ask(what) {
  if (process.env.BACKUP_PASSPHRASE) return process.env.BACKUP_PASSPHRASE
  // The echo goes off here: before the question, because somebody may answer at once.
  const lines = readline.createInterface({ input: process.stdin, terminal: process.stdin.isTTY === true })
  process.stderr.write(`Passphrase of ${what}: `)
  const answer = await new Promise((resolve) => lines.once('line', resolve).once('close', resolve))
  lines.close()
  process.stderr.write('\n')
  if (answer === undefined) throw new Error('The input ended without a passphrase. Type it, or set BACKUP_PASSPHRASE.')
  return answer
}
/** The mode. Node sets no ACLs; without its ACL, a file's owning group may do what its own entry says, and not the mask. */
function modeOf({ mode, xattrs = [] }) {
  const acl = base64(xattrs.find(({ name }) => name === 'system.posix_acl_access')?.value ?? '')
  const entries = Array.from({ length: Math.max(acl.length - 4, 0) >> 3 }, (_, n) => acl.subarray(4 + n * 8))
  const group = entries.find((entry) => entry.readUInt16LE(0) === 4)?.readUInt16LE(2) ?? 0
  return mode & (acl.length > 0 ? 0o7707 | ((group & 7) << 3) : 0o7777)
}
/** An ACL as tars write it: user::rw-,user:1000:rwx,... */
function aclText(acl) {
  const WHO = { 1: 'user:', 2: 'user:', 4: 'group:', 8: 'group:', 16: 'mask:', 32: 'other:' }
  const entries = []
  for (let at = 4; at < acl.length; at += 8) {
    const [tag, allows] = [acl.readUInt16LE(at), acl.readUInt16LE(at + 2)]
    const letters = ['r', 'w', 'x'].map((letter, n) => (allows & (4 >> n) ? letter : '-')).join('')
    entries.push(`${WHO[tag]}${tag === 2 || tag === 8 ? acl.readUInt32LE(at + 4) : ''}:${letters}`)
  }
  return entries.join(',')
}
function readAt(file, length, position) {
  const [fd, bytes] = [fs.openSync(file), Buffer.alloc(Math.max(0, length))]
  const read = fs.readSync(fd, bytes, 0, bytes.length, position)
  fs.closeSync(fd)
  if (read !== length) throw new Error(`${path.basename(file)} is cut off`)
  return bytes
}
/** A new file with these pieces, or none. */
function writeNew(place, pieces) {
  const fd = fs.openSync(place, 'wx', 0o600)
  try {
    let at = 0
    for (const piece of pieces) {
      // What is all zeros stays a hole.
      const skip = piece.equals(ZEROS.subarray(0, piece.length)) ? piece.length : 0
      if (fs.writeSync(fd, piece, skip, piece.length - skip, at) + skip < piece.length) throw diskFull
      at += piece.length
    }
    fs.ftruncateSync(fd, at)
  } catch (error) {
    fs.unlinkSync(place)
    throw error
  } finally {
    fs.closeSync(fd)
  }
}
/** What a sealed archive holds, in pieces. Each is authentic, and the last one says that this was all. */
function* unsealed(file, header, key) {
  const { size } = fs.statSync(file)
  for (let number = 0, at = header.length, length = 0; at < size || number === 0; number++, at += length) {
    length = Math.min(SEGMENT + TAG, size - at)
    const counter = number.toString(16).padStart(8, '0') + (at + length === size ? '01' : '00')
    const nonce = Buffer.concat([header.subarray(44, 51), Buffer.from(counter, 'hex')])
    const plain = open(key, nonce, header, readAt(file, length, at))
    if (!plain) throw new Error(`${file} is damaged or cut off: its segment ${number} does not authenticate`)
    yield plain
  }
}
async function openArchive(file, target) {
  const header = readAt(file, 67, 0)
  if (header.toString('latin1', 0, 6) !== 'LBSEAL') throw new Error(`${file} is not sealed. Try: tar -xzf ${file}`)
  if (header[6] > MAJOR || header[8] > 2) throw newer(file)
  const [salt, ...numbers] = [header.subarray(12, 44), 2 ** header[9], header[10], header[11]]
  const isRight = (key) =>
    key && hkdf(key, header.subarray(0, 51), 'lifeboat v1 archive check').subarray(0, 16).equals(header.subarray(51))
  let secret = header[8] === 2 ? keyFile(file) : null
  for (const words of header[8] === 2 ? [] : forms(await ask('the archive')))
    secret = isRight(secret) ? secret : scrypt(words, salt, ...numbers)
  if (!isRight(secret)) throw new Error(`The passphrase or key file does not open ${file}.`)
  const pieces = unsealed(file, header, hkdf(secret, salt, 'lifeboat v1 archive'))
  if (target !== '-') writeNew(target, pieces)
  else for (const piece of pieces) fs.writeFileSync(1, piece)
}
class Packs {
  places = new Map()
  kept = new Map()
  constructor(key) {
    for (const name of namesIn('packs')) {
      const [object, id] = [`packs/${name}`, name.slice(3)]
      const own = hkdf(key, Buffer.from(id, 'hex'), 'lifeboat v1 pack')
      for (const file of files.get(object)) {
        try {
          this.index({ id, key: own, object, file })
        } catch (error) {
          warn(`${object} can't be used: ${error.message}. What only this pack holds is lost.`)
        }
      }
    }
  }
  index(pack) {
    const { size } = fs.statSync(pack.file)
    const [header, footer] = [readAt(pack.file, 40, 0), readAt(pack.file, 24, size - 24)]
    const magic = [header.toString('latin1', 0, 6), footer.toString('latin1', 16, 22)]
    if (magic.some((word) => word !== 'LBPACK')) throw new Error('it does not look like a pack')
    if (header[6] > MAJOR && header[6] === footer[22]) throw newer(pack.object)
    const [length, count] = [footer.readUInt32LE(0), footer.readUInt32LE(4)]
    const fits = footer.readBigUInt64LE(8) === BigInt(size) && length === count * 40 + TAG && length + 64 <= size
    if (!fits) throw new Error('its footer does not fit its length')
    const sealed = readAt(pack.file, length, size - 24 - length)
    const index = open(pack.key, Buffer.alloc(12, 0xff), `lifeboat index ${pack.id}`, sealed)
    if (!index) throw new Error('its index does not authenticate')
    for (let at = 0, offset = 40; at < index.length; at += 40) {
      const [id, sealed] = [index.toString('hex', at, at + 32), index.readUInt32LE(at + 32)]
      const place = { pack, ordinal: at / 40, offset, sealed, plain: index.readUInt32LE(at + 36) }
      // A chunk may lie in several packs, and be damaged in one of them.
      this.places.set(id, { ...place, other: this.places.get(id) })
      offset += sealed
    }
  }
  /** The plain bytes of a chunk, from whichever pack has it whole. */
  chunk(id) {
    if (this.kept.has(id)) return this.kept.get(id)
    let fault = `a pack is missing or damaged: none has the chunk ${id}`
    for (let place = this.places.get(id); place; place = place.other) {
      try {
        if (this.kept.size === KEPT_CHUNKS) this.kept.delete(this.kept.keys().next().value)
        return this.kept.set(id, this.plain(place)).get(id)
      } catch (error) {
        fault = `${place.pack.object} is damaged: ${error.message}`
      }
    }
    throw new Error(fault)
  }
  plain({ pack, ordinal, offset, sealed, plain }) {
    const nonce = Buffer.from(ordinal.toString(16).padStart(24, '0'), 'hex')
    const member = open(pack.key, nonce, `lifeboat chunk ${pack.id}`, readAt(pack.file, sealed, offset))
    if (!member) throw new Error(`chunk ${ordinal} does not authenticate`)
    const bytes = zlib.gunzipSync(member, { maxOutputLength: MAX_CHUNK })
    if (bytes.length !== plain) throw new Error(`chunk ${ordinal} has another length than its index says`)
    return bytes
  }
  /** The content of a file in pieces; throws in the end where its length or its hash is wrong. */
  *content({ size, sha256, bundle, chunks = [], lists = [] }) {
    const hash = crypto.createHash('sha256')
    const listed = lists.flatMap((list) => this.chunk(list).toString('hex').match(/.{64}/g) ?? [])
    let length = 0
    for (const id of bundle ? [bundle[0]] : [...chunks, ...listed]) {
      const piece = bundle ? this.chunk(id).subarray(bundle[1], bundle[1] + size) : this.chunk(id)
      length += piece.length
      if (sha256) hash.update(piece)
      yield piece
    }
    if (length !== size) throw new Error('its content has another length than the backup says')
    if (sha256 && hash.digest('hex') !== sha256) throw new Error('its content has another hash than the backup says')
  }
}
function readSnapshot(key, name) {
  let failure
  for (const file of files.get(`snapshots/${name}`)) {
    try {
      return readSnapshotFile(file, key, name)
    } catch (error) {
      failure = error
    }
  }
  throw failure
}
function readSnapshotFile(file, key, name) {
  const bytes = fs.readFileSync(file)
  const [own, version] = [hkdf(key, bytes.subarray(8, 40), 'lifeboat v1 snapshot'), `${bytes[6]}.${bytes[7]}`]
  const json = open(own, Buffer.alloc(12), `lifeboat snapshot ${version} ${name}`, bytes.subarray(40))
  if (bytes[6] > MAJOR) throw newer(`snapshots/${name}`)
  if (!json || bytes.toString('latin1', 0, 6) !== 'LBSNAP') throw new Error(`snapshots/${name} does not authenticate`)
  return JSON.parse(json.toString())
}
/** The items of a backup, as far as its list can be read; `damaged` hears about the rest. */
function* readItems(packs, list, counted, damaged) {
  let [rest, last, link] = [Buffer.alloc(0), Buffer.alloc(0), Buffer.alloc(1)]
  for (const [number, id] of list.chunks.entries()) {
    let lines = Buffer.alloc(0)
    try {
      const chunk = packs.chunk(id)
      counted.list += chunk.length
      lines = Buffer.concat([rest, chunk])
    } catch (error) {
      damaged(`part ${number + 1} of ${list.chunks.length} of the item list, with all items in it`, error)
    }
    rest = lines.subarray(lines.lastIndexOf(10) + 1)
    const text = lines.toString('utf8', 0, lines.length - rest.length)
    for (const line of text.split('\n').slice(0, -1)) {
      let item
      try {
        item = JSON.parse(line)
        item.bytes = item.raw === undefined ? Buffer.from(item.path) : base64(item.raw)
        item.target = item.linkRaw === undefined ? Buffer.from(item.link ?? '') : base64(item.linkRaw)
        const parts = item.bytes.toString('latin1').split('/')
        if (parts.some((part) => BAD_NAME.test(part))) throw new Error('its path is unsafe: refused')
        // Sorted, each once, none inside of a link: what is not was not written by Lifeboat. '/' sorts first.
        const key = Buffer.from(item.bytes.map((byte) => (byte === 0x2f ? 0 : byte)))
        if (Buffer.compare(last, key) >= 0) throw new Error('its path is out of order or there twice')
        if (key.subarray(0, link.length).equals(link)) throw new Error('its path leads through a link')
        last = key
        if (!TYPES.includes(item.type)) throw new Error(`nobody knows its type, ${JSON.stringify(item.type)}`)
        if (item.type === 'symlink') link = Buffer.concat([key, Buffer.alloc(1)])
        yield item
      } catch (error) {
        damaged(item?.path ?? 'a line of the item list', error)
      }
    }
  }
  if (rest.length > 0) damaged('the end of the item list', new Error('it is cut off'))
}
class FolderOutput {
  asOwner = process.getuid?.() === 0
  files = new Map()
  without = 0
  constructor(folder) {
    this.isNew = !fs.existsSync(folder)
    if (fs.existsSync(folder) && fs.readdirSync(folder).length > 0) throw new Error(`${folder} is not empty.`)
    this.folder = Buffer.from(path.resolve(folder) + path.sep)
    this.dir({ bytes: Buffer.alloc(0) })
  }
  place = ({ bytes }) => Buffer.concat([this.folder, bytes])
  dir = (item) => fs.mkdirSync(this.place(item), { recursive: true })
  parent = ({ bytes }) => this.dir({ bytes: bytes.subarray(0, Math.max(bytes.lastIndexOf(0x2f), 0)) })
  file(item, content) {
    this.parent(item)
    const [place, twin] = [this.place(item), this.files.get(item.hardlink)]
    // What a list says of other names is not trusted: they are one file if they have the same content.
    if (twin && item.sha256 && item.sha256 === twin.sha256 && this.link(twin.place, place)) return
    writeNew(place, content())
    if (item.hardlink !== undefined && !item.sides) this.files.set(item.hardlink, { place, sha256: item.sha256 })
    this.finish(item)
  }
  link(from, to) {
    try {
      fs.linkSync(from, to)
      return true
    } catch (error) {
      if (error.code === 'EEXIST') throw error
      return false
    }
  }
  /** Owner, mode and time. The owner comes first, because changing it clears bits of the mode. */
  finish = (item) => {
    const place = this.place(item)
    if (item.type === 'symlink') fs.symlinkSync(item.target, place)
    if (this.asOwner) fs.lchownSync(place, item.uid, item.gid)
    if (item.type !== 'symlink') fs.chmodSync(place, modeOf(item))
    if (item.xattrs?.length > 0) this.without++
    fs.lutimesSync(place, seconds(item.mtime), seconds(item.mtime))
  }
  root = (item) => this.isNew && this.finish({ ...item, type: 'dir', bytes: Buffer.alloc(0) })
  end() {
    const how = "write it as an archive, and unpack that with: tar --acls --xattrs --xattrs-include='*' -xpf"
    if (this.without > 0)
      warn(`${this.without} items have extended attributes or ACLs, which Node cannot set. For these, ${how}`)
  }
}
/** A tar archive to stdout: ustar, and what every tar knows for what does not fit. Text is latin1: a byte a letter. */
class TarOutput {
  written = 0
  write(bytes, block = 1) {
    const padding = (block - ((this.written + bytes.length) % block)) % block
    for (const part of [bytes, ZEROS.subarray(0, padding)]) fs.writeFileSync(1, part)
    this.written += bytes.length + padding
  }
  header(kind, name, { size = 0, mode = 0o644, uid = 0, gid = 0, mtime = [0] }, link = '') {
    const text = (value, width) => value.slice(0, width).padEnd(width, '\0')
    const octal = (n, width) => `${n.toString(8).padStart(width, '0')}\0`
    const binary = (n, width) => `\x80${Buffer.from(n.toString(16).padStart(width * 2, '0'), 'hex').toString('latin1')}`
    const number = (n, width) => (n < 8 ** width ? octal : binary)(Math.max(n, 0), width)
    const numbers = [number(mode, 7), number(uid, 7), number(gid, 7), number(size, 11), number(mtime[0], 11)]
    const [before, after] = [[text(name, 100), ...numbers].join(''), `${kind}${text(link, 100)}ustar\x0000`]
    const sum = Buffer.from(before + after, 'latin1').reduce((sum, byte) => sum + byte, 8 * 32)
    this.write(Buffer.from(`${before}${octal(sum, 6)} ${after}`, 'latin1'), 512)
  }
  extra(kind, body) {
    this.header(kind, '././@Header', { size: body.length })
    this.write(Buffer.from(body, 'latin1'), 512)
  }
  entry(kind, name, item, link = '') {
    // Long names go the GNU way: pax names are UTF-8, which not every name is, and not every bsdtar wants.
    if (name.length > 100) this.extra('L', `${name}\0`)
    if (link.length > 100) this.extra('K', `${link}\0`)
    const time = BigInt(item.mtime[0]) * 10n ** 9n + BigInt(item.mtime[1])
    const digits = String(time < 0 ? -time : time).padStart(10, '0')
    const seconds = `${time < 0 ? '-' : ''}${digits.slice(0, -9)}.${digits.slice(-9)}`
    const times = item.mtime[1] || time < 0 ? [['mtime', seconds]] : []
    const records = [...times, ...(item.xattrs ?? []).map(this.attribute)].map(this.record).join('')
    if (records) this.extra('x', records)
    this.header(kind, name, { ...item, mode: modeOf(item) }, link)
  }
  attribute = ({ name, raw, value }) => {
    const bytes = raw === undefined ? Buffer.from(name) : base64(raw)
    const key = bytes.toString('latin1').replaceAll('%', '%25').replaceAll('=', '%3D')
    const acl = { 'system.posix_acl_access': 'access', 'system.posix_acl_default': 'default' }[name]
    const text = acl && aclText(base64(value))
    return text ? [`SCHILY.acl.${acl}`, text] : [`SCHILY.xattr.${key}`, base64(value).toString('latin1')]
  }
  /** It begins with its length, which counts its own digits. */
  record = ([key, value]) => {
    const rest = ` ${key}=${value}\n`
    let length = rest.length + 1
    while (String(length).length + rest.length > length) length++
    return `${length}${rest}`
  }
  file(item, content) {
    // A header can't be taken back: everything is read and checked once before it is written.
    for (const _piece of content());
    this.entry('0', item.bytes.toString('latin1'), item)
    this.isTorn = true
    for (const piece of content()) this.write(piece)
    this.write(Buffer.alloc(0), 512)
    this.isTorn = false
  }
  dir = ({ size, ...item }) => this.entry('5', `${item.bytes.toString('latin1')}/`, item)
  symlink = ({ size, ...item }) => this.entry('2', item.bytes.toString('latin1'), item, item.target.toString('latin1'))
  end = () => this.write(Buffer.alloc(1024), 10240)
}

function recover(packs, snapshot, output) {
  const [faults, late] = [[], { dir: [], symlink: [] }]
  const damaged = (what, error) => {
    if (HOPELESS.includes(error.code) || output.isTorn) throw error
    faults.push(`  ${JSON.stringify(what)}: ${error.message}\n`)
  }
  const attempt = (work, item) => {
    try {
      work?.(item)
    } catch (error) {
      damaged(item.path, error)
    }
  }
  const file = (item) => output.file(item, () => packs.content(item))
  const databases = new Set()
  const counted = { items: 0, bytes: 0, list: 0 }
  for (const item of readItems(packs, snapshot.list, counted, damaged)) {
    counted.items++
    counted.bytes += [item, ...(item.sides ?? [])].reduce((sum, { size = 0 }) => sum + size, 0)
    // Older backups may have a log of another moment as a file of its own. SQLite would replay it.
    if (databases.has(item.path.replace(/-(journal|wal|shm)$/, ''))) continue
    if (item.db && item.db.journal !== 'raw') databases.add(item.path)
    attempt({ file, dir: output.dir, symlink: output.symlink }[item.type], item)
    late[item.type]?.push(item)
    for (const side of item.sides ?? []) {
      if (!SIDES.includes(side.suffix)) {
        damaged(item.path + side.suffix, new Error('no database has such a file'))
        continue
      }
      const beside = { path: item.path + side.suffix, bytes: Buffer.concat([item.bytes, Buffer.from(side.suffix)]) }
      // An earlier Lifeboat did not tell what it is besides its content: then it is for the owner alone.
      attempt(file, { ...item, mode: item.mode & 0o600, sha256: null, lists: [], bundle: null, ...side, ...beside })
    }
  }
  const { items, totalSize, list } = snapshot
  const counts = {
    items: [items, counted.items],
    bytes: [totalSize, counted.bytes],
    'bytes of list': [list.size, counted.list]
  }
  // Where something is lost already, the rest is counted in vain.
  for (const [what, [said, found]] of faults.length > 0 ? [] : Object.entries(counts))
    if (said !== found)
      damaged(snapshot.backup, new Error(`it says that it has ${said} ${what}, and ${found} are in its list`))
  // First all folders that links lie in, while there is no link yet that could lead out.
  for (const item of late.symlink) attempt(output.parent, item)
  for (const item of [...late.symlink, ...late.dir.reverse()]) attempt(output.finish, item)
  if (snapshot.rootFolder && output.root) attempt(output.root, { ...snapshot.rootFolder, path: '.' })
  output.end()
  if (faults.length === 0) process.stderr.write(`${snapshot.backup}: all ${snapshot.items} items are there.\n`)
  else process.stderr.write(`NOT RECOVERED, or not whole (${faults.length}):\n${faults.join('')}`)
  warnOfUndone()
  process.exitCode = faults.length > 0 ? 1 : 0
}

function isDoubted(key, name) {
  try {
    return readSnapshot(key, name).suspicious && !files.has(`accepted/${name}`)
  } catch {
    return false
  }
}

async function main(args) {
  if (args[0] === '--archive' && args.length === 3) return openArchive(args[1], args[2])
  const at = args.indexOf('--vault')
  const vault = at < 0 ? path.dirname(fileURLToPath(import.meta.url)) : args.splice(at, 2)[1]
  if (!vault || ![0, 2].includes(args.length) || args.some((arg) => arg.startsWith('--'))) {
    process.exitCode = args.includes('--help') ? 0 : 2
    return console.error(USAGE)
  }
  findFiles(vault)
  const { id, isKey } = describe(vault)
  const master = await unlock(id, isKey)
  const subKey = (purpose) => hkdf(master, Buffer.from(id, 'hex'), `lifeboat v1 ${purpose}`)
  const all = namesIn('snapshots')
  all.sort((a, b) => (a.split('_')[2] < b.split('_')[2] ? -1 : 1))
  if (args.length === 2) {
    // What a restore replaced is not what anybody is looking for, nor what looked wrong and nobody has accepted.
    const candidates = all.filter((name) => !name.startsWith('backup_SAFETY_'))
    const latest = candidates.findLast((name) => !isDoubted(subKey('snapshots'), name)) ?? candidates.at(-1)
    const name = args[0] === 'latest' ? latest : args[0]
    if (!all.includes(name))
      throw new Error(`There is no backup ${args[0]}. Without arguments, this lists what there is.`)
    const snapshot = readSnapshot(subKey('snapshots'), name)
    const packs = new Packs(subKey('packs'))
    return recover(packs, snapshot, args[1] === '-' ? new TarOutput() : new FolderOutput(args[1]))
  }
  for (const name of all) {
    try {
      const { items, totalSize, degraded, suspicious, note = '' } = readSnapshot(subKey('snapshots'), name)
      const marks = `${suspicious ? 'suspicious  ' : ''}${degraded ? 'degraded  ' : ''}`
      console.log(`${name}  ${items} items  ${(totalSize / 1e6).toFixed(1)} MB  ${marks}${note}`)
    } catch (error) {
      console.log(`${name}  CAN'T BE READ: ${error.message}`)
      process.exitCode = 1
    }
  }
  warnOfUndone()
}

main(process.argv.slice(2)).catch((error) => {
  console.error(`Failed: ${error.message}`)
  process.exitCode = 1
})
