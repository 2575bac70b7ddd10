// One engine: a root, its vault, and what is asked of both. Each operation runs in a worker process; here are its promise, its
// signals and its errors, and what is told to those who listen.

'use strict'

const { basename } = require('node:path')
const { OPERATIONS, call, count, refuse, request, stop, type } = require('./call.js')
const { Courier } = require('./courier.js')
const { BackupError, shown } = require('./error.js')
const { Listeners } = require('./listeners.js')
const { Losses } = require('./losses.js')
const { CLOCK, ask, check, environment, open, outcome, zone } = require('./native-engine.js')
const { ping } = require('./ping.js')
const { Presence } = require('./presence.js')
const { restarter } = require('./restart.js')
const { Timers } = require('./timers.js')

let lastId = 0

/** What goes on after the death of its worker. */
const RESTORES = new Set(['restore', 'undoRestore', 'applyPendingRestore', 'discardPendingRestore', 'recover'])

/** So many milliseconds an app has to tell its owner of a restore for which it is started again. */
const ANSWER = 500

/** By id: what the operations that are under way can be cancelled by. */
const underWay = new Map()

/** A process that ends on purpose takes its operations along, as one that cancels them: that is no bad news. */
function cancelAtEnd() {
  for (const [id, native] of underWay) native.cancel(id)
}

/** The timers of an engine; for index.js: what happens to an engine that another one replaces. */
let timersOf
let succeed

class BackupEngine {
  #native
  #now
  #clock
  #listeners
  #courier
  #presence
  #timers
  #scheduler
  #requestRestart
  #warned = new Set()
  #restores = new Set()
  #losses = new Losses()
  /** No scheduled backups until then, as far as this engine has heard. */
  #pausedUntil = 0
  /** So much was told that no vault could keep. */
  #untold = 0
  /** The passphrase and the key file with which a worker has last opened the vault to list it. */
  #shown

  constructor(config) {
    this.#native = open(config, BackupEngine.#bell(new WeakRef(this)))
    this.#requestRestart = config?.requestRestart
    this.#clock = config?.[CLOCK]
    this.#now = () => this.#clock?.now?.() ?? Date.now()
    const native = this.#native
    this.#presence = new Presence(
      native,
      () => this.#courier.drain(),
      () => restarter(this.#requestRestart)
    )
    const vault = {
      claim: (consumers) => ask(native, { op: 'claim', consumers, holder: native.hostId() ?? '', now: this.#now() }),
      take: (id, consumer) => ask(native, { op: 'take', id, consumer, now: this.#now() }),
      release: (id, consumer) => ask(native, { op: 'release', id, consumer })
    }
    const own = {
      restart: () => this.#restart(),
      holdStill: (token) => native.holdStill(token),
      tellStill: (token, hasRead) => native.tellStill(token, hasRead)
    }
    const app = native.consumer() ?? basename(process.argv[1] ?? 'node')
    this.#listeners = new Listeners(app, native.home(), this.#now)
    this.#courier = new Courier(vault, this.#listeners, own, { patience: this.#clock?.patience, now: this.#now })
    const host = {
      next: (now, count) => outcome(native.next(zone(), Math.max(now, this.#pausedUntil), count)),
      runScheduled: (type, options) =>
        this.#backup(request('runScheduled', { type }), options).catch((error) => {
          this.#unheard(error)
          throw error
        }),
      runDue: (options) => this.#runDue(options),
      inspectDue: (options) => this.#run(request('inspectDue', { zone: zone() }), options),
      syncDue: (options) => this.#run(request('syncDue', {}), options),
      look: (since) => this.#look(since),
      say: (since) => this.#presence.say({ scheduler: since })
    }
    this.#timers = new Timers(host, this.#clock)
  }

  /** Made where no `this` is: an engine that nobody has any more must not be kept for the bell's sake. */
  static #bell(engine) {
    return () => engine.deref()?.#presence?.rung()
  }

  get scheduler() {
    this.#scheduler ??= new BackupScheduler(this)
    return this.#scheduler
  }

  async createBackup(...args) {
    const { request, watchers } = call('createBackup', args)
    // What is mistyped is told to whoever typed it, and to no watchman.
    check(request)
    return this.#backup(request, watchers)
  }

  /** What becomes of it the vault tells. Null: none was due. */
  async #backup(request, options) {
    const url = this.#native.pingUrl()
    try {
      const result = await this.#run(request, options)
      // One that is degraded or suspicious is not good: the watchman hears nothing, and then asks.
      if (url && result && result.type !== 'SAFETY' && !result.degraded && !result.suspicious) ping(url)
      return result
    } catch (error) {
      if (url && isBadNews(error)) ping(url, error)
      throw error
    }
  }

  /** What the schedule has due. `isKept`: it is written down how that ended. */
  async #runDue(options) {
    const kept = []
    try {
      const made = await this.#backup(request('runDue', { zone: zone() }), { ...options, kept })
      return { isIdle: made === null, isKept: kept[0] }
    } catch (error) {
      this.#unheard(error)
      // Without a worker nothing was seen to, whatever is written down: to try it again at once would go round and round.
      return { isIdle: false, isKept: kept[0] && error.code !== 'E_WORKER' }
    }
  }

  /** Nobody listens to what a schedule comes to: then it is a warning of the process, once for each cause. */
  #unheard({ code, message }) {
    if (this.#listeners.of('backup:failure').length || this.#warned.has(code) || code === 'E_ABORTED') return
    this.#warned.add(code)
    process.emitWarning(`The scheduled backup failed: ${message}`, 'LifeboatWarning')
  }

  /** What a scheduler does at each of its turns. */
  async #look(since) {
    await this.#presence.say()
    const question = { op: 'look', zone: zone(), since, now: this.#now() }
    const look = await this.#ask(question).catch((error) => {
      if (error.code !== 'E_WORKER') throw error
      // The vault does not answer. What a worker comes to is told; and it decides whether something is due.
      return {
        backup: { missed: false },
        inspection: null,
        sync: false,
        wake: null,
        untold: [],
        paused: this.#pausedUntil
      }
    })
    this.#pausedUntil = look.paused ?? 0
    // As long as the vault cannot keep it, it is noticed each time.
    for (const { event, value } of look.untold) this.#courier.alarm(event, value)
    this.#courier.drain()
    return look
  }

