'use strict'

const { test } = require('node:test')
const assert = require('node:assert/strict')
const { Courier } = require('../js/courier.js')
const { Listeners } = require('../js/listeners.js')

test('an event of a vault that could not be asked comes without another operation', async () => {
  const listeners = new Listeners('bot', '/srv/bot/backups', Date.now)
  const told = new Promise((resolve) => listeners.add('backup:failure', resolve))
  let asked = 0
  let waiting = { id: 1, value: { message: 'the disk is full' } }
  const courier = new Courier(
    {
      async claim([{ name }]) {
        if (++asked === 1) throw new Error('the logbook is held')
        const claims = waiting ? [{ ...waiting, consumer: name }] : []
        return { errands: [], claims }
      },
      async take() {
        waiting = null
      },
      async release() {}
    },
    listeners,
    {}
  )
  await courier.drain()
  const stay = setInterval(() => {}, 1000)
  assert.deepEqual(await told, { message: 'the disk is full' })
  clearInterval(stay)
  assert.ok(asked >= 2)
})
