// The customers. All of them are read from SQLite at the start; whoever asks for one is answered from memory.

'use strict'

const { query } = require('./databases')

let users = new Map()

async function read() {
  const rows = await query('users', 'SELECT id, name, phone_number, subscription FROM users')
  users = new Map(rows.map((row) => [row.id, row]))
}

const all = () => [...users.values()]

async function remove(id) {
  await query('users', 'DELETE FROM users WHERE id = ?', id)
  users.delete(id)
}

module.exports = { all, read, remove }
