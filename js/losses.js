// Operations whose worker died or could not be started, where the vault could not have that written down: there is none yet,
// somebody is at work in it, or what writes it is the very program that cannot be started. They are remembered here until the
// vault answers again.

'use strict'

/** More than these nobody would read. */
const MOST = 50

class Losses {
  /** Questions to the clerk, the oldest first. */
  #all = []
  #writing = null

  get any() {
    return this.#all.length > 0
  }

  /** One that was told from memory. `failure`: its code and message. */
  add(operation, failure, now) {
    this.#all = [...this.#all, { op: 'lost', operation, failure, told: true, now }].slice(-MOST)
  }

  /** Has them written down, as far as that can be done now. `ask`: asks the clerk. */
  write(ask) {
    this.#writing ??= this.#writeAll(ask).finally(() => {
      this.#writing = null
    })
    return this.#writing
  }

  async #writeAll(ask) {
    for (const loss of this.#all) {
      const left = await ask(loss).catch(() => loss)
      if (left) return
      this.#all = this.#all.filter((one) => one !== loss)
    }
  }

  /** As `status()` shows them: of each cause the newest. */
  problems() {
    const newest = new Map(this.#all.map((loss) => [loss.failure.code + loss.operation.op, loss]))
    return [...newest.values()].map(({ failure: { code, message }, now }) => ({
      code,
      message: `Something failed, and could not be written down in the vault yet: ${message}`,
      since: now
    }))
  }
}

module.exports = { Losses }
