#!/usr/bin/env node
// Keeps writing to a bot's folder as the bot does, until it is stopped: money moves between rows of a database in
// rollback mode, quota between rows of one in WAL mode, so that both sums stay the same, and each such transaction
// also adds a row to the database's log table; JSON files are rewritten in place; the session's keys move on; logs grow.
//
//   node examples/bot/writer.mjs FOLDER [--seed TEXT]
//
// or `startWriter(folder)`, which runs it in a process of its own.

import { fork } from 'node:child_process'
import { appendFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { openDatabase } from './databases.mjs'
import { jsonFile, logLine } from './files.mjs'
import { SESSION } from './make-bot.mjs'
import { Random } from './random.mjs'
import { openSession } from './session.mjs'

/** Below the root: what the writer touches. Everything else that was made stays as it was. */
export const WRITTEN_DATABASES = ['database/saldo.sqlite', 'database/activity_logs.sqlite', 'database/users.sqlite']
const WRITTEN_JSON = ['requests.json', 'wifi_change_logs.json', 'statistics.json', 'cron.json']
const WRITTEN_LOG = 'logs/bot.log'
const MONEY = {
  file: 'database/saldo.sqlite',
  table: 'user_saldo',
  column: 'saldo',
  log: "INSERT INTO saldo_transactions (type, description, created_at) VALUES ('transfer', ?, ?)"
}
const QUOTA = {
  file: 'database/activity_logs.sqlite',
  table: 'message_quota',
  column: 'remaining',
  log: "INSERT INTO activity_logs (command, message, created_at) VALUES ('kuota', ?, ?)"
}

/** Whether a path, in the form that items have, is one that the writer may change. */
export function isWritten(path) {
  return (
    WRITTEN_DATABASES.some((file) => path.startsWith(file)) ||
    WRITTEN_JSON.some((file) => path === `database/${file}`) ||
    path === WRITTEN_LOG ||
    path === `${SESSION}/creds.json`
  )
}

/**
 * Starts the writer in its own process and waits for its first commit.
 * `stats()` tells what it did: { commits, slowestMs, errors } since the last call, and in `added` how many rows each
 * database's log table has been given since the start. `stop()` ends it, with the same answer.
 */
export async function startWriter(root, { seed = 'writer' } = {}) {
  const child = fork(fileURLToPath(import.meta.url), [root, '--seed', seed], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc']
  })
  let exited = null
  child.once('exit', (code, signal) => {
    exited = `The writer ended by itself (${signal ?? `exit code ${code}`}).`
  })
  const ask = (request) =>
    new Promise((resolve, reject) => {
      if (exited) return reject(new Error(exited))
      const ended = () => reject(new Error('The writer ended before it answered.'))
      child.once('exit', ended)
      child.once('message', (answer) => {
        child.off('exit', ended)
        resolve(answer)
      })
      child.send(request)
    })
  await ask('ready')
  return {
    pid: child.pid,
    stats: () => ask('stats'),
    stop: async () => {
      const last = await ask('stop')
      if (!exited) await new Promise((resolve) => child.once('exit', resolve))
      return last
    }
  }
}

class Writer {
  #root
  #random
  #stopped = false
  #added = { 'database/saldo.sqlite': 0, 'database/activity_logs.sqlite': 0 }
  #since = { commits: 0, slowestMs: 0, errors: [] }

  constructor(root, seed) {
    this.#root = root
    this.#random = new Random(seed)
  }

  takeStats() {
    const taken = { ...this.#since, added: { ...this.#added } }
    this.#since = { commits: 0, slowestMs: 0, errors: [] }
    return taken
  }

  stop() {
    this.#stopped = true
  }

  /** Runs until `stop`; `started` is called after the first round of everything. */
  async run(started) {
    const [saldo, activity, users] = await Promise.all(
      WRITTEN_DATABASES.map((file) => openDatabase(join(this.#root, file)))
    )
    const session = await openSession(join(this.#root, SESSION), { seed: 'writer' })
    try {
      for (let round = 0; !this.#stopped; round++) {
        await this.#transfer(saldo, MONEY)
        await this.#transfer(activity, QUOTA)
        if (round % 5 === 0)
          await this.#commit(() =>
            users.run('UPDATE users SET last_seen = ? WHERE id = ?', [
              new Date().toISOString(),
              this.#random.int(1, 200)
            ])
          )
        if (round % 15 === 0) await session.receive()
        if (round % 60 === 0) await session.renew()
        if (round % 10 === 0) this.#rewriteJson()
        appendFileSync(join(this.#root, WRITTEN_LOG), logLine(this.#random, Date.now()))
        if (round === 0) started()
        await sleep(2)
      }
    } finally {
      await Promise.all([saldo.close(), activity.close(), users.close()])
    }
  }

  /** Moves an amount from one row to another and logs it: all in one transaction. */
  async #transfer(db, { file, table, column, log }) {
    const amount = this.#random.int(1, 50)
    const [from, to] = [this.#random.int(1, 200), this.#random.int(1, 200)]
    const done = await this.#commit(async () => {
      await db.run('BEGIN IMMEDIATE')
      try {
        await db.run(`UPDATE ${table} SET ${column} = ${column} - ? WHERE id = ?`, [amount, from])
        await db.run(`UPDATE ${table} SET ${column} = ${column} + ? WHERE id = ?`, [amount, to])
        await db.run(log, [`${amount} dari ${from} ke ${to}`, new Date().toISOString()])
        await db.run('COMMIT')
      } catch (error) {
        await db.run('ROLLBACK').catch(() => {})
        throw error
      }
    })
    if (done) this.#added[file]++
  }

  async #commit(write) {
    const begin = performance.now()
    try {
      await write()
      this.#since.commits++
      return true
    } catch (error) {
      this.#since.errors.push(error.message)
      return false
    } finally {
      this.#since.slowestMs = Math.max(this.#since.slowestMs, performance.now() - begin)
    }
  }

  // In place, without a temporary file: the bot does so, and a reader can meet an empty or torn file.
  #rewriteJson() {
    const file = this.#random.pick(WRITTEN_JSON)
    writeFileSync(join(this.#root, 'database', file), jsonFile(file, this.#random))
  }
}

async function main() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { seed: { type: 'string', default: 'writer' } }
  })
  if (positionals.length !== 1) {
    console.error('Usage: node writer.mjs FOLDER [--seed TEXT]')
    process.exit(2)
  }
  const writer = new Writer(positionals[0], values.seed)
  let started
  const ready = new Promise((resolve) => {
    started = resolve
  })
  if (process.send) {
    process.on('message', async (request) => {
      if (request === 'ready') await ready
      if (request === 'stop') {
        writer.stop()
        await finished
      }
      process.send(request === 'ready' ? 'ready' : writer.takeStats())
      if (request === 'stop') process.disconnect()
    })
    // The parent is gone: so is the reason to write.
    process.on('disconnect', () => writer.stop())
  } else {
    process.on('SIGINT', () => writer.stop())
  }
  const finished = writer.run(started)
  await finished
  if (!process.send) console.log(writer.takeStats())
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main()
