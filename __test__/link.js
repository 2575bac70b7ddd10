// What stands between Lifeboat and a service: it passes requests on, and does to them what networks and services do. It counts the
// bytes that a client has sent, and the requests.

'use strict'

const http = require('node:http')

/** For so long it is counted what still comes of a body that was answered before it came, in milliseconds. */
const MOMENT = 500

/**
 * A link to a service on loopback, whose port may change. What shall go wrong is told by `fault`:
 *
 * | kind | what happens |
 * |---|---|
 * | `reset` | the next request is cut off before any of its body is read |
 * | `cut` | the bodies that are on their way are cut off |
 * | `unheard` | the next request is done, and its answer never comes |
 * | `busy`, `throttled` | the next request is answered 503, or 429, before its body is read |
 * | `failed` | the next request is answered 500 when its body is read, and is not done |
 */
class Link {
  /** Of bodies. */
  sent = 0
  /** Bytes of bodies that came to nothing, by what went wrong. */
  wasted = {}
  /** `{ method, url }` of each that was done. */
  done = []
  /** The port of the service; `null` while there is none. */
  port = null
  #due = []
  #underWay = new Set()
  #agent = new http.Agent({ keepAlive: true })
  #server = http.createServer({ keepAliveTimeout: 30_000 }, (request, response) => this.#pass(request, response))
  /** Called when so many bytes were sent. */
  onSent = () => {}

  async listen() {
    await new Promise((resolve) => this.#server.listen(0, '127.0.0.1', resolve))
    this.url = `http://127.0.0.1:${this.#server.address().port}`
    return this
  }

  fault(kind) {
    if (kind !== 'cut') return this.#due.push(kind)
    const bodies = [...this.#underWay].filter(({ bytes, isRead }) => bytes > 0 && !isRead)
    // Where nothing is on its way, the next one is cut off in its middle.
    if (bodies.length === 0) return this.#due.push(kind)
    for (const one of bodies) this.#cut(one, 'cut')
  }

  /** The service has gone, or the client. */
  end(why) {
    this.port = null
    for (const one of this.#underWay) this.#cut(one, why)
  }

  /** Whoever is cut off now is counted so. */
  lose(why) {
    for (const one of this.#underWay) one.why ??= why
  }

  close() {
    this.#server.close()
    this.#server.closeAllConnections()
    this.#agent.destroy()
  }

  #cut(one, why) {
    one.why ??= why
    one.upstream?.destroy()
    one.request.socket.destroy()
  }

  #pass(request, response) {
    const one = { request, bytes: 0, isRead: false, why: null, upstream: null }
    const length = Number(request.headers['content-length'] ?? 0)
    this.#underWay.add(one)
    let isDone = false
    response.once('close', () => {
      this.#underWay.delete(one)
      if (!isDone && one.bytes > 0) this.wasted[one.why ?? 'other'] = (this.wasted[one.why ?? 'other'] ?? 0) + one.bytes
      one.upstream?.destroy()
    })
    request.on('error', () => {})
    // By hand: `response` would close the connection on what is not read, and the answer might not be heard.
    const answer = (status, header = '') => {
      const text = `<Error><Code>${status === 500 ? 'InternalError' : 'SlowDown'}</Code></Error>`
      const head = `HTTP/1.1 ${status} X\r\n${header}content-type: application/xml\r\ncontent-length: ${text.length}`
      request.socket.write(`${head}\r\nconnection: close\r\n\r\n${text}`)
      setTimeout(() => request.socket.destroy(), MOMENT)
    }
    const kind = this.#due.shift()
    one.why = kind ?? null
    if (kind === 'reset' || this.port === null) return request.socket.destroy()
    const isEarly = kind === 'busy' || kind === 'throttled'
    if (kind === 'busy') answer(503)
    else if (kind === 'throttled') answer(429, 'retry-after: 1\r\n')
    else if (kind !== 'failed') {
      const { method, url, headers } = request
      const agent = this.#agent
      one.upstream = http.request({
        host: '127.0.0.1',
        port: this.port,
        method,
        path: url,
        headers,
        agent,
        setHost: false
      })
      one.upstream.once('error', () => request.socket.destroy())
      one.upstream.once('response', (answered) => {
        isDone = true
        this.done.push({ method, url, status: answered.statusCode })
        if (kind === 'unheard') return this.#cut(one, kind)
        response.writeHead(answered.statusCode, answered.rawHeaders)
        answered.once('error', () => request.socket.destroy())
        answered.pipe(response)
      })
    }
    const place = kind === 'cut' ? Math.floor(length / 2) : Number.POSITIVE_INFINITY
    request.on('data', (bytes) => {
      one.bytes += bytes.length
      this.sent += bytes.length
      if (one.upstream && !one.upstream.write(bytes)) {
        request.pause()
        one.upstream.once('drain', () => request.resume())
      }
      if (one.bytes >= place) this.#cut(one, kind)
      this.onSent(this.sent)
    })
    request.once('end', () => {
      one.isRead = true
      if (isEarly) return
      if (kind === 'failed') answer(500)
      else if (kind === 'cut' && length === 0) this.#cut(one, kind)
      else one.upstream.end()
    })
  }
}

module.exports = { Link }
