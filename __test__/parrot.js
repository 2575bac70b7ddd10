// A server in front of a real one, for tests of what is said: it passes everything on and notes what is secret in it, or it repeats
// all that it was sent in each part of its answers, as only an attacker would.

'use strict'

const { once } = require('node:events')
const http = require('node:http')

/** How a service may say no. `said`: all that it was sent, in one line of plain characters. */
const ANSWERS = {
  denied: (said) => [403, { 'content-type': 'application/xml' }, xml('AccessDenied', said)],
  unknownKey: (said) => [403, {}, xml('InvalidAccessKeyId', said)],
  refused: (said) => [400, {}, xml('InvalidArgument', said)],
  named: (said) => [400, {}, xml(said.replace(/[^A-Za-z0-9.-]/g, ''), '')],
  eachNamed: (_, words) => [400, {}, xml(words.at(-1), words.at(-1))],
  busy: (said) => [503, { 'retry-after': '7200' }, xml('SlowDown', said)],
  elsewhere: (said) => [
    301,
    { location: `http://${said}/`, 'x-amz-bucket-region': said.slice(0, 30) },
    xml('PermanentRedirect', said)
  ],
  page: (said) => [200, { 'content-type': 'text/html' }, `<!DOCTYPE html><html>${said}</html>`],
  garbage: (said) => [200, { 'content-type': 'application/json' }, `{"files":[{"id":"${said}"`],
  drive: (said) => [403, {}, json({ error: { code: 403, message: said, errors: [{ reason: said, message: said }] } })],
  driveNamed: (_, words) => [400, {}, json({ error: { errors: [{ reason: words.at(-1) }], status: words.at(-1) } })],
  driveGone: (said) => [401, {}, json({ error: { code: 401, message: said, status: said } })],
  grant: (said) => [400, {}, json({ error: 'invalid_grant', error_description: said })],
  grantNamed: (_, words) => [400, {}, json({ error: words.at(-1), error_description: words.at(-1) })]
}

const xml = (code, message) => `<Error><Code>${code}</Code><Message>${message.replace(/[<&]/g, '_')}</Message></Error>`
const json = JSON.stringify

/** `noted` is told each secret that comes by: its name and itself. */
async function parrot(t, upstream, noted) {
  const state = { answer: null, cut: null, asked: 0 }
  const server = http.createServer((request, response) => {
    const chunks = []
    request.on('error', () => {})
    request.on('data', (chunk) => chunks.push(chunk))
    request.on('end', () => {
      state.asked++
      const body = Buffer.concat(chunks)
      if (state.cut?.(request, body)) return request.socket.destroy()
      if (state.answer) {
        const words = [...secretsOf(request, body)].map(([, value]) => value)
        const sent = `${words.join(' ')} ${request.rawHeaders.join(' ')} ${request.url} ${body.subarray(0, 4096).toString('latin1')}`
        const [status, headers, text] = ANSWERS[state.answer](sent.replace(/[^\x20-\x7e]/g, '_'), ['none', ...words])
        response.writeHead(status, headers)
        return response.end(text)
      }
      for (const [name, value] of secretsOf(request, body)) noted(name, value)
      pass(request, body, response)
    })
  })

  function pass(request, body, response) {
    const { method, url, headers } = request
    const onward = http.request(`${upstream}${url}`, { method, headers }, (answer) => {
      const parts = []
      answer.on('data', (part) => parts.push(part))
      answer.on('end', () => {
        const given = { ...answer.headers }
        delete given['transfer-encoding']
        const text = Buffer.concat(parts)
        if (given.location) given.location = given.location.replace(upstream, state.url)
        for (const [name, value] of givenIn(given, text)) noted(name, value)
        // A length without a body is what the object has, of which only the head was asked for.
        if (method !== 'HEAD') given['content-length'] = text.length
        response.writeHead(answer.statusCode, given)
        response.end(text)
      })
    })
    onward.on('error', () => response.destroy())
    onward.end(body)
  }

  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => server.close())
  t.after(() => server.closeAllConnections())
  state.url = `http://127.0.0.1:${server.address().port}`
  return state
}

function* secretsOf({ headers, url }, body) {
  const bearer = /^Bearer (.+)$/.exec(headers.authorization ?? '')?.[1]
  if (bearer) yield ['access token', bearer]
  if (headers['x-amz-security-token']) yield ['session token', headers['x-amz-security-token']]
  const signature = /Signature=(\w+)/.exec(headers.authorization ?? '')?.[1]
  if (signature) yield ['signature', signature]
  const upload = /[?&](?:upload_id|uploadId)=([^&]+)/.exec(url)?.[1]
  if (upload) yield ['upload', decodeURIComponent(upload)]
  if (!headers['content-type']?.includes('form-urlencoded')) return
  for (const [name, value] of new URLSearchParams(body.toString())) {
    if (['client_secret', 'refresh_token', 'device_code', 'code', 'assertion'].includes(name)) yield [name, value]
  }
}

function* givenIn(headers, body) {
  if (headers.location?.includes('upload_id=')) yield ['session', headers.location]
  if (!headers['content-type']?.includes('json') || body.length > 8192) return
  try {
    const said = JSON.parse(body)
    for (const name of ['access_token', 'refresh_token', 'device_code']) if (said[name]) yield [name, said[name]]
  } catch {
    // It is an object's bytes.
  }
}

module.exports = { ANSWERS, parrot }
