#!/usr/bin/env node
// What time does to a vault: lists, status and pruning where there are many backups. See README.md beside this file.

import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { age, build, HOUR } from './ager.mjs'
import { measure as measureTree } from './dataset.mjs'
import { pruneItems } from './items.mjs'
import { measure, settle } from './measure.mjs'
import { aligned, megabytes, seconds } from './table.mjs'
import { find, TOOLS } from './tools.mjs'

const LISTS = 15

const HELP = `Usage: npm run bench:time -- [options]

  --backups N    hourly backups that the pruned vaults hold (default 1000)
  --size BYTES   what they add to a vault together (default 5e9)
  --list N       backups of the vault that is listed (default 10000)
  --items N      items of each backup of a vault that is pruned once more (default 22000)
  --hours N      backups of that vault (default 241)
  --only A,B     only these: lifeboat, restic, borg
  --data DIR     where roots and vaults lie (default bench/data)
  --json FILE    also write all figures to this file
  --help         this text`

/** How each makes a backup of a given instant, and prunes by the rules that are Lifeboat's defaults. */
const RULES = ['--keep-hourly', '24', '--keep-daily', '7', '--keep-weekly', '4', '--keep-monthly', '12']
const stamp = (at) => new Date(at).toISOString().slice(0, 19)
const AGED = {
  restic: {
    backup: (program, _, at) => [program, 'backup', '--quiet', '--time', stamp(at).replace('T', ' '), '.'],
    list: (program) => [program, 'snapshots', '--quiet'],
    prune: (program) => [program, 'forget', '--quiet', ...RULES, '--prune'],
    verify: (program) => [program, 'check', '--quiet']
  },
  borg: {
    backup: (program, n, at) => [program, 'create', '--timestamp', stamp(at), `::aged-${n}`, '.'],
    list: (program) => [program, 'list'],
    prune: (program) => ['sh', '-c', `"${program}" prune ${RULES.join(' ')} && "${program}" compact`],
    verify: (program) => [program, 'check']
  }
}

async function main() {
  const options = readOptions()
  build()
  const work = join(options.data, 'aged')
  await rm(work, { recursive: true, force: true })
  const pruned = await prune(join(work, 'prune'), options)
  const listed = options.only.includes('lifeboat') ? await list(join(work, 'list'), options.list) : undefined
  const items = options.only.includes('lifeboat') ? await pruneItems(join(work, 'items'), options, say) : undefined
  await rm(work, { recursive: true, force: true })

  console.log(`\nPrune: ${options.backups} hourly backups, by the rules 24 hourly, 7 daily, 4 weekly, 12 monthly`)
  console.log(aligned([PRUNE_HEAD, ...pruned.map(pruneRow(pruned[0]))]).join('\n'))
  if (listed) {
    console.log(`\nFrom Node.js, of a vault with ${listed.backups} backups: median and worst of ${LISTS}, in ms`)
    const row = (name, { median, worst }) => [name, median.toFixed(1), worst.toFixed(1)]
    console.log(
      aligned([['call', 'median', 'worst'], ...Object.entries(listed.calls).map((one) => row(...one))]).join('\n')
    )
  }
  if (items) {
    console.log(`\nPrune: ${items.backups} hourly backups of ${items.items} small items each, ${ITEMS_ARE}`)
    console.log(aligned([ITEMS_HEAD, ...Object.entries(items.runs).map(itemsRow)]).join('\n'))
  }
  if (options.json) await writeFile(options.json, `${JSON.stringify({ pruned, listed, items }, null, 2)}\n`)
}

/** Makes the same backups with each tool, and prunes them. */
async function prune(folder, { backups, size, only }) {
  const root = join(folder, 'root')
  await mkdir(join(root, 'uploads'), { recursive: true })
  const entrants = []
  for (const name of only) entrants.push(await enter(name, join(folder, name), root))
  // Most of what is stored is needed by one backup alone; a little of each stays for good.
  const step = Math.round(size / backups)
  const stays = Math.round(step / 25)
  const begin = Date.now() - backups * HOUR
  for (let n = 0; n < backups; n++) {
    await writeFile(join(root, 'uploads', `changes-${n % 10}.bin`), randomBytes(step - stays))
    await writeFile(join(root, 'uploads', `stays-${n}.bin`), randomBytes(stays))
    for (const entrant of entrants) await entrant.backup(n, begin + n * HOUR)
    if (n % 50 === 49) say(`${n + 1} of ${backups} backups`)
  }
  const results = []
  for (const { name, commands, place, close } of entrants) {
    await close?.()
    const before = (await measureTree(place.vault)).bytes
    const listing = await measure({ argv: commands.list, cwd: root }, place)
    settle()
    const read = bytesRead()
    const cost = await measure({ argv: commands.prune, cwd: root }, place)
    const bytes = bytesRead() - read
    const after = (await measureTree(place.vault)).bytes
    await measure({ argv: commands.verify, cwd: root }, place)
    results.push({ name, ...cost, read: bytes, before, after, list: listing.wall })
    say(`prune  ${name}  ${seconds(cost.wall)}`)
    await rm(place.vault, { recursive: true })
  }
  return results
}

