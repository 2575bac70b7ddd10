// The bot's own idea of a backup: at each start, before it opens them, it copies its databases into backups/.

'use strict'

const fs = require('node:fs')
const path = require('node:path')
const { DATABASES } = require('./databases')
const { ROOT, stamp } = require('./place')

const FOLDER = path.join(ROOT, 'backups')

function copyDatabases() {
  fs.mkdirSync(FOLDER, { recursive: true })
  for (const file of DATABASES) {
    const source = path.join(ROOT, file)
    const copy = `${path.basename(file, '.sqlite')}_${stamp()}.sqlite`
    if (fs.existsSync(source)) fs.copyFileSync(source, path.join(FOLDER, copy))
  }
}

module.exports = { copyDatabases }
