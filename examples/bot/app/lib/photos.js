// Photos that customers send: kept for ever, in the folder of what they belong to, and served.

'use strict'

const fs = require('node:fs')
const path = require('node:path')
const { ROOT } = require('./place')

/** `photo`: in base64, as it comes with a message. */
function keepPhoto(folder, name, photo) {
  fs.mkdirSync(path.join(ROOT, folder), { recursive: true })
  fs.writeFileSync(path.join(ROOT, folder, name), Buffer.from(photo, 'base64'))
  return `${folder}/${name}`
}

/** Null where there is none of this name. */
function readPhoto(folder, name) {
  const file = path.join(ROOT, folder, path.basename(name))
  return fs.existsSync(file) ? fs.readFileSync(file) : null
}

module.exports = { keepPhoto, readPhoto }
