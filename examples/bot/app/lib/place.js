// Where the bot is, and what time it is there.

'use strict'

const path = require('node:path')

const ROOT = path.dirname(__dirname)

const two = (number) => String(number).padStart(2, '0')

/** The local date and time, as in `2026-11-23 14:00:05`. */
function now() {
  const at = new Date()
  const date = [at.getFullYear(), two(at.getMonth() + 1), two(at.getDate())].join('-')
  return `${date} ${[at.getHours(), at.getMinutes(), at.getSeconds()].map(two).join(':')}`
}

/** The same as a part of a file's name. */
const stamp = () => now().replace(/[-:]/g, '').replace(' ', '_')

module.exports = { ROOT, now, stamp }
