// What cargo builds here and where it goes: the addon beside index.js, the executable in bin/.
// Plain Node: `npm install ../lifeboat` runs this without our development dependencies.

import { spawnSync } from 'node:child_process'
import { copyFileSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import binary from '../js/binary.js'

export const { HOME, WORKER } = binary
export const ADDON = binary.addon()
const windows = process.platform === 'win32'
const LIBRARY = { win32: 'lifeboat.dll', darwin: 'liblifeboat.dylib' }[process.platform] ?? 'liblifeboat.so'

/** Runs a program in this folder with its output on ours, and ends this process where it fails. */
export function run(program, args, options = {}) {
  const { status, error, signal } = spawnSync(program, args, { cwd: HOME, stdio: 'inherit', ...options })
  if (error?.code === 'ENOENT') {
    console.error(
      `Lifeboat is written in Rust, and ${program} is not on the PATH. Install Rust from https://rustup.rs,`
    )
    console.error('then run `npm install` again.')
    process.exit(1)
  }
  if (error) throw error
  if (status !== 0) {
    console.error(`\`${program} ${args.join(' ')}\` failed (${signal ?? status}).`)
    process.exit(status || 1)
  }
}

/** One cargo run builds the engine once and links both of its faces. */
export function build({ env = process.env, cargoArgs = [] } = {}) {
  run('cargo', ['build', '--release', '--locked', '-p', 'lifeboat', '-p', 'lifeboat-cli', ...cargoArgs], { env })
  const target = env.CARGO_TARGET_DIR ?? join(HOME, 'target')
  replace(join(target, 'release', LIBRARY), ADDON)
  replace(join(target, 'release', windows ? 'lifeboat.exe' : 'lifeboat'), WORKER)
}

/** By rename: a bot that has the old file loaded keeps it, where writing into it would crash the bot. */
function replace(from, to) {
  const fresh = `${to}.new`
  copyFileSync(from, fresh)
  try {
    renameSync(fresh, to)
  } catch (error) {
    rmSync(fresh, { force: true })
    if (!windows) throw error
    throw new Error(`${to} is in use. Stop the app that has it loaded, then build again.`, { cause: error })
  }
}
