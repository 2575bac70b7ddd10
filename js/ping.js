// Telling an outside watchman that a backup was made: when he hears nothing for a day he raises the alarm, also where
// the whole machine is gone.

'use strict'

const TIMEOUT = 10_000
const PAUSES = [1_000, 5_000]

let warned = false

/** `failure`: `{ code, message }` of a backup that failed. Never rejects; the address is a secret and is not told. */
async function ping(url, failure) {
  for (let attempt = 0; ; attempt++) {
    try {
      const response = await fetch(failure ? failing(url) : url, {
        ...(failure && { method: 'POST', body: `${failure.code}: ${failure.message}` }),
        signal: AbortSignal.timeout(TIMEOUT)
      })
      await response.body?.cancel()
      if (response.ok) return
      throw Object.assign(new Error(), { answer: response.status })
    } catch (error) {
      if (attempt < PAUSES.length) {
        await new Promise((resolve) => setTimeout(resolve, PAUSES[attempt]).unref())
        continue
      }
      if (!warned) {
        // Never in the words of the error: they may hold the address.
        const silent = error.name === 'TimeoutError' ? 'no answer' : 'it is no address that can be asked'
        const why = error.answer ? `the answer was ${error.answer}` : (error.cause?.code ?? silent)
        process.emitWarning(`monitor.pingUrl could not be reached: ${why}.`, 'LifeboatWarning')
      }
      warned = true
      return
    }
  }
}

function failing(url) {
  const address = new URL(url)
  address.pathname = `${address.pathname.replace(/\/$/, '')}/fail`
  return address
}

module.exports = { ping }
