// The JSON files in database/, rewritten whole and in place at each change.

'use strict'

const fs = require('node:fs')
const path = require('node:path')
const { ROOT } = require('./place')

const placeOf = (name) => path.join(ROOT, 'database', `${name}.json`)

function readJson(name) {
  return JSON.parse(fs.readFileSync(placeOf(name), 'utf8'))
}

function writeJson(name, value) {
  fs.writeFileSync(placeOf(name), `${JSON.stringify(value, null, 2)}\n`)
}

/** Changes a file that other processes change, too: under a lock that is a folder beside it, as proper-lockfile makes one. */
function changeJson(name, change) {
  const lock = `${placeOf(name)}.lock`
  fs.mkdirSync(lock)
  try {
    writeJson(name, change(readJson(name)))
  } finally {
    fs.rmdirSync(lock)
  }
}

module.exports = { changeJson, readJson, writeJson }
