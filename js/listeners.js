// Who listens to what in this process, each under a name by which the vault knows what it has taken.
//
// The name is that of the app, of the event, and a number, in the order in which listeners came: so the processes of a
// cluster share their names, as they do their work, and a process that starts again goes on where it was.

'use strict'

/** By app, vault and event: the numbers that are taken in this process, also by other engines of it. */
const numbers = new Map()

class Listeners {
  #app
  #home
  #now
  /** By event: `{ event, listener, consumer, key, number, since }`; `key`: the consumer's name together with its vault. */
  #by = new Map()

  /** `app`: what the consumers of this process are called; `home`: which vault they are of; `now`: the time. */
  constructor(app, home, now) {
    this.#app = app
    this.#home = home
    this.#now = now
  }

  of(event) {
    return this.#by.get(event) ?? []
  }

  all() {
    return [...this.#by.values()].flat()
  }

  add(event, listener) {
    const taken = this.#numbers(event)
    let number = 0
    while (taken.has(number)) number++
    taken.add(number)
    const consumer = `${this.#app}/${event}/${number}`
    const key = JSON.stringify([this.#home, consumer])
    this.#by.set(event, [...this.of(event), { event, listener, consumer, key, number, since: this.#now() }])
  }

  /** The one that came last of the same function. */
  remove(event, listener) {
    const at = this.of(event).findLastIndex((one) => one.listener === listener)
    if (at < 0) return
    this.#numbers(event).delete(this.of(event)[at].number)
    this.#by.set(event, this.of(event).toSpliced(at, 1))
  }

  /** All of another engine listen here now. */
  takeOver(other) {
    for (const { event, listener } of other.all()) {
      other.remove(event, listener)
      this.add(event, listener)
    }
  }

  #numbers(event) {
    const key = JSON.stringify([this.#home, this.#app, event])
    if (!numbers.has(key)) numbers.set(key, new Set())
    return numbers.get(key)
  }
}

module.exports = { Listeners }
