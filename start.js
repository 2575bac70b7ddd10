// require('lifeboat/start')('./bot.js'): what waits for this start of the app, or was cut off, is seen to before the app
// opens anything; then the app starts. Whatever is wrong with Lifeboat, the app starts: but not on files that a restore has
// left half old and half new, nor in place of a restore that its owner is waiting for.

'use strict'

const { existsSync, readFileSync } = require('node:fs')
const { dirname, join, resolve } = require('node:path')
const { pathToFileURL } = require('node:url')
const restart = require('./js/restart.js')

const WORKSPACE = '.lifeboat-restore'
const DEFAULT_CONFIG = join('config', 'backup-config.json')

/**
 * Starts the app. It is loaded before this returns, unless a restore has to be seen to first, or it is an ES module.
 * `main`: its file, relative to the file that calls this.
 */
function start(main, { onError, requestRestart } = {}) {
  const file = resolve(module.parent?.filename ? dirname(module.parent.filename) : process.cwd(), main)
  restart.use(requestRestart)
  const waiting = whatWaits()
  const applied = apply()
  if (!waiting) {
    applied.catch((error) => warn(error, onError))
    return run(file)
  }
  return applied.then(
    (result) => {
      if (result) console.error(words(result))
      return run(file)
    },
    (error) => {
      console.error(
        `Lifeboat: ${waiting}, and it cannot be done now: ${error.message}\n` +
          'The app is not started, because it would not find what it should. Mend that and start it again' +
          (waiting === WAITS ? ', or leave everything as it is: `lifeboat restore --discard-pending`.' : '.')
      )
      process.exitCode = 1
      onError?.(error)
    }
  )
}

function words({ backup, restored, plan, safetyBackup }) {
  const done = `Lifeboat: ${restored.length + plan.remove.length} items were put back as ${backup} has them.`
  return safetyBackup ? `${done} What was there before is in ${safetyBackup}.` : done
}

/** Loaded here and not above: where it cannot be loaded, the app starts all the same. */
async function apply() {
  return require('./index.js').applyPendingRestore()
}

const WAITS = 'a restore waits for this start'
const CUT_OFF = 'a restore was cut off in its middle'

/** Told by names alone, so that it needs neither the native part nor a configuration that is right. */
function whatWaits() {
  const has = (name) => existsSync(join(root(), WORKSPACE, name))
  if (has('done')) return null
  if (has('journal')) return CUT_OFF
  return has('pending') ? WAITS : null
}

function root() {
  try {
    const { root = '.' } = JSON.parse(readFileSync(DEFAULT_CONFIG, 'utf8').replace(/^\uFEFF/, ''))
    return resolve(root)
  } catch {
    return process.cwd()
  }
}

async function run(file) {
  try {
    require(file)
  } catch (error) {
    if (error?.code !== 'ERR_REQUIRE_ESM' && error?.code !== 'ERR_REQUIRE_ASYNC_MODULE') throw error
    await import(pathToFileURL(file).href)
  }
}

function warn(error, onError) {
  console.error(`Lifeboat cannot be used, and the app starts without it: ${error.message}`)
  onError?.(error)
}

module.exports = start
