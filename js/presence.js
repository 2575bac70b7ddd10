// This process among the hosts: it says in the vault's folder that it is there and what it can do, and is woken when somebody
// rings for the hosts there. Both is done by another process: this one touches no disk. Where nothing can be said, everything
// else goes on without.

'use strict'

const { basename } = require('node:path')
// Of Node, and not of the realm: in jest a realm may be gone when somebody rings.
const { setTimeout } = require('node:timers')

/** Several things at once are one reason to wake up. */
const PAUSE = 20

class Presence {
  #native
  #wake
  #restarter
  #said = {
    name: basename(process.argv[1] ?? 'node'),
    since: Date.now(),
    scheduler: null,
    applies: false,
    reloads: false,
    restarts: false
  }
  #timer = null
  #known
  #left = false

  /** `native`: with `present`. `wake`: called when there may be news. `restarter`: of js/restart.js. */
  constructor(native, wake, restarter) {
    this.#native = native
    this.#wake = wake
    this.#restarter = restarter
  }

  /** What this host is known by, once it has said something. */
  get id() {
    return this.#native.hostId()
  }

  /** Says what is new, and that it is there. Fulfilled with whether others can know it; never rejected. */
  async say(news = {}) {
    Object.assign(this.#said, news)
    this.#known ??= this.#restarter().then((way) => {
      this.#said.restarts = way !== null
    })
    await this.#known
    if (this.#left) return false
    return this.#tell({ ...this.#said, zone: Intl.DateTimeFormat().resolvedOptions().timeZone ?? '' })
  }

  /** Speaks for this process from now on, in place of another engine's. */
  inherit(other) {
    // Of another root or vault nothing was applied at this start.
    const isSame = this.#native.home() === other.#native.home()
    this.say({ ...other.#said, applies: isSame && other.#said.applies })
    other.#left = true
    other.#tell(null)
  }

  async #tell(said) {
    try {
      return !JSON.parse(await this.#native.present(said && JSON.stringify(said))).error
    } catch {
      return false
    }
  }

  /** Somebody rings for the hosts: there may be news. */
  rung() {
    if (this.#left) return
    this.#timer ??= setTimeout(() => {
      this.#timer = null
      this.#wake()
    }, PAUSE).unref()
  }
}

module.exports = { Presence }
