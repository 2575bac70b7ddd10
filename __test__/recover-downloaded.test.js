// recover.mjs and a vault that somebody has downloaded by a web page.

'use strict'

const { test } = require('node:test')
const assert = require('node:assert/strict')
const fs = require('node:fs')
const path = require('node:path')
const { assertSame, describe, lifeboat, makeFolder, noise, recover, scratch } = require('./varied-bot.js')

/** A bot with a backup, and the names of all objects of its vault. `fill`: what is in it. */
function bot(name, fill = () => {}) {
  const base = path.join(scratch, name)
  const bot = { base, root: path.join(base, 'bot'), vault: path.join(base, 'vault'), env: {} }
  fs.mkdirSync(path.join(bot.root, 'config'), { recursive: true })
  fs.writeFileSync(path.join(bot.root, 'config/backup-config.json'), '{"encryption":false}')
  fs.writeFileSync(path.join(bot.root, 'photo.jpg'), noise(300_000))
  fill(bot.root)
  bot.backup = lifeboat(bot, 'backup').backup
  bot.download = path.join(base, 'download')
  fs.mkdirSync(bot.download)
  const all = fs.readdirSync(bot.vault, { recursive: true }).map((name) => name.replaceAll(path.sep, '/'))
  bot.objects = all.filter(
    (name) => /^(keys|packs|snapshots)\/|^vault\.json$/.test(name) && fs.statSync(path.join(bot.vault, name)).isFile()
  )
  return bot
}

/** Each object, as `named` calls it. */
function download(bot, named, folder = bot.download) {
  for (const name of bot.objects) {
    const place = path.join(folder, named(name))
    fs.mkdirSync(path.dirname(place), { recursive: true })
    fs.copyFileSync(path.join(bot.vault, name), place)
  }
}

function assertComesBack(bot) {
  const [out, restored] = [path.join(bot.base, 'out'), path.join(bot.base, 'restored')]
  const result = recover(bot, ['--vault', bot.download, 'latest', out])
  assert.equal(result.status, 0, result.stderr.toString())
  lifeboat(bot, 'restore', 'latest', '--to', restored, '--allow-outside-links')
  assertSame(describe(out), describe(restored))
}

test('a vault that was downloaded in pieces, with other names, gives everything back', () => {
  const one = bot('pieces', makeFolder)
  const { download, objects } = one
  for (const [n, name] of objects.entries()) {
    const [, stem, ending = ''] = /^(.*?)(\.json)?$/.exec(name)
    const called = n % 2 ? `${stem}(1)${ending}` : `${stem}${ending}`
    const place = path.join(download, `Lifeboat-${n % 3}`, 'Lifeboat', called)
    fs.mkdirSync(path.dirname(place), { recursive: true })
    fs.copyFileSync(path.join(one.vault, name), place)
    // The browser's first try, which ended in its middle.
    const half = fs.readFileSync(place)
    if (n % 2) fs.writeFileSync(place.replace('(1)', ''), half.subarray(0, half.length >> 1))
  }
  fs.writeFileSync(path.join(download, '.DS_Store'), 'x')
  assertComesBack(one)
})

test('a flat folder of all files does, with what a system and a browser lay beside', () => {
  const one = bot('flat')
  download(one, (name) => path.basename(name))
  download(one, (name) => `__MACOSX/${path.dirname(name)}/._${path.basename(name)}`)
  // A mark without its folder, and a first try that ended in the middle of the description.
  fs.writeFileSync(path.join(one.download, `${one.backup}(1)`), '')
  const place = path.join(one.download, 'vault.json')
  fs.renameSync(place, path.join(one.download, 'vault(1).json'))
  fs.writeFileSync(place, fs.readFileSync(path.join(one.download, 'vault(1).json')).subarray(0, 100))
  for (const name of ['desktop.ini', 'Thumbs.db', '.DS_Store']) fs.writeFileSync(path.join(one.download, name), 'x')
  assertComesBack(one)
})

test('of two vaults in a folder it is said which they are and what to do', () => {
  const one = bot('two')
  download(one, (name) => `one/${name}`)
  download(bot('two-other'), (name) => `two/${name}`, one.download)
  const result = recover(one, ['--vault', one.download])
  assert.equal(result.status, 1)
  for (const folder of ['one', 'two'])
    assert.match(result.stderr.toString(), new RegExp(`[0-9a-f]{32} in .*${folder}\\n`))
  assert.match(result.stderr.toString(), /--vault DIR/)
})

test('where something is missing, what was not unpacked or not downloaded to its end is named', () => {
  const one = bot('unfinished')
  fs.writeFileSync(path.join(one.download, 'Lifeboat-001.zip'), 'PK')
  const nothing = recover(one, ['--vault', one.download])
  assert.equal(nothing.status, 1)
  assert.match(nothing.stderr.toString(), /no vault\.json .*Lifeboat-001\.zip/)
  download(one, (name) => name)
  const largest = one.objects.toSorted((a, b) => size(one, b) - size(one, a))[0]
  fs.renameSync(path.join(one.download, largest), path.join(one.download, `${largest}.crdownload`))
  const out = path.join(one.base, 'out')
  const result = recover(one, ['--vault', one.download, 'latest', out])
  assert.equal(result.status, 1)
  assert.match(result.stderr.toString(), /NOT RECOVERED[\s\S]*\.crdownload/)
  assert.ok(fs.existsSync(out), 'what is there is written')
})

const size = (bot, name) => fs.statSync(path.join(bot.vault, name)).size
