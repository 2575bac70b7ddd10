// npm's install script: builds the addon and the executable, only where there are none that fit these sources.

import { existsSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { ADDON, build, HOME, WORKER } from './cargo.mjs'
import { missingToBuild } from './machine.mjs'

/** What the binaries are made of. */
const SOURCES = ['Cargo.toml', 'Cargo.lock', 'build.rs', '.cargo', 'src', 'crates']

function newest(path) {
  const stat = statSync(path)
  if (!stat.isDirectory()) return stat.mtimeMs
  return Math.max(0, ...readdirSync(path).map((name) => newest(join(path, name))))
}

function fitting() {
  if (!existsSync(ADDON) || !existsSync(WORKER)) return false
  const built = Math.min(statSync(ADDON).mtimeMs, statSync(WORKER).mtimeMs)
  const sources = SOURCES.map((name) => join(HOME, name)).filter((path) => existsSync(path))
  return sources.every((path) => newest(path) <= built)
}

if (fitting()) {
  console.log('Lifeboat is built already.')
} else {
  const missing = missingToBuild()
  if (missing) {
    console.error(`${missing}\nThen run \`npm install\` again.`)
    process.exit(1)
  }
  build()
}