async function enter(name, folder, root) {
  const tool = TOOLS.find((tool) => tool.name === name)
  const program = find(tool.program)
  if (!program) usage(`${name} is missing. Get it: ${tool.install}`)
  const place = { program, root, vault: join(folder, 'vault'), home: join(folder, 'home') }
  await mkdir(place.home, { recursive: true })
  const phases = tool.open(place)
  const { PATH, TMPDIR, LANG } = process.env
  place.env = { PATH, LANG: LANG ?? 'C.UTF-8', ...(TMPDIR && { TMPDIR }), HOME: place.home, ...phases.env }
  place.scratch = join(folder, 'cost')
  if (name === 'lifeboat') {
    const run = (...args) => [program, '--root', root, '--vault', place.vault, '--quiet', ...args]
    const commands = { list: run('list'), prune: run('prune', '--at-once'), verify: run('verify') }
    return { name, place, commands, ...age(root, place.vault, join(place.home, 'key')) }
  }
  for (const command of phases.prepare) await measure(command, place)
  const { backup, ...rest } = AGED[name]
  const commands = Object.fromEntries(Object.entries(rest).map(([what, argv]) => [what, argv(program)]))
  return { name, place, commands, backup: (n, at) => measure({ argv: backup(program, n, at), cwd: root }, place) }
}

/** How long what a bot asks for takes where there are very many backups. */
async function list(folder, backups) {
  const root = join(folder, 'root')
  const [vault, keyFile] = [join(folder, 'vault'), join(folder, 'key')]
  await mkdir(root, { recursive: true })
  const { backup, close } = age(root, vault, keyFile)
  const begin = Date.now() - backups * HOUR
  for (let n = 0; n < backups; n++) {
    if (n % 10 === 0) await writeFile(join(root, 'config.json'), `{"n":${n}}`)
    await backup(n, begin + n * HOUR)
    if (n % 500 === 499) say(`${n + 1} of ${backups} backups`)
  }
  await close()
  const { BackupEngine } = createRequire(import.meta.url)('..')
  const engine = new BackupEngine({ root, backupDir: vault, keyFile, maxLocalStorage: '1TB' })
  const calls = {}
  for (const [name, call] of Object.entries({
    'listBackups()': () => engine.listBackups(),
    'listBackups({ limit: 10 })': () => engine.listBackups({ limit: 10 }),
    'status()': () => engine.status(),
    'history({ limit: 10 })': () => engine.history({ limit: 10 })
  })) {
    const times = []
    for (let n = 0; n < LISTS; n++) {
      const from = performance.now()
      await call()
      times.push(performance.now() - from)
    }
    times.sort((a, b) => a - b)
    calls[name] = { median: times[LISTS >> 1], worst: times.at(-1) }
  }
  return { backups, calls }
}

/** What this process and all children that it has waited for have read, from the disk or the cache. */
function bytesRead() {
  if (process.platform !== 'linux') return Number.NaN
  return Number(/^rchar: (\d+)$/m.exec(readFileSync('/proc/self/io', 'utf8'))[1])
}

const PRUNE_HEAD = ['tool', 'wall', 'vs first', 'CPU', 'peak RSS', 'read', 'vault before', 'after', 'list before']
const pruneRow = (first) => (one) => [
  one.name,
  seconds(one.wall),
  `${(one.wall / first.wall).toFixed(2)}×`,
  one.cpu == null ? '-' : seconds(one.cpu),
  one.rss == null ? '-' : megabytes(one.rss),
  Number.isNaN(one.read) ? '-' : megabytes(one.read),
  megabytes(one.before),
  megabytes(one.after),
  seconds(one.list)
]

const ITEMS_ARE = 'of which 60 change each hour'
const ITEMS_HEAD = ['pruning', 'wall', 'CPU', 'peak RSS']
const itemsRow = ([name, { wall, cpu, rss }]) => [
  name,
  seconds(wall),
  cpu == null ? '-' : seconds(cpu),
  rss == null ? '-' : megabytes(rss)
]

function readOptions() {
  let values
  try {
    ;({ values } = parseArgs({
      options: {
        backups: { type: 'string', default: '1000' },
        size: { type: 'string', default: '5e9' },
        list: { type: 'string', default: '10000' },
        items: { type: 'string', default: '22000' },
        hours: { type: 'string', default: '241' },
        only: { type: 'string', default: 'lifeboat,restic,borg' },
        data: { type: 'string', default: fileURLToPath(new URL('data', import.meta.url)) },
        json: { type: 'string' },
        help: { type: 'boolean' }
      }
    }))
  } catch (error) {
    usage(error.message)
  }
  if (values.help) {
    console.log(HELP)
    process.exit(0)
  }
  const counts = ['backups', 'size', 'list', 'items', 'hours']
  const [backups, size, list, items, hours] = counts.map((name) => Number(values[name]))
  if (![backups, size, list, items, hours].every((number) => Number.isInteger(number) && number > 0)) {
    usage('--backups, --size, --list, --items and --hours take whole numbers above 0.')
  }
  const only = values.only.split(',').map((name) => name.trim())
  const unknown = only.filter((name) => name !== 'lifeboat' && !AGED[name])
  if (unknown.length > 0) usage(`--only: ${unknown.join(', ')} is not known.`)
  return {
    backups,
    size,
    list,
    items,
    hours,
    only,
    data: resolve(values.data),
    json: values.json && resolve(values.json)
  }
}

function say(text) {
  process.stderr.write(`${text}\n`)
}

function usage(problem) {
  console.error(`${problem}\n\n${HELP}`)
  process.exit(2)
}

await main()
