// Tickets were deleted: whichever way the owner brings them back, they are there, and stay when the bot writes the next one.

'use strict'

const assert = require('node:assert/strict')
const { spawnSync } = require('node:child_process')
const test = require('node:test')
const { OwnedBot } = require('./owned-bot.js')
const { isAlive, until, workersOf } = require('./root.js')

const skip = process.platform === 'win32' && 'the bot is driven with signals and a POSIX shell'
const NO_LISTENER = { listens: false }
const NOTHING = { listens: false, applies: false }

/** A bot that runs, with twenty tickets more than it had, a backup of them, and then an accident. */
async function accident(t, change, env) {
  const bot = await OwnedBot.ready(t, change)
  const running = await bot.start({ env })
  for (let n = 1; n <= 20; n++) await running.ticket(`laporan ${n}`)
  const tickets = await running.ask('GET', '/tickets')
  const users = await running.ask('GET', '/users')
  // The bot itself makes one at its start, because there is none yet.
  bot.shellWell('backup', '--wait')
  await running.ask('DELETE', '/tickets')
  await running.ask('DELETE', '/users/1')
  return { bot, running, tickets, users }
}

/** That everything is back: in the bot's memory, and on disk when it has written its next ticket. */
async function assertAllBack({ bot, tickets, users }, running) {
  assert.deepEqual(await running.ask('GET', '/tickets'), tickets)
  assert.deepEqual(await running.ask('GET', '/users'), users)
  const next = await running.ticket('sesudahnya')
  assert.deepEqual(bot.json('database/reports.json'), [...tickets, next])
}

const WHAT = ['database/reports.json', 'database/users.sqlite']

test('by the shell, under a bot that reads again', { skip }, async (t) => {
  const story = await accident(t)
  const { bot, running } = story
  const result = bot.document('restore', 'latest', '--no-watch')
  assert.equal(result.mode, 'live')
  assert.equal(result.reloadedBy.length, 1)
  assert.match(result.reloadedBy[0], new RegExp(`\\b${running.pid}\\b`))
  await assertAllBack(story, running)
})

test('by the API, in the bot itself', { skip }, async (t) => {
  const story = await accident(t)
  const result = await story.running.call('restore', 'latest', { items: WHAT, watch: false })
  assert.equal(result.mode, 'live')
  assert.equal(result.reloadedBy.length, 1)
  await assertAllBack(story, story.running)
})

test('also where the bot writes all the time', { skip }, async (t) => {
  const { running, bot, tickets } = await accident(t)
  let stopped = false
  const customers = (async () => {
    while (!stopped) await running.ticket('di antaranya')
  })()
  const result = await running.call('restore', 'latest', { items: ['database/reports.json'], watch: false })
  stopped = true
  await customers
  assert.equal(result.mode, 'live')
  const now = new Set(bot.json('database/reports.json').map(({ id }) => id))
  assert.deepEqual(
    tickets.filter(({ id }) => !now.has(id)),
    []
  )
})

test('at the next start, where it was asked for', { skip }, async (t) => {
  const story = await accident(t)
  const { bot, running, tickets } = story
  assert.equal(bot.document('restore', 'latest', ...WHAT, '--mode', 'on-restart').staged, true)
  // Until then the bot goes on with what it has.
  await running.ticket('di antaranya')
  assert.notDeepEqual(bot.json('database/reports.json'), tickets)
  await running.kill()
  await assertAllBack(story, await bot.start())
})

test('a bot that does not listen gets files at its next start, by itself', { skip }, async (t) => {
  const story = await accident(t, NO_LISTENER)
  const { bot, running } = story
  const result = bot.document('restore', 'latest', ...WHAT)
  assert.deepEqual([result.mode, result.staged], ['on-restart', true])
  await running.ticket('di antaranya')
  await running.kill()
  await assertAllBack(story, await bot.start())
})

test('and so from the API in it', { skip }, async (t) => {
  const story = await accident(t, NO_LISTENER)
  const { bot, running } = story
  const result = await running.call('restore', 'latest', { items: WHAT })
  assert.deepEqual([result.mode, result.staged], ['on-restart', true])
  await running.ticket('di antaranya')
  await running.kill()
  await assertAllBack(story, await bot.start())
})

