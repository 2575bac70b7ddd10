#!/usr/bin/env node
// npm's `lifeboat`: hands everything over to the native executable beside it.

'use strict'

const { spawn } = require('node:child_process')
const { WORKER, whyNotTry, whyNoWorker } = require('../js/binary.js')

const foreign = whyNotTry()
if (foreign) {
  console.error(foreign)
  process.exit(1)
}
const child = spawn(WORKER, process.argv.slice(2), { stdio: 'inherit' })

// A terminal's Ctrl-C reaches the child by itself, and a second one would mean more to it: this process only waits.
process.on('SIGINT', () => {})
for (const signal of ['SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal))

child.on('error', (error) => {
  console.error(whyNoWorker(error))
  process.exitCode = 1
})
child.on('exit', (code, signal) => {
  if (signal === null) {
    process.exitCode = code
  } else {
    for (const each of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.removeAllListeners(each)
    process.kill(process.pid, signal)
  }
})
