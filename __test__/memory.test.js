// How much memory the worker takes while it backs up and brings what it makes to S3 and to Google Drive at once.
// LIFEBOAT_UPLOAD=500 (MB) is `npm run torture`.

'use strict'

const assert = require('node:assert/strict')
const { randomBytes } = require('node:crypto')
const { readFileSync, writeFileSync } = require('node:fs')
const { dirname, join } = require('node:path')
const { test } = require('node:test')
const { BackupEngine } = require('..')
const { makeRoot, until, workersOf } = require('./root.js')
const { Drive, S3 } = require('./targets.js')

const MB = 1_000_000
const MOST = 200 * MB
const megabytes = Number(process.env.LIFEBOAT_UPLOAD ?? 64)

test('a worker that backs up and syncs to two targets at once stays below 200 MB of memory', {
  skip: process.platform !== 'linux'
}, async (t) => {
  const root = makeRoot(t)
  const write = (count) => {
    for (let n = 0; n < count; n++) writeFileSync(join(root, `uploads/${n}.jpg`), randomBytes(MB))
  }
  const elsewhere = join(dirname(root), 'services')
  const targets = [new S3(elsewhere), new Drive(elsewhere)]
  for (const target of targets) await target.start()
  t.after(() => Promise.all(targets.map((target) => target.end())))
  const engine = new BackupEngine({ root, encryption: false, cloud: targets.map((target) => target.config()) })
  t.after(() => engine.scheduler.stop())

  let peak = 0
  const look = () => {
    for (const pid of workersOf(process.pid)) {
      try {
        const high = /VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))
        if (high) peak = Math.max(peak, Number(high[1]) * 1024)
      } catch {
        // It has ended.
      }
    }
  }
  const watch = setInterval(look, 200)
  t.after(() => clearInterval(watch))
  const synced = async () => {
    const backups = await engine.listBackups()
    return backups.length > 0 && backups.every(({ location }) => location.length === 3)
  }
  write(megabytes)
  engine.scheduler.start()
  await until(() => targets.some((target) => target.link.sent > MB), 'the first bytes', 300_000)
  // One more backup while the first one is on its way.
  write(Math.ceil(megabytes / 4))
  await engine.createBackup('MANUAL', { wait: true })
  await until(synced, 'all backups at both targets', 600_000)
  look()
  t.diagnostic(`${megabytes} MB: at most ${(peak / MB).toFixed(0)} MB of memory`)
  assert.ok(peak > 0 && peak <= MOST, `${peak} bytes of memory`)
})
