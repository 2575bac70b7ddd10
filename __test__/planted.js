// Secrets that are planted by a test, and the search for them: as they are, and in each form in which a program might write them.

'use strict'

const assert = require('node:assert/strict')
const { createHash, randomBytes } = require('node:crypto')
const { lstatSync, readdirSync, readFileSync } = require('node:fs')
const { join } = require('node:path')
const { setTimeout: sleep } = require('node:timers/promises')

/** `value` in base64, wherever in a longer text it stands: without the characters that its neighbours change. */
function insideBase64(bytes) {
  return [0, 1, 2].map((before) => {
    const text = Buffer.concat([Buffer.alloc(before), bytes])
      .toString('base64')
      .replaceAll('=', '')
    const end = (before + bytes.length) % 3 === 0 ? text.length : text.length - 1
    return text.slice([0, 2, 3][before], end)
  })
}

function forms(value) {
  const bytes = Buffer.from(value)
  const base64 = insideBase64(bytes)
  const texts = [
    ...base64,
    ...base64.map((text) => text.replaceAll('+', '-').replaceAll('/', '_')),
    bytes.toString('hex'),
    bytes.toString('hex').toUpperCase()
  ]
  if (typeof value === 'string') {
    texts.push(encodeURIComponent(value), new URLSearchParams({ v: value }).toString().slice(2))
    texts.push(JSON.stringify(value).slice(1, -1), JSON.stringify(JSON.stringify(value).slice(1, -1)).slice(1, -1))
  }
  return [...new Set([bytes, ...texts.map((text) => Buffer.from(text))].map((form) => form.toString('latin1')))]
}

class Planted {
  #forms = new Map()

  /** `value`: text, or bytes. Of a PEM's lines one is enough. */
  add(name, value) {
    assert.ok(value.length >= 15, `${name} is too short to be looked for`)
    const known = createHash('sha256').update(value).digest('hex')
    // One that comes by again keeps its first name.
    if (!this.#forms.has(known)) this.#forms.set(known, { name, all: forms(value) })
    return value
  }

  /** A new one, with characters that are written in another way in a URL, in JSON and in base64. */
  plant(name, { plain = false } = {}) {
    return this.add(
      name,
      `${plain ? '' : 'p"w/+'}${name.replaceAll(/[^a-zA-Z]/g, '')}${randomBytes(12).toString('hex')}`
    )
  }

  /** The names of those that are in it. */
  in(bytes) {
    const text = Buffer.isBuffer(bytes) ? bytes.toString('latin1') : Buffer.from(bytes).toString('latin1')
    const found = [...this.#forms.values()].filter(({ all }) => all.some((form) => text.includes(form)))
    return [...new Set(found.map(({ name }) => name))]
  }

  /** None of them may be in what was said. */
  assertNot(what, text) {
    const found = this.in(text)
    assert.deepEqual(found, [], `${what} has a secret in it:\n${String(text).slice(0, 3000)}`)
  }

  /** Each file below `folder`: its path, its mode, and what is in it. */
  *files(folder) {
    for (const name of readdirSync(folder)) {
      const path = join(folder, name)
      const stat = lstatSync(path, { throwIfNoEntry: false })
      if (stat?.isDirectory()) yield* this.files(path)
      else if (stat?.isFile()) yield { path, mode: stat.mode & 0o777, found: this.in(readFileSync(path)) }
    }
  }

  /**
   * Looks at all processes of this machine as often as it can, until it is stopped, and gives back what it saw: the command line
   * of each, and the environment of those that are ours, and how large a core each may leave.
   */
  watchProcesses(isOurs) {
    let stopped = false
    const seen = { lines: new Set(), environments: new Map(), cores: new Set() }
    const read = (path) => {
      try {
        return readFileSync(path)
      } catch {
        return Buffer.alloc(0)
      }
    }
    const looking = (async () => {
      while (!stopped) {
        for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
          const line = read(`/proc/${pid}/cmdline`).toString('latin1').replaceAll('\0', ' ')
          if (!line) continue
          seen.lines.add(line)
          if (!isOurs(line)) continue
          seen.environments.set(line, read(`/proc/${pid}/environ`))
          const limit = /^Max core file size +(\S+)/m.exec(read(`/proc/${pid}/limits`))
          if (limit) seen.cores.add(limit[1])
        }
        await sleep(10)
      }
    })()
    return async () => {
      stopped = true
      await looking
      return seen
    }
  }

  /** What a core of this process would hold: its memory, without what it has kept out of cores. */
  inCore(pid) {
    const { openSync, readSync, closeSync } = require('node:fs')
    const memory = openSync(`/proc/${pid}/mem`, 'r')
    const found = new Set()
    let range
    for (const line of readFileSync(`/proc/${pid}/smaps`, 'utf8').split('\n')) {
      const start = /^([0-9a-f]+)-([0-9a-f]+) (\S+) /.exec(line)
      if (start) range = { from: Number.parseInt(start[1], 16), to: Number.parseInt(start[2], 16), may: start[3] }
      // `dd`: not in a core. Only what can be written can have got a secret.
      if (!line.startsWith('VmFlags:') || line.includes(' dd') || !range.may.startsWith('rw')) continue
      const size = 4 << 20
      for (let at = range.from; at < range.to; at += size - 4096) {
        const bytes = Buffer.alloc(Math.min(size, range.to - at))
        let length = 0
        try {
          length = readSync(memory, bytes, 0, bytes.length, at)
        } catch {
          // It has given it back meanwhile.
        }
        for (const name of this.in(bytes.subarray(0, length))) found.add(name)
      }
    }
    closeSync(memory)
    return [...found]
  }
}

module.exports = { Planted }
