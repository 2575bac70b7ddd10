// What files are besides their content, by recover.mjs: hard links, the root folder, holes; and extended attributes and ACLs,
// which Node cannot set, by way of an archive. Nobody may do more afterwards than before.

'use strict'

const { test } = require('node:test')
const assert = require('node:assert/strict')
const { execFileSync, spawnSync } = require('node:child_process')
const fs = require('node:fs')
const os = require('node:os')
const path = require('node:path')

const LIFEBOAT = path.resolve(process.env.LIFEBOAT_BIN ?? path.join(__dirname, '../bin/lifeboat'))
const env = { ...process.env, BACKUP_PASSPHRASE: 'correct horse', BACKUP_KEY_FILE: '' }
const run = (command, ...args) => execFileSync(command, args, { env, stdio: 'pipe' }).toString()
const attributes = (folder, name) =>
  run('getfattr', '-d', '-m', '-', '-e', 'hex', '--absolute-names', path.join(folder, name)).replaceAll(folder, '')

/** A root with links, attributes and holes, and a vault with a backup of it. */
function makeBot(t) {
  const base = fs.mkdtempSync(path.join(os.tmpdir(), 'lifeboat-besides-'))
  t.after(() => fs.rmSync(base, { recursive: true, force: true }))
  const [root, vault] = [path.join(base, 'root'), path.join(base, 'vault')]
  fs.mkdirSync(path.join(root, 'folder'), { recursive: true })
  for (const name of ['one', 'secret', 'noted']) fs.writeFileSync(path.join(root, name), `the content of ${name}`)
  fs.linkSync(path.join(root, 'one'), path.join(root, 'folder/two'))
  fs.writeFileSync(path.join(root, 'same'), 'the content of one')
  run('setfattr', '-n', 'user.note', '-v', '0x003dff0a25', path.join(root, 'noted'))
  // The group has nothing; the mode shows the mask, rwx.
  run('setfacl', '-m', 'u:1000:rwx,g::-,m::rwx', path.join(root, 'secret'))
  fs.closeSync(fs.openSync(path.join(root, 'image'), 'w'))
  fs.truncateSync(path.join(root, 'image'), 30 << 20)
  fs.chmodSync(root, 0o2750)
  run(LIFEBOAT, '--root', root, '--vault', vault, 'backup', '--quiet')
  return { base, root, vault, recover: path.join(vault, 'recover.mjs') }
}

const options = { skip: process.platform !== 'linux' }

test('recover.mjs brings links, holes and the root back, and says what Node cannot', options, (t) => {
  const { base, recover } = makeBot(t)
  const out = path.join(base, 'out')
  const result = spawnSync(process.execPath, [recover, 'latest', out], { env })
  assert.equal(result.status, 0, result.stderr.toString())
  assert.match(result.stderr.toString(), /Warning: 2 items have extended attributes or ACLs/)
  const stat = (name) => fs.statSync(path.join(out, name))
  assert.equal(stat('one').ino, stat('folder/two').ino)
  assert.notEqual(stat('one').ino, stat('same').ino)
  assert.equal(stat('').mode & 0o7777, 0o2750)
  assert.equal(stat('secret').mode & 0o777, 0o604, 'the owning group had nothing')
  assert.equal(stat('image').size, 30 << 20)
  assert.ok(stat('image').blocks * 512 < 1 << 20)
})

test('an archive of recover.mjs has the attributes, and GNU tar sets them', options, (t) => {
  const { base, root, recover } = makeBot(t)
  const [archive, out, plain] = ['a.tar', 'out', 'plain'].map((name) => path.join(base, name))
  fs.writeFileSync(
    archive,
    execFileSync(process.execPath, [recover, 'latest', '-'], { env, maxBuffer: 1 << 30, stdio: 'pipe' })
  )
  for (const folder of [out, plain]) fs.mkdirSync(folder)
  run('tar', '--acls', '--xattrs', '--xattrs-include=*', '-xpf', archive, '-C', out)
  for (const name of ['noted', 'secret', 'one']) assert.equal(attributes(out, name), attributes(root, name), name)
  assert.equal(fs.statSync(path.join(out, 'secret')).mode, fs.statSync(path.join(root, 'secret')).mode)
  run('tar', '-xpf', archive, '-C', plain)
  assert.equal(fs.statSync(path.join(plain, 'secret')).mode & 0o777, 0o604)
})
