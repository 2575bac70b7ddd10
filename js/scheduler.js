// The timers of a schedule. What is due when is the engine's to say; here it is asked, at least once a minute, so that a
// clock that jumps or a machine that slept is noticed soon. No timer keeps a process alive.

'use strict'

const { inspect } = require('node:util')

const LONGEST_SLEEP = 60_000
/** What was missed begins within so much time, not at once: the host has just started, and so have others. */
const JITTER = 60_000

// Looked up at each call: a test may replace them.
const CLOCK = {
  now: () => Date.now(),
  random: () => Math.random(),
  setTimeout: (work, delay) => setTimeout(work, delay),
  clearTimeout: (timer) => clearTimeout(timer)
}

class Scheduler {
  #host
  #clock
  #native = null
  #timer = null
  /** Looks each minute, also while a run takes its time or hangs. */
  #watch = null
  /** A rehearsal lies in the vault meanwhile, and is no reason to warn of a vault that fills up. */
  #isInspecting = false
  /** The work that is under way, or null. */
  #work = null
  #stopping = null
  #triggered = new Set()
  /** Ends a jitter. */
  #wake = null

  /**
   * `host`: `scheduler(zone)`, `runScheduled(type, covers, { wait, signal })`, `inspect({ signal })`, `look()`, which
   * is called again and again, and `say(since)`: since when it runs, or null. `clock`: another one, for tests.
   */
  constructor(host, clock = {}) {
    this.#host = host
    this.#clock = { ...CLOCK, ...clock }
  }

  get running() {
    return this.#native !== null
  }

  start() {
    if (this.running) return
    const native = this.#host.scheduler(zone())
    native.start(this.#clock.now())
    this.#native = native
    this.#stopping = new AbortController()
    this.#host.say(Date.now())
    this.#sleep(native, 0)
    const look = () => this.#isInspecting || this.#host.look().catch(warn)
    this.#watch = setInterval(look, LONGEST_SLEEP).unref()
  }

  /** Waits for what is under way; `cancel`: cancels it instead, and waits for its end. */
  async stop({ cancel = false } = {}) {
    if (this.running) this.#host.say(null)
    this.#native = null
    this.#clock.clearTimeout(this.#timer)
    clearInterval(this.#watch)
    this.#wake?.()
    if (cancel) this.#stopping?.abort()
    await Promise.allSettled([this.#work, ...this.#triggered])
  }

  next(count = 1) {
    const runs = this.#host.scheduler(zone()).next(this.#clock.now(), count)
    return runs.map(({ type, at }) => ({ type, at: new Date(at) }))
  }

  async trigger(type) {
    if (!this.#stopping || this.#stopping.signal.aborted) this.#stopping = new AbortController()
    const run = this.#host.runScheduled(type, [], { wait: false, signal: this.#stopping.signal })
    this.#triggered.add(run)
    return run.finally(() => this.#triggered.delete(run))
  }

  #sleep(native, ms) {
    this.#timer = this.#clock.setTimeout(() => {
      const next = () => this.#untilNext(native)
      // What is due still is: to try it again at once would only be in the way of whatever is short.
      const later = (error) => {
        warn(error)
        return LONGEST_SLEEP
      }
      const turn = this.#turn(native)
        .then(next, later)
        .then((pause) => {
          if (this.#work === turn) this.#work = null
          if (this.#native === native) this.#sleep(native, pause)
        })
      this.#work = turn
    }, ms)
    this.#timer?.unref?.()
  }

  #untilNext(native) {
    try {
      const now = this.#clock.now()
      const wake = native.wake(now) ?? Number.POSITIVE_INFINITY
      return Math.min(Math.max(wake - now, 0), LONGEST_SLEEP)
    } catch (error) {
      warn(error)
      return LONGEST_SLEEP
    }
  }

  /** Does what is due. A run that fails is told as an event, and no reason to stop. */
  async #turn(native) {
    await this.#host.look()
    const { signal } = this.#stopping
    // Not any more once it was stopped, also where it was started again since.
    while (this.#native === native) {
      const due = native.due(this.#clock.now())
      const chore = due ? null : native.inspectionDue(this.#clock.now())
      if (!due && !chore) return
      if ((due ?? chore).missed) await this.#jitter()
      if (this.#native !== native) return
      if (due) await this.#host.runScheduled(due.type, due.covers, { wait: true, signal }).catch(() => native.failed())
      else await this.#inspect(signal)
    }
  }

  async #inspect(signal) {
    this.#isInspecting = true
    await this.#host.inspect({ signal }).catch(ignore)
    this.#isInspecting = false
  }

  async #jitter() {
    await new Promise((resolve) => {
      this.#wake = resolve
      this.#clock.setTimeout(resolve, this.#clock.random() * JITTER)?.unref?.()
    })
    this.#wake = null
  }
}

function ignore() {}

/** A turn that could not be made, for want of memory, say. The next one comes in a minute, and the app lives on. */
function warn(error) {
  process.emitWarning(`The scheduler could not do what is due: ${inspect(error)}`, 'LifeboatWarning')
}

/** Asked each time: a bot sets process.env.TZ when it runs, which only JavaScript sees. */
function zone() {
  return Intl.DateTimeFormat().resolvedOptions().timeZone ?? ''
}

module.exports = { Scheduler }
