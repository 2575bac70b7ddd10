// require('lifeboat/start')('./bot.js'): applies a restore that waits for this start, or finishes one that was cut off, before
// the app opens any file. Then the app starts. If something is wrong with Lifeboat, the app starts anyway. It does not start on
// files that a restore has left half old and half new, nor without a restore that its owner is waiting for.

'use strict'

const { lstatSync, readdirSync, readFileSync } = require('node:fs')
const { dirname, join, resolve } = require('node:path')
const { pathToFileURL } = require('node:url')
const { shown } = require('./js/error.js')
const restart = require('./js/restart.js')

const WORKSPACE = '.lifeboat-restore'
const DEFAULT_CONFIG = join('config', 'backup-config.json')

/**
 * Starts the app. It is loaded before this returns, unless a restore has to be applied first, or it is an ES module.
 * `main`: its file, relative to the file that calls this.
 */
function start(main, { onError, requestRestart } = {}) {
  const file = resolve(module.parent?.filename ? dirname(module.parent.filename) : process.cwd(), main)
  restart.use(requestRestart)
  const waiting = whatWaits()
  const applied = apply()
  if (!waiting) {
    applied.catch((error) => warn(error, onError))
    return Promise.resolve(run(file))
  }
  return applied.then(
    (result) => {
      if (result) console.error(words(result))
      return run(file)
    },
    (error) => {
      // Nothing was touched yet: it was only being prepared.
      if (waiting === UNDER_WAY && whatWaits() !== CUT_OFF) {
        warn(error, onError)
        return run(file)
      }
      console.error(
        `Lifeboat: ${waiting}, and it cannot be done now: ${error.message}\n` +
          'The app is not started, because its files are not as they should be. Fix that and start it again' +
          (waiting === WAITS ? ', or leave everything as it is: `lifeboat restore --discard-pending`.' : '.')
      )
      process.exitCode = 1
      tell(onError, error)
    }
  )
}

function words({ backup, restored, plan, safetyBackup }) {
  const count = restored.length + plan.remove.length
  const done = `Lifeboat has restored ${count} ${count === 1 ? 'item' : 'items'} of ${backup}.`
  return safetyBackup ? `${done} The replaced files are in ${safetyBackup}.` : done
}

/** Loaded here and not above: if it cannot be loaded, the app starts anyway. */
async function apply() {
  return require('./index.js').applyPendingRestore()
}

const WAITS = 'a restore waits for this start'
const CUT_OFF = 'a restore was cut off in its middle'
const UNDER_WAY = 'a restore is under way'

/** Looks only at names, so that it needs neither the native part nor a valid configuration. */
function whatWaits() {
  const folder = join(root(), WORKSPACE)
  if (!lstatSync(folder, { throwIfNoEntry: false })?.isDirectory()) return null
  let names
  try {
    names = readdirSync(folder)
  } catch {
    // It belongs to another user and cannot be read. That does not mean that nothing waits.
    return CUT_OFF
  }
  if (names.includes('done')) return null
  if (names.includes('journal')) return CUT_OFF
  return names.includes('pending') ? WAITS : UNDER_WAY
}

function root() {
  try {
    const { root = '.' } = JSON.parse(readFileSync(DEFAULT_CONFIG, 'utf8').replace(/^\uFEFF/, ''))
    return resolve(root)
  } catch {
    return process.cwd()
  }
}

/** Throws what the app throws, as if Lifeboat had not started it. */
function run(file) {
  try {
    require(file)
  } catch (error) {
    // Only if the app's own file is not CommonJS: then no code of it has run.
    const isModule = ['ERR_REQUIRE_ESM', 'ERR_REQUIRE_ASYNC_MODULE'].includes(error?.code)
    if (!isModule || !String(error.message).includes(file)) throw error
    return import(pathToFileURL(file).href).then(() => undefined)
  }
}

function warn(error, onError) {
  console.error(`Lifeboat cannot be used, and the app starts without it: ${error.message}`)
  tell(onError, error)
}

function tell(onError, error) {
  try {
    onError?.(error)
  } catch (other) {
    console.error(shown(other))
  }
}

module.exports = start
