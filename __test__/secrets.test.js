// No secret leaves: a distinct one is planted wherever there may be one, everything that speaks is made to speak, also against
// servers that repeat what they were sent, and all that was said and written is searched for them.

'use strict'

const assert = require('node:assert/strict')
const { spawn, spawnSync } = require('node:child_process')
const { createDecipheriv, randomBytes, scryptSync } = require('node:crypto')
const { once } = require('node:events')
const { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } = require('node:fs')
const http = require('node:http')
const net = require('node:net')
const { dirname, join } = require('node:path')
const { createInterface } = require('node:readline')
const test = require('node:test')
const { setTimeout: sleep } = require('node:timers/promises')
const { inspect } = require('node:util')
const { BackupEngine } = require('..')
const { ANSWERS, parrot } = require('./parrot.js')
const { Planted } = require('./planted.js')
const { folder, makeRoot, runScript, until } = require('./root.js')

const HOME = dirname(__dirname)
const CLI = join(HOME, 'bin', 'lifeboat')
const linux = process.platform === 'linux' ? false : 'processes are looked into by /proc'

/** A server that knows Drive, on loopback. `npm run test:rust` builds it. */
async function fakeDrive(t) {
  const fake = spawn(join(HOME, 'target/debug/fake-drive'), { stdio: ['pipe', 'pipe', 'inherit'] })
  t.after(() => fake.stdin.end())
  const url = await new Promise((resolve) => createInterface(fake.stdout).once('line', resolve))
  const set = (path, value) => fetch(`${url}/fake/${path}`, { method: 'POST', body: JSON.stringify(value) })
  const serviceKey = await (await fetch(`${url}/fake/service-account`)).json()
  return { url, set, serviceKey }
}

/** moto: a server that knows S3. `.ci/run` installs it. */
async function moto(t) {
  const program = join(HOME, 'target/tools/bin/moto_server')
  assert.ok(existsSync(program), `${program} is not here: .ci/run installs it`)
  const probe = net.createServer().listen(0, '127.0.0.1')
  await once(probe, 'listening')
  const { port } = probe.address()
  probe.close()
  const server = spawn(program, ['--host', '127.0.0.1', '--port', String(port)], { stdio: 'ignore' })
  t.after(() => server.kill())
  const url = `http://127.0.0.1:${port}`
  const make = () =>
    fetch(`${url}/bucket`, { method: 'PUT' }).then(
      ({ ok }) => ok,
      () => false
    )
  await until(make, 'a bucket at moto', 60_000)
  return url
}

/** A watchman whose address is a secret. */
async function watchman(t, secret) {
  const server = http.createServer((_, response) => response.writeHead(200).end())
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => server.close())
  t.after(() => server.closeAllConnections())
  return `http://127.0.0.1:${server.address().port}/ping/${secret}`
}

