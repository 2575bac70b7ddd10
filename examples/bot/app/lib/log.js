// logs/bot.log, and the console.

'use strict'

const fs = require('node:fs')
const path = require('node:path')
const { ROOT, now } = require('./place')

function log(text) {
  const line = `[${now()}] INFO ${text}`
  console.log(line)
  fs.mkdirSync(path.join(ROOT, 'logs'), { recursive: true })
  fs.appendFileSync(path.join(ROOT, 'logs/bot.log'), `${line}\n`)
}

module.exports = { log }
