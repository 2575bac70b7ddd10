'use strict'

const assert = require('node:assert/strict')
const { once } = require('node:events')
const { rmSync } = require('node:fs')
const { createServer } = require('node:http')
const test = require('node:test')
const { BackupEngine } = require('..')
const { makeRoot, until } = require('./root.js')

/** A watchman: what he was asked, and what he answers. */
async function watchman(t) {
  const seen = []
  const answers = []
  const server = createServer((request, response) => {
    let body = ''
    request.on('data', (data) => (body += data))
    request.on('end', () => {
      seen.push([request.method, request.url, body])
      response.statusCode = answers.shift() ?? 200
      response.end('OK')
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => server.close())
  t.after(() => server.closeAllConnections())
  return { seen, answers, url: `http://127.0.0.1:${server.address().port}/ping/s3cret` }
}

test('a watchman hears of each backup, good or bad', async (t) => {
  const { seen, answers, url } = await watchman(t)
  const root = makeRoot(t)
  const engine = new BackupEngine({ root, encryption: false, monitor: { pingUrl: `${url}?create=1` } })
  await engine.createBackup()
  await until(() => seen.length === 1, 'the ping')
  assert.deepEqual(seen.pop(), ['GET', '/ping/s3cret?create=1', ''])
  // One that has hiccups is asked again.
  answers.push(503)
  await engine.scheduler.trigger('HOURLY')
  await until(() => seen.length === 2, 'the second ping')
  seen.length = 0
  rmSync(root, { recursive: true })
  await assert.rejects(engine.createBackup('DAILY'), { code: 'E_SOURCE' })
  await until(() => seen.length === 1, 'the alarm')
  const [method, path, body] = seen.pop()
  assert.deepEqual([method, path], ['POST', '/ping/s3cret/fail?create=1'])
  assert.match(body, /^E_SOURCE: /)
})

test('a watchman who is not there harms nothing', async (t) => {
  const engine = new BackupEngine({
    root: makeRoot(t),
    encryption: false,
    monitor: { pingUrl: 'http://127.0.0.1:9/x' }
  })
  assert.equal((await engine.createBackup()).success, true)
  assert.throws(
    () => new BackupEngine({ monitor: { pingUrl: 'passw0rd' } }),
    (error) => {
      return error.code === 'E_CONFIG' && !error.message.includes('passw0rd')
    }
  )
})
