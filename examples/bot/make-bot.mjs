#!/usr/bin/env node
// Makes the folder of a raf-bot that has been running for a while: the app (app/), five SQLite databases written by its
// own driver, and the copies that it made of them, a WhatsApp session laid down by Baileys, some 60 JSON files, settings,
// logs, photos, proofs of payments, an empty folder and a link. The same seed and sizes make the same bytes.
//
//   node examples/bot/make-bot.mjs FOLDER [--scale 1] [--seed TEXT]
//   cd FOLDER && npm install sqlite3 && npm start

import { copyFile, cp, mkdir, readdir } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { DATABASE_FILES, makeDatabases } from './databases.mjs'
import { makeJson, makeLogs, makePhotos, makeProofs, makeSettings } from './files.mjs'
import { makeSession } from './session.mjs'

/** A bot of a few weeks: about 29 MB in 539 files, made in a second or two. */
export const SMALL = {
  seed: 'raf-bot',
  databaseBytes: 6_000_000,
  jsonRows: 40,
  sessionFiles: 400,
  photos: 40,
  proofs: 4,
  photoBytes: [100_000, 500_000],
  wal: true,
  ownCopies: 1,
  logFiles: 3,
  logBytes: 600_000
}

/** The smallest bot that has one of everything, for tests: about 3 MB in 139 files, made in a fraction of a second. */
export const TINY = {
  seed: 'raf-bot',
  databaseBytes: 1_000_000,
  jsonRows: 5,
  sessionFiles: 40,
  photos: 6,
  proofs: 2,
  photoBytes: [20_000, 200_000],
  wal: true,
  ownCopies: 1,
  logFiles: 1,
  logBytes: 30_000
}

const APP = join(dirname(fileURLToPath(import.meta.url)), 'app')

export const SESSION = 'sessions/raf-net'

/** The same bot, `factor` times as large: more rows, keys and photos, not larger photos. */
export function scaled(sizes, factor) {
  const times = (n) => Math.max(1, Math.round(n * factor))
  return {
    ...sizes,
    databaseBytes: times(sizes.databaseBytes),
    sessionFiles: times(sizes.sessionFiles),
    photos: times(sizes.photos),
    logBytes: times(sizes.logBytes)
  }
}

/** Makes a bot in `root`, which must be empty or not exist yet. Any of `SMALL`'s sizes can be given. */
export async function makeBot(root, sizes = {}) {
  const all = { ...SMALL, ...sizes }
  await mkdir(root, { recursive: true })
  if ((await readdir(root)).length > 0) throw new Error(`${root} is not empty: a bot is made in a new folder.`)
  const { seed } = all
  await cp(APP, root, { recursive: true })
  await makeSettings(root, { seed })
  await makeJson(root, { seed, rows: all.jsonRows })
  await makeDatabases(root, { seed, bytes: all.databaseBytes, wal: all.wal })
  await makeOwnCopies(root, all.ownCopies)
  await makeSession(join(root, SESSION), { seed, files: all.sessionFiles })
  await makePhotos(root, { seed, count: all.photos, bytes: all.photoBytes })
  await makeProofs(root, { seed, count: all.proofs, bytes: all.photoBytes })
  await makeLogs(root, { seed, files: all.logFiles, bytes: all.logBytes })
  return root
}

/** What the app copied at its last starts, one a day. */
async function makeOwnCopies(root, starts) {
  if (starts > 0) await mkdir(join(root, 'backups'))
  for (let day = 23 - starts; day < 23; day++) {
    for (const file of DATABASE_FILES) {
      const copy = `${basename(file, '.sqlite')}_202611${String(day).padStart(2, '0')}_070000.sqlite`
      await copyFile(join(root, file), join(root, 'backups', copy))
    }
  }
}

async function main() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { scale: { type: 'string', default: '1' }, seed: { type: 'string', default: SMALL.seed } }
  })
  const factor = Number(values.scale)
  if (positionals.length !== 1 || !(factor > 0)) {
    console.error(`Usage: node ${basename(process.argv[1])} FOLDER [--scale 1] [--seed TEXT]`)
    process.exit(2)
  }
  await makeBot(positionals[0], { ...scaled(SMALL, factor), seed: values.seed })
  console.log(`A bot was made in ${positionals[0]}.`)
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main()
