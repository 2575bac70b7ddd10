// What this machine must have, to build Lifeboat and to test it: said at once, with the line that installs it, and not half an
// hour into the tests. The list stands here and nowhere else.
//
//     node scripts/machine.mjs             is all there? It makes the test tools in Python, too, which lie in target/tools
//     node scripts/machine.mjs --install   installs what is missing with apt-get first (.ci/run)

import { spawnSync } from 'node:child_process'
import { copyFileSync, existsSync, readFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import binary from '../js/binary.js'

const { HOME } = binary
const TOOLS = join(HOME, 'target', 'tools')
const WANTED = join(HOME, '.ci', 'requirements.txt')
/** What is installed there: the list as it was, laid there when all of it was. */
const INSTALLED = join(TOOLS, 'requirements.txt')

const isLinux = process.platform === 'linux'
const FROM = { darwin: 'brew install', linux: 'apt-get install -y --no-install-recommends' }

/** Programs, the packages of Debian that have them, and what for. */
const TO_BUILD = [{ programs: ['cc'], debian: 'build-essential', why: 'SQLite is compiled from source' }]
const TO_TEST = [
  { programs: ['make'], debian: 'build-essential', why: 'npm may have to compile its SQLite' },
  { programs: ['bsdtar'], debian: 'libarchive-tools', why: 'tests compare archives with it' },
  { programs: ['sqlite3'], debian: 'sqlite3', why: 'tests compare databases with it' },
  { programs: ['getfattr'], debian: 'attr', why: 'tests compare attributes with it', linux: true },
  { programs: ['setfacl'], debian: 'acl', why: 'tests set ACLs with it', linux: true },
  { programs: ['strace'], debian: 'strace', why: 'by it a test sees what a bot writes', linux: true },
  { programs: ['python3'], debian: 'python3', why: 'moto, a server of S3 for tests, is written in it' },
  { works: ['python3', '-c', 'import ensurepip, venv'], debian: 'python3-venv', why: 'moto is installed with it' }
]

function isOnPath(program) {
  const folders = (process.env.PATH ?? '').split(delimiter)
  return folders.some((folder) => existsSync(join(folder, program)))
}

function succeeds([program, ...args]) {
  return spawnSync(program, args, { stdio: 'ignore' }).status === 0
}

function isMissing({ programs = [], works, linux }) {
  if (linux && !isLinux) return false
  return !programs.every(isOnPath) || (works !== undefined && !succeeds(works))
}

/** Sentences about what is missing of Rust: each names the line that mends it. */
function rust({ forTests }) {
  if (!isOnPath(process.platform === 'win32' ? 'cargo.exe' : 'cargo')) {
    return ['Rust is missing: Lifeboat is written in it. It comes from https://rustup.rs']
  }
  const absent = forTests ? ['fmt', 'clippy'].filter((tool) => !succeeds(['cargo', tool, '--version'])) : []
  return absent.map((tool) => `cargo ${tool} is missing: rustup component add ${tool === 'fmt' ? 'rustfmt' : tool}`)
}

/** What a build needs and is not here, as text; empty: all is there. On Windows Rust itself says what it needs of a compiler. */
export function missingToBuild() {
  return [...rust({ forTests: false }), ...told(process.platform === 'win32' ? [] : TO_BUILD.filter(isMissing))].join(
    '\n'
  )
}

function told(missing) {
  if (missing.length === 0) return []
  const names = missing.map(({ programs, works, why }) => `  ${programs?.join(', ') ?? works.join(' ')}: ${why}`)
  const packages = [...new Set(missing.map(({ debian }) => debian))].join(' ')
  const sudo = process.getuid?.() === 0 ? '' : 'sudo '
  const line = isLinux ? `${sudo}${FROM.linux} ${packages}` : `packages that have them; on Debian they are ${packages}`
  return ['These are missing here:', ...names, `Install: ${line}`]
}

function install(missing) {
  const packages = [...new Set(missing.map(({ debian }) => debian))]
  const sudo = process.getuid() === 0 ? [] : ['sudo']
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  for (const args of [
    ['update', '-qq'],
    [...FROM.linux.split(' ').slice(1), '-qq', ...packages]
  ]) {
    const [program, ...rest] = [...sudo, 'apt-get', ...args]
    const { status } = spawnSync(program, rest, { stdio: 'inherit', env })
    if (status !== 0) fail(`\`${[program, ...rest].join(' ')}\` failed.`)
  }
}

/** The test tools in Python: made where they are missing, or where the list of them has changed. */
function makeTools() {
  const wanted = readFileSync(WANTED, 'utf8')
  if (existsSync(INSTALLED) && readFileSync(INSTALLED, 'utf8') === wanted) return
  console.log('Installing the test tools in Python (.ci/requirements.txt) into target/tools')
  const python = join(TOOLS, 'bin', 'python3')
  const pip = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '--requirement', WANTED]
  for (const command of [
    ['python3', '-m', 'venv', TOOLS],
    [python, ...pip]
  ]) {
    const { status } = spawnSync(command[0], command.slice(1), { stdio: 'inherit' })
    if (status === 0) continue
    fail(`\`${command.join(' ')}\` failed. The tests need these tools.`)
  }
  copyFileSync(WANTED, INSTALLED)
}

function fail(message) {
  console.error(message)
  process.exit(1)
}

function main() {
  // `node --test` runs files side by side from then on.
  const [major, minor] = process.versions.node.split('.').map(Number)
  if (major < 20 || (major === 20 && minor < 10)) {
    fail(`This is Node ${process.version}, and the tests need 20.10 or newer. It comes from https://nodejs.org`)
  }
  const needed = [...TO_BUILD, ...TO_TEST]
  if (process.argv.includes('--install') && isLinux && needed.some(isMissing)) install(needed.filter(isMissing))
  const missing = [...rust({ forTests: true }), ...told(needed.filter(isMissing))]
  if (missing.length > 0) fail(missing.join('\n'))
  makeTools()
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) main()
