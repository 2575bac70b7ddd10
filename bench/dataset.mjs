// The data that is backed up: a bot's folder of a known size, made once for each scale, and what an hour changes in it.

import { cp, mkdir, open, readdir, readFile, rename, rm, stat, unlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { updateRows } from '../examples/bot/databases.mjs'
import { growLog, JSON_FILES, jsonFile, logName, makePhotos } from '../examples/bot/files.mjs'
import { makeBot, SESSION } from '../examples/bot/make-bot.mjs'
import { Random } from '../examples/bot/random.mjs'
import { sessionRecord } from '../examples/bot/session.mjs'

/** Raise it when the bot that is made changes: older data in the cache is then made anew. */
const VERSION = 3

/** Scale 1: about 8,000 files and 808 MB. The logs are what the rest leaves of the 808 MB. */
const SCALE_1 = {
  seed: 'bench',
  databaseBytes: 155_000_000,
  sessionFiles: 6000,
  photos: 2000,
  proofs: 0,
  ownCopies: 0,
  photoBytes: [100_000, 500_000],
  logFiles: 10,
  logBytes: 45_000_000
}

const HOUR = { updates: 2000, sessionFiles: 200, photos: 10, logBytes: 200_000, jsonFiles: 20 }

export class Dataset {
  #scale
  #pristine
  /** The folder that is backed up. */
  root

  constructor(folder, scale) {
    this.#scale = scale
    this.#pristine = join(folder, `pristine-${scale}`)
    this.root = join(folder, 'root')
  }

  /** Makes the data if the cache does not hold it whole. Returns { files, bytes }. */
  async prepare(say) {
    const stampFile = `${this.#pristine}.json`
    const stamp = await readFile(stampFile, 'utf8').then(JSON.parse, () => null)
    if (stamp?.version === VERSION) {
      const { files, bytes } = await measure(this.#pristine)
      if (files === stamp.files && bytes === stamp.bytes) return stamp
    }
    say(`Making the data set of scale ${this.#scale} (once) ...`)
    const making = `${this.#pristine}.making`
    await rm(making, { recursive: true, force: true })
    await rm(this.#pristine, { recursive: true, force: true })
    await makeBot(making, this.#sizes())
    await rename(making, this.#pristine)
    const made = { version: VERSION, scale: this.#scale, ...(await measure(this.#pristine)) }
    await writeFile(stampFile, `${JSON.stringify(made)}\n`)
    return made
  }

  #sizes() {
    const times = (n) => Math.max(1, Math.round(n * this.#scale))
    const { databaseBytes, sessionFiles, photos, logBytes } = SCALE_1
    return {
      ...SCALE_1,
      databaseBytes: times(databaseBytes),
      sessionFiles: times(sessionFiles),
      photos: times(photos),
      logBytes: times(logBytes)
    }
  }

  /** Puts the folder back to what it was before any hour passed. It is then in the page cache. */
  async reset() {
    await rm(this.root, { recursive: true, force: true })
    await mkdir(this.root, { recursive: true })
    await cp(this.#pristine, this.root, { recursive: true, preserveTimestamps: true, verbatimSymlinks: true })
  }

  /** Copies the folder as it is now. */
  async copyTo(folder) {
    await cp(this.root, folder, { recursive: true, preserveTimestamps: true, verbatimSymlinks: true })
  }

  /** A disk has died: the folder is there, and empty. */
  async empty() {
    await rm(this.root, { recursive: true, force: true })
    await mkdir(this.root, { recursive: true })
  }

  /** In the middle of every file another byte. Links go: an older restic stumbles over one that is there. */
  async spoil() {
    for (const entry of await readdir(this.root, { recursive: true, withFileTypes: true })) {
      const path = join(entry.parentPath, entry.name)
      if (entry.isSymbolicLink()) await unlink(path)
      if (!entry.isFile()) continue
      if (path.endsWith('.json')) {
        // Valid, because one that is torn would be waited for.
        await writeFile(path, '{"spoiled":true}')
        continue
      }
      const file = await open(path, 'r+')
      const { size } = await file.stat()
      const byte = Buffer.alloc(1)
      await file.read(byte, 0, 1, size >> 1)
      byte[0] ^= 1
      if (size > 0) await file.write(byte, 0, 1, size >> 1)
      await file.close()
    }
  }

  /** One hour of the bot's work; the same each time. */
  async passAnHour() {
    const times = (n) => Math.max(1, Math.round(n * this.#scale))
    const sizes = this.#sizes()
    const random = new Random('hour')
    await updateRows(this.root, { updates: times(HOUR.updates), seed: 'hour' })
    const session = join(this.root, SESSION)
    const names = (await readdir(session)).filter((name) => name.startsWith('session-')).sort()
    for (let i = 0; i < Math.min(times(HOUR.sessionFiles), names.length); i++) {
      const at = random.int(i, names.length - 1)
      ;[names[i], names[at]] = [names[at], names[i]]
      await writeFile(join(session, names[i]), sessionRecord(random))
    }
    await makePhotos(this.root, {
      count: times(HOUR.photos),
      bytes: sizes.photoBytes,
      seed: 'hour',
      first: sizes.photos
    })
    for (let i = 0; i < 2; i++) await growLog(join(this.root, 'logs', logName(i)), times(HOUR.logBytes) / 2, random)
    for (const file of JSON_FILES.slice(0, HOUR.jsonFiles))
      await writeFile(join(this.root, 'database', file), jsonFile(file, random))
  }
}

/** How many files (links count) and bytes a tree has. */
export async function measure(folder) {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  let files = 0
  let bytes = 0
  for (const entry of entries) {
    if (entry.isDirectory()) continue
    files++
    if (entry.isFile()) bytes += (await stat(join(entry.parentPath, entry.name))).size
  }
  return { files, bytes }
}