test('and where somebody starts it again when it ends, it ends for that', { skip }, async (t) => {
  // As the program that starts it is called.
  const { title } = process
  process.title = 'PM2: God Daemon'
  t.after(() => {
    process.title = title
  })
  const story = await accident(t, NO_LISTENER, { pm_id: '0' })
  const { bot, running } = story
  const result = bot.document('restore', 'latest', ...WHAT)
  assert.deepEqual([result.mode, result.staged], ['on-restart', true])
  assert.deepEqual(await running.ended, [0, null])
  await assertAllBack(story, await bot.start())
})

test('databases alone go live also where nobody listens', { skip }, async (t) => {
  const { bot, running, users } = await accident(t, NO_LISTENER)
  const result = bot.document('restore', 'latest', 'category:database')
  assert.deepEqual([result.mode, result.staged], ['live', false])
  await running.kill()
  assert.deepEqual(await (await bot.start()).ask('GET', '/users'), users)
})

test('a bot with neither is restored live, its owner is told to start it again, and what it overwrites is told', {
  skip
}, async (t) => {
  const story = await accident(t, NOTHING)
  const { bot, running } = story
  const told = bot.shellWell('restore', 'latest', 'database/reports.json', '--no-watch')
  assert.match(told.text, /keeps some of these in memory.*start it again now/is)
  assert.deepEqual(bot.json('database/reports.json'), story.tickets)
  await running.kill()
  const again = await bot.start()
  assert.deepEqual(await again.ask('GET', '/tickets'), story.tickets)

  await again.ask('DELETE', '/tickets')
  const restoring = again.call('restore', 'latest', { items: ['database/reports.json'] })
  await until(() => bot.json('database/reports.json').length > 0, 'the file is back')
  await again.ticket('dari ingatan')
  const result = await restoring
  assert.deepEqual(result.overwritten, ['database/reports.json'])
  assert.match(result.advice, /start it again/i)
  assert.match(bot.shellWell('history').text, /reports\.json/)
})

test('kill -9 of the bot: its backup ends with it, the next one is whole, and nobody thinks that it runs', {
  skip
}, async (t) => {
  const { bot, running } = await accident(t)
  spawnSync('truncate', ['-s', '2G', bot.path('uploads/video.bin')])
  running.call('createBackup').catch(() => {})
  await until(() => workersOf(running.pid).length > 0, 'its worker runs')
  const [worker] = workersOf(running.pid)
  await running.kill('SIGKILL')
  await until(() => !isAlive(worker), 'its worker ended')
  spawnSync('rm', [bot.path('uploads/video.bin')])
  assert.deepEqual(bot.document('status').schedule.hosts, [])
  const { backup } = bot.document('backup', '--wait')
  bot.shellWell('verify')
  assert.equal(bot.document('list')[0].backup, backup)
})

test('kill -9 of the bot after a restore was staged: the next start applies it', { skip }, async (t) => {
  const story = await accident(t, NO_LISTENER)
  const { bot, running } = story
  bot.document('restore', 'latest', ...WHAT)
  await running.kill('SIGKILL')
  await assertAllBack(story, await bot.start())
})

test('kill -9 of the worker in the middle of a restore: all of it is back, or nothing, and the bot runs', {
  skip
}, async (t) => {
  const story = await accident(t)
  const { bot, running, tickets } = story
  const restoring = running.call('restore', 'latest', { watch: false }).then(
    () => true,
    () => false
  )
  await until(() => workersOf(running.pid).length > 0, 'its worker runs')
  for (const worker of workersOf(running.pid)) process.kill(worker, 'SIGKILL')
  const isDone = await restoring
  t.diagnostic(isDone ? 'finished' : 'left')
  bot.shellWell('status')
  const now = bot.json('database/reports.json')
  assert.deepEqual(now, isDone ? tickets : [])
  bot.document('restore', 'latest', '--no-watch')
  await assertAllBack(story, running)
})

test('two processes of a bot: both read again, and of two starts one applies what waits', { skip }, async (t) => {
  const story = await accident(t)
  const { bot, running, tickets, users } = story
  const other = await bot.start()
  const result = bot.document('restore', 'latest', '--no-watch')
  assert.deepEqual([result.mode, result.reloadedBy.length], ['live', 2])
  for (const each of [running, other]) {
    assert.deepEqual(await each.ask('GET', '/tickets'), tickets)
    assert.deepEqual(await each.ask('GET', '/users'), users)
  }

  await running.ask('DELETE', '/tickets')
  bot.document('restore', 'latest', ...WHAT, '--mode', 'on-restart')
  await Promise.all([running.kill(), other.kill()])
  const both = await Promise.all([bot.start(), bot.start()])
  for (const each of both) assert.deepEqual(await each.ask('GET', '/tickets'), tickets)
})
