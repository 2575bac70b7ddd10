// What customers report. All tickets are in memory; each change writes all of them to database/reports.json.

'use strict'

const { query } = require('./databases')
const { readJson, writeJson } = require('./json-files')
const { keepPhoto } = require('./photos')
const { now } = require('./place')

let tickets = []

function read() {
  tickets = readJson('reports')
}

const all = () => tickets

async function create({ user, text, photo }) {
  const at = now()
  const id = `TKT${Date.now()}${String(tickets.length).padStart(4, '0')}`
  const ticket = { id, user, text, status: 'baru', at }
  if (photo) {
    const [year, month] = at.split('-')
    ticket.photo = keepPhoto(`uploads/reports/${year}/${month}/${id}`, 'foto_1.jpg', photo)
  }
  tickets.push(ticket)
  writeJson('reports', tickets)
  await query(
    'database',
    'INSERT INTO reports (ticket, jid, body, status, created_at) VALUES (?, ?, ?, ?, ?)',
    id,
    user,
    text,
    'baru',
    at
  )
  return ticket
}

function removeAll() {
  tickets = []
  writeJson('reports', tickets)
}

module.exports = { all, create, read, removeAll }
