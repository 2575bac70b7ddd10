// `npm run test:cluster`: backups to a bucket that three nodes of Garage keep on loopback, and back from there, while nodes are
// killed and stand still in the middle. It takes a minute or two, and is no part of `npm test`, because Garage is built from its
// sources.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { BUCKET, cluster, GARAGE, HOW, isHere, KEY, until } from './garage.mjs'

const CLI = join(import.meta.dirname, '../../bin/lifeboat')
const MB = 1 << 20

const missing = [
  ...(isHere() ? [] : [`Garage is not here (${GARAGE}). To get it:\n  ${HOW}`]),
  ...(existsSync(CLI) ? [] : ['The lifeboat executable is not here. To build it:\n  npm run build'])
]
if (missing.length > 0) {
  console.error(missing.join('\n'))
  process.exit(1)
}

const base = mkdtempSync(join(tmpdir(), 'lifeboat-cluster-'))
const root = join(base, 'bot')
const keyFile = join(base, 'vault.key')
const env = {
  ...process.env,
  BACKUP_PASSPHRASE: '',
  BACKUP_KEY_FILE: keyFile,
  AWS_ACCESS_KEY_ID: KEY.id,
  AWS_SECRET_ACCESS_KEY: KEY.secret
}
let nodes = []

/** `go()` what is said of it at its end: its exit code, and what it wrote. */
function lifeboat(args, cwd = root) {
  const child = spawn(CLI, args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] })
  let said = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (data) => (said += data))
  const run = { isOver: false }
  run.end = once(child, 'close').then(([code]) => {
    run.isOver = true
    return { code, said: said.slice(-2000) }
  })
  return run
}

async function well(args, cwd) {
  const { code, said } = await lifeboat(args, cwd).end
  assert.equal(code, 0, `lifeboat ${args.join(' ')}: ${said}`)
  return said
}

function configure(node) {
  const cloud = [
    // Slow enough that there is a middle.
    { provider: 's3', bucket: BUCKET, region: 'garage', endpoint: node.url, pathStyle: true, bandwidth: '30 MB/s' }
  ]
  writeFileSync(join(root, 'config/backup-config.json'), JSON.stringify({ cloud, cloudSync: true }))
}

function addPhotos(count) {
  const folder = join(root, 'uploads', String(readdirSync(join(root, 'uploads')).length))
  mkdirSync(folder)
  for (let n = 0; n < count; n++) writeFileSync(join(folder, `${n}.jpg`), randomBytes(MB))
}

const filesIn = (folder) =>
  readdirSync(folder, { recursive: true })
    .filter((name) => statSync(join(folder, name)).isFile())
    .sort()

const bytesIn = (folder) => filesIn(folder).reduce((sum, name) => sum + statSync(join(folder, name)).size, 0)

/** Waits until `folder` has so many bytes more than now, while `run` is not over. */
async function middle(run, folder, bytes) {
  const before = existsSync(folder) ? bytesIn(folder) : 0
  await until(() => run.isOver || (existsSync(folder) && bytesIn(folder) > before + bytes), 'its middle', 120_000)
  assert.ok(!run.isOver, `it was over before its middle: ${run.isOver && (await run.end).said}`)
}

function same(one, other, under = '') {
  const names = filesIn(join(one, under)).map((name) => join(under, name))
  assert.deepEqual(
    filesIn(join(other, under)).map((name) => join(under, name)),
    names
  )
  for (const name of names) assert.ok(readFileSync(join(one, name)).equals(readFileSync(join(other, name))), name)
  return names.length
}

const step = (what) => console.log(`${new Date().toISOString().slice(11, 19)}  ${what}`)