/** A root with a secret in each place, its servers, and a way to make it speak. */
async function scene(t) {
  const secrets = new Planted()
  const noted = (name, value) => value.length >= 16 && secrets.add(name, value)
  const [drive, bucket] = await Promise.all([fakeDrive(t), moto(t)])
  const s3 = await parrot(t, bucket, noted)
  const google = await parrot(t, drive.url, noted)
  const root = makeRoot(t, { photos: 7 })
  const home = join(dirname(root), 'home')
  const tmp = join(dirname(root), 'tmp')
  for (const path of [join(home, '.aws'), tmp, join(root, 'config'), join(root, 'credentials')])
    mkdirSync(path, { recursive: true })

  const keyFile = join(home, 'vault.key')
  writeFileSync(keyFile, secrets.add('key file', randomBytes(32)), { mode: 0o600 })
  // Fixed by the fake, which knows no other client.
  const clientSecret = secrets.add('client secret', 'client-secret-never-to-be-seen')
  const client = { clientId: '123-client.apps.example.com', clientSecret }
  const token = {
    type: 'authorized_user',
    client_id: client.clientId,
    client_secret: clientSecret,
    refresh_token: secrets.add('refresh token', 'refresh-token-never-to-be-seen')
  }
  writeFileSync(join(root, 'credentials/google-drive-token.json'), JSON.stringify(token), { mode: 0o600 })
  const pem = drive.serviceKey.private_key.split('\n')
  secrets.add('service account', pem[3])
  writeFileSync(join(root, 'credentials/service.json'), JSON.stringify(drive.serviceKey), { mode: 0o600 })
  const profile = ['id', 'secret', 'token'].map((name) => secrets.plant(`profile ${name}`, { plain: true }))
  const lines = ['aws_access_key_id', 'aws_secret_access_key', 'aws_session_token'].map(
    (key, n) => `${key} = ${profile[n]}`
  )
  writeFileSync(join(home, '.aws/credentials'), `[office]\n${lines.join('\n')}\n`, { mode: 0o600 })

  const keys = {
    accessKeyId: secrets.plant('access key', { plain: true }),
    secretAccessKey: secrets.plant('secret key', { plain: true })
  }
  const endpoint = s3.url
  // What it signs is for the server's own address: who stands in front of it is another target.
  const service = {
    provider: 'gdrive',
    name: 'service',
    keyFile: 'credentials/service.json',
    folderId: '0AShared-drive-of-the-office'
  }
  const config = {
    keyFile,
    maxLocalStorage: '1GB',
    monitor: { pingUrl: await watchman(t, secrets.plant('ping', { plain: true })), neighbours: true },
    cloud: [
      { provider: 's3', name: 'keys', bucket: 'bucket', prefix: 'one', endpoint, ...keys },
      { provider: 's3', name: 'profile', bucket: 'bucket', prefix: 'two', endpoint, profile: 'office' },
      { provider: 's3', name: 'exported', bucket: 'bucket', prefix: 'three', endpoint },
      { provider: 'gdrive', name: 'owner', endpoint: google.url, ...client },
      { ...service, endpoint: drive.url },
      { provider: 'folder', name: 'disk', path: join(dirname(root), 'disk') }
    ]
  }
  mkdirSync(join(dirname(root), 'disk'))
  writeFileSync(join(root, 'config/backup-config.json'), JSON.stringify(config), { mode: 0o600 })
  const exported = {
    AWS_ACCESS_KEY_ID: secrets.plant('exported id', { plain: true }),
    AWS_SECRET_ACCESS_KEY: secrets.plant('exported secret', { plain: true }),
    AWS_SESSION_TOKEN: secrets.plant('exported token', { plain: true })
  }
  const loud = { RUST_LOG: 'trace', RUST_BACKTRACE: 'full', LIFEBOAT_LOG: 'trace', DEBUG: '*', AWS_LOG_LEVEL: 'debug' }
  const env = {
    ...process.env,
    ...exported,
    ...loud,
    HOME: home,
    TMPDIR: tmp,
    BACKUP_PASSPHRASE: '',
    BACKUP_KEY_FILE: ''
  }

  /** Runs the command line; what it says has no secret. `after`: so many milliseconds, or a condition, and somebody presses Ctrl-C. */
  async function speak(args, { after, extra = {}, cwd = root } = {}) {
    const child = spawn(CLI, args, { cwd, env: { ...env, ...extra }, stdio: ['ignore', 'pipe', 'pipe'] })
    let said = ''
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (data) => (said += data.toString('latin1')))
    const ended = once(child, 'close')
    // Whoever waits for longer than a minute has other troubles.
    if (after)
      await Promise.race([ended, typeof after === 'number' ? sleep(after) : until(after, args.join(' '), 60_000)])
    if (after) child.kill('SIGINT')
    const [code] = await ended
    secrets.assertNot(`lifeboat ${args.join(' ')}`, said)
    return { code, said }
  }
  const parroted = {
    cloud: [...config.cloud.filter(({ name }) => name !== 'service'), { ...service, endpoint: google.url }]
  }
  const parrotConfig = join(home, 'parroted.json')
  writeFileSync(parrotConfig, JSON.stringify({ ...config, ...parroted }), { mode: 0o600 })
  return { secrets, drive, s3, google, root, home, config, env, parrotConfig, speak }
}

/** Those that hold a secret on purpose, by their place below the test's folder. Each is nobody else's to read. */
const MEANT = [
  /^home\/(vault\.key|parroted\.json)$/,
  /^home\/\.aws\/credentials$/,
  /^bot\/config\/backup-config\.json$/,
  /^bot\/credentials\/(google-drive-token|service)\.json$/,
  // By what uploads are gone on with.
  /^bot\/backups\/replica\.sqlite(-wal)?$/
]

