// Starting the app again, for a restore that waits for its next start: by the host's own way, or by whoever started this
// process and starts it again when it ends. Where nobody does, it is left alone: a bot that is down is worse.

'use strict'

const { execFile } = require('node:child_process')
const { readFileSync } = require('node:fs')

/** What the host has given for all engines that have no way of their own. */
let given

/** `way`: a function that starts the app again; false: it is never started again; undefined: whoever started it does. */
function use(way) {
  given = way
}

/** A function that starts this process again, or null. `own`: an engine's own way. */
async function restarter(own) {
  const way = own ?? given
  if (way !== undefined) return way || null
  const parent = programOf(process.ppid)
  // What an app under pm2 starts has its environment, too, and nobody who starts it again.
  if (process.env.pm_id !== undefined && (/pm2/i.test(parent) || !parent)) {
    return process.env.autorestart === 'false' ? null : () => process.exit(0)
  }
  // On SIGHUP nodemon ends its child and starts it again; on the child's own end it only waits for a change.
  if (/\bnodemon\b/.test(parent)) return () => process.kill(process.ppid, 'SIGHUP')
  if (process.env.INVOCATION_ID && /(^|\/)systemd\b|\/sbin\/init/.test(parent)) return underSystemd()
  return null
}

/** The command line of a process; empty where the system does not tell. */
function programOf(pid) {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ')
  } catch {
    return ''
  }
}

/** systemd starts a service again only if its unit says so. */
async function underSystemd() {
  const unit = /([^/\s]+\.service)\s*$/m.exec(programGroup())?.[1]
  if (!unit) return null
  const policy = await new Promise((resolve) => {
    const query = ['show', '--property=Restart', '--value', unit]
    execFile('systemctl', query, { timeout: 5_000 }, (error, stdout) => resolve(error ? '' : stdout.trim()))
  })
  if (policy === 'always' || policy === 'on-success') return () => process.exit(0)
  return policy === 'on-failure' ? () => process.exit(1) : null
}

function programGroup() {
  try {
    return readFileSync('/proc/self/cgroup', 'utf8')
  } catch {
    return ''
  }
}

module.exports = { restarter, use }
