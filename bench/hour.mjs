#!/usr/bin/env node
// How long the hour of change of the bench takes to get to S3 and to Google Drive over a slow link, apart from the time that its
// bytes take, and how many requests that write it needs. The services and the link are on loopback.
//
//   npm run bench:hour -- [--scale 1] [--mbit 20] [--delay 15] [--data bench/data]
//
// It needs `npm install`, and for the services what `npm run test:rust` builds.

import { execFile } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { parseArgs, promisify } from 'node:util'
import targets from '../__test__/targets.js'
import { Dataset } from './dataset.mjs'
import { shaped } from './shaped.mjs'

/** What is promised of one pass: seconds apart from the bytes' own, and requests that write. */
const SECONDS = 3
const WRITES = 4

const home = join(import.meta.dirname, '..')
const { values } = parseArgs({
  options: {
    scale: { type: 'string', default: '1' },
    mbit: { type: 'string', default: '20' },
    delay: { type: 'string', default: '15' },
    data: { type: 'string', default: join(home, 'bench/data') }
  }
})
const data = resolve(values.data)
mkdirSync(data, { recursive: true })
const dataset = new Dataset(data, Number(values.scale))
await dataset.prepare(console.error)
await dataset.reset()

const work = mkdtempSync(join(tmpdir(), 'lifeboat-hour-'))
const links = new Map()
const front = (name) => async (link) => {
  links.set(name, await shaped(Number(new URL(link.url).port)))
  return links.get(name).url
}
const services = [new targets.S3(work, front('s3')), new targets.Drive(work, front('gdrive'))]
const config = join(work, 'config.json')

async function lifeboat(...args) {
  const everywhere = ['--root', dataset.root, '--vault', join(work, 'vault'), '--config', config, '--json', '--quiet']
  const { stdout } = await promisify(execFile)(join(home, 'bin/lifeboat'), [...args, ...everywhere], { maxBuffer: 1e9 })
  return JSON.parse(stdout)
}

try {
  for (const service of services) await service.start()
  writeFileSync(config, JSON.stringify({ encryption: false, cloud: services.map((service) => service.config()) }))
  await lifeboat('backup')
  await lifeboat('sync')
  await dataset.passAnHour()
  await lifeboat('backup')
  for (const service of services) {
    const link = links.get(service.name)
    Object.assign(link, { bits: Number(values.mbit) * 1e6, delay: Number(values.delay) })
    const [sent, asked] = [link.sent, service.link.done.length]
    const begun = performance.now()
    const { pending } = await lifeboat('sync', '--target', service.name)
    const seconds = (performance.now() - begun) / 1000
    const bytes = link.sent - sent
    const own = (bytes * 8) / link.bits
    const requests = service.link.done.slice(asked)
    // A token is asked for by POST, and is not written.
    const isRead = ({ method, url }) => method === 'GET' || method === 'HEAD' || url === '/token'
    const writes = requests.filter((request) => !isRead(request))
    const isGood = pending === 0 && seconds - own <= SECONDS && writes.length <= WRITES
    console.log(
      `${service.name}: ${(bytes / 1e6).toFixed(1)} MB in ${seconds.toFixed(1)} s, of which ${own.toFixed(1)} s are the bytes' own; ` +
        `${requests.length} requests, ${writes.length} of which write${isGood ? '' : '   <- more than promised'}`
    )
    for (const { method, url, status } of requests) console.log(`  ${status} ${method} ${url.replace(/\?.*/, '')}`)
    if (!isGood) process.exitCode = 1
  }
} finally {
  for (const link of links.values()) link.close()
  for (const service of services) await service.end()
  rmSync(work, { recursive: true, force: true })
  if (existsSync(dataset.root)) rmSync(dataset.root, { recursive: true, force: true })
}