function searchFiles({ secrets, root }) {
  const base = dirname(root)
  const seen = new Set()
  for (const { path, mode, found } of secrets.files(base)) {
    if (found.length === 0) continue
    const name = path.slice(base.length + 1)
    assert.ok(
      MEANT.some((place) => place.test(name)),
      `${name} has ${found.join(', ')} in it`
    )
    assert.equal(mode, 0o600, `${name} may be read by others`)
    seen.add(name)
  }
  return seen
}

test('no secret is in what is said, written, or shown of processes', { skip: linux }, async (t) => {
  const here = await scene(t)
  const { secrets, s3, google, root, speak } = here
  const seen = secrets.watchProcesses((line) => line.includes('lifeboat') && !line.includes('moto'))

  // All goes well, but for one cut in the middle of what goes in parts: what it is gone on by is on disk meanwhile.
  await speak(['backup'])
  let cuts = 0
  google.cut = (request, body) => request.url.includes('upload_id=') && body.length > 0 && cuts++ >= 0
  s3.cut = (_, body) => body.length > 6 << 20
  await speak(['sync', '--json'], { after: () => cuts > 1 })
  assert.ok(searchFiles(here).has('bot/backups/replica.sqlite'), 'what an upload is gone on by is kept')
  google.cut = s3.cut = null
  const synced = await speak(['sync'])
  assert.equal(synced.code, 0, synced.said)
  await speak(['backup', 'daily', '--json'])
  assert.equal((await speak(['sync', '--json'])).code, 0)
  const other = join(dirname(root), 'other')
  for (const args of [
    ['list', '--json'],
    ['list'],
    ['status', '--json'],
    ['doctor', '--json'],
    ['doctor'],
    ['history', '--json'],
    ['schedule'],
    ['verify', '--target', 'keys', '--deep', '--json'],
    ['verify', '--target', 'owner'],
    ['prune', '--target', 'profile', '--json'],
    ['prune', '--dry-run'],
    ['vaults', 'exported', '--json'],
    ['vaults', 'service'],
    ['items', 'latest'],
    ['restore', 'latest', '--from', 'keys', '--to', other, 'config.json', '--json'],
    ['diff', 'latest', '--json'],
    ['--help'],
    ['auth', 'gdrive', '--target', 'owner', '--json']
  ]) {
    await speak(args)
  }
  const anew = join(dirname(root), 'anew')
  mkdirSync(anew)
  const from = ['--from', 's3', '--bucket', 'bucket', '--prefix', 'three', '--endpoint', s3.url]
  const migrated = await speak(['migrate', ...from, '--json'], {
    cwd: anew,
    extra: { BACKUP_KEY_FILE: join(here.home, 'vault.key') }
  })
  assert.equal(migrated.code, 0, migrated.said)
  rmSync(anew, { recursive: true })

  // Whoever answers repeats what he was sent.
  const loudly = ['--config', here.parrotConfig, '--root', root]
  for (const answer of Object.keys(ANSWERS)) {
    s3.answer = google.answer = answer
    const targets = ['keys', 'exported', 'owner', 'service']
    const asking = targets.map((target) => speak(['vaults', target, '--json', ...loudly], { after: 1500 }))
    await Promise.all([...asking, speak(['sync', ...loudly], { after: 1500 })])
    if (['denied', 'grant', 'drive'].includes(answer)) {
      await speak(['doctor', '--json'], { after: 1500 })
      await speak(['verify', '--target', 'owner'], { after: 1500 })
      await speak(['auth', 'gdrive', '--target', 'owner'], { after: 1500 })
    }
  }
  s3.answer = google.answer = null
  s3.cut = google.cut = () => true
  await Promise.all(['keys', 'owner', 'service'].map((target) => speak(['vaults', target], { after: 1000 })))
  s3.cut = google.cut = null
  await speak(['history', '--all', '--json'])
  await speak(['status'])

  // An address with a secret in it, from where the configuration cannot refuse it.
  for (const url of [
    'http://user:SECRET@127.0.0.1:9',
    'http://127.0.0.1:9/?token=SECRET',
    'http://127.0.0.1:9/#SECRET',
    'SECRET'
  ]) {
    const address = url.replace('SECRET', secrets.plant('address', { plain: true }))
    await speak(['vaults', 's3', '--root', await emptyWith(t, { cloud: [{ provider: 's3', bucket: 'bucket' }] })], {
      after: 3000,
      extra: { AWS_ENDPOINT_URL: address }
    })
    const refused = await speak(
      ['migrate', '--from', 's3', '--bucket', 'bucket', '--endpoint', url.replace('SECRET', 'mine')],
      {
        after: 3000,
        cwd: folder(t)
      }
    )
    assert.notEqual(refused.code, 0)
  }

  searchFiles(here)
  const { lines, environments, cores } = await seen()
  assert.deepEqual([...cores], ['0'], 'a process of ours may leave a core')
  assert.ok(
    [...lines].some((line) => line.includes('lifeboat vaults')),
    'processes were seen'
  )
  for (const line of lines) secrets.assertNot('a command line', line)
  // The environment is the user's own, and has nothing more.
  for (const [line, environment] of environments) {
    const named = secrets.in(environment).filter((name) => !/^(exported|address)/.test(name))
    assert.deepEqual(named, [], `the environment of ${line}`)
  }
})

