// One of the processes that crowd.test.js starts and kills: an app with a scheduler and listeners. It writes into its root
// all the time, and notes what it is told in a file of its own: `node crowd.js ROOT CONSUMER NOTES`.

'use strict'

const { appendFileSync, writeFileSync } = require('node:fs')
const { join } = require('node:path')
const { BackupEngine } = require('..')

const [root, consumer, notes] = process.argv.slice(2)
const note = (event, what) => appendFileSync(notes, `${JSON.stringify({ event, what, pid: process.pid })}\n`)

const engine = new BackupEngine({
  root,
  consumer,
  encryption: false,
  schedules: {
    HOURLY: { cron: '*/2 * * * * *', keep: 1000 },
    DAILY: { enabled: false },
    WEEKLY: { enabled: false },
    MONTHLY: { enabled: false }
  }
})
engine.on('backup:success', ({ backup }) => note('backup:success', backup))
engine.on('backup:failure', ({ message }) => note('backup:failure', message))
engine.scheduler.start()

let n = 0
setInterval(() => {
  // As the bot does it: cut off, then written.
  writeFileSync(join(root, 'uploads', `${consumer}.json`), JSON.stringify({ n: n++, pid: process.pid }))
}, 50)
