// What a person sees where Lifeboat was installed without being built: one sentence, with the command that mends it.

'use strict'

const assert = require('node:assert/strict')
const { execFileSync, spawnSync } = require('node:child_process')
const { chmodSync, copyFileSync, cpSync, mkdirSync, readdirSync, rmSync, writeFileSync } = require('node:fs')
const { join } = require('node:path')
const test = require('node:test')
const { addon, HOME, METHODS, WORKER } = require('../js/binary.js')
const { folder, runScript } = require('./root.js')

const windows = process.platform === 'win32'
const ADDON = addon()
const nameOf = (path) => path.slice(HOME.length + 1)

/** The package as npm unpacks it, in a folder of its own. `built`: with its binaries. */
function installed(t, { built = true } = {}) {
  const home = join(folder(t), 'lifeboat')
  mkdirSync(join(home, 'bin'), { recursive: true })
  for (const name of ['index.js', 'index.mjs', 'native.js', 'package.json', 'bin/lifeboat.js', 'js']) {
    cpSync(join(HOME, name), join(home, name), { recursive: true })
  }
  if (built) for (const path of [ADDON, WORKER]) copyFileSync(path, join(home, nameOf(path)))
  return { home, path: (of) => join(home, nameOf(of)) }
}

/** What an app prints that calls Lifeboat and shows its error, as most do. */
async function shown(t, home) {
  const script = `require(process.argv[1]).createBackup().catch((error) => console.error(error.code, error))`
  const { stderr } = await runScript(script, { args: [home], cwd: folder(t) }).ended
  return stderr
}

/** One sentence about it, the command, and nothing of what a loader has tried. */
function assertShort(text, home, sentence) {
  assert.match(text, sentence)
  assert.ok(text.includes(`npm run build --prefix ${home}`), text)
  assert.doesNotMatch(text, /cause|Cannot find module|MODULE_NOT_FOUND/)
  const lines = text.trim().split('\n')
  assert.ok(lines.length <= 20, `${lines.length} lines`)
}

const started = (home) => spawnSync(process.execPath, [join(home, 'bin/lifeboat.js'), 'status'], { encoding: 'utf8' })

/** The launcher has no stack to show: it is one line. */
function assertLine({ status, stderr, stdout }, home, sentence) {
  assert.equal(status, 1)
  assert.equal(stdout, '')
  assert.equal(stderr.trim().split('\n').length, 1, stderr)
  assertShort(stderr, home, sentence)
}

test('where install scripts were blocked, addon and command say so and how to build', async (t) => {
  const { home } = installed(t, { built: false })
  assertShort(await shown(t, home), home, /^E_WORKER .*Lifeboat is not built: .*\.node is missing.*--ignore-scripts/)
  assertLine(started(home), home, /^Lifeboat is not built: .*bin.lifeboat.* is missing/)
})

test('what was built for another platform says for which, and for which not', async (t) => {
  const { home, path } = installed(t)
  rmSync(path(ADDON))
  rmSync(path(WORKER))
  writeFileSync(join(home, 'lifeboat.sunos-sparc.node'), 'x')
  assertShort(await shown(t, home), home, /Lifeboat is built for sunos-sparc, and this is \w+-\w+/)
  assertLine(started(home), home, /^Lifeboat is built for sunos-sparc, and this is/)
})

test('an addon that does not load says why', async (t) => {
  const { home, path } = installed(t)
  writeFileSync(path(ADDON), 'this is no addon')
  const text = await shown(t, home)
  assertShort(text, home, /Lifeboat does not load: .*\.node: \S/)
})

test('a worker that is missing, or that cannot run here, is E_WORKER and says how to build', async (t) => {
  const { home, path } = installed(t)
  rmSync(path(WORKER))
  assertShort(await shown(t, home), home, /^E_WORKER .*bin.lifeboat.* is missing: Lifeboat is not built/)
  assertLine(started(home), home, /^Lifeboat is not built/)
  if (windows) return
  writeFileSync(path(WORKER), '\x7fELF of another machine')
  chmodSync(path(WORKER), 0o755)
  assertShort(await shown(t, home), home, /^E_WORKER .* is built for another platform/)
  assertLine(started(home), home, /^Lifeboat is built for another platform/)
  writeFileSync(path(WORKER), '#!/no/such/loader\n')
  assertShort(await shown(t, home), home, /^E_WORKER .* is built for another platform/)
  assertLine(started(home), home, /^Lifeboat is built for another platform/)
  chmodSync(path(WORKER), 0o644)
  assertLine(started(home), home, /bin.lifeboat cannot be started: .*EACCES/)
})

test('the command that is named runs although scripts are blocked', (t) => {
  const { home } = installed(t, { built: false })
  mkdirSync(join(home, 'scripts'))
  writeFileSync(join(home, 'scripts/build.mjs'), "import { writeFileSync } from 'node:fs'; writeFileSync('built', '')")
  const env = { ...process.env, npm_config_ignore_scripts: 'true' }
  execFileSync('npm', ['run', 'build', '--prefix', home], { cwd: folder(t), env, stdio: 'pipe', shell: windows })
  assert.ok(readdirSync(home).includes('built'))
})

test('an addon of other sources says how to build it anew', async (t) => {
  const { home } = installed(t)
  writeFileSync(join(home, 'native.js'), 'module.exports = { checkConfig() {}, NativeEngine: class { run() {} } }')
  assertShort(await shown(t, home), home, /^E_WORKER .*was built from other sources than the rest of Lifeboat/)
})

test('what is asked of the addon is what it has', () => {
  const { NativeEngine } = require('../native.js')
  const has = Object.getOwnPropertyNames(NativeEngine.prototype).filter((name) => name !== 'constructor')
  assert.deepEqual(METHODS, has.toSorted())
})
