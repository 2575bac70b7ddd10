// The public face of the package. Everything that users see is made here, in their own realm: promises, errors,
// Dates. The work is done by the native supervisor (native.js), which starts a worker process for each operation.

'use strict'

const { EventEmitter } = require('node:events')
const { existsSync, readFileSync } = require('node:fs')
const { join, resolve } = require('node:path')
const call = require('./js/arguments.js')
const { BackupError } = require('./js/error.js')

const WORKER = join(__dirname, 'bin', process.platform === 'win32' ? 'lifeboat.exe' : 'lifeboat')
const DEFAULT_CONFIG = join('config', 'backup-config.json')

/** Loaded at first use: where the binary is missing, the error is a BackupError and not a failed require. */
let binding
function native() {
  try {
    binding ??= require('./native.js')
  } catch (cause) {
    throw new BackupError(
      'E_WORKER',
      `Lifeboat's native part cannot be loaded. Build it: run \`npm run build\` in ${__dirname}.`,
      { cause }
    )
  }
  return binding
}

function outcome(text) {
  const { result, error } = JSON.parse(text)
  if (error) throw new BackupError(error.code, error.message)
  return result
}

/** The native engine of a configuration: an object, or the path of a JSON file. Relative paths start from the cwd. */
function open(config) {
  const base = process.cwd()
  const text = typeof config === 'string' ? readConfig(resolve(base, config)) : call.configText(config)
  const { checkConfig, NativeEngine } = native()
  outcome(checkConfig(text, base))
  return new NativeEngine(text, base, WORKER)
}

function readConfig(file) {
  try {
    // A byte order mark is what editors on Windows put first.
    return readFileSync(file, 'utf8').replace(/^\uFEFF/, '')
  } catch (cause) {
    throw new BackupError('E_CONFIG', `The configuration ${file} cannot be read: ${cause.message}.`, { cause })
  }
}

/** Read at each call: the bot may set them at run time, which only JavaScript sees. */
function environment() {
  const { BACKUP_PASSPHRASE, BACKUP_KEY_FILE } = process.env
  return {
    passphrase: BACKUP_PASSPHRASE || undefined,
    keyFile: BACKUP_KEY_FILE ? resolve(BACKUP_KEY_FILE) : undefined
  }
}

let lastId = 0

class BackupEngine {
  #native
  #events = new EventEmitter()

  constructor(config) {
    this.#native = open(config)
  }

  async createBackup(type = 'MANUAL', options = {}) {
    const request = call.createBackup(type, options)
    try {
      const result = await this.#run(request, options)
      this.#emit('backup:success', result)
      return result
    } catch (error) {
      this.#emit('backup:failure', { type, code: error.code, message: error.message })
      throw error
    }
  }

  async restore(backup, options = {}) {
    const request = call.restore(backup, options)
    const name = typeof backup === 'string' ? backup : new Date(request.backup.at).toISOString()
    const result = await this.#restoring(name, () => this.#run(request, options))
    const paths = [...result.restored, ...(result.dryRun || result.staged ? [] : result.plan.remove)]
    if (result.mode && paths.length > 0) this.#emit('restore:reload', { paths })
    return result
  }

