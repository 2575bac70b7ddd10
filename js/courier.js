// Events, on their way to whoever listens. They wait in the vault: first kept, then told. What could not be kept, because
// there is no vault yet or its disk is full, is told from memory.
//
// Each listener takes its events one after the other, by returning, or by fulfilling what it returned. One that throws or
// rejects ("WhatsApp is not connected"), or that is silent for too long, gets the event again later, and only then what came
// after it. Others do not wait for that one: an alarm must not be lost behind somebody's broken log.

'use strict'

const { shown } = require('./error.js')

/** For a host itself, and no listener: it is to start again. */
const RESTART = 'restore:restart'
/** Events that memory keeps; as many as a vault keeps. */
const MOST = 500
/** Before what could not be done is tried again, in milliseconds. */
const PAUSE = 500
/** Before a vault that could not be asked is asked again, in milliseconds: from the first to twice as long each time. */
const ASK_AGAIN = { first: 1_000, last: 60_000 }
/** A promise that is not settled within this time, in milliseconds, is taken for one that never will be. */
const PATIENCE = 60_000
/** An alarm that cannot be kept is told again after so many milliseconds, as long as its cause is there. */
const REMIND = 24 * 3_600_000

class Courier {
  #vault
  #listeners
  #own
  #patience
  #now
  /** What no vault keeps: `{ event, value, taken }`. */
  #memory = []
  /** When an alarm that cannot be kept was told, by its name. */
  #alarmed = new Map()
  /** Listeners that are at an event; true: there may be more for it. */
  #busy = new Map()
  /** What they are at. */
  #serving = new Set()
  /** Fulfilled when the courier before this one has nothing in its hands any more. */
  #before = null
  /** The courier that goes on in place of this one. */
  #heir = null
  /** What listeners have done with, where the vault could not write that down yet. */
  #done = new Set()
  /** By id of what is for this host by its name: the listeners that have taken it, and whether it is under way. */
  #errands = new Map()
  #draining = null
  #wanted = false
  /** Set while a vault that could not be asked is to be asked again. */
  #later = null
  #wait = ASK_AGAIN.first
  #warned = new WeakSet()

  /**
   * `vault`: `claim(consumers)`, `take(id, consumer)` and `release(id, consumer)`, which return promises. `listeners`: of
   * js/listeners.js. `own`: what concerns this host alone: `restart()`, `holdStill(token)` and `tellStill(token, hasRead)`.
   */
  constructor(vault, listeners, own, { patience = PATIENCE, now = Date.now } = {}) {
    this.#vault = vault
    this.#listeners = listeners
    this.#own = own
    this.#patience = patience
    this.#now = now
  }

  /** Goes on in place of another one, whose listeners are here now: what that is at is not told a second time. */
  inherit(other) {
    this.#memory = other.#memory
    this.#done = other.#done
    this.#before = other.#handOver()
    other.#heir = this
  }

  /** What it is just asking for comes yet, and goes back at once. */
  async #handOver() {
    await this.#before
    await this.#draining
    await Promise.allSettled(this.#serving)
  }

