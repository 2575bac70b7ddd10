// The bot as its customers and its owner see it, over HTTP on the loopback: JSON in, JSON out.

'use strict'

const http = require('node:http')
const { log } = require('./log')
const { keepPhoto, readPhoto } = require('./photos')
const tickets = require('./tickets')
const { PROOFS, topUp } = require('./topups')
const users = require('./users')
const { receive } = require('./whatsapp')

const PROMOS = 'static/uploads/promo'

const ROUTES = {
  'GET /tickets': () => tickets.all(),
  'POST /tickets': async (ticket) => {
    await receive(ticket.user, 'lapor')
    return tickets.create(ticket)
  },
  'DELETE /tickets': () => tickets.removeAll(),
  'GET /users': () => users.all(),
  'DELETE /users/*': (_, id) => users.remove(Number(id)),
  'POST /topups': async (topup) => {
    await receive(topup.user, 'topup')
    return topUp(topup)
  },
  'GET /topup_proofs/*': (_, name) => readPhoto(PROOFS, name),
  'POST /promos': ({ name, photo }) => keepPhoto(PROMOS, name, photo),
  'GET /promos/*': (_, name) => readPhoto(PROMOS, name)
}

/** Serves on a port, 0 being any that is free, and gives back which one it is. */
function listen(port) {
  const server = http.createServer((request, response) => {
    answer(request).then(
      (value) => send(response, value === null ? 404 : 200, value),
      (error) => {
        log(`${request.method} ${request.url}: ${error.stack}`)
        send(response, 500, { error: error.message })
      }
    )
  })
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, '127.0.0.1', () => resolve(server.address().port))
  })
}

async function answer(request) {
  const [, first, rest] = request.url.split('/')
  const route = ROUTES[`${request.method} /${first}${rest === undefined ? '' : '/*'}`]
  if (!route) return null
  const chunks = await request.toArray()
  const body = chunks.length > 0 ? JSON.parse(Buffer.concat(chunks)) : undefined
  const value = await route(body, rest)
  return value === undefined ? {} : value
}

function send(response, status, value) {
  const isPhoto = Buffer.isBuffer(value)
  response.writeHead(status, { 'content-type': isPhoto ? 'image/jpeg' : 'application/json' })
  response.end(isPhoto ? value : JSON.stringify(value))
}

module.exports = { listen }
