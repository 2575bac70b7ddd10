#!/usr/bin/env node
// npm run demo: makes a bot, lets it run, backs it up, loses things, brings them back, first into another folder and then
// in place under the running bot, and proves that all is there.
//
//   --keep   leave the bot, the vault and the restored folder for a look

import { randomBytes } from 'node:crypto'
import { mkdtemp, readdir, rm, stat, truncate, unlink, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { inspectDatabases, openDatabase } from '../bot/databases.mjs'
import { makeBot, SESSION } from '../bot/make-bot.mjs'
import { isWritten, startWriter } from '../bot/writer.mjs'
import {
  bold,
  count,
  dim,
  fact,
  green,
  number,
  percent,
  progressLine,
  proof,
  red,
  size,
  step,
  table,
  time,
  title,
  yellow
} from './print.mjs'
import { differencesFromItems, differencesFromOriginals, fingerprint, tornJson } from './proof.mjs'

async function demo(BackupEngine, folder, passphrase) {
  const root = join(folder, 'bot')
  const vault = join(folder, 'vault')
  const target = join(folder, 'restored')
  const begin = performance.now()

  title('Lifeboat: back up a running bot, lose things, get every byte back')

  step('A bot')
  await makeBot(root)
  const before = await inspectDatabases(root)
  const originals = new Map(
    [...(await fingerprint(root))].filter(([path, { type }]) => type !== 'dir' && !isWritten(path))
  )
  describe(await fingerprint(root), before, performance.now() - begin)

  step('It is running')
  const writer = await startWriter(root)
  try {
    fact(
      `Process ${writer.pid} moves money and quota between rows, rewrites JSON, session keys and logs, without a pause.`
    )
    await sleep(1000)
    const { commits } = await writer.stats()
    fact(`In its first second it made ${count(commits, 'commit')}.`)
    const engine = new BackupEngine({ root, backupDir: vault, passphrase, timezone: 'Asia/Jakarta' })

    step('First backup, while it runs')
    const first = await backUp(engine, writer, 'before the accident')

    step('The accident')
    for (const line of await haveAnAccident(root)) fact(line)

    step('Second backup')
    const second = await backUp(engine, writer, 'after the accident')

    step('What the vault holds')
    await list(engine, vault)

    step('Restore of the first backup, into an empty folder')
    const progress = progressLine()
    const restored = await engine.restore(first.result.backup, { target, onProgress: progress.show })
    progress.clear()
    const tree = await fingerprint(target)
    const bytes = sum([...tree.values()].map((file) => file.size ?? 0))
    fact(
      `${count(tree.size, 'item')}, ${size(bytes)} in ${time(restored.durationMs)}: ${size((bytes / Math.max(1, restored.durationMs)) * 1000)}/s. Every byte was authenticated.`
    )

    step('Is it exact?')
    const exact = await prove({ engine, first, second, originals, before, target, tree })

    step('What changed since the first backup')
    await compare(engine, first)

    step('The first backup goes back in place, and the bot goes on running')
    const whole = await restoreInPlace({ engine, writer, first, originals, before, root })
    const elapsed = time(performance.now() - begin)
    title(
      exact && whole
        ? `${green('Yes.')} The whole story took ${elapsed}.`
        : `${red('No.')} A proof failed, after ${elapsed}.`
    )
    return exact && whole
  } finally {
    await writer.stop().catch((error) => console.error(red(error.message)))
  }
}

function loadAddon() {
  try {
    return createRequire(import.meta.url)('../../index.js')
  } catch (error) {
    console.error(
      red(`The addon cannot be loaded: ${error.message.split('\n')[0]}. Run npm install first, which builds it.`)
    )
    process.exit(1)
  }
}

function describe(tree, databases, ms) {
  const files = [...tree].filter(([, { type }]) => type === 'file')
  const below = (prefix) => files.filter(([path]) => path.startsWith(prefix))
  const bytes = (some) => size(sum(some.map(([, file]) => file.size)))
  const sqlite = files.filter(([path]) => path.endsWith('.sqlite'))
  fact(
    `${count(files.length, 'file')}, ${bytes(files)}, made in ${time(ms)}: ${databases.length} SQLite databases (${bytes(sqlite)}, one in WAL mode),`
  )
  fact(
    `${count(below(`${SESSION}/`).length, 'file')} of a WhatsApp session, ${count(below('uploads/').length, 'photo')} (${bytes(below('uploads/'))}), JSON, logs, settings, an empty folder, a link.`
  )
}

/** One backup, and what the bot and the host felt of it. */
async function backUp(engine, writer, note) {
  const progress = progressLine()
  const { added: atStart } = await writer.stats()
  const loop = monitorEventLoopDelay({ resolution: 1 })
  loop.enable()
  const result = await engine.createBackup('MANUAL', { note, onProgress: progress.show })
  // One more turn, so that a delay up to the very end is counted.
  await sleep(5)
  loop.disable()
  progress.clear()
  const felt = await writer.stats()
  fact(`${bold(result.backup)} in ${time(result.durationMs)}`)
  fact(
    `${count(result.items, 'item')}, ${size(result.totalSize)}; ${number(result.changed)} new or changed; ${size(result.size)} added to the vault (${percent(result.size / result.totalSize)}).`
  )
  for (const { path, message } of result.kept ?? []) {
    fact(
      `${path} was left alone: ${message.split('. To put')[0]}. Asked for, ${count(session.plan.create.length, 'key')} came back.`
    )
  }
  fact(
    dim(
      `Meanwhile the bot made ${count(felt.commits, 'commit')}, the slowest took ${time(felt.slowestMs)}; this process's event loop was late by ${time(loop.max / 1e6)} at most.`
    )
  )
  for (const { path, message } of result.warnings) fact(yellow(`Warning: ${path}: ${message}`))
  return { result, felt, atStart }
}

/** What happens to bots: an emptied table, a torn file, lost session keys, a cleaned-up folder, a bad edit. */
async function haveAnAccident(root) {
  const psb = await openDatabase(join(root, 'database/psb_database.sqlite'))
  const [{ rows }] = await psb.all('SELECT count(*) AS rows FROM psb_records')
  await psb.run('DELETE FROM psb_records')
  await psb.close()
  await truncate(join(root, 'database/accounts.json'), 100)
  const session = join(root, SESSION)
  const senderKeys = (await readdir(session)).filter((name) => name.startsWith('sender-key-'))
  await Promise.all(senderKeys.map((name) => unlink(join(session, name))))
  const month = join(root, 'uploads/reports/2026/10')
  const tickets = await readdir(month)
  await rm(month, { recursive: true })
  await writeFile(join(root, 'config.json'), '{}\n')
  return [
    `DELETE FROM psb_records without a WHERE: ${count(rows, 'customer')} gone.`,
    `uploads/reports/2026/10: ${count(tickets.length, 'ticket')} of photos deleted.  ${count(senderKeys.length, 'session key')} deleted.`,
    'accounts.json: cut off after 100 bytes.  config.json: overwritten with {}.'
  ]
}

async function list(engine, vault) {
  const backups = await engine.listBackups()
  table([
    ['backup', 'note', 'items', 'holds', 'added'],
    ...backups.map((backup) => [
      backup.backup,
      backup.note ?? '',
      number(backup.items),
      size(backup.totalSize),
      size(backup.size)
    ])
  ])
  const stored = sum(
    await Promise.all(
      (await readdir(vault, { recursive: true, withFileTypes: true }))
        .filter((entry) => entry.isFile())
        .map(async (entry) => {
          // SQLite removes its log while we look.
          const found = await stat(join(entry.parentPath, entry.name)).catch(() => ({ size: 0 }))
          return found.size
        })
    )
  )
  const held = sum(backups.map(({ totalSize }) => totalSize))
  fact(
    `${count(backups.length, 'complete backup')} of ${size(held)} lie in ${size(stored)} on disk, encrypted: ${percent(stored / held)}.`
  )
}

async function compare(engine, { result }) {
  const { added, removed, changed } = await engine.diff(result.backup)
  fact(
    `${count(added.length, 'item')} more, ${number(removed.length)} fewer, ${number(changed.length)} changed. In the databases:`
  )
  for (const { path, tables = [] } of changed)
    for (const { table, ...rows } of tables)
      fact(dim(`${path}: ${table}: rows +${number(rows.added)} -${number(rows.removed)} ~${number(rows.changed)}`))
}

/** Undoes the accident under the bot, which has databases open and goes on writing to them. */
async function restoreInPlace({ engine, writer, first, originals, before, root }) {
  await writer.stats()
  const progress = progressLine()
  // A session that works is left alone. This one has lost keys, so its owner asks for it.
  await engine.restore(first.result.backup, { items: [SESSION], onProgress: progress.show })
  const result = await engine.restore(first.result.backup, { onProgress: progress.show })
  progress.clear()
  // It has to go on with what is there now.
  await sleep(500)
  const felt = await writer.stats()
  const { create, replace, remove } = result.plan
  fact(
    `${number(create.length)} created, ${number(replace.length)} replaced, ${number(remove.length)} removed in ${time(result.durationMs)}. ${result.reason} So: ${result.mode}.`
  )
  fact(
    dim(
      `Meanwhile the bot made ${count(felt.commits, 'commit')}, the slowest took ${time(felt.slowestMs)}. To take it all back: undoRestore()`
    )
  )
  const proofs = []
  const claim = (differences, text) => proofs.push(proof(differences.length === 0, text, some(differences)))
  // Those under the bot are changed by SQLite, page by page: their rows are what they were, not their headers.
  const files = new Map([...originals].filter(([path]) => !path.endsWith('.sqlite')))
  claim(
    differencesFromOriginals(files, await fingerprint(root)),
    `${count(files.size, 'file')} that the bot does not write to are the bytes that they were before the accident.`
  )
  const after = await inspectDatabases(root, { live: true })
  const [psb] = after.filter(({ file }) => file === 'database/psb_database.sqlite')
  claim(
    psb.rows === rowsOf(before, psb.file) ? [] : [`${number(psb.rows)} rows`],
    `All ${number(psb.rows)} customers are back.`
  )
  claim(
    after.filter(({ sound }) => !sound).map(({ file, check }) => `${file}: ${check}`),
    'PRAGMA integrity_check says ok for every database under the running bot.'
  )
  const sums = before.filter(({ total }) => total !== null)
  claim(
    sums
      .filter(({ file, total }) => after.find((other) => other.file === file).total !== total)
      .map(({ file }) => file),
    `The bot moves money in the restored rows: it still adds up to ${sums.map(({ total }) => number(total)).join(' and ')}.`
  )
  // To find a database locked for a moment is part of a bot's life; to find it broken is not.
  claim(
    felt.errors.filter((message) => !message.includes('SQLITE_BUSY')),
    `The bot kept its connections open, and saw no error${felt.errors.length > 0 ? ` but a lock, ${felt.errors.length} times` : ''}.`
  )
  return proofs.every(Boolean)
}

async function prove({ engine, first, second, originals, before, target, tree }) {
  const proofs = []
  const claim = (differences, text) => proofs.push(proof(differences.length === 0, text, some(differences)))

  const backups = (await engine.listBackups()).map(({ backup }) => backup)
  claim(
    [first, second].map(({ result }) => result.backup).filter((name) => !backups.includes(name)),
    'Both backups are listed.'
  )

  const items = await engine.listItems(first.result.backup)
  const files = items.filter(({ type }) => type === 'file')
  claim(
    differencesFromItems(items, tree),
    `All ${count(items.length, 'item')} of the backup are there and nothing else; ${count(files.length, 'file')} have the sha256 that the backup names.`
  )
  claim(
    differencesFromOriginals(originals, tree),
    `${count(originals.size, 'file')} that the bot did not write to are the bytes that they were before the accident.`
  )

  const { json, torn } = await tornJson(target, tree)
  claim(torn, `None of ${count(json.length, 'JSON file')} is torn, though the bot rewrote some in place.`)

  // Last, so that the databases were hashed before anything opened them.
  const after = await inspectDatabases(target)
  claim(
    after.filter(({ sound }) => !sound).map(({ file, check }) => `${file}: ${check}`),
    `PRAGMA integrity_check says ok for ${count(after.length, 'database')}.`
  )
  const sums = before.filter(({ total }) => total !== null)
  const unbalanced = sums.filter(({ file, total }) => after.find((other) => other.file === file).total !== total)
  claim(
    unbalanced.map(({ file }) => `${file}: the sum is another one`),
    `Money (rollback mode) and quota (WAL mode) add up to ${sums.map(({ total }) => number(total)).join(' and ')}, as before: no half transfer.`
  )
  const gone = Object.entries(first.atStart).filter(
    ([file, added]) => rowsOf(after, file) < rowsOf(before, file) + added
  )
  claim(
    gone.map(([file]) => `${file}: rows that were committed before the backup are not in it`),
    `All ${number(sum(Object.values(first.atStart)))} transactions that were committed before the backup began are in it, also those still in the WAL.`
  )

  const errors = [first, second].flatMap(({ felt }) => felt.errors)
  claim(
    errors,
    `The bot saw no error in ${count(first.felt.commits + second.felt.commits, 'commit')} during the backups.`
  )
  claim(
    [first, second].filter(({ result }) => result.degraded).map(({ result }) => `${result.backup} is degraded`),
    'No backup is degraded.'
  )
  return proofs.every(Boolean)
}

const rowsOf = (databases, file) => databases.find((database) => database.file === file).rows
const some = (lines) =>
  [...lines.slice(0, 5), ...(lines.length > 5 ? [`and ${lines.length - 5} more`] : [])].join('\n       ')
const sum = (numbers) => numbers.reduce((total, value) => total + value, 0)

async function main() {
  const { values } = parseArgs({ options: { keep: { type: 'boolean', default: false } } })
  const { BackupEngine } = loadAddon()
  const folder = await mkdtemp(join(tmpdir(), 'lifeboat-demo-'))
  const passphrase = randomBytes(18).toString('base64url')
  let exact = false
  try {
    exact = await demo(BackupEngine, folder, passphrase)
  } catch (error) {
    console.error(`\n${red(`The demo stopped: ${error.code ? `${error.code}: ` : ''}${error.message}`)}`)
    if (!error.code) console.error(dim(error.stack))
  }
  if (values.keep || !exact) {
    fact(`All of it is in ${folder}: bot, vault, restored. Look with the command line:`)
    // Printed because it opens nothing but this vault, which was made for a look.
    fact(
      dim(
        `BACKUP_PASSPHRASE=${passphrase} npx lifeboat --root ${join(folder, 'bot')} --vault ${join(folder, 'vault')} list`
      )
    )
  } else {
    await rm(folder, { recursive: true, force: true })
  }
  if (!exact) process.exitCode = 1
}

await main()