async function emptyWith(t, config) {
  const root = makeRoot(t)
  mkdirSync(join(root, 'config'))
  writeFileSync(join(root, 'config/backup-config.json'), JSON.stringify(config))
  return root
}

test('no secret is in what an app is told: errors, events, the engine and its scheduler as they are printed', async (t) => {
  const here = await scene(t)
  const { secrets, s3, google, root, config, env } = here
  const before = { ...process.env }
  const names = ['HOME', 'TMPDIR', 'AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY', 'AWS_SESSION_TOKEN']
  for (const name of names) process.env[name] = env[name]
  t.after(() => {
    for (const name of names) {
      if (before[name] === undefined) delete process.env[name]
      else process.env[name] = before[name]
    }
  })
  const said = []
  const note = (what, value) => {
    const shown = inspect(value, { depth: 12, showHidden: true, getters: true })
    let text = ''
    try {
      text = JSON.stringify(value) ?? ''
    } catch {
      // It has a circle in it, which `inspect` shows.
    }
    said.push(what)
    secrets.assertNot(what, `${shown}\n${text}\n${value?.stack ?? ''}\n${value?.cause?.stack ?? ''}`)
  }
  const warned = (warning) => note('a warning', warning)
  process.on('warning', warned)
  t.after(() => process.off('warning', warned))
  const passphrase = secrets.plant('passphrase')
  const { keyFile: _, ...rest } = config
  const engine = new BackupEngine({ root, ...rest, passphrase })
  t.after(() => engine.scheduler.stop())
  const events = /'([a-z]+:[a-z]+)':/g
  const declared = readFileSync(join(HOME, 'index.d.ts'), 'utf8')
  for (const [, event] of declared.matchAll(events)) engine.on(event, (value) => note(event, value))
  const call = (what, promise) =>
    promise.then(
      (value) => note(what, value),
      (error) => note(what, error)
    )
  await call('createBackup', engine.createBackup('MANUAL'))
  await call('sync', engine.sync({ onProgress: (progress) => note('progress', progress) }))
  const speaks = () =>
    Promise.all([
      call('listBackups', engine.listBackups()),
      call('status', engine.status()),
      call('history', engine.history()),
      call('vaults', engine.vaults('owner'))
    ])
  await speaks()
  for (const answer of ['denied', 'eachNamed', 'drive', 'grantNamed']) {
    s3.answer = google.answer = answer
    await call(`sync, ${answer}`, engine.sync({ signal: AbortSignal.timeout(2000) }))
    await call(`vaults, ${answer}`, engine.vaults('keys'))
    await call(`doctor, ${answer}`, engine.doctor({ signal: AbortSignal.timeout(2000) }))
    await call(`authorizeDrive, ${answer}`, engine.authorizeDrive({ show: () => {}, signal: AbortSignal.timeout(500) }))
  }
  s3.answer = google.answer = null
  await call('verify', engine.verify())
  await call(
    'importBackup',
    engine.importBackup('nowhere.tar.gz.sealed', { passphrase: secrets.plant('archive passphrase') })
  )
  engine.scheduler.start()
  await speaks()
  await sleep(300)
  note('the engine', engine)
  note('the scheduler', engine.scheduler)
  note('as texts', [`${engine}`, `${engine.scheduler}`, JSON.stringify(engine), Object.keys(engine)])
  await engine.scheduler.stop()
  assert.ok(said.includes('sync:failure') && said.includes('backup:success'), said.join(' '))
  searchFiles(here)
})

