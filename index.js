// The public face of the package. Everything that users see is made here, in their own realm: promises, errors,
// Dates. The work is done by the native supervisor (native.js), which starts a worker process for each operation.

'use strict'

const { existsSync } = require('node:fs')
const { join } = require('node:path')
const { BackupEngine, BackupScheduler, succeed, theDefault } = require('./js/engine.js')
const { BackupError } = require('./js/error.js')
const OPERATIONS = require('./js/operations.js')

const DEFAULT_CONFIG = join('config', 'backup-config.json')

let engine

/** The default engine, made at its first use. */
function theEngine() {
  if (!engine) configure(existsSync(DEFAULT_CONFIG) ? DEFAULT_CONFIG : {})
  return engine
}

/** Also with a configuration that is wrong there is much to look at: with the defaults. */
async function doctor(options) {
  let wrong
  const defaults = (error) => {
    if (error.code !== 'E_CONFIG') throw error
    wrong = error
    return new BackupEngine({})
  }
  const engineOf = () => {
    try {
      return theEngine()
    } catch (error) {
      return defaults(error)
    }
  }
  const found = await engineOf().doctor(options)
  if (!wrong) return found
  const mend = 'Mend what the message names. What follows was looked at with the defaults.'
  const configuration = { name: 'configuration', ok: false, message: wrong.message, mend }
  return { ok: false, checks: found.checks.map((check) => (check.name === 'configuration' ? configuration : check)) }
}

/** Replaces the default engine. A configuration that is wrong throws here, and leaves the engine as it was. */
function configure(config) {
  const next = new BackupEngine(config)
  for (const [event, listener] of early.splice(0)) next.on(event, listener)
  if (engine) succeed(engine, next)
  engine = next
}

/** Listeners from before there was an engine. */
const early = []

/** A bot must start whatever is wrong with Lifeboat: what is wrong is told by the next operation. */
function on(event, listener) {
  if (typeof listener !== 'function') throw new BackupError('E_CONFIG', 'A listener must be a function.')
  try {
    theEngine().on(event, listener)
  } catch {
    early.push([event, listener])
  }
}

function off(event, listener) {
  const at = early.findLastIndex(([of, one]) => of === event && one === listener)
  if (at >= 0) early.splice(at, 1)
  else engine?.off(event, listener)
}

/** The scheduler could not be started: the bot goes on, and whoever listens is told that there are no backups. */
function unable(error) {
  process.emitWarning(`No backups are made by themselves: ${error.message}`, 'LifeboatWarning')
  const failure = { type: 'HOURLY', code: error.code ?? 'E_INTERNAL', message: error.message }
  for (const [event, listener] of early) {
    if (event === 'backup:failure')
      Promise.resolve(failure)
        .then(listener)
        .catch(() => {})
  }
}

theDefault.engine = theEngine
theDefault.unable = unable

module.exports = {
  configure,
  ...Object.fromEntries(Object.keys(OPERATIONS).map((name) => [name, async (...args) => theEngine()[name](...args)])),
  doctor,
  on,
  off,
  scheduler: new BackupScheduler(),
  BackupEngine,
  BackupError,
  BackupScheduler
}