  async applyPendingRestore() {
    // The first line of a host: a worker is started only where there is something to do.
    if (!this.#native.hasPendingRestore()) return null
    return this.#restoring('pending', () => this.#run({ op: 'applyPendingRestore' }))
  }

  async discardPendingRestore() {
    return this.#run({ op: 'discardPendingRestore' })
  }

  async #restoring(backup, work) {
    try {
      const result = await work().catch((error) => this.#finished(error))
      if (result === null) return null
      this.#emit('restore:success', result)
      return result
    } catch (error) {
      const rolledBack = error.code === 'E_ROLLED_BACK'
      this.#emit('restore:failure', { backup, code: error.code, message: error.message, rolledBack })
      throw error
    }
  }

  /** A worker that died in the middle has left a journal: what it had begun is finished or undone now, not some day. */
  async #finished(died) {
    if (died.code !== 'E_WORKER' || !this.#native.hasPendingRestore()) throw died
    const result = await this.#run({ op: 'recover' }).catch((error) => {
      // E_ROLLED_BACK says it all; anything else leaves the journal, and the host must not take the root for whole.
      if (error.code === 'E_ROLLED_BACK') throw error
      throw new BackupError(
        error.code,
        `The worker died in the middle of the restore, and finishing it failed: ${error.message} Call status() to try again, or start the app again with applyPendingRestore() first.`,
        { cause: died }
      )
    })
    if (result === null) throw died
    return result
  }

  async listBackups(filter = {}) {
    return this.#run(call.listBackups(filter))
  }

  async listItems(backup, filter = {}) {
    return this.#run(call.listItems(backup, filter))
  }

  async versions(path) {
    return this.#run(call.versions(path))
  }

  async diff(from, to, options = {}) {
    return this.#run(call.diff(from, to, options), options)
  }

  async migrate(from, options = {}) {
    return this.#run(call.migrate(from, options), options)
  }

  async exportBackup(backup, file, options = {}) {
    return this.#run(call.exportBackup(backup, file, options), options)
  }

  async importBackup(file, options = {}) {
    return this.#run(call.importBackup(file, options), options)
  }

  async verify(backup, options = {}) {
    const report = await this.#run(call.verify(backup, options), options)
    if (!report.ok) this.#emit('integrity:failure', report)
    return report
  }

  async prune(options = {}) {
    return this.#run(call.prune(options), options)
  }

  async deleteBackup(backup) {
    await this.#run(call.deleteBackup(backup))
  }

  async pin(backup) {
    await this.#run(call.pin(backup, true))
  }

  async unpin(backup) {
    await this.#run(call.pin(backup, false))
  }

  async status() {
    return this.#run({ op: 'status' })
  }

  on(event, listener) {
    this.#events.on(event, listener)
    return this
  }

  off(event, listener) {
    this.#events.off(event, listener)
    return this
  }

  async #run(request, { signal, onProgress } = {}) {
    if (signal?.aborted) throw new BackupError('E_ABORTED', 'The operation was cancelled before it began.')
    const id = ++lastId
    const cancel = () => this.#native.cancel(id)
    signal?.addEventListener('abort', cancel, { once: true })
    try {
      const report = this.#reporter(request.op, onProgress)
      return outcome(await this.#native.run(id, JSON.stringify(request), environment(), report))
    } catch (error) {
      if (error instanceof BackupError) throw error
      throw new BackupError('E_INTERNAL', `Internal error: ${error?.message}.`, { cause: error })
    } finally {
      signal?.removeEventListener('abort', cancel)
    }
  }

  /** What the native side calls with each progress: it must not throw, or the bot would end. */
  #reporter(operation, onProgress) {
    if (!onProgress && this.#events.listenerCount('progress') === 0) return undefined
    let warned = false
    return (text) => {
      const progress = JSON.parse(text)
      try {
        onProgress?.(progress)
      } catch (error) {
        if (!warned) warn('onProgress', error)
        warned = true
      }
      this.#emit('progress', { operation, ...progress })
    }
  }

  /** An event whose listener throws is the listener's bug: the operation goes on, and its promise tells the truth. */
  #emit(event, value) {
    for (const listener of this.#events.rawListeners(event)) {
      try {
        listener.call(this, value)
      } catch (error) {
        warn(`A listener of '${event}'`, error)
      }
    }
  }
}

function warn(who, error) {
  process.emitWarning(`${who} threw: ${error?.stack ?? error}`, 'LifeboatWarning')
}

let engine

/** The default engine, made at its first use. */
function theEngine() {
  engine ??= new BackupEngine(existsSync(DEFAULT_CONFIG) ? DEFAULT_CONFIG : {})
  return engine
}

/** Replaces the default engine. A configuration that is wrong throws here, and leaves the engine as it was. */
function configure(config) {
  engine = new BackupEngine(config)
}

module.exports = {
  configure,
  createBackup: async (type, options) => theEngine().createBackup(type, options),
  restore: async (backup, options) => theEngine().restore(backup, options),
  applyPendingRestore: async () => theEngine().applyPendingRestore(),
  discardPendingRestore: async () => theEngine().discardPendingRestore(),
  listBackups: async (filter) => theEngine().listBackups(filter),
  listItems: async (backup, filter) => theEngine().listItems(backup, filter),
  versions: async (path) => theEngine().versions(path),
  diff: async (from, to, options) => theEngine().diff(from, to, options),
  migrate: async (from, options) => theEngine().migrate(from, options),
  exportBackup: async (backup, file, options) => theEngine().exportBackup(backup, file, options),
  importBackup: async (file, options) => theEngine().importBackup(file, options),
  verify: async (backup, options) => theEngine().verify(backup, options),
  prune: async (options) => theEngine().prune(options),
  deleteBackup: async (backup) => theEngine().deleteBackup(backup),
  pin: async (backup) => theEngine().pin(backup),
  unpin: async (backup) => theEngine().unpin(backup),
  status: async () => theEngine().status(),
  BackupEngine,
  BackupError
}
