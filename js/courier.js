// Events, on their way to whoever listens. What nobody could take is kept in the vault, and comes again: in order, and
// once to each listener.
//
// An event is taken when all of its listeners returned, and what they returned was fulfilled. A listener that throws or
// rejects ("WhatsApp is not connected"), or that is silent for too long, gets it again later, and only then what came after
// it. Others do not wait for that one: an alarm must not be lost behind somebody's broken log. Bad news is also kept where
// nobody listens at all, for whoever comes. What the vault cannot keep, because there is none yet or its disk is full, is
// kept in memory.

'use strict'

const { inspect } = require('node:util')

/** Only for whoever is there at this moment. */
const FLEETING = new Set(['progress'])
/** For a host itself, and no listener: it is to start again. */
const RESTART = 'restore:restart'
const BAD_NEWS = new Set([
  'backup:failure',
  'backup:degraded',
  'backup:suspicious',
  'backup:stale',
  'storage:warning',
  'integrity:failure',
  'sync:failure',
  'restore:failure',
  'restore:overwritten'
])

/** Events that are kept in memory; as many as a vault keeps. */
const MOST = 500
/** Before what could not be taken is tried again, in milliseconds. */
const PAUSE = 500
/** A promise that is not settled within this time, in milliseconds, is taken for one that never will be. */
const PATIENCE = 60_000

class Courier {
  #vault
  #listeners
  #own
  #patience
  /** What is to be delivered, in order: `{ event, value }`, `id` of what the vault keeps, `taken` of what memory keeps. */
  #queue = []
  /** What memory keeps. */
  #waiting = []
  #working = false
  /** Fulfilled when the queue was empty the last time. */
  #done = Promise.resolve()
  #draining = false
  #wanted = false
  /** Listeners for whom an event waits in the vault: newer ones go behind it. */
  #behind = new Set()
  /** By id of a kept event: who has it already. */
  #taken = new Map()
  #warned = new WeakSet()

  /**
   * `vault`: `events`, `acknowledge` and `keep`, which return promises. `listeners`: by event, functions. `own`: what concerns
   * this host alone: `isMine(host)`, `restart()`, `holdStill(token)` and `tellStill(token, hasRead)`.
   */
  constructor(vault, listeners, own, patience = PATIENCE) {
    this.#vault = vault
    this.#listeners = listeners
    this.#own = own
    this.#patience = patience
  }