async function main() {
  for (const folder of ['config', 'uploads', 'sessions']) mkdirSync(join(root, folder), { recursive: true })
  for (let n = 0; n < 200; n++) writeFileSync(join(root, `sessions/pre-key-${n}.json`), JSON.stringify({ n }))
  addPhotos(120)
  step('Three nodes of Garage begin.')
  nodes = await cluster(join(base, 'garage'))
  const [a, b, c] = nodes
  configure(a)
  await well(['init', '--key-file', keyFile])
  await well(['backup'])

  step('A sync by node a; node c is killed in its middle.')
  let run = lifeboat(['sync'])
  await middle(run, join(a.folder, 'data'), 30 * MB)
  await c.kill()
  let { code, said } = await run.end
  assert.equal(code, 0, said)
  step('It has ended well. What is there is read back, with two nodes.')
  await well(['verify', '--target', 's3', '--deep'])
  c.start()
  await until(() => c.isUp(), 'node c')

  step('A sync by node a, which is killed itself in its middle.')
  addPhotos(120)
  await well(['backup'])
  run = lifeboat(['sync'])
  await middle(run, join(a.folder, 'data'), 30 * MB)
  await a.kill()
  ;({ code, said } = await lifeboat(['vaults', 's3']).end)
  assert.notEqual(code, 0)
  assert.match(said, /refuses the connection: nothing listens there/)
  step(`Meanwhile it is said: ${said.trim().split('\n')[0]}`)
  a.start()
  await until(() => a.isUp(), 'node a')
  ;({ code, said } = await run.end)
  if (code === 0) {
    step('It has gone on by itself when the node was back, and ended well.')
  } else {
    // It waits for some minutes, and a busy machine may take longer to come here.
    assert.match(said, /nothing listens there|broke off/)
    await well(['sync'])
    step('It had given up meanwhile; the next one has gone on, and ended well.')
  }

  for (const [stop, what] of [
    ['kill', 'is killed'],
    ['stop', 'stands still']
  ]) {
    step(`A new server by node b, from the bucket alone; node c ${what} in its middle.`)
    const anew = join(base, `anew-${stop}`)
    mkdirSync(anew)
    const from = ['--from', 's3', '--bucket', BUCKET, '--region', 'garage', '--endpoint', b.url]
    run = lifeboat(['migrate', ...from], anew)
    await middle(run, anew, 60 * MB)
    await c[stop]()
    ;({ code, said } = await run.end)
    assert.equal(code, 0, said)
    const files = same(root, anew, 'uploads') + same(root, anew, 'sessions')
    const packs = same(join(root, 'backups'), join(anew, 'backups'), 'packs')
    step(`All is back, bit for bit: ${files} files, ${packs} packs.`)
    if (stop === 'kill') c.start()
    else c.goOn()
    await until(() => c.isUp(), 'node c')
  }

  step('Some files by node a, with node b standing still from the middle on.')
  const look = join(base, 'look')
  rmSync(join(root, 'backups/packs'), { recursive: true })
  run = lifeboat(['restore', 'latest', '--from', 's3', '--to', look, 'uploads'])
  await middle(run, base, 30 * MB)
  b.stop()
  ;({ code, said } = await run.end)
  assert.equal(code, 0, said)
  same(root, look, 'uploads')
  b.goOn()
  await until(() => b.isUp(), 'node b')

  step('What was lost here is fetched, and what is there is read back, all of it.')
  // Damage that was found and healed is exit code 4.
  ;({ code, said } = await lifeboat(['verify']).end)
  assert.equal(code, 4, said)
  await well(['verify'])
  await well(['verify', '--target', 's3', '--deep'])
  const nothing = JSON.parse(await well(['sync', '--json', '--quiet']))
  assert.deepEqual([nothing.uploaded, nothing.pending], [0, 0])
  step('All is well.')
}

try {
  await main()
} catch (error) {
  for (const node of nodes) {
    const log = join(node.folder, 'log')
    if (existsSync(log)) appendFileSync(2, `\nnode ${node.name}: ${readFileSync(log, 'utf8').slice(-1500)}\n`)
  }
  throw error
} finally {
  for (const node of nodes) node.process?.kill('SIGKILL')
  rmSync(base, { recursive: true, force: true, maxRetries: 5 })
}
