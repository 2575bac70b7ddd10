// Services as processes on loopback, which are reached over a link and can be started again: an S3 server (`s3s-fs`) and the
// fake of Google Drive. `npm run test:rust` builds both.

'use strict'

const { createHash } = require('node:crypto')
const { spawn } = require('node:child_process')
const { mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } = require('node:fs')
const { dirname, join } = require('node:path')
const { createInterface } = require('node:readline')
const { Link } = require('./link.js')

const BUILT = join(dirname(__dirname), 'target', process.env.LIFEBOAT_PROFILE ?? 'debug')

/** A program that prints its address. */
async function started(program, args) {
  const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'inherit'] })
  const ended = new Promise((resolve) => child.once('exit', resolve))
  const failed = new Promise((_, reject) => child.once('error', reject))
  const line = new Promise((resolve) => createInterface(child.stdout).once('line', resolve))
  const url = await Promise.race([line, failed, ended.then(() => Promise.reject(new Error(`${program} has ended`)))])
  return { child, ended, url, port: Number(new URL(url).port) }
}

/** `front`: what stands before the link, by which the service is then reached; it is given the link, and gives back an address. */
class Service {
  constructor(front) {
    this.front = front
  }

  async start() {
    this.link ??= await new Link().listen()
    this.url ??= this.front ? await this.front(this.link) : this.link.url
    this.process = await this.run()
    this.link.port = this.process.port
    return this
  }

  /** Whatever is on its way is lost; what is kept is kept. */
  async restart(pause) {
    this.link.end('restart')
    await this.stop()
    if (pause) await pause()
    await this.start()
  }

  async end() {
    this.link?.close()
    if (this.process) await this.stop()
  }
}

class S3 extends Service {
  name = 's3'

  constructor(folder, front) {
    super(front)
    this.folder = join(folder, 's3')
    mkdirSync(join(this.folder, 'bucket'), { recursive: true })
  }

  run() {
    return started(join(BUILT, 'examples/s3'), ['serve', this.folder])
  }

  async stop() {
    this.process.child.kill('SIGKILL')
    await this.process.ended
  }

  config() {
    const keys = { accessKeyId: 'AKIABENCH', secretAccessKey: 'bench-secret-key' }
    return { provider: 's3', name: 's3', bucket: 'bucket', endpoint: this.url, ...keys }
  }

  /** Each object with its size, and what tells its bytes; and how many uploads have begun and not ended. */
  async objects({ sums = false } = {}) {
    const bucket = join(this.folder, 'bucket')
    const found = []
    for (const entry of readdirSync(bucket, { recursive: true, withFileTypes: true })) {
      if (!entry.isFile()) continue
      const path = join(entry.parentPath, entry.name)
      const name = path.slice(bucket.length + 1)
      if (name.includes('.tmp.')) continue
      found.push({
        name: name.slice(name.indexOf('/') + 1),
        size: statSync(path).size,
        md5: sums ? md5(path) : undefined
      })
    }
    const begun = readdirSync(this.folder).filter((name) => /^\.upload-.*\.json$/.test(name))
    return { found, uploads: begun.length }
  }
}

class Drive extends Service {
  name = 'gdrive'

  constructor(folder, front) {
    super(front)
    this.folder = join(folder, 'drive')
    this.tokenFile = join(folder, 'token.json')
    const token = {
      type: 'authorized_user',
      client_id: '123-client.apps.example.com',
      client_secret: 'client-secret-never-to-be-seen',
      refresh_token: 'refresh-token-never-to-be-seen',
      obtained: Date.now() - 86_400_000
    }
    mkdirSync(folder, { recursive: true })
    writeFileSync(this.tokenFile, JSON.stringify(token), { mode: 0o600 })
  }

  run() {
    return started(join(BUILT, 'fake-drive'), [this.folder, this.url])
  }

  /** Whoever is asked to end keeps what there is. */
  async stop() {
    this.process.child.stdin.end()
    await this.process.ended
  }

  config() {
    return { provider: 'gdrive', name: 'gdrive', endpoint: this.url, tokenFile: this.tokenFile }
  }

  async objects() {
    const answer = await fetch(`http://127.0.0.1:${this.process.port}/fake/files`)
    const { files, uploads } = await answer.json()
    const found = files.map(({ path, size, md5 }) => ({ name: path.split('/').slice(2).join('/'), size, md5 }))
    return { found, uploads }
  }
}

const md5 = (file) => createHash('md5').update(readFileSync(file)).digest('hex')

module.exports = { Drive, S3, md5 }