  /** Tells an event, at once where nothing is before it. Never throws. */
  tell(event, value) {
    if (FLEETING.has(event)) {
      for (const listener of this.#of(event)) this.#call(listener, value)
      return
    }
    this.#queue.push({ event, value })
    this.#work()
  }

  /** Delivers what is kept. Never rejects. */
  async drain() {
    this.#wanted = true
    if (this.#draining) return
    this.#draining = true
    while (this.#wanted) {
      this.#wanted = false
      await this.#drainOnce()
    }
    this.#draining = false
  }

  async #drainOnce() {
    let kept
    do {
      while (this.#working) await this.#done
      kept = await this.#kept()
    } while (this.#working)
    this.#behind.clear()
    this.#queue = [...kept, ...this.#waiting, ...this.#queue.filter(({ id }) => id === undefined)]
    this.#waiting = []
    await this.#work()
  }

  async #kept() {
    try {
      const all = await this.#vault.events()
      // Some are for one host by name, and there may be several.
      const kept = all
        .filter(({ value }) => value?.host === undefined || this.#own.isMine(value.host))
        .map(({ value, ...event }) => ({ ...event, ...addressed(value) }))
      // What was dropped, being too old or too many, comes no more.
      const ids = new Set(kept.map(({ id }) => id))
      for (const id of this.#taken.keys()) if (!ids.has(id)) this.#taken.delete(id)
      return kept
    } catch {
      // The vault cannot be read: the next operation on it says why.
      return []
    }
  }

  #of(event) {
    return this.#listeners.get(event) ?? []
  }

  #work() {
    if (!this.#working) {
      this.#working = true
      this.#done = this.#deliverAll()
    }
    return this.#done
  }

  /** Runs without a pause up to the first listener that takes its time. */
  async #deliverAll() {
    for (let item = this.#queue.shift(); item; item = this.#queue.shift()) {
      const slow = this.#deliver(item)
      if (slow) await slow
    }
    this.#working = false
  }

  /** Returns nothing where nothing has to be waited for, so that one event follows another at once. */
  #deliver(item) {
    if (item.event === RESTART) return this.#acknowledge(item.id).then(() => this.#restart())
    // From here to the listeners nothing else of the app runs: it must not write over what is just being restored.
    if (item.token && !this.#own.holdStill(item.token)) {
      // It comes again, once the files are there.
      setTimeout(() => this.drain(), PAUSE).unref()
      return undefined
    }
    const listeners = this.#of(item.event)
    const taken = item.taken ?? this.#taken.get(item.id) ?? new Set()
    const slow = []
    for (const listener of listeners) {
      if (taken.has(listener) || this.#behind.has(listener)) continue
      const answer = this.#call(listener, item.value)
      if (answer === true) taken.add(listener)
      // Also where it comes too late: then it is not told again.
      else if (answer) slow.push(this.#within(answer.then((is) => is && taken.add(listener))))
    }
    const isAtOnce = slow.length === 0
    const settled = () => {
      const isTaken = listeners.every((listener) => taken.has(listener))
      if (item.token && (isAtOnce || !isTaken)) this.#own.tellStill(item.token, isTaken)
      return this.#settle(item, taken, listeners)
    }
    return slow.length > 0 ? Promise.all(slow).then(settled) : settled()
  }

  /** Not waited for: an app may take its time to end, or cannot be started again after all. */
  #restart() {
    Promise.resolve()
      .then(() => this.#own.restart())
      .catch((error) => this.#warn(this.#own, 'The app could not be started again', error))
  }

  #within(promise) {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, this.#patience)
      timer.unref()
      promise.then(() => {
        clearTimeout(timer)
        resolve()
      })
    })
  }

  #settle(item, taken, listeners) {
    const isKept = item.id !== undefined
    if (listeners.length === 0) return !isKept && BAD_NEWS.has(item.event) ? this.#keep(item, taken) : undefined
    const missed = listeners.filter((listener) => !taken.has(listener))
    if (isKept) this.#taken.set(item.id, taken)
    if (missed.length === 0) return isKept ? this.#acknowledge(item.id) : undefined
    for (const listener of missed) this.#behind.add(listener)
    return isKept ? undefined : this.#keep(item, taken)
  }

  async #keep(item, taken) {
    // Null: there is no vault yet.
    const id = await this.#vault.keep(item.event, item.value).catch(() => null)
    if (id !== null) this.#taken.set(id, taken)
    else this.#waiting = [...this.#waiting, { ...item, taken }].slice(-MOST)
  }

  async #acknowledge(id) {
    try {
      await this.#vault.acknowledge(id)
      this.#taken.delete(id)
    } catch {
      // It comes again, and nobody is told again.
    }
  }

  /** True, false, or a promise of that. */
  #call(listener, value) {
    const failed = (error) => {
      this.#warn(listener, 'A listener threw', error)
      return false
    }
    try {
      const answer = listener(value)
      if (typeof answer?.then !== 'function') return true
      return Promise.resolve(answer).then(() => true, failed)
    } catch (error) {
      return failed(error)
    }
  }

  #warn(who, what, error) {
    if (this.#warned.has(who)) return
    this.#warned.add(who)
    process.emitWarning(`${what}: ${inspect(error)}`, 'LifeboatWarning')
  }
}

/** Whom it is for, and what is to be done first, is not for listeners. */
function addressed(value) {
  const { host, token, ...rest } = value ?? {}
  return host === undefined ? { value } : { value: rest, token }
}

module.exports = { Courier }
