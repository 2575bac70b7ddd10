// A slow link: so many bits a second each way for all connections together, each byte some milliseconds later, and two round trips
// before a connection says its first word, as TCP and TLS take them.

import net from 'node:net'

/** Bytes that a connection may have on its way. */
const WINDOW = 256 << 10

/** A link to what listens at `port`, as fast as it can until `bits` and `delay` are set. `sent` counts the bytes that went up. */
export async function shaped(port) {
  const link = { sent: 0, bits: Number.POSITIVE_INFINITY, delay: 0 }
  const direction = () => ({ free: 0 })
  const [up, down] = [direction(), direction()]
  const carry = (from, to, way, begins, count) => {
    let waiting = 0
    /** In order, each with the time at which it arrives; `null` is the end. */
    const queue = []
    let timer = null
    /** When the last byte so far has left. */
    let last = begins
    const deliver = () => {
      timer = null
      while (queue.length > 0 && queue[0].at <= performance.now()) {
        const { bytes } = queue.shift()
        if (bytes === null) return to.end()
        waiting -= bytes.length
        to.write(bytes)
      }
      if (waiting <= WINDOW) from.resume()
      if (queue.length > 0) timer = setTimeout(deliver, queue[0].at - performance.now())
    }
    const put = (bytes, at) => {
      queue.push({ bytes, at })
      if (timer === null) timer = setTimeout(deliver, queue[0].at - performance.now())
    }
    from.on('data', (bytes) => {
      count(bytes.length)
      way.free = Math.max(performance.now(), way.free) + (bytes.length * 8 * 1000) / link.bits
      waiting += bytes.length
      if (waiting > WINDOW) from.pause()
      last = Math.max(last, way.free, begins)
      put(bytes, last + link.delay)
    })
    from.on('end', () => put(null, last + link.delay))
    from.on('error', () => to.destroy())
  }
  const server = net.createServer({ allowHalfOpen: true }, (client) => {
    const service = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true })
    for (const socket of [client, service]) socket.setNoDelay(true)
    const begins = performance.now() + 4 * link.delay
    carry(client, service, up, begins, (bytes) => (link.sent += bytes))
    carry(service, client, down, 0, () => {})
  })
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  link.port = server.address().port
  link.url = `http://127.0.0.1:${link.port}`
  link.close = () => server.close()
  return link
}
