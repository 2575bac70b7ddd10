// The two files that are built: the addon and the worker. Where one cannot be used it says why, in one sentence with the
// one command that mends it: not built, built for another platform, or not to be loaded.

'use strict'

const { closeSync, existsSync, openSync, readdirSync, readSync } = require('node:fs')
const { dirname, join } = require('node:path')

const HOME = dirname(__dirname)
const windows = process.platform === 'win32'
const WORKER = join(HOME, 'bin', windows ? 'lifeboat.exe' : 'lifeboat')
/** Of an error's text, so much is shown: what a loader has to say may be a page. */
const LONGEST = 200

/** What is asked of the addon: one that was built from older sources may not have all of it. */
const METHODS = [
  ...[
    'ask',
    'canOpen',
    'cancel',
    'consumer',
    'hasPendingRestore',
    'holdStill',
    'home',
    'hostId',
    'lost',
    'next',
    'pingUrl'
  ],
  ...['present', 'run', 'tellStill', 'untold']
]

/** As native.js, which napi generates, names it. */
function platform() {
  return [process.platform, process.arch, abi()].filter(Boolean).join('-')
}

function abi() {
  if (windows) return 'msvc'
  if (process.platform !== 'linux') return ''
  // Without this a report asks the network for names, which takes seconds where there is none.
  process.report.excludeNetwork = true
  return process.report.getReport().header.glibcVersionRuntime ? 'gnu' : 'musl'
}

function addon() {
  return join(HOME, `lifeboat.${platform()}.node`)
}

function build() {
  return `npm run build --prefix ${/[^\w/.:\\+-]/.test(HOME) ? JSON.stringify(HOME) : HOME}`
}

/** The platforms that an addon lies here for. */
function builtFor() {
  const names = readdirSync(HOME).map((name) => /^lifeboat\.(.+)\.node$/.exec(name)?.[1])
  return names.filter(Boolean)
}

function otherPlatform(others) {
  return `Lifeboat is built for ${others}, and this is ${platform()}. Build it here: ${build()}`
}

function notBuilt(file) {
  const others = builtFor().filter((name) => name !== platform())
  // The worker alone may be missing.
  if (others.length > 0 && !existsSync(addon())) return otherPlatform(others.join(', '))
  return `Lifeboat is not built: ${file} is missing. Were install scripts blocked (--ignore-scripts)? Build it: ${build()}`
}

/** Why native.js throws. The error itself lists all that it tried, in a chain of causes. */
function whyNoAddon() {
  const file = addon()
  if (!existsSync(file)) return notBuilt(file)
  let reason = 'its loader failed'
  try {
    require(file)
  } catch (error) {
    reason = String(error?.message).split('\n')[0].slice(0, LONGEST).replace(`${file}: `, '')
  }
  return `Lifeboat does not load: ${file}: ${reason}. Build it again: ${build()}`
}

/** `binding`: what native.js gives. */
function isStale({ NativeEngine, checkConfig }) {
  const has = (name) => typeof NativeEngine?.prototype?.[name] === 'function'
  return typeof checkConfig !== 'function' || !METHODS.every(has)
}

function whyStale() {
  return `${addon()} was built from other sources than the rest of Lifeboat. Build it again: ${build()}`
}

/** Why the worker cannot be started: `error` is what spawn said. */
function whyNoWorker(error) {
  if (!existsSync(WORKER)) return notBuilt(WORKER)
  // The file is there: what does not exist is the loader that it is made for.
  if (error.code === 'ENOENT') return otherPlatform('another platform')
  return `${WORKER} cannot be started: ${error.message}. Build it again: ${build()}`
}

/** Why spawn must not even try: what this kernel cannot run, Node would give to a shell, which takes it for a script. */
function whyNotTry() {
  if (process.platform !== 'linux') return undefined
  const [own, worker] = [headOf(process.execPath), headOf(WORKER)]
  return isElf(own) && isElf(worker) && machine(own) !== machine(worker) ? otherPlatform('another platform') : undefined
}

const isElf = (head) => head.toString('latin1', 0, 4) === '\x7fELF'

/** The word size, the byte order and the machine of an ELF file. */
const machine = (head) => head.toString('hex', 4, 6) + head.toString('hex', 18, 20)

function headOf(file) {
  const head = Buffer.alloc(20)
  try {
    const fd = openSync(file)
    readSync(fd, head)
    closeSync(fd)
  } catch {
    // Then spawn says what is wrong with it.
  }
  return head
}

module.exports = { HOME, METHODS, WORKER, addon, isStale, whyNoAddon, whyNoWorker, whyNotTry, whyStale }