/** The master key of a vault that a passphrase opens, by docs/format.md. */
function masterKey(vault, passphrase) {
  const [name] = readdirSync(join(vault, 'keys'))
  const key = JSON.parse(readFileSync(join(vault, 'keys', name), 'utf8'))
  const base64 = (text) => Buffer.from(text, 'base64')
  const { n: N, r, p, salt } = key.kdf
  const sealing = scryptSync(passphrase, base64(salt), 32, { N, r, p, maxmem: 2 ** 30 })
  const cipher = createDecipheriv('aes-256-gcm', sealing, base64(key.nonce), { authTagLength: 16 })
  cipher.setAAD(Buffer.from(`lifeboat key ${key.vault} ${key.id}`))
  const wrapped = base64(key.wrapped)
  cipher.setAuthTag(wrapped.subarray(-16))
  return Buffer.concat([cipher.update(wrapped.subarray(0, -16)), cipher.final()])
}

test('a core of an app holds no secret that it has not given itself', { skip: linux }, async (t) => {
  const root = makeRoot(t)
  const secrets = new Planted()
  const plant = (name) => secrets.plant(name, { plain: true })
  const words = plant('passphrase file')
  mkdirSync(join(root, 'config'))
  writeFileSync(join(root, 'words'), words, { mode: 0o600 })
  const drive = await fakeDrive(t)
  await drive.set('settings', { pending: 0 })
  const client = {
    clientId: '123-client.apps.example.com',
    clientSecret: secrets.add('client secret', 'client-secret-never-to-be-seen')
  }
  const config = {
    root,
    passphraseFile: 'words',
    cloudSync: false,
    cloud: [
      {
        provider: 's3',
        bucket: 'b',
        endpoint: 'http://127.0.0.1:9',
        accessKeyId: plant('access key'),
        secretAccessKey: plant('secret key')
      },
      { provider: 'gdrive', name: 'drive', endpoint: drive.url, ...client }
    ]
  }
  const file = join(root, 'config/backup-config.json')
  writeFileSync(file, JSON.stringify(config), { mode: 0o600 })
  const other = join(dirname(root), 'other.json')
  writeFileSync(other, JSON.stringify({ root, passphrase: words }), { mode: 0o600 })
  const app = runScript(
    `const { BackupEngine } = require(${JSON.stringify(HOME)})
    const given = process.argv[2].split('').reverse().join('')
    const main = async () => {
      const engine = new BackupEngine(process.argv[1])
      await engine.createBackup()
      await engine.authorizeDrive({ show() {}, target: 'drive' })
      await engine.sync({ target: 'drive' })
      await engine.createBackup()
      await engine.listBackups()
      await engine.verify()
      const typed = new BackupEngine(process.argv[3])
      await typed.status()
      await typed.createBackup()
      console.log('done')
      setInterval(() => [given, engine, typed], 1000)
    }
    main().catch((error) => { console.log(error); process.exit(1) })`,
    {
      args: [file, secrets.add('given', 'the-app-has-it-itself').split('').reverse().join(''), other],
      env: { BACKUP_PASSPHRASE: '', BACKUP_KEY_FILE: '' }
    }
  )
  t.after(() => app.child.kill())
  await until(() => app.stdout.includes('\n'), 'that the app is done', 60_000)
  assert.equal(app.stdout.trim(), 'done', app.stderr)
  const signIn = JSON.parse(readFileSync(join(root, 'credentials/google-drive-token.json'), 'utf8'))
  secrets.add('refresh token', signIn.refresh_token)
  const key = masterKey(join(root, 'backups'), words)
  secrets.add('master key', key)
  // What the app itself has written down is there, and so the search would have found the others.
  assert.deepEqual(secrets.inCore(app.child.pid), ['given'])
})