  /** For whoever is there at this moment. Never throws. */
  show(event, value) {
    if (this.#heir) return this.#heir.show(event, value)
    for (const { listener } of this.#listeners.of(event)) this.#call(listener, value)
  }

  /** Tells what no vault keeps. Never throws. */
  tell(event, value) {
    if (this.#heir) return this.#heir.tell(event, value)
    this.#memory = [...this.#memory, { event, value, taken: new Set() }].slice(-MOST)
    for (const one of this.#listeners.of(event)) this.#serve(one)
  }

  /** The same of what is noticed again and again. */
  alarm(event, value) {
    const before = this.#alarmed.get(event)
    if (before !== undefined && this.#now() - before < REMIND && this.#now() >= before) return
    this.#alarmed.set(event, this.#now())
    this.tell(event, value)
  }

  /** Delivers what waits. Fulfilled when all of it is on its way; never rejects. */
  drain() {
    if (this.#heir) return this.#heir.drain()
    this.#wanted = true
    this.#draining ??= this.#drainAll().finally(() => {
      this.#draining = null
    })
    return this.#draining
  }

  async #drainAll() {
    await this.#before
    while (this.#wanted) {
      this.#wanted = false
      const all = this.#listeners.all()
      for (const one of all) if (this.#busy.has(one)) this.#busy.set(one, true)
      const free = all.filter((one) => !this.#busy.has(one))
      const { errands, claims } = await this.#claim(free)
      for (const id of this.#errands.keys()) if (!errands.some((one) => one.id === id)) this.#errands.delete(id)
      for (const errand of errands) this.#do(errand)
      for (const one of free) {
        const claim = claims.find(({ consumer }) => consumer === one.consumer)
        if (claim || this.#remembered(one)) this.#serve(one, claim)
      }
    }
  }

  async #claim(those) {
    try {
      const consumers = those.map(({ consumer, event, since }) => ({ name: consumer, event, since }))
      const claimed = await this.#vault.claim(consumers)
      this.#wait = ASK_AGAIN.first
      return claimed
    } catch {
      // The next operation on it says why.
      this.#askLater()
      return { errands: [], claims: [] }
    }
  }

  /** No event waits for an operation that may never come. */
  #askLater() {
    if (this.#later) return
    this.#later = setTimeout(() => {
      this.#later = null
      this.drain()
    }, this.#wait)
    this.#later.unref()
    this.#wait = Math.min(2 * this.#wait, ASK_AGAIN.last)
  }

  #remembered({ event, listener }) {
    return this.#memory.find((one) => one.event === event && !one.taken.has(listener))
  }

  /** Gives a listener one event after the other, until there is none, or it could not take one. */
  #serve(one, claim) {
    const serving = this.#serveAll(one, claim).finally(() => this.#serving.delete(serving))
    this.#serving.add(serving)
  }

  async #serveAll(one, claim) {
    if (this.#busy.has(one)) {
      this.#busy.set(one, true)
      if (claim) await this.#vault.release(claim.id, one.consumer).catch(ignore)
      return
    }
    this.#busy.set(one, false)
    let goesOn = true
    while (goesOn) {
      goesOn = await this.#give(one, claim)
      claim = undefined
      // What came meanwhile may be for it.
      if (!goesOn) goesOn = this.#busy.get(one)
      goesOn = goesOn && this.#listeners.of(one.event).includes(one)
      this.#busy.set(one, false)
      if (goesOn) claim = (await this.#claim([one])).claims[0]
      goesOn = goesOn && (claim !== undefined || this.#remembered(one) !== undefined || this.#busy.get(one))
    }
    this.#busy.delete(one)
  }

  /** True: it was taken, and there may be more. */
  async #give(one, claim) {
    // It may have gone while this was asked for: then it is for the next one that has its name.
    const isHere = this.#listeners.of(one.event).includes(one)
    const known = isHere && (claim ? this.#fromVault(one, claim) : this.#fromMemory(one))
    // Also where it comes too late: then it is not told again.
    const isTaken = known && (known.isDone || (await this.#within(this.#call(one.listener, known.value), known.take)))
    if (isTaken) return known.take()
    if (claim) await this.#vault.release(claim.id, one.consumer).catch(ignore)
    return false
  }

  #fromVault(one, { id, value }) {
    const key = `${one.key} ${id}`
    // False: it comes again, and then only this is done again.
    const take = async () => {
      this.#done.add(key)
      if (this.#done.size > MOST) this.#done.delete(this.#done.values().next().value)
      try {
        await this.#vault.take(id, one.consumer)
      } catch {
        return false
      }
      this.#done.delete(key)
      return true
    }
    return { value, take, isDone: this.#done.has(key) }
  }

  #fromMemory(one) {
    const known = this.#remembered(one)
    if (!known) return undefined
    const take = async () => {
      known.taken.add(one.listener)
      const isOver = this.#listeners.of(known.event).every(({ listener }) => known.taken.has(listener))
      if (isOver) this.#memory = this.#memory.filter((other) => other !== known)
      return true
    }
    return { value: known.value, take }
  }

  /** What is for this host by its name. Runs without a pause up to the first listener that takes its time. */
  #do({ id, event, value }) {
    if (event === RESTART) {
      this.#vault.take(id).then(() => this.#restart(), ignore)
      return
    }
    const { host: _, token, ...rest } = value
    const errand = this.#errands.get(id) ?? { taken: new Set(), isUnderWay: false }
    this.#errands.set(id, errand)
    if (errand.isUnderWay) return
    // From here to the listeners nothing else of the app runs: it must not write over what is just being restored.
    if (token && !this.#own.holdStill(token)) {
      // It comes again, once the files are there.
      setTimeout(() => this.drain(), PAUSE).unref()
      return
    }
    const { taken } = errand
    const listeners = this.#listeners.of(event).map(({ listener }) => listener)
    const slow = []
    for (const listener of listeners.filter((one) => !taken.has(one))) {
      const answer = this.#call(listener, rest)
      if (answer === true) taken.add(listener)
      else if (answer) slow.push(this.#within(answer.then((is) => is && taken.add(listener))))
    }
    errand.isUnderWay = true
    const settled = () => {
      errand.isUnderWay = false
      const isTaken = listeners.every((listener) => taken.has(listener))
      if (token && (slow.length === 0 || !isTaken)) this.#own.tellStill(token, isTaken)
      if (isTaken && listeners.length > 0) this.#vault.take(id).catch(ignore)
    }
    if (slow.length > 0) Promise.all(slow).then(settled)
    else settled()
  }

  /** Not waited for: an app may take its time to end, or cannot be started again after all. */
  #restart() {
    Promise.resolve()
      .then(() => this.#own.restart())
      .catch((error) => this.#warn(this.#own, 'The app could not be started again', error))
  }

  /** Whether it was taken in time. `late`: called where it is later. */
  #within(answer, late = ignore) {
    if (typeof answer === 'boolean') return answer
    return new Promise((resolve) => {
      let isLate = false
      const timer = setTimeout(() => {
        isLate = true
        resolve(false)
      }, this.#patience)
      timer.unref()
      answer.then((isTaken) => {
        clearTimeout(timer)
        if (isLate && isTaken) late()
        resolve(Boolean(isTaken))
      })
    })
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
    process.emitWarning(`${what}: ${shown(error)}`, 'LifeboatWarning')
  }
}

function ignore() {}

module.exports = { Courier }
