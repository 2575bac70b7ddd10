// The bot's SQLite databases, each open for as long as the bot runs, by `sqlite3` as it comes: rollback mode, and a second
// of patience with a lock.

'use strict'

const path = require('node:path')
const sqlite3 = require('sqlite3')
const { ROOT } = require('./place')

const DATABASES = [
  'database.sqlite',
  'database/users.sqlite',
  'database/saldo.sqlite',
  'database/activity_logs.sqlite',
  'database/psb_database.sqlite'
]

const open = new Map()

async function openDatabases() {
  for (const file of DATABASES) {
    open.set(path.basename(file, '.sqlite'), await connect(path.join(ROOT, file)))
  }
}

function connect(file) {
  return new Promise((resolve, reject) => {
    const db = new sqlite3.Database(file, (error) => (error ? reject(error) : resolve(db)))
  })
}

/** Runs one statement on the database of this name, and gives the rows that it returns. */
function query(name, sql, ...values) {
  return new Promise((resolve, reject) => {
    open.get(name).all(sql, values, (error, rows) => (error ? reject(error) : resolve(rows)))
  })
}

module.exports = { DATABASES, openDatabases, query }
