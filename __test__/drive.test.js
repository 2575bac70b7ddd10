// Signing in to Google Drive from an app: the worker, the addon and the code that an owner gets by chat.

'use strict'

const assert = require('node:assert/strict')
const { spawn } = require('node:child_process')
const { existsSync } = require('node:fs')
const { dirname, join } = require('node:path')
const { createInterface } = require('node:readline')
const test = require('node:test')
const { BackupEngine } = require('..')
const { makeRoot } = require('./root.js')

/** A Drive on loopback, which ends with the test. `npm run test:rust` builds it. */
async function fakeDrive(t, settings) {
  const program = join(dirname(__dirname), 'target/debug/fake-drive')
  const fake = spawn(program, { stdio: ['pipe', 'pipe', 'inherit'] })
  t.after(() => fake.stdin.end())
  const url = await new Promise((resolve) => createInterface(fake.stdout).once('line', resolve))
  await fetch(`${url}/fake/settings`, { method: 'POST', body: JSON.stringify(settings) })
  return url
}

async function engineWith(t, settings) {
  const root = makeRoot(t)
  const endpoint = await fakeDrive(t, settings)
  const client = { clientId: '123-client.apps.example.com', clientSecret: 'client-secret-never-to-be-seen' }
  const cloud = [{ provider: 'gdrive', endpoint, ...client }]
  return { root, engine: new BackupEngine({ root, encryption: false, cloudSync: false, cloud }) }
}

test('the owner gets a link and a code, and is signed in once the code was typed', async (t) => {
  const { root, engine } = await engineWith(t, { pending: 2 })
  const asked = []
  const { account, free } = await engine.authorizeDrive({ show: (ask) => asked.push(ask) })
  assert.equal(account, 'owner@example.com')
  assert.equal(free, 14_000_000_000)
  assert.equal(asked.length, 1)
  assert.deepEqual([asked[0].url, asked[0].code], ['https://www.google.com/device', 'GQVQ-JKEC'])
  assert.ok(asked[0].expiresAt > Date.now())
  assert.ok(existsSync(join(root, 'credentials/google-drive-token.json')))
})

test('a chat that fails to show the code warns, and the bot goes on', async (t) => {
  const { engine } = await engineWith(t, { pending: 1 })
  const warned = new Promise((resolve) => process.once('warning', resolve))
  const show = async () => {
    throw new Error('WhatsApp is not connected')
  }
  await engine.authorizeDrive({ show })
  assert.match((await warned).message, /show threw: .*WhatsApp is not connected/)
})

test('an owner who refuses is E_CLOUD_AUTH, and one who is not waited for any more E_ABORTED', async (t) => {
  const refused = await engineWith(t, { outcome: 'deny' })
  await assert.rejects(refused.engine.authorizeDrive({ show: () => {} }), { code: 'E_CLOUD_AUTH', message: /denied/ })
  const waiting = await engineWith(t, { pending: 1000000 })
  const controller = new AbortController()
  const show = () => controller.abort()
  await assert.rejects(waiting.engine.authorizeDrive({ show, signal: controller.signal }), { code: 'E_ABORTED' })
  await assert.rejects(waiting.engine.authorizeDrive({}), { code: 'E_CONFIG', message: /show/ })
})
