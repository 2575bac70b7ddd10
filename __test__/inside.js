// Put into a bot's process with `node --require`: calls or reads what a test names of the Lifeboat that the bot has loaded.

'use strict'

process.on('message', async ({ id, name, args }) => {
  try {
    const path = name.split('.')
    const method = path.pop()
    const owner = path.reduce((object, key) => object[key], require('..'))
    const member = owner[method]
    process.send({ id, value: await (typeof member === 'function' ? member.apply(owner, args) : member) })
  } catch ({ code, message }) {
    process.send({ id, error: { code, message } })
  }
})
// A bot lives as long as its own work does, and not longer because a test listens.
process.channel?.unref()
