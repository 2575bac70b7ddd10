// Three nodes of Garage on loopback that keep each block three times, as a cluster of three machines would.

import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createWriteStream, existsSync, mkdirSync, writeFileSync } from 'node:fs'
import net from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

const HOME = join(import.meta.dirname, '../..')

/** Where the program is; `GARAGE` names another one. */
export const GARAGE = process.env.GARAGE ?? join(HOME, 'target/tools/garage/bin/garage')

export const HOW = `cargo install garage --locked --no-default-features --features sqlite,bundled-libs --root target/tools/garage
  (eight minutes on two cores; or name a program that is there: GARAGE=/usr/local/bin/garage npm run test:cluster)`

export const isHere = () => existsSync(GARAGE)

export const KEY = { id: `GK${'5e'.repeat(12)}`, secret: '6f'.repeat(32) }
export const BUCKET = 'backups'
const SECRET = 'ab'.repeat(32)

async function freePort() {
  const probe = net.createServer().listen(0, '127.0.0.1')
  await once(probe, 'listening')
  const { port } = probe.address()
  probe.close()
  return port
}

class Node {
  constructor(name, folder, ports) {
    Object.assign(this, { name, folder, ...ports, url: `http://127.0.0.1:${ports.s3}` })
    for (const part of ['meta', 'data']) mkdirSync(join(folder, part), { recursive: true })
    writeFileSync(
      join(folder, 'garage.toml'),
      `metadata_dir = "${folder}/meta"
data_dir = "${folder}/data"
db_engine = "sqlite"
replication_factor = 3
rpc_bind_addr = "127.0.0.1:${ports.rpc}"
rpc_public_addr = "127.0.0.1:${ports.rpc}"
rpc_secret = "${SECRET}"
[s3_api]
s3_region = "garage"
api_bind_addr = "127.0.0.1:${ports.s3}"
root_domain = ".s3.garage"
`
    )
  }

  start() {
    const log = createWriteStream(join(this.folder, 'log'), { flags: 'a' })
    this.process = spawn(GARAGE, ['-c', join(this.folder, 'garage.toml'), 'server'], {
      stdio: ['ignore', 'pipe', 'pipe']
    })
    this.process.stdout.pipe(log, { end: false })
    this.process.stderr.pipe(log, { end: false })
    this.ended = once(this.process, 'exit')
  }

  /** As a power cut. */
  async kill() {
    this.process.kill('SIGKILL')
    await this.ended
  }

  /** It stands still, and its connections stay: as a machine whose disk hangs. */
  stop() {
    this.process.kill('SIGSTOP')
  }

  goOn() {
    this.process.kill('SIGCONT')
  }

  tell(...args) {
    const given = ['-c', join(this.folder, 'garage.toml'), ...args]
    return execFileSync(GARAGE, given, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }).trim()
  }

  async isUp() {
    return fetch(this.url).then(
      () => true,
      () => false
    )
  }
}

export async function until(condition, what, ms = 60_000) {
  for (const end = Date.now() + ms; Date.now() < end; await sleep(50)) {
    try {
      if (await condition()) return
    } catch {
      // Not yet.
    }
  }
  throw new Error(`${what}: not within ${ms / 1000} s`)
}

/** A cluster with a bucket, and a key that may write to it. */
export async function cluster(folder) {
  const nodes = []
  for (const name of ['a', 'b', 'c']) {
    nodes.push(new Node(name, join(folder, name), { rpc: await freePort(), s3: await freePort() }))
  }
  for (const node of nodes) node.start()
  for (const node of nodes) await until(() => node.isUp(), `node ${node.name}`)
  const [first, ...others] = nodes
  for (const node of others) first.tell('node', 'connect', node.tell('node', 'id', '-q'))
  for (const node of nodes) {
    first.tell('layout', 'assign', '-z', node.name, '-c', '10G', node.tell('node', 'id', '-q').split('@')[0])
  }
  first.tell('layout', 'apply', '--version', '1')
  await until(() => first.tell('bucket', 'create', BUCKET), 'a bucket')
  first.tell('key', 'import', '--yes', '-n', 'lifeboat', KEY.id, KEY.secret)
  first.tell('bucket', 'allow', '--read', '--write', BUCKET, '--key', 'lifeboat')
  return nodes
}
