// The bot of examples/bot as its owner has it: laid down with its data, Lifeboat put into it by the lines of the README,
// run as a process, written to over HTTP, and looked after from a shell in another time zone.

'use strict'

const assert = require('node:assert/strict')
const { fork, spawn, spawnSync } = require('node:child_process')
const { once } = require('node:events')
const { mkdirSync, readFileSync, renameSync, symlinkSync, writeFileSync } = require('node:fs')
const { dirname, join } = require('node:path')
const { folder, until } = require('./root.js')

const HOME = dirname(__dirname)
const INSIDE = join(__dirname, 'inside.js')
const IN_THE_BOT = readFileSync(join(HOME, 'README.md'), 'utf8')
  .split(/^## /m)
  .find((section) => section.startsWith('In the bot\n'))

const USER = '6281234567890@s.whatsapp.net'
const PHOTO = Buffer.from('ffd8ffe000104a46494600010100000100010000ffd9', 'hex').toString('base64')

/** The lines of code that the README tells to put into a file. */
function linesFor(file) {
  const block = [...IN_THE_BOT.matchAll(/^```js\n(.*?)^```/gms)].find(([, code]) => code.startsWith(`// ${file}`))
  assert.ok(block, `the README has no code block for ${file}`)
  return block[1]
    .trim()
    .split('\n')
    .filter((line) => !line.startsWith('//'))
}

/** Neither a passphrase nor anything that starts an app again: the bot has an environment as in a shell by hand. */
function environment(more) {
  const { PATH, HOME: home, TMPDIR } = process.env
  return { PATH, HOME: home, UV_USE_IO_URING: '0', ...(TMPDIR && { TMPDIR }), ...more }
}

class OwnedBot {
  root
  #t

  /** A bot with a few weeks of data, and without Lifeboat. */
  static async lay(t) {
    const { makeBot, TINY } = await import('../examples/bot/make-bot.mjs')
    const bot = new OwnedBot()
    const base = folder(t)
    bot.#t = t
    bot.root = join(base, 'bot')
    await makeBot(bot.root, { ...TINY, wal: false })
    // Above the bot, where npm does not remove it from a folder whose package.json does not name it.
    mkdirSync(join(base, 'node_modules'))
    symlinkSync(dirname(require.resolve('sqlite3/package.json')), join(base, 'node_modules/sqlite3'))
    return bot
  }

  path(...names) {
    return join(this.root, ...names)
  }

  json(name) {
    return JSON.parse(readFileSync(this.path(name), 'utf8'))
  }

  /** `npm install`, without a network; its install script would only find that everything is built. */
  install() {
    const args = ['install', '--offline', '--ignore-scripts', '--no-audit', '--no-fund', HOME]
    const npm = spawnSync('npm', args, { cwd: this.root, encoding: 'utf8', env: environment() })
    assert.equal(npm.status, 0, npm.stderr)
  }

  /** The change of the README. `listens`, `applies`: without that line of it. */
  change({ listens = true, applies = true } = {}) {
    const added = linesFor('bot.js').filter((line) => listens || !line.includes('restore:reload'))
    const main = applies ? 'bot.js' : 'index.js'
    if (applies) {
      renameSync(this.path('index.js'), this.path('bot.js'))
      writeFileSync(this.path('index.js'), `${linesFor('index.js').join('\n')}\n`)
    }
    writeFileSync(this.path(main), `${readFileSync(this.path(main), 'utf8')}\n${added.join('\n')}\n`)
  }

  /** One that has been installed, changed, and given a vault: everything that an owner does before the first accident. */
  static async ready(t, change) {
    const bot = await OwnedBot.lay(t)
    bot.install()
    bot.change(change)
    bot.shellWell('init')
    return bot
  }

  /** Starts the bot and waits until it answers. `trace`: a prefix of files into which strace writes its system calls. */
  async start({ trace, calls, env } = {}) {
    const options = { cwd: this.root, stdio: ['ignore', 'pipe', 'pipe', 'ipc'], env: environment(env) }
    const strace = ['-ff', '-y', '-s', '4096', '-o', trace, '-e', `trace=${calls}`, process.execPath, 'index.js']
    const child = trace
      ? spawn('strace', strace, { ...options, stdio: ['ignore', 'pipe', 'pipe'], detached: true })
      : fork(this.path('index.js'), { ...options, execArgv: ['--require', INSIDE] })
    const running = new RunningBot(child, trace !== undefined)
    this.#t.after(() => running.kill())
    await running.answers()
    return running
  }

  /** Runs `lifeboat` as `npx lifeboat` does, in a shell whose time zone is UTC. */
  shell(...args) {
    const options = { cwd: this.root, encoding: 'utf8', env: environment({ TZ: 'UTC' }) }
    const { status, stdout, stderr } = spawnSync(this.path('node_modules/.bin/lifeboat'), args, options)
    return { status, stdout, stderr, text: stdout + stderr }
  }

  shellWell(...args) {
    const ran = this.shell(...args)
    assert.equal(ran.status, 0, `lifeboat ${args.join(' ')}:\n${ran.text}`)
    return ran
  }

  /** The document that a command prints. */
  document(...args) {
    return JSON.parse(this.shellWell(...args, '--json').stdout)
  }
}

class RunningBot {
  #child
  #isTraced
  #lastId = 0
  #ended
  url
  output = ''

  constructor(child, isTraced) {
    this.#child = child
    this.#isTraced = isTraced
    this.#ended = once(child, 'close')
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (text) => (this.output += text))
  }

  get pid() {
    return this.#child.pid
  }

  get #isOver() {
    return this.#child.exitCode !== null || this.#child.signalCode !== null
  }

  async answers() {
    await until(() => {
      if (this.#isOver) throw new Error(`The bot ended:\n${this.output}`)
      this.url = this.output.match(/RAF NET is at (\S+)/)?.[1]
      return this.url
    }, 'the bot answers')
  }

  /** Ends it, as by `kill`, and waits for its end. */
  async kill(signal = 'SIGTERM') {
    // strace would keep the signal to itself, so its whole group gets it.
    if (!this.#isTraced) this.#child.kill(signal)
    else if (!this.#isOver) process.kill(-this.pid, signal)
    return this.#ended
  }

  /** What its own end is: `[code, signal]`. */
  get ended() {
    return this.#ended
  }

  /** As a customer or the owner, over HTTP. */
  async ask(method, path, body) {
    // A connection of its own: while a shell is waited for, the bot would end one that is kept.
    const headers = { connection: 'close' }
    const response = await fetch(this.url + path, { method, headers, ...(body && { body: JSON.stringify(body) }) })
    const isJson = response.headers.get('content-type') === 'application/json'
    const answer = isJson ? await response.json() : Buffer.from(await response.arrayBuffer())
    assert.equal(response.status, 200, JSON.stringify(answer))
    return answer
  }

  async ticket(text) {
    return this.ask('POST', '/tickets', { user: USER, text })
  }

  /** Calls a function of the Lifeboat in this process. */
  call(name, ...args) {
    const id = ++this.#lastId
    return new Promise((resolve, reject) => {
      const onMessage = (message) => {
        if (message.id !== id) return
        this.#child.off('message', onMessage)
        if (message.error) reject(Object.assign(new Error(message.error.message), message.error))
        else resolve(message.value)
      }
      this.#child.on('message', onMessage)
      this.#child.send({ id, name, args })
    })
  }
}

module.exports = { OwnedBot, PHOTO, USER }
