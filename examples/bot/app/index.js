process.env.TZ = 'Asia/Jakarta'

// A bot of raf-bot's shape: it copies its databases at each start, keeps tickets and users in memory, rewrites its JSON
// files in place, and knows nothing of Lifeboat. HTTP on the loopback stands in for WhatsApp and the web.
//
//   npm start        in a folder that make-bot.mjs made, with the module `sqlite3` beside it

const { copyDatabases } = require('./lib/own-copies')
const { openDatabases } = require('./lib/databases')
const { log } = require('./lib/log')
const { listen } = require('./lib/server')
const tickets = require('./lib/tickets')
const users = require('./lib/users')

/** Reads into memory what is kept there. */
async function readAgain() {
  tickets.read()
  await users.read()
}

async function main() {
  copyDatabases()
  await openDatabases()
  await readAgain()
  const port = await listen(Number(process.env.PORT ?? 0))
  log(`RAF NET is at http://127.0.0.1:${port}`)
}

main()
