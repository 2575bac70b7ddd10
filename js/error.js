// The one kind of error that the package throws, and how anybody else's is shown.

'use strict'

const { inspect } = require('node:util')

/** `code` is one of index.d.ts' ErrorCode; the message is a sentence that says what to do. */
class BackupError extends Error {
  constructor(code, message, options) {
    super(message, options)
    this.code = code
  }
}
// On the prototype, as for the errors of the language: `JSON.stringify` and `console.log` show it once.
Object.defineProperty(BackupError.prototype, 'name', { value: 'BackupError', configurable: true, writable: true })

/** An error for people to read. Never throws: what an app throws may be a Proxy, or have getters that throw. */
function shown(error) {
  try {
    return inspect(error)
  } catch {
    return 'something was thrown that cannot be shown'
  }
}

module.exports = { BackupError, shown }
