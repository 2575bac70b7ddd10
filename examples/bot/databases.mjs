// The bot's five SQLite databases, written by the bot's own driver, and the promises that any copy of them must keep.

import { mkdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import sqlite3 from 'sqlite3'
import { address, COMMANDS, jid, message, moment, NOW, name, PACKAGES, phone, timestamp } from './people.mjs'
import { Random } from './random.mjs'

const BATCH = 2000
const AGENTS = 200
const QUOTA = 5000

// Each table has a primary key `id`; `row` makes the values of the columns after it. `share` is its part of the bytes.
// `update` is what the bot does to one row in an hour's work.
const DATABASES = [
  {
    file: 'database.sqlite',
    share: 0.25,
    tables: [
      {
        name: 'reports',
        columns:
          'ticket TEXT, jid TEXT, customer TEXT, body TEXT, status TEXT, technician TEXT, created_at TEXT, closed_at TEXT',
        row: (r, id) => [
          `TKT${String(id).padStart(7, '0')}`,
          jid(r),
          name(r),
          message(r),
          status(r),
          r.chance(0.6) ? name(r) : null,
          moment(r),
          r.chance(0.5) ? moment(r) : null
        ],
        update: "status = 'selesai', closed_at = ?"
      }
    ]
  },
  {
    file: 'database/users.sqlite',
    share: 0.13,
    tables: [
      {
        name: 'users',
        columns:
          'name TEXT, phone_number TEXT, address TEXT, latitude REAL, longitude REAL, device_id TEXT, subscription TEXT, price INTEGER, paid INTEGER, username TEXT, password TEXT, last_seen TEXT',
        row: (r) => [
          name(r),
          phone(r),
          address(r),
          -(r.int(600000, 899999) / 1e5),
          r.int(10600000, 11299999) / 1e5,
          `${r.hex(6).toUpperCase()}-HG8245H-48575443${r.hex(8).toUpperCase()}`,
          ...r.pick(PACKAGES),
          r.int(0, 1),
          `pppoe-${r.digits(6)}`,
          `$2b$10$${r.bytes(39).toString('base64')}`,
          moment(r)
        ],
        update: 'paid = 1 - paid, last_seen = ?'
      }
    ],
    index: 'CREATE INDEX users_by_phone ON users (phone_number)'
  },
  {
    file: 'database/saldo.sqlite',
    share: 0.2,
    tables: [
      {
        name: 'user_saldo',
        columns: 'jid TEXT, pushname TEXT, saldo INTEGER NOT NULL, updated_at TEXT',
        rows: 2000,
        row: (r) => [jid(r), name(r), r.int(0, 500) * 1000, moment(r)]
      },
      {
        name: 'saldo_transactions',
        columns:
          'user_id INTEGER, type TEXT, amount INTEGER, balance_after INTEGER, description TEXT, reference TEXT, created_at TEXT',
        row: (r) => [
          r.int(1, 2000),
          r.pick(['topup', 'voucher', 'transfer', 'tagihan']),
          r.int(1, 500) * 1000,
          r.int(0, 2000) * 500,
          `${r.pick(['Topup via', 'Pembelian', 'Transfer ke', 'Bayar'])} ${r.pick(['BCA', 'BRI', 'Dana', 'voucher 7 hari', name(r)])}`,
          `TRX-${r.hex(12)}`,
          moment(r)
        ],
        update: "description = description || ' (dikoreksi)', created_at = ?"
      }
    ],
    index: 'CREATE INDEX transactions_by_user ON saldo_transactions (user_id)'
  },
  {
    file: 'database/activity_logs.sqlite',
    share: 0.34,
    wal: true,
    tables: [
      {
        name: 'message_quota',
        columns: 'agent TEXT, remaining INTEGER NOT NULL',
        rows: AGENTS,
        row: (r) => [name(r), QUOTA]
      },
      {
        name: 'activity_logs',
        columns:
          'jid TEXT, pushname TEXT, command TEXT, message TEXT, result TEXT, duration_ms INTEGER, ip TEXT, created_at TEXT',
        row: (r) => [
          jid(r),
          name(r),
          r.pick(COMMANDS),
          message(r),
          JSON.stringify({ ok: r.chance(0.95), messageId: `3EB0${r.hex(16).toUpperCase()}` }),
          r.int(12, 4000),
          `10.${r.int(0, 9)}.${r.int(0, 255)}.${r.int(1, 254)}`,
          moment(r)
        ],
        update: 'duration_ms = duration_ms + 1, created_at = ?'
      }
    ],
    index: 'CREATE INDEX activity_by_time ON activity_logs (created_at)'
  },
  {
    file: 'database/psb_database.sqlite',
    share: 0.08,
    tables: [
      {
        name: 'psb_records',
        columns:
          'customer TEXT, phone TEXT, address TEXT, package TEXT, price INTEGER, odp TEXT, port INTEGER, ktp_path TEXT, status TEXT, installed_at TEXT',
        row: (r, id) => [
          name(r),
          phone(r),
          address(r),
          ...r.pick(PACKAGES),
          `ODP-${r.pick(['SKM', 'SDM', 'KRA', 'TJS'])}-${r.int(1, 90)}`,
          r.int(1, 16),
          `uploads/psb/${id}/ktp.jpg`,
          status(r),
          moment(r)
        ],
        update: "status = 'aktif', installed_at = ?"
      }
    ]
  }
]

/** Paths below the root, as the bot names them. */
export const DATABASE_FILES = DATABASES.map((database) => database.file)

function status(r) {
  return r.pick(['baru', 'diproses', 'menunggu sparepart', 'selesai', 'aktif'])
}

/** node-sqlite3 with promises: `run`, `all` and `close` of one connection. */
export async function openDatabase(file, mode = sqlite3.OPEN_READWRITE | sqlite3.OPEN_CREATE) {
  const db = await new Promise((resolve, reject) => {
    const opened = new sqlite3.Database(file, mode, (error) => (error ? reject(error) : resolve(opened)))
  })
  const promised =
    (method) =>
    (sql, ...parameters) =>
      new Promise((resolve, reject) =>
        db[method](sql, ...parameters, (error, rows) => (error ? reject(error) : resolve(rows)))
      )
  return {
    run: promised('run'),
    all: promised('all'),
    close: () => new Promise((resolve, reject) => db.close((error) => (error ? reject(error) : resolve())))
  }
}

/**
 * Makes the five databases; together they are about `bytes` long. `wal`: one of them in WAL mode. raf-bot has all in
 * rollback mode, other bots do not.
 */
export async function makeDatabases(root, { bytes, seed, wal }) {
  for (const database of DATABASES) {
    const file = join(root, database.file)
    await mkdir(dirname(file), { recursive: true })
    const db = await openDatabase(file)
    try {
      await db.run(wal && database.wal ? 'PRAGMA journal_mode = WAL' : 'PRAGMA journal_mode = DELETE')
      // A folder that is being made has nothing to lose in a power cut.
      await db.run('PRAGMA synchronous = OFF')
      await fill(db, database, bytes * database.share, new Random(`${seed}/${database.file}`))
    } finally {
      await db.close()
    }
  }
}

async function fill(db, database, bytes, random) {
  await db.run('BEGIN')
  for (const table of database.tables)
    await db.run(`CREATE TABLE ${table.name} (id INTEGER PRIMARY KEY, ${table.columns})`)
  if (database.index) await db.run(database.index)
  for (const table of database.tables) {
    const names = table.columns.split(', ').map((column) => column.split(' ')[0])
    // One statement and one parameter for 2,000 rows: the driver's cost for each call would otherwise be most of the time.
    const insert = `INSERT INTO ${table.name} (${names}) SELECT ${names.map((_, i) => `value ->> ${i}`)} FROM json_each(?)`
    let id = 1
    do {
      const batch = Math.min(table.rows ? table.rows + 1 - id : BATCH, BATCH, Math.max(20, Math.round(bytes / 2000)))
      await db.run(insert, JSON.stringify(Array.from({ length: batch }, () => table.row(random, id++))))
    } while (table.rows ? id <= table.rows : (await sizeOf(db)) < bytes)
  }
  await db.run('COMMIT')
}

async function sizeOf(db) {
  const [{ size }] = await db.all('SELECT page_count * page_size AS size FROM pragma_page_count, pragma_page_size')
  return size
}

/** An hour of the bot's work: `updates` rows, spread evenly over all databases, so also the worst case for a backup. */
export async function updateRows(root, { updates, seed }) {
  for (const [index, database] of DATABASES.entries()) {
    const table = database.tables.at(-1)
    const random = new Random(`${seed}/${database.file}`)
    const db = await openDatabase(join(root, database.file))
    try {
      const [{ rows }] = await db.all(`SELECT max(id) AS rows FROM ${table.name}`)
      await db.run('BEGIN')
      // The share of the last database is what the others left, so that the sum is exact.
      const before = DATABASES.slice(0, index).reduce((sum, { share }) => sum + share, 0)
      const count = Math.round(updates * (before + database.share)) - Math.round(updates * before)
      for (let i = 0; i < count; i++) {
        await db.run(`UPDATE ${table.name} SET ${table.update} WHERE id = ?`, [
          timestamp(NOW + i * 1000),
          random.int(1, rows)
        ])
      }
      await db.run('COMMIT')
    } finally {
      await db.close()
    }
  }
}

/**
 * What must be true of any consistent copy of the bot: each database is sound, and money and quota, which the writer
 * only moves between rows, still add up. `totals` comes from this same function, asked before the writer started.
 * The files are opened as immutable: looking leaves no -wal and no -shm behind. `live`: somebody is writing to them.
 */
export async function inspectDatabases(root, { live = false } = {}) {
  const found = []
  for (const { file, tables } of DATABASES) {
    const uri = `${pathToFileURL(join(root, file)).href}${live ? '' : '?immutable=1'}`
    const db = await openDatabase(uri, sqlite3.OPEN_READONLY | sqlite3.OPEN_URI)
    try {
      const check = (await db.all('PRAGMA integrity_check')).map((row) => row.integrity_check).join('; ')
      const [{ total }] = await db.all(
        file.endsWith('saldo.sqlite')
          ? 'SELECT sum(saldo) AS total FROM user_saldo'
          : file.endsWith('activity_logs.sqlite')
            ? 'SELECT sum(remaining) AS total FROM message_quota'
            : 'SELECT NULL AS total'
      )
      const [{ rows }] = await db.all(`SELECT count(*) AS rows FROM ${tables.at(-1).name}`)
      found.push({ file, sound: check === 'ok', check, total, rows })
    } finally {
      await db.close()
    }
  }
  return found
}
