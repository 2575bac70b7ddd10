// The native engine behind a configuration, and what is to be known to talk to it.

'use strict'

// Of Node: a realm of jest's may have none.
const { Buffer } = require('node:buffer')
const { readFileSync } = require('node:fs')
const { resolve } = require('node:path')
const { configText } = require('./call.js')
const { WORKER, isStale, whyNoAddon, whyStale } = require('./binary.js')
const { BackupError } = require('./error.js')

/**
 * Of a configuration: another clock for all of it, and less patience with listeners and processes, for tests. No symbol goes
 * to JSON.
 */
const CLOCK = Symbol.for('lifeboat.clock')

const MARK = Buffer.from('\uFEFF')

/** Loaded at first use: where the binary is missing, the error is a BackupError and not a failed require. */
let binding
function native() {
  try {
    binding ??= require('../native.js')
  } catch {
    // Without its cause, which is a page of what the loader has tried.
    throw new BackupError('E_WORKER', whyNoAddon())
  }
  if (isStale(binding)) throw new BackupError('E_WORKER', whyStale())
  return binding
}

function outcome(text, where = '') {
  const { result, error } = JSON.parse(text)
  if (error) throw new BackupError(error.code, where + error.message)
  return result
}

/**
 * The native engine of a configuration: an object, or the path of a JSON file. Relative paths start from the cwd. `ring` is
 * called when there may be news in the vault.
 */
function open(config, ring) {
  const base = process.cwd()
  const isFile = typeof config === 'string'
  const bytes = isFile ? readConfig(resolve(base, config)) : Buffer.from(configText(withoutRestart(config)))
  try {
    const { checkConfig, NativeEngine } = native()
    // A byte order mark is what editors on Windows put first.
    const text = bytes.subarray(0, 3).equals(MARK) ? bytes.subarray(3) : bytes
    outcome(checkConfig(text, base), isFile ? `${config}: ` : '')
    return new NativeEngine(text, base, WORKER, ring, config?.[CLOCK]?.deadlines)
  } finally {
    bytes.fill(0)
  }
}

/** The one field that is a function, and no part of the file. */
function withoutRestart(config) {
  if (typeof config !== 'object' || config === null || !('requestRestart' in config)) return config
  const { requestRestart, ...rest } = config
  if (requestRestart !== false && typeof requestRestart !== 'function' && requestRestart !== undefined) {
    throw new BackupError('E_CONFIG', 'requestRestart must be a function, or false.')
  }
  return rest
}

/** As bytes, which can be wiped: a string with a passphrase in it would stay in this process until it is collected. */
function readConfig(file) {
  try {
    return readFileSync(file)
  } catch (cause) {
    throw new BackupError('E_CONFIG', `The configuration ${file} cannot be read: ${cause.message}.`, { cause })
  }
}

/** Read at each call: the bot may set them at run time, which only JavaScript sees. */
function environment() {
  const { BACKUP_PASSPHRASE, BACKUP_KEY_FILE } = process.env
  return {
    // An empty one says nothing, but whoever looks for a passphrase is told that it is there.
    passphrase: BACKUP_PASSPHRASE,
    keyFile: BACKUP_KEY_FILE && resolve(BACKUP_KEY_FILE)
  }
}

/** What the vault says, without a disk that hangs being able to hold this process. */
async function ask(engine, { op, ...values }) {
  return outcome(await engine.ask(JSON.stringify({ op, with: values })))
}

/** What is wrong with a request is E_CONFIG. */
function check(request) {
  outcome(native().checkOperation(JSON.stringify(request)))
}

/** Asked each time: a bot sets process.env.TZ when it runs, which only JavaScript sees. */
function zone() {
  return Intl.DateTimeFormat().resolvedOptions().timeZone ?? ''
}

module.exports = { CLOCK, ask, check, environment, open, outcome, zone }
