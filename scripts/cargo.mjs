// What cargo builds here and where it goes: the addon beside index.js, the executable in bin/.
// Plain Node: `npm install ../lifeboat` runs this without our development dependencies.

import { spawnSync } from 'node:child_process'
import { copyFileSync, existsSync, mkdirSync, renameSync, rmSync } from 'node:fs'
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

/** Where cargo puts what it builds optimised. */
const releaseOf = (env) => join(env.CARGO_TARGET_DIR ?? join(HOME, 'target'), 'release')

/** Where the build of the addon writes down what JavaScript sees of it: native.d.ts is made from that. */
export const typesOf = (env = process.env) => join(releaseOf(env), 'napi-types')

/**
 * The only release build: one cargo run, with one set of features, builds the engine once and links both of its faces.
 * Where the binaries are up to date it takes a second.
 */
export function build({ env = process.env, cargoArgs = [] } = {}) {
  const types = typesOf(env)
  mkdirSync(types, { recursive: true })
  const napi = { NAPI_TYPE_DEF_TMP_FOLDER: types }
  // Somebody has removed them: cargo does not see that.
  if (!existsSync(join(types, 'lifeboat'))) napi.NAPI_FORCE_BUILD_LIFEBOAT = String(Date.now())
  const packages = ['-p', 'lifeboat', '-p', 'lifeboat-cli']
  run('cargo', ['build', '--release', '--locked', ...packages, ...cargoArgs], { env: { ...env, ...napi } })
  replace(join(releaseOf(env), LIBRARY), ADDON)
  replace(join(releaseOf(env), windows ? 'lifeboat.exe' : 'lifeboat'), WORKER)
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
