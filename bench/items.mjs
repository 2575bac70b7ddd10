// What pruning costs where backups have very many items: a bot with thousands of small files, of which some change each hour.

import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { age, HOUR } from './ager.mjs'
import { measure, settle } from './measure.mjs'
import { find, TOOLS } from './tools.mjs'

/** Of all items, so many change from one backup to the next. */
const CHANGES = 60
const PER_FOLDER = 250

/** Resolves to { items, backups, runs: { name: { wall, cpu, rss } } }. */
export async function pruneItems(folder, { items, hours }, say) {
  const root = join(folder, 'root')
  const [vault, keyFile, scratch] = ['vault', 'key', 'cost'].map((name) => join(folder, name))
  for (let n = 0; n < items; n += PER_FOLDER) await mkdir(join(root, dir(n)), { recursive: true })
  for (let n = 0; n < items; n++) await write(root, n, 0)
  const { backup, close } = age(root, vault, keyFile)
  const begin = Date.now() - (hours + 1) * HOUR
  for (let hour = 0; hour < hours; hour++) {
    await change(root, items, hour)
    await backup(hour, begin + hour * HOUR, 'HOURLY')
    if (hour % 50 === 49) say(`${hour + 1} of ${hours} backups of ${items} items`)
  }
  const config = join(folder, 'config.json')
  const rules = { root, backupDir: vault, keyFile, maxLocalStorage: '1TB', schedules: { HOURLY: { keep: hours } } }
  await writeFile(config, JSON.stringify(rules))
  const program = find(TOOLS.find(({ name }) => name === 'lifeboat').program)
  const prune = async () => {
    settle()
    return measure(
      { argv: [program, '--config', config, '--quiet', 'prune'], cwd: folder },
      { env: process.env, scratch }
    )
  }
  const runs = { 'the first one, nothing goes': await prune(), 'nothing is new, nothing goes': await prune() }
  await change(root, items, hours)
  await backup(hours, begin + hours * HOUR, 'HOURLY')
  await close()
  runs['one is new, one goes'] = await prune()
  return { items, backups: hours, runs }
}

const dir = (n) => join('sessions', String(Math.floor(n / PER_FOLDER)).padStart(4, '0'))

async function change(root, items, hour) {
  // Spread over all folders, and never the same two hours in a row.
  for (let n = 0; n < CHANGES; n++) await write(root, (n * 367 + hour * 7919) % items, hour + 1)
}

function write(root, n, version) {
  const text = JSON.stringify({ n, version, registration: (n * 2654435761) % 2 ** 32, chain: 'x'.repeat(n % 300) })
  return writeFile(join(root, dir(n), `session-${n}.json`), text)
}