test('a configuration that is wrong is told by its fields and never by its values', async (t) => {
  const secrets = new Planted()
  const root = makeRoot(t)
  const s3 = { provider: 's3', bucket: 'b' }
  const wrong = (secret) => [
    { passphrase: { text: secret } },
    { passphrase: [secret] },
    { passphrasse: secret },
    { encryption: secret },
    { maxLocalStorage: secret },
    { localRetentionDays: secret },
    { compression: secret },
    { compression: { level: secret } },
    { timezone: secret },
    { keepManual: secret },
    { schedules: secret },
    { schedules: { DAILY: secret } },
    { schedules: { DAILY: { cron: secret } } },
    { schedules: { DAILY: { keep: secret } } },
    { schedules: { DAILY: { key: secret } } },
    { sources: secret },
    { sources: [secret] },
    { sources: [{ category: secret, include: [] }] },
    { include: secret },
    { monitor: secret },
    { monitor: { pingUrl: secret } },
    { monitor: { verifyCron: secret } },
    { monitor: { ping: secret } },
    { monitor: { maxAgeHours: secret } },
    { worker: secret },
    { worker: { nice: secret } },
    { cloud: secret },
    { cloud: [secret] },
    { cloudSync: secret },
    { cloud: [{ provider: secret }] },
    { cloud: [{ ...s3, secretKey: secret }] },
    { cloud: [{ ...s3, accessKeyId: secret }] },
    { cloud: [{ ...s3, secretAccessKey: secret }] },
    { cloud: [{ ...s3, secretAccessKey: { value: secret } }] },
    { cloud: [{ ...s3, pathStyle: secret }] },
    { cloud: [{ ...s3, appendOnly: secret }] },
    { cloud: [{ ...s3, bandwidth: secret }] },
    { cloud: [{ ...s3, endpoint: secret }] },
    { cloud: [{ ...s3, endpoint: `https://user:${secret}@host` }] },
    { cloud: [{ ...s3, endpoint: `https://host/?signature=${secret}` }] },
    { cloud: [{ ...s3, keep: secret }] },
    { cloud: [{ ...s3, keep: { DAILY: secret } }] },
    { cloud: [{ provider: 'gdrive', clientSecret: secret }] },
    { cloud: [{ provider: 'gdrive', clientSecrets: secret }] },
    { cloud: [{ provider: 'gdrive', trash: secret }] },
    { cloud: [{ provider: 'gdrive', token: secret }] },
    { cloud: [{ provider: 'folder', path: 'x', password: secret }] },
    { cloud: [{ provider: 'folder', path: { secret } }] }
  ]
  const cases = []
  for (const secret of [secrets.plant('text'), 9_007_199_254_740_993_112_233n]) {
    const text = typeof secret === 'bigint' ? secrets.add('number', String(secret)) : secret
    for (const config of wrong('@')) {
      const json = JSON.stringify(config).replace(/"([^"]*)@([^"]*)"/, (_, a, b) =>
        typeof secret === 'bigint' && !a && !b ? text : JSON.stringify(a + text + b)
      )
      cases.push(json)
    }
  }
  // A small number may be a secret, too, which the machine reads as it is.
  cases.push(
    ...[
      '{"passphrase": 482915063728194}',
      '{"cloud": [{"provider": "s3", "bucket": "b", "secretAccessKey": 482915063728194}]}'
    ]
  )
  secrets.add('digits', '482915063728194')
  const file = join(root, 'config/backup-config.json')
  mkdirSync(dirname(file))
  let refused = 0
  for (const text of cases) {
    writeFileSync(file, text)
    for (const config of [file, JSON.parse(text)]) {
      try {
        new BackupEngine(config)
      } catch (error) {
        refused++
        assert.equal(error.code, 'E_CONFIG')
        secrets.assertNot(text, inspect(error, { depth: 10, showHidden: true }))
        // It tells which field it is.
        assert.ok(error.message.length > 20)
      }
    }
  }
  assert.ok(refused > cases.length, `${refused} of ${2 * cases.length}`)
  const spoken = (args) => {
    const { stdout, stderr } = spawnSync(CLI, args, { encoding: 'latin1', env: { ...process.env, RUST_LOG: 'trace' } })
    return stdout + stderr
  }
  for (const text of cases.filter((_, index) => index % 9 === 0)) {
    writeFileSync(file, text)
    secrets.assertNot(text, spoken(['status', '--root', root]))
  }
  const engine = new BackupEngine({ root, encryption: false })
  for (const call of [
    () => engine.importBackup('x', { passphrase: 482915063728194 }),
    () => engine.importBackup('x', { passphrase: [secrets.plant('listed')] }),
    () => engine.importBackup('x', { passphrasse: secrets.plant('misspelt') })
  ]) {
    await assert.rejects(call(), (error) => {
      secrets.assertNot('an option', inspect(error))
      return error.code === 'E_CONFIG'
    })
  }
})
