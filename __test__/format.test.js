// docs/format.md is enough to read a vault: a reader in Python that knows nothing but that page gives back every byte.

'use strict'

const { test } = require('node:test')
const assert = require('node:assert/strict')
const fs = require('node:fs')
const path = require('node:path')
const { REPO, assertSame, botWithBackups, describe, lifeboat, run } = require('./varied-bot.js')

const PYTHON = path.join(REPO, 'target/tools', process.platform === 'win32' ? 'Scripts/python.exe' : 'bin/python')

for (const how of ['passphrase', 'key file']) {
  test(`a reader that knows nothing but the page restores every byte (${how})`, (t) => {
    if (!fs.existsSync(PYTHON)) {
      assert.ok(!process.env.CI, 'target/tools is not there: .ci/run makes it')
      return t.skip('target/tools is not there: .ci/run makes it')
    }
    const bot = botWithBackups(`page-${how.replace(' ', '-')}`, how)
    const page = fs.readFileSync(path.join(bot.vault, 'format.md'))
    assert.ok(page.equals(fs.readFileSync(path.join(REPO, 'docs/format.md'))), 'the page lies in each vault')
    for (const [n, backup] of [bot.backups[0], 'latest'].entries()) {
      const [one, two] = [path.join(bot.base, `engine-${n}`), path.join(bot.base, `python-${n}`)]
      lifeboat(bot, 'restore', backup, '--to', one, '--allow-outside-links')
      const result = run(PYTHON, [path.join(__dirname, 'reader.py'), bot.vault, backup, two], { env: bot.env })
      assert.equal(result.status, 0, result.stderr.toString())
      assertSame(describe(two, { nanoseconds: true }), describe(one, { nanoseconds: true }))
    }
  })
}
