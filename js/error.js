// The one kind of error that the package throws.

'use strict'

/** `code` is one of index.d.ts' ErrorCode; the message is a sentence that says what to do. */
class BackupError extends Error {
  constructor(code, message, options) {
    super(message, options)
    this.code = code
  }
}
// On the prototype, as for the errors of the language: `JSON.stringify` and `console.log` show it once.
Object.defineProperty(BackupError.prototype, 'name', { value: 'BackupError', configurable: true, writable: true })

module.exports = { BackupError }
