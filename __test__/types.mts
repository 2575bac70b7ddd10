// A user of the types: `tsc` proves that right calls are right, and that wrong ones are not.

import {
  acceptBackup,
  adoptVault,
  applyPendingRestore,
  authorizeDrive,
  BackupEngine,
  BackupError,
  type BackupResult,
  BackupScheduler,
  configure,
  createBackup,
  diff,
  doctor,
  exportBackup,
  history,
  importBackup,
  listItems,
  pause,
  previewBackup,
  restore,
  resume,
  scheduler,
  sync,
  undoRestore,
  vaults,
  versions
} from 'lifeboat'
import start from 'lifeboat/start'

await start('./bot.js', { onError: (error) => console.error(error.message), requestRestart: () => process.exit(0) })
// @ts-expect-error the app's file
await start()

configure('config/backup-config.json')
configure({ requestRestart: false })
configure({ root: '.', schedules: { DAILY: { cron: '0 2 * * *', keep: 7 } }, maxLocalStorage: '5GB' })
configure({
  followLinks: ['data'],
  include: ['node_modules/x'],
  sources: [{ category: 'data', include: ['d'], followLinks: true, set: true }]
})
// @ts-expect-error a misspelt field
configure({ encrytion: true })

const result: BackupResult = await createBackup('DAILY', {
  note: 'before the update',
  signal: AbortSignal.timeout(60_000),
  onProgress: ({ bytes, totalBytes }) => console.log(bytes / (totalBytes ?? bytes))
})
const { account, free } = await authorizeDrive({ show: ({ url, code }) => console.log(url, code), target: 'gdrive' })
console.log(account.toUpperCase(), free?.toFixed())
// @ts-expect-error somebody has to see the code
await authorizeDrive({})
// @ts-expect-error no such type of backup
await createBackup('YEARLY')
for (const { path, reason, mend } of (await previewBackup()).left) console.log(path, reason === 'default', mend)
for (const { name, ok } of (await doctor({ signal: AbortSignal.timeout(1000) })).checks) console.log(name, ok)
const { safetyBackup, mode, reason, kept, stillOpen } = await restore(result.backup, {
  mode: 'on-restart',
  mirror: ['session', 'media']
})
console.log(safetyBackup?.toUpperCase(), mode, reason, kept?.[0].message, stillOpen?.join())
// @ts-expect-error no such mode
await restore(result.backup, { mode: 'quick' })
console.log((await undoRestore({ dryRun: true, mode: 'live' })).takesBack?.backup)
console.log((await applyPendingRestore())?.restored.length)
await restore({ at: new Date() }, { target: '/tmp/out', items: ['database'] })

for (const { backup, size, goneIn } of await versions('config.json')) console.log(backup, size, goneIn ?? 'there')
const { changed } = await diff(result.backup, { at: new Date() })
for (const { path, tables = [] } of changed) for (const { table, added } of tables) console.log(path, table, added)
// @ts-expect-error a path and not a list of them
await versions(['config.json'])

const archive = await exportBackup('latest', '/mnt/usb', { items: ['database'], encrypt: true })
const { backup: imported } = await importBackup(archive.file, { passphrase: 'of the old server' })
console.log(imported, archive.size)
// @ts-expect-error one backup, by its name
await exportBackup({ at: new Date() }, '/mnt/usb')

const engine = new BackupEngine({})
engine
  .on('backup:suspicious', ({ backup, reasons }) => acceptBackup(reasons.length > 0 ? backup : 'latest'))
  .on('backup:failure', ({ code, message }) => console.log(code === 'E_NO_SPACE', message))
  .on('restore:reload', ({ paths }) => console.log(paths.length))
  .on('progress', ({ operation, phase }) => console.log(operation, phase))
// @ts-expect-error no such event
engine.on('backup:maybe', () => {})

try {
  for (const { path, size } of await listItems(result.backup, { items: ['session'] })) console.log(path, size)
} catch (error) {
  if (error instanceof BackupError && error.code === 'E_NOT_FOUND') console.log(error.message)
}

await adoptVault()

scheduler.start()
for (const { type, at } of scheduler.next(3)) console.log(type, at.toISOString())
const triggered: BackupResult = await scheduler.trigger('HOURLY')
await scheduler.stop({ cancel: triggered.degraded })
console.log(new BackupScheduler(engine).running, engine.scheduler.running, (await engine.status()).schedule.next?.at)
engine.on('backup:stale', async ({ ageMs }) => console.log(ageMs)).on('storage:warning', ({ percent }) => percent > 95)
for (const { operation, result: how, code } of await history({ type: 'DAILY', limit: 5 }))
  console.log(operation, how, code)
// @ts-expect-error no such option
await scheduler.stop({ wait: true })
await pause(new Date(Date.now() + 86_400_000))
await resume()
engine.on('inspection:failure', ({ operation, code }) => console.log(operation === 'VERIFY', code))
configure({ consumer: 'bot' })

configure({
  cloud: [
    { provider: 's3', bucket: 'b', appendOnly: true, bandwidth: '500 KB/s' },
    { provider: 'folder', path: '/mnt/office', keep: { DAILY: 30 } }
  ]
})
// @ts-expect-error a folder has no bucket
configure({ cloud: [{ provider: 'folder', bucket: 'b' }] })
const { uploaded, failed } = await sync({ target: 'office', signal: AbortSignal.timeout(1000) })
console.log(uploaded, failed[0].code === 'E_CLOUD_QUOTA')
engine.on('sync:failure', ({ target, message, pending }) => console.log(target, message, pending))
for (const { owner, newest, late } of await vaults('office')) console.log(owner, newest?.toFixed(), late)
