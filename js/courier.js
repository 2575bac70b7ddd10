// Events, on their way to whoever listens. What nobody could take is kept in the vault, and comes again: in order, and
// once to each listener.
//
// An event is taken when all of its listeners returned, and what they returned was fulfilled. A listener that throws or
// rejects ("WhatsApp is not connected") gets it again later, and those behind it wait. Bad news is also kept where nobody
// listens at all, for whoever comes.

'use strict'

/** Only for whoever is there at this moment. */
const FLEETING = new Set(['progress', 'restore:reload'])
const BAD_NEWS = new Set([
  'backup:failure',
  'backup:stale',
  'storage:warning',
  'integrity:failure',
  'sync:failure',
  'restore:failure'
])

class Courier {
  #vault
  #listeners
  /** What is to be delivered, in order: `{ event, value }`, and `id` of what the vault keeps. */
  #queue = []
  #working = false
  /** Fulfilled when the queue was empty the last time. */
  #done = Promise.resolve()
  #draining = false
  #wanted = false
  /** An event waits in the vault for one of its listeners: newer ones go behind it. */
  #blocked = false
  /** By id of a kept event: who has it already. */
  #taken = new Map()
  #warned = new WeakSet()

  /** `vault`: `events`, `acknowledge` and `keep`, which return promises. `listeners`: by event, functions. */
  constructor(vault, listeners) {
    this.#vault = vault
    this.#listeners = listeners
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
    try {
      while (this.#wanted) {
        this.#wanted = false
        await this.#drainOnce()
      }
    } catch {
      // The vault cannot be read: the next operation on it says why.
    } finally {
      this.#draining = false
    }
  }

  async #drainOnce() {
    let kept
    do {
      while (this.#working) await this.#done
      kept = await this.#vault.events()
    } while (this.#working)
    this.#blocked = false
    this.#queue.unshift(...kept)
    await this.#work()
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
    try {
      for (let item = this.#queue.shift(); item; item = this.#queue.shift()) {
        const slow = this.#deliver(item)
        if (slow) await slow
      }
    } catch (error) {
      // The vault cannot be written. Who was there has heard it.
      this.#warn(this, 'An event could not be kept', error)
    } finally {
      this.#working = false
    }
  }

  /** Returns nothing where nothing has to be waited for, so that one event follows another at once. */
  #deliver(item) {
    const listeners = this.#of(item.event)
    if (this.#blocked) return item.id === undefined ? this.#keep(item, new Set()) : undefined
    const taken = this.#taken.get(item.id) ?? new Set()
    const slow = []
    for (const listener of listeners) {
      if (taken.has(listener)) continue
      const answer = this.#call(listener, item.value)
      if (answer === true) taken.add(listener)
      else if (answer) slow.push(answer.then((is) => is && taken.add(listener)))
    }
    const settled = () => this.#settle(item, taken, listeners)
    return slow.length > 0 ? Promise.all(slow).then(settled) : settled()
  }

  #settle(item, taken, listeners) {
    const isTaken = listeners.every((listener) => taken.has(listener))
    if (listeners.length === 0) {
      return item.id === undefined && BAD_NEWS.has(item.event) ? this.#keep(item, taken) : undefined
    }
    if (isTaken) {
      this.#taken.delete(item.id)
      return item.id === undefined ? undefined : this.#vault.acknowledge(item.id)
    }
    this.#blocked = true
    if (item.id === undefined) return this.#keep(item, taken)
    this.#taken.set(item.id, taken)
  }

  async #keep(item, taken) {
    const id = await this.#vault.keep(item.event, item.value)
    if (id !== null) this.#taken.set(id, taken)
    // Without a vault there is nowhere to keep it, and nothing for others to wait behind.
    else this.#blocked = false
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
    process.emitWarning(`${what}: ${error?.stack ?? error}`, 'LifeboatWarning')
  }
}

module.exports = { Courier }