  async #restart() {
    const way = await restarter(this.#requestRestart)
    // Who asked for the restore in this process is answered first.
    while (this.#restores.size > 0) await Promise.allSettled(this.#restores)
    setTimeout(() => this.#restartBy(way), ANSWER)
  }

  async #restartBy(way) {
    try {
      await way?.()
    } catch (error) {
      warn('requestRestart', error)
    }
  }

  async restore(...args) {
    return this.#bringBack(call('restore', args))
  }

  async undoRestore(...args) {
    return this.#bringBack(call('undoRestore', args))
  }

  async #bringBack({ request, watchers }) {
    // Who restores here is asked to read it again like every other host: through the vault.
    const isHeard = await this.#presence.say()
    const running = this.#run(request, watchers).catch((error) => this.#finished(request, error))
    this.#restores.add(running)
    const result = await running.finally(() => this.#restores.delete(running))
    if (result.mode && !result.dryRun && !result.staged) this.#restored(result, isHeard)
    return result
  }

  #restored(result, isHeard) {
    const paths = [...result.restored, ...result.plan.remove]
    if (!isHeard && paths.length > 0) this.#courier.tell('restore:reload', { paths })
  }

  async applyPendingRestore(...args) {
    // One that it could not open would keep the app from starting.
    this.#presence.say({ applies: this.#native.canOpen(environment()) })
    // The first line of a host: a worker is started only where there is something to do.
    if (!this.#native.hasPendingRestore()) return null
    const { request, watchers } = call('applyPendingRestore', args)
    return this.#run(request, watchers).catch((error) => this.#finished(request, error))
  }

  /** A worker that died in the middle has left a journal: what it had begun is finished or undone now, not some day. */
  async #finished(begun, died) {
    if (died.code !== 'E_WORKER' || !this.#native.hasPendingRestore()) throw died
    const result = await this.#run(request('recover', {})).catch(async (error) => {
      // E_ROLLED_BACK says it all; anything else leaves the journal, and the host must not take the root for whole.
      if (error.code === 'E_ROLLED_BACK') throw error
      await this.#lost(begun, died)
      throw new BackupError(
        error.code,
        `The worker died in the middle of the restore, and finishing it failed: ${error.message} Call status() to try again, or start the app again with applyPendingRestore() first.`,
        { cause: died }
      )
    })
    if (result !== null) return result
    await this.#lost(begun, died)
    throw died
  }

  /** An interrupted restore is pending. Only a worker may finish it. */
  #isCutOff() {
    return this.#native.hasPendingRestore()
  }

  async listBackups(...args) {
    const { request, watchers } = call('listBackups', args)
    const { passphrase, keyFile } = environment()
    // Once these credentials have opened the vault, lists come from the catalog, without a worker.
    const isTrusted = this.#shown && this.#shown.passphrase === passphrase && this.#shown.keyFile === keyFile
    refuseAborted(watchers)
    check(request)
    if (isTrusted && !this.#isCutOff()) {
      const known = await ask(this.#native, { op: 'backups', ...request.with })
      if (known) return known
    }
    const backups = await this.#run(request, watchers)
    this.#shown = { passphrase, keyFile }
    return backups
  }

  async importBackup(...args) {
    const { request, watchers } = call('importBackup', args)
    const passphrase = request.with.options?.passphrase || process.env.BACKUP_ARCHIVE_PASSPHRASE
    if (passphrase) request.with.options = { ...request.with.options, passphrase }
    return this.#run(request, watchers)
  }

  async authorizeDrive(options) {
    const { request, watchers } = call('authorizeDrive', [options])
    const { show, ...others } = watchers
    if (!show)
      refuse('The options of authorizeDrive need `show`: a function that shows the link and the code to the owner.')
    return this.#run(request, { ...others, onAsk: show })
  }

  async pause(...args) {
    const { request, watchers } = call('pause', args)
    await this.#run(request, watchers)
    // Of a form that only the engine reads it hears at its next look.
    this.#pausedUntil = new Date(request.with.until).getTime() || 0
  }

  async resume(...args) {
    const { request, watchers } = call('resume', args)
    await this.#run(request, watchers)
    this.#pausedUntil = 0
  }

  async history(...args) {
    const { request, watchers } = call('history', args)
    refuseAborted(watchers)
    check(request)
    return this.#ask({ op: 'history', ...request.with })
  }

  async status(...args) {
    const { request, watchers } = call('status', args)
    refuseAborted(watchers)
    const lookUp = () => this.#ask({ op: 'status', now: this.#now() })
    const status = await (this.#isCutOff() ? this.#run(request, watchers) : lookUp())
    this.#pausedUntil = status.schedule.paused ?? 0
    const problems = [...status.problems, ...this.#losses.problems()]
    const [next] = this.#timers.next(1)
    const { running: _, next: __, ...others } = status.schedule
    const own = { running: this.#timers.running, ...(next && { next: { type: next.type, at: next.at.getTime() } }) }
    return {
      ...status,
      healthy: problems.length === 0,
      problems,
      schedule: { ...others, ...own, ...(own.running && { by: 'host' }) }
    }
  }

  on(event, listener) {
    if (typeof listener !== 'function') throw new BackupError('E_CONFIG', 'A listener must be a function.')
    this.#listeners.add(event, listener)
    this.#heard()
    return this
  }

  off(event, listener) {
    this.#listeners.remove(event, listener)
    this.#heard()
    return this
  }

  /** Who restores from outside must know whether it is heard. */
  #heard() {
    this.#presence.say({ reloads: this.#listeners.of('restore:reload').length > 0 })
  }

  static {
    // What needs no more than a worker.
    for (const name of Object.keys(OPERATIONS).filter((name) => !(name in BackupEngine.prototype))) {
      const value = async function (...args) {
        const { request, watchers } = call(name, args)
        const answer = await this.#run(request, watchers)
        return OPERATIONS[name].isSilent ? undefined : answer
      }
      Object.defineProperty(BackupEngine.prototype, name, { value, writable: true, configurable: true })
    }
    timersOf = (engine) => engine.#timers
    succeed = (engine, next) => {
      if (next.#native.home() === engine.#native.home()) next.#losses = engine.#losses
      next.#listeners.takeOver(engine.#listeners)
      next.#courier.inherit(engine.#courier)
      next.#presence.inherit(engine.#presence)
      if (!engine.#timers.running) return
      next.#timers.start()
      engine.#timers.stop()
    }
  }

  /** `kept`: an array that gets whether all that is to be told of it is kept. */
  async #run(request, { signal, onProgress, onAsk, kept } = {}) {
    refuseAborted({ signal })
    this.#presence.say()
    const id = ++lastId
    const cancel = () => this.#native.cancel(id)
    signal?.addEventListener('abort', cancel, { once: true })
    if (underWay.size === 0) process.on('exit', cancelAtEnd)
    underWay.set(id, this.#native)
    const before = this.#untold
    try {
      const report = this.#reporter(request.op, onProgress, onAsk)
      const now = this.#clock?.now && this.#now()
      return outcome(await this.#native.run(id, JSON.stringify(request), { ...environment(), now }, report))
    } catch (error) {
      const known = error instanceof BackupError
      // A restore that has begun to replace files is carried on first.
      const isCarriedOn = RESTORES.has(request.op) && this.#isCutOff()
      if (error.code === 'E_WORKER' && !isCarriedOn) await this.#lost(request, error)
      if (known) throw error
      throw new BackupError('E_INTERNAL', `Internal error: ${error?.message}.`, { cause: error })
    } finally {
      signal?.removeEventListener('abort', cancel)
      underWay.delete(id)
      if (underWay.size === 0) process.off('exit', cancelAtEnd)
      this.#tellUntold()
      kept?.push(this.#untold === before)
      this.#courier.drain()
    }
  }

  /** Nobody but this process knows what became of it. */
  async #lost(request, { code, message }) {
    const [failure, now] = [{ code, message }, this.#now()]
    const written = this.#native.lost(JSON.stringify(request), JSON.stringify(failure), now)
    const isWritten = await written.then((text) => outcome(text)).catch(() => true)
    if (!isWritten) this.#losses.add(request, failure, now)
    this.#tellUntold()
    this.#courier.drain()
  }

  /** Asks the vault. One that answers again is told first what it has missed. */
  async #ask(question) {
    const answer = await ask(this.#native, question)
    if (!this.#losses.any) return answer
    await this.#losses.write((loss) => ask(this.#native, loss))
    return ask(this.#native, question)
  }

  /** What no vault could keep. */
  #tellUntold() {
    for (const { event, value } of outcome(this.#native.untold())) {
      this.#untold++
      this.#courier.tell(event, value)
    }
  }

  /** What the native side calls with each progress: it must not throw, or the bot would end. */
  #reporter(operation, onProgress, onAsk) {
    if (!onProgress && !onAsk && !this.#listeners.of('progress').length) return undefined
    let warned = false
    return (text) => {
      const { ask, ...progress } = JSON.parse(text)
      if (ask) return show(onAsk, ask)
      try {
        onProgress?.(progress)
      } catch (error) {
        if (!warned) warn('onProgress', error)
        warned = true
      }
      this.#courier.show('progress', { operation, ...progress })
    }
  }
}

function refuseAborted({ signal }) {
  if (signal?.aborted) throw new BackupError('E_ABORTED', 'The operation was cancelled before it began.')
}

/** What somebody cancelled, or what met another operation, is none: whoever asked for it has the rejection. */
function isBadNews({ code }) {
  return !['E_ABORTED', 'E_BUSY'].includes(code)
}

/** `onAsk`: the one who was asked may be a promise that fails, and the bot goes on then, too. */
function show(onAsk, ask) {
  new Promise((resolve) => resolve(onAsk?.(ask))).catch((error) => warn('show', error))
}

function warn(who, error) {
  process.emitWarning(`${who} threw: ${shown(error)}`, 'LifeboatWarning')
}

/** The default engine, and what is done where its scheduler cannot be started: index.js says both. */
const theDefault = { engine: undefined, unable: undefined }

/** Makes the backups happen by themselves. Cheap: what it is about is the engine's. */
class BackupScheduler {
  #timers
  #isDefault

  /** `config`: an engine, or the configuration of one; without it, the default engine, whichever that is at a call. */
  constructor(config) {
    const own = config === undefined || config instanceof BackupEngine ? config : new BackupEngine(config)
    this.#isDefault = own === undefined
    this.#timers = () => timersOf(own ?? theDefault.engine())
  }

  get running() {
    return this.#timers().running
  }

  start() {
    try {
      this.#timers().start()
    } catch (error) {
      if (!this.#isDefault) throw error
      theDefault.unable(error)
    }
  }

  async stop(options = {}) {
    await this.#timers().stop(stop(options))
  }

  next(runs = 1) {
    return this.#timers().next(count('The number of runs', runs))
  }

  async trigger(kind) {
    return this.#timers().trigger(type(kind))
  }
}

module.exports = { BackupEngine, BackupScheduler, succeed: (old, next) => succeed(old, next), theDefault }
