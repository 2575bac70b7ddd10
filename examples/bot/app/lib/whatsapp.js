// In place of the WhatsApp socket: what each message that comes in leaves on disk.

'use strict'

const { randomBytes } = require('node:crypto')
const { writeFile } = require('node:fs/promises')
const path = require('node:path')
const { query } = require('./databases')
const { log } = require('./log')
const { ROOT, now } = require('./place')

const SESSION = path.join(ROOT, 'sessions/raf-net')

/** The sender's ratchet moves on, as in Baileys' multi-file auth state, and the message is logged. */
async function receive(user, command) {
  const keys = { _sessions: { [randomBytes(33).toString('base64')]: { used: Date.now() } }, version: 'v1' }
  await writeFile(path.join(SESSION, `session-${user.split('@')[0]}.0.json`), JSON.stringify(keys))
  log(`${command} ${user}`)
  await query(
    'activity_logs',
    'INSERT INTO activity_logs (jid, command, created_at) VALUES (?, ?, ?)',
    user,
    command,
    now()
  )
}

module.exports = { receive }
