// docs/disaster.md is read under stress, so each of its commands is run here as it stands there, with other paths.

'use strict'

const assert = require('node:assert/strict')
const { spawnSync } = require('node:child_process')
const { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } = require('node:fs')
const { delimiter, dirname, join } = require('node:path')
const test = require('node:test')
const { BackupEngine } = require('..')
const { folder } = require('./root.js')

const HOME = dirname(__dirname)
const GUIDE = readFileSync(join(HOME, 'docs/disaster.md'), 'utf8')
const PASSPHRASE = 'a rehearsal'
const DAMAGED = 4
const skip =
  (process.platform === 'win32' && 'the guide is written for a POSIX shell') ||
  (spawnSync('sqlite3', ['--version']).error && 'sqlite3 is not installed')

/** The commands of one section, in order. */
function commandsOf(heading) {
  const section = GUIDE.split(/^## /m).find((text) => text.startsWith(`${heading}\n`))
  assert.ok(section, `no section "${heading}"`)
  return [...section.matchAll(/^```sh\n(.*?)^```/gms)].flatMap(([, block]) => block.trim().split('\n'))
}

/** A bot with a good backup, the copy of the vault and an archive on a stick, and then an hour's mistakes. */
async function disaster(t) {
  const base = folder(t)
  const at = (path) => join(base, path)
  const root = at('srv/bot')
  for (const path of ['srv/bot/uploads/reports/2026/11', 'srv/bot/sessions/main', 'mnt/usb', 'tmp']) {
    mkdirSync(at(path), { recursive: true })
  }
  writeFileSync(join(root, 'config.json'), '{"good":true}')
  writeFileSync(join(root, 'uploads/reports/2026/11/roof.jpg'), 'x'.repeat(300_000))
  writeFileSync(join(root, 'sessions/main/creds.json'), '{"me":1}')
  const sql = (text) => assert.equal(spawnSync('sqlite3', [join(root, 'database.sqlite'), text]).status, 0)
  sql(
    "CREATE TABLE customers (id INTEGER PRIMARY KEY, name TEXT); INSERT INTO customers VALUES (1, 'Ayu'), (2, 'Budi')"
  )
  const engine = new BackupEngine({ root, passphrase: PASSPHRASE })
  const { backup } = await engine.createBackup('DAILY')
  const moment = String(Date.now())
  await engine.exportBackup(backup, at('mnt/usb/bot.tar.gz.sealed'))
  // What SQLite lays beside the catalog comes and goes.
  const filter = (path) => !/-(wal|shm)$/.test(path)
  cpSync(join(root, 'backups'), at('mnt/usb/backups'), { recursive: true, filter })
  // What a sync leaves at a target that is a folder.
  const { id } = JSON.parse(readFileSync(join(root, 'backups/vault.json'), 'utf8'))
  cpSync(at('mnt/usb/backups'), at(`mnt/usb/office/${id}`), { recursive: true })
  const cloud = [{ provider: 'folder', name: 'office', path: at('mnt/usb/office') }]
  writeFileSync(at('mnt/usb/target.json'), JSON.stringify({ cloud }))
  writeFileSync(join(root, 'config.json'), '{}')
  rmSync(join(root, 'uploads'), { recursive: true })
  sql("DELETE FROM customers WHERE id = 1; INSERT INTO customers VALUES (3, 'Citra')")

  const bot = {
    at,
    root,
    backup,
    engine,
    customers: () => spawnSync('sqlite3', [join(root, 'database.sqlite'), 'SELECT name FROM customers ORDER BY id']),
    /** Runs the commands of a section, `but` those of other cases; gives the exit code of each and what was printed. */
    run(heading, { from = root, but = /^$/ } = {}) {
      const commands = commandsOf(heading).filter((line) => !but.test(line))
      const lines = commands.map((line) =>
        line
          .replaceAll(/\/(srv\/bot|mnt\/usb|tmp)\b/g, (path) => at(path.slice(1)))
          .replaceAll("'2026-11-23 14:00'", moment)
          .replaceAll(/backup_DAILY_\w+(-\w+)*/g, backup)
          .replaceAll(/backup_SAFETY_\w+(-\w+)*/g, '"$(ls backups/snapshots | grep SAFETY | head -1)"')
      )
      const script = lines.map((line) => `${line}\ncode=$?; echo "=> $code"`).join('\n')
      const env = {
        ...process.env,
        BACKUP_PASSPHRASE: PASSPHRASE,
        PATH: join(HOME, 'bin') + delimiter + process.env.PATH
      }
      delete env.BACKUP_KEY_FILE
      const ran = spawnSync('sh', ['-c', script], { cwd: from, env, encoding: 'utf8' })
      const codes = [...ran.stdout.matchAll(/^=> (\d+)$/gm)].map(([, code]) => Number(code))
      assert.equal(codes.length, lines.length, ran.stderr)
      return { codes, lines, text: ran.stdout + ran.stderr }
    },
    runWell(heading, options) {
      const ran = bot.run(heading, options)
      for (const [index, code] of ran.codes.entries()) assert.equal(code, 0, `${ran.lines[index]}\n${ran.text}`)
      return ran
    },
    read: (path) => readFileSync(at(path), 'utf8'),
    damageVault() {
      const packs = join(root, 'backups/packs')
      const pack = readdirSync(packs, { recursive: true, withFileTypes: true }).find((entry) => entry.isFile())
      const file = join(pack.parentPath, pack.name)
      const bytes = readFileSync(file)
      bytes[100] ^= 1
      rmSync(file)
      writeFileSync(file, bytes)
    }
  }
  return bot
}

const chapter = (name, body) => test(name, { skip }, body)

chapter('one thing is gone', async (t) => {
  const bot = await disaster(t)
  const { text } = bot.runWell('One thing is gone')
  assert.match(text, /customers: .*1/)
  assert.equal(bot.read('srv/bot/config.json'), '{"good":true}')
  assert.ok(existsSync(join(bot.root, 'uploads/reports/2026/11/roof.jpg')))
  assert.equal(bot.customers().stdout.toString(), 'Ayu\nBudi\nCitra\n')
})

chapter('back in time, and back again', async (t) => {
  const bot = await disaster(t)
  const { text } = bot.runWell('Back in time')
  assert.match(text, /No restore waits/)
  // The last command but one has taken it all back.
  assert.equal(bot.read('srv/bot/config.json'), '{}')
  assert.equal(bot.customers().stdout.toString(), 'Budi\nCitra\n')
  await bot.engine.restore(bot.backup)
  assert.equal(bot.customers().stdout.toString(), 'Ayu\nBudi\n')
})

for (const [source, but] of [
  ['a vault', /--from .*sealed|--from office/],
  ['an archive', /--from .*backups|--from office/],
  ['a target', /--from .*sealed|--from .*backups/]
]) {
  chapter(`another server, from ${source}`, async (t) => {
    const bot = await disaster(t)
    rmSync(bot.root, { recursive: true })
    bot.runWell('Another server', { from: bot.at('tmp'), but })
    assert.equal(bot.read('srv/bot/config.json'), '{"good":true}')
    assert.equal(bot.customers().stdout.toString(), 'Ayu\nBudi\n')
  })
}

chapter('a restore that cannot be finished is put aside', async (t) => {
  const bot = await disaster(t)
  mkdirSync(join(bot.root, '.lifeboat-restore/old'), { recursive: true, mode: 0o700 })
  writeFileSync(join(bot.root, '.lifeboat-restore/journal'), 'cut off')
  await assert.rejects(bot.engine.restore('latest'), /journal/)
  bot.runWell('A restore that cannot be finished')
  assert.equal(bot.read('srv/bot/config.json'), '{"good":true}')
  assert.equal(bot.read('mnt/usb/cut-off-restore/journal'), 'cut off')
})

chapter('the vault is damaged, and there is a second copy', async (t) => {
  const bot = await disaster(t)
  bot.damageVault()
  const { codes, text } = bot.run('The vault is damaged', { but: /--full|--salvage/ })
  assert.deepEqual(codes, [0, DAMAGED, 0, 0, 0, 0], text)
  assert.equal(bot.read('tmp/older/config.json'), '{"good":true}')
})

chapter('the vault is damaged, there is no copy, and the bot is well', async (t) => {
  const bot = await disaster(t)
  bot.damageVault()
  const { codes, text } = bot.run('The vault is damaged', { but: /^cp|--salvage|DAILY/ })
  assert.deepEqual(codes.slice(-2), [0, 0], text)
  await bot.engine.restore('latest', { target: bot.at('tmp/proof') })
})

chapter('the vault is damaged, there is no copy, and the bot is gone', async (t) => {
  const bot = await disaster(t)
  bot.damageVault()
  const { lines, codes, text } = bot.run('The vault is damaged', { but: /^cp|--full/ })
  assert.equal(codes[lines.findIndex((line) => line.includes('--salvage'))], DAMAGED, text)
  assert.match(text, /could not be restored/)
  assert.ok(readdirSync(bot.at('tmp/rescue')).length > 0, text)
})

chapter('the passphrase is lost', async (t) => {
  const bot = await disaster(t)
  bot.runWell('The passphrase is lost')
  assert.equal((await bot.engine.listBackups()).length, 1)
  const locked = new BackupEngine({
    root: bot.root,
    backupDir: bot.at('mnt/usb/backups-locked'),
    keyFile: bot.at('mnt/usb/bot.key')
  })
  assert.equal((await locked.listItems(bot.backup, { items: ['config.json'] })).length, 1)
})

chapter('without Lifeboat', async (t) => {
  const bot = await disaster(t)
  rmSync(bot.root, { recursive: true })
  bot.runWell('Without Lifeboat', { from: bot.at('tmp') })
  for (const folder of ['recovered', 'unpacked']) assert.equal(bot.read(`tmp/${folder}/config.json`), '{"good":true}')
})

chapter('before it happens', async (t) => {
  const bot = await disaster(t)
  rmSync(bot.at('mnt/usb/bot.tar.gz.sealed'))
  bot.runWell('Before it happens')
  assert.equal(bot.read('tmp/rehearsal/config.json'), '{"good":true}')
})
