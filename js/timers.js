// The timers of a schedule. What is due, and whether somebody else has done it already, is the vault's to say; here it is
// asked, at least once a minute, so that a clock that jumps or a machine that slept is noticed soon. No timer keeps a process
// alive.

'use strict'

const { shown } = require('./error.js')

const LONGEST_SLEEP = 60_000
/** While another operation holds the vault it is asked again after so many milliseconds. */
const HELD = 5_000
/** What was missed begins within so much time, not at once: the host has just started, and so have others. */
const JITTER = 60_000
/** Where nothing can be written down, what was tried is tried again after so many milliseconds. */
const UNKEPT = 3_600_000

// Looked up at each call: a test may replace them.
const CLOCK = {
  now: () => Date.now(),
  random: () => Math.random(),
  setTimeout: (work, delay) => setTimeout(work, delay),
  clearTimeout: (timer) => clearTimeout(timer)
}

class Timers {
  #host
  #clock
  /** Since it was started, or null: `{ since, signal }`. */
  #run = null
  #timer = null
  /** Looks each minute, also while a run takes its time or hangs. */
  #watch = null
  /** The turn that is under way, or null. */
  #work = null
  /** So is an inspection, beside the turns: however long it takes, backups go on. */
  #inspection = null
  /** And so is what brings backups to their targets: `{ work, end }`. */
  #sync = null
  #stopping = null
  #triggered = new Set()
  /** Ends a jitter. */
  #wake = null
  #notBefore = Number.NEGATIVE_INFINITY

  /**
   * `host`: `next(now, count)`, `look(since)`, `runDue({ signal })`, `inspectDue({ signal })`, `syncDue({ signal })`,
   * `runScheduled(type, { signal })`,
   * and `say(since)`: since when it runs, or null. `clock`: another one, for tests.
   */
  constructor(host, clock = {}) {
    this.#host = host
    this.#clock = { ...CLOCK, ...clock }
  }

  get running() {
    return this.#run !== null
  }

  start() {
    if (this.running) return
    // What is wrong with the schedule is told now.
    this.next()
    const since = this.#clock.now()
    this.#stopping = new AbortController()
    const run = { since, signal: this.#stopping.signal }
    this.#run = run
    this.#host.say(Date.now())
    this.#sleep(run, 0)
    this.#watch = setInterval(() => this.#host.look(since).catch(warn), LONGEST_SLEEP).unref()
  }

  /** Waits for what is under way; `cancel`: cancels it instead, and waits for its end. */
  async stop({ cancel = false } = {}) {
    if (this.running) this.#host.say(null)
    this.#run = null
    this.#clock.clearTimeout(this.#timer)
    clearInterval(this.#watch)
    this.#wake?.()
    if (cancel) this.#stopping?.abort()
    // It may take hours, and is gone on with at the next start.
    this.#sync?.end.abort()
    await Promise.allSettled([this.#work, this.#inspection, this.#sync?.work, ...this.#triggered])
  }

  next(count = 1) {
    const runs = this.#host.next(this.#clock.now(), count)
    return runs.map(({ type, at }) => ({ type, at: new Date(at) }))
  }

  async trigger(type) {
    if (!this.#stopping || this.#stopping.signal.aborted) this.#stopping = new AbortController()
    const run = this.#host.runScheduled(type, { signal: this.#stopping.signal })
    this.#triggered.add(run)
    return run.finally(() => this.#triggered.delete(run))
  }

  #sleep(run, ms) {
    this.#timer = this.#clock.setTimeout(() => {
      // What is due still is: to try it again at once would only be in the way of whatever is short.
      const later = (error) => {
        warn(error)
        return LONGEST_SLEEP
      }
      const before = this.#work
      const turn = Promise.resolve(before)
        .then(() => this.#turn(run))
        .catch(later)
        .then((pause) => {
          if (this.#work === turn) this.#work = null
          if (this.#run === run) this.#sleep(run, pause)
        })
      this.#work = turn
    }, ms)
    this.#timer?.unref?.()
  }

  /** Does what is due. Fulfilled with how long to sleep. A run that fails is told as an event, and no reason to stop. */
  async #turn(run) {
    // Not any more once it was stopped, also where it was started again since.
    while (this.#run === run) {
      const now = this.#clock.now()
      const { backup, inspection, sync, wake } = await this.#host.look(run.since)
      if (this.#run !== run) break
      if (inspection) this.#inspect(run, inspection)
      if (sync) this.#bring(run)
      if (!backup || now < this.#notBefore) return this.#until(wake, now)
      if (backup.missed) await this.#jitter()
      if (this.#run !== run) break
      const { isIdle, isKept } = await this.#host.runDue({ signal: run.signal })
      // Somebody else is at it, or has done it.
      if (isIdle) return HELD
      if (!isKept) this.#notBefore = this.#clock.now() + UNKEPT
    }
    return LONGEST_SLEEP
  }

  /** `wake`: when something is due next, as it was at `now`. */
  #until(wake, now) {
    if (wake === null) return LONGEST_SLEEP
    // Due, but not to be done now.
    if (wake <= now) return HELD
    return Math.min(Math.max(wake - this.#clock.now(), 0), LONGEST_SLEEP)
  }

  #inspect(run, { missed }) {
    this.#inspection ??= this.#inspectOnce(run, missed)
      .catch(ignore)
      .finally(() => {
        this.#inspection = null
      })
  }

  async #inspectOnce(run, missed) {
    if (missed) await this.#jitter()
    if (this.#run === run) await this.#host.inspectDue({ signal: run.signal })
  }

  /** What could not be brought is told as an event, and comes again. */
  #bring(run) {
    if (this.#sync) return
    const end = new AbortController()
    run.signal.addEventListener('abort', () => end.abort(), { once: true })
    const work = this.#host
      .syncDue({ signal: end.signal })
      .catch(ignore)
      .finally(() => {
        this.#sync = null
      })
    this.#sync = { work, end }
  }

  async #jitter() {
    await new Promise((resolve) => {
      const before = this.#wake
      this.#wake = () => {
        before?.()
        resolve()
      }
      this.#clock.setTimeout(resolve, this.#clock.random() * JITTER)?.unref?.()
    })
  }
}

function ignore() {}

/** A turn that could not be made, for want of memory, say. The next one comes in a minute, and the app lives on. */
function warn(error) {
  process.emitWarning(`The scheduler could not do what is due: ${shown(error)}`, 'LifeboatWarning')
}

module.exports = { Timers }
