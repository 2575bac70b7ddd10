// What callers pass, checked and put into the form of the worker's protocol. What is wrong is E_CONFIG, and says what.

'use strict'

const { resolve, sep } = require('node:path')
const { BackupError } = require('./error.js')

const CATEGORIES = ['database', 'config', 'logs', 'accounts', 'templates', 'session', 'media', 'data']
const MODES = ['auto', 'live', 'offline', 'on-restart']
const TYPES = ['MANUAL', 'API', 'HOURLY', 'DAILY', 'WEEKLY', 'MONTHLY', 'SAFETY']

function refuse(message) {
  throw new BackupError('E_CONFIG', message)
}

const isObject = (value) => typeof value === 'object' && value !== null && !Array.isArray(value)

const KINDS = {
  boolean: { a: 'true or false', fits: (value) => typeof value === 'boolean' },
  text: { a: 'a string', fits: (value) => typeof value === 'string' },
  texts: { a: 'an array of strings', fits: (v) => Array.isArray(v) && v.every((one) => typeof one === 'string') },
  path: { a: 'a path that is not empty', fits: (value) => typeof value === 'string' && value !== '' },
  count: { a: 'a whole number of 0 or more', fits: (value) => Number.isSafeInteger(value) && value >= 0 },
  function: { a: 'a function', fits: (value) => typeof value === 'function' },
  // By shape and not by class: in jest and in a worker's vm, classes of the same name are others.
  signal: { a: 'an AbortSignal', fits: (v) => isObject(v) && typeof v.aborted === 'boolean' && !!v.addEventListener },
  backup: {
    a: "a backup's name or an object with `at`",
    fits: (v) => isObject(v) || (typeof v === 'string' && v !== '')
  },
  instant: { a: 'a Date or milliseconds since 1970', fits: (value) => Number.isSafeInteger(millis(value)) },
  mode: { a: `one of ${MODES.join(', ')}`, fits: (value) => MODES.includes(value) },
  categories: {
    a: `an array of categories (${CATEGORIES.join(', ')})`,
    fits: (value) => Array.isArray(value) && value.every((one) => CATEGORIES.includes(one))
  },
  type: { a: `one of ${TYPES.join(', ')}`, fits: (value) => TYPES.includes(value) }
}

function show(value) {
  if (typeof value === 'string') return JSON.stringify(value)
  if (typeof value === 'function') return 'a function'
  return isObject(value) ? 'an object' : Array.isArray(value) ? 'an array' : String(value)
}

function check(name, value, kind) {
  if (!KINDS[kind].fits(value)) refuse(`${name} must be ${KINDS[kind].a}, not ${show(value)}.`)
  return value
}

/** The options that are given, each of its kind; an unknown one is a slip of the pen and refused. */
function checkAll(where, options, kinds) {
  if (!isObject(options)) refuse(`${where} must be an object, not ${show(options)}.`)
  const given = {}
  for (const [name, value] of Object.entries(options)) {
    if (!Object.hasOwn(kinds, name)) {
      const known = Object.keys(kinds).join(', ')
      refuse(`There is no ${show(name)} in ${where.replace('The', 'the')}. There are ${known}.`)
    }
    if (value !== undefined) given[name] = check(`${where}.${name}`, value, kinds[name])
  }
  return given
}

/** Of a Date (of any realm) or of a number; NaN for anything else. */
function millis(value) {
  if (Object.prototype.toString.call(value) === '[object Date]') return value.getTime()
  return typeof value === 'number' ? Math.round(value) : Number.NaN
}

const WATCHED = { signal: 'signal', onProgress: 'function' }

function withoutWatchers({ signal, onProgress, ...rest }) {
  return rest
}

function configText(config) {
  if (!isObject(config)) refuse(`A configuration must be an object or the path of a file, not ${show(config)}.`)
  try {
    return JSON.stringify(config)
  } catch (error) {
    return refuse(`The configuration cannot be written as JSON: ${error.message}.`)
  }
}

function createBackup(type, options) {
  check('The type of backup', type, 'type')
  const kinds = { full: 'boolean', note: 'text', wait: 'boolean', ...WATCHED }
  return { op: 'createBackup', type, options: withoutWatchers(checkAll('The options of createBackup', options, kinds)) }
}

function previewBackup(options) {
  checkAll('The options of previewBackup', options, WATCHED)
  return { op: 'previewBackup' }
}

function doctor(options) {
  checkAll('The options of doctor', options, WATCHED)
  return { op: 'doctor' }
}

function listBackups(options) {
  const kinds = { type: 'type', since: 'instant', until: 'instant', limit: 'count' }
  const filter = checkAll('The filter of listBackups', options, kinds)
  for (const name of ['since', 'until']) if (name in filter) filter[name] = millis(filter[name])
  return { op: 'listBackups', filter }
}

function scheduled(type) {
  return check('The type of backup', type, 'type')
}

function count(name, value) {
  return check(name, value, 'count')
}

function stop(options) {
  return checkAll('The options of stop', options, { cancel: 'boolean' })
}

function history(options) {
  const kinds = { operation: 'text', type: 'type', since: 'instant', until: 'instant', limit: 'count' }
  const filter = checkAll('The filter of history', options, kinds)
  for (const name of ['since', 'until']) if (name in filter) filter[name] = millis(filter[name])
  return filter
}

function listItems(backup, options) {
  const { items = [] } = checkAll('The filter of listItems', options, { items: 'texts' })
  return { op: 'listItems', backup: check('The backup', backup, 'path'), items }
}

function verify(backup, options) {
  if (backup !== undefined && backup !== null) check('The backup', backup, 'path')
  const kinds = { deep: 'boolean', target: 'path', ...WATCHED }
  const { deep = false, target = null } = checkAll('The options of verify', options, kinds)
  if (target && backup) refuse('A target is verified as a whole: name no backup with `target`.')
  return { op: 'verify', backup: backup ?? null, deep, target }
}

function versions(path) {
  return { op: 'versions', path: check('The path', path, 'path') }
}

function diff(from, to, options) {
  checkAll('The options of diff', options, WATCHED)
  const other = to === undefined || to === null ? null : whichBackup(to)
  return { op: 'diff', from: whichBackup(from), to: other }
}

function prune(options) {
  const kinds = { dryRun: 'boolean', wait: 'boolean', despiteSuspicion: 'boolean', atOnce: 'boolean', ...WATCHED }
  const given = checkAll('The options of prune', options, { ...kinds, target: 'path', vaultId: 'path' })
  const { target = null, vaultId = null, ...rest } = withoutWatchers(given)
  if (target && rest.atOnce) refuse('`atOnce` is for the vault here, and not for a target.')
  return { op: 'prune', options: rest, target, vaultId }
}

function sync(options) {
  const { target = null } = withoutWatchers(checkAll('The options of sync', options, { target: 'path', ...WATCHED }))
  return { op: 'sync', target }
}

function vaults(target) {
  return { op: 'vaults', target: check('The target', target, 'path') }
}

function deleteBackup(backup) {
  return { op: 'deleteBackup', backup: check('The backup', backup, 'path') }
}

function acceptBackup(backup) {
  return { op: 'acceptBackup', backup: check('The backup', backup, 'path') }
}

function pin(backup, pinned) {
  return { op: 'pin', backup: check('The backup', backup, 'path'), pinned }
}

function authorizeDrive(options) {
  const kinds = { show: 'function', signal: 'signal', target: 'text' }
  const { show, target } = checkAll('The options of authorizeDrive', options, kinds)
  if (!show)
    refuse('The options of authorizeDrive need `show`: a function that shows the link and the code to the owner.')
  return { request: { op: 'authorizeDrive', target }, show }
}

function pause(until) {
  return { op: 'pause', until: millis(check('The end of the pause', until, 'instant')) }
}

const RESTORE = {
  selective: 'boolean',
  items: 'texts',
  dryRun: 'boolean',
  createBackupFirst: 'boolean',
  target: 'path',
  mode: 'mode',
  mirror: 'categories',
  perItem: 'boolean',
  salvage: 'boolean',
  owner: 'path',
  allowOutsideLinks: 'boolean',
  wait: 'boolean',
  watch: 'boolean',
  from: 'path',
  ...WATCHED
}

function restore(backup, options) {
  const { selective, ...given } = withoutWatchers(checkAll('The options of restore', options, RESTORE))
  if (selective && !given.items?.length) refuse('A selective restore needs `items`: paths, globs or categories.')
  if (given.target !== undefined) given.target = resolve(given.target)
  return { op: 'restore', backup: whichBackup(backup), options: given }
}

const UNDO = { dryRun: 'boolean', mode: 'mode', wait: 'boolean', watch: 'boolean', ...WATCHED }

function undoRestore(options) {
  return { op: 'undoRestore', options: withoutWatchers(checkAll('The options of undoRestore', options, UNDO)) }
}

const MIGRATE = {
  backup: 'backup',
  history: 'boolean',
  owner: 'path',
  allowOutsideLinks: 'boolean',
  ...WATCHED
}

function migrate(from, options) {
  const given = withoutWatchers(checkAll('The options of migrate', options, MIGRATE))
  if (given.backup !== undefined) given.backup = whichBackup(given.backup)
  return { op: 'migrate', from: resolve(check('The source', from, 'path')), options: given }
}

const EXPORT = { items: 'texts', encrypt: 'boolean', overwrite: 'boolean', ...WATCHED }

function exportBackup(backup, file, options) {
  const given = withoutWatchers(checkAll('The options of exportBackup', options, EXPORT))
  const target = resolve(check('The file', file, 'path'))
  // Who ends it with a slash means a folder, also where it is missing.
  const end = /[/\\]$/.test(file) ? sep : ''
  return { op: 'exportBackup', backup: check('The backup', backup, 'path'), file: target + end, options: given }
}

function importBackup(file, options) {
  // A passphrase stays out of the message that says what is wrong with it.
  if (isObject(options) && !['undefined', 'string'].includes(typeof options.passphrase)) {
    refuse('The options of importBackup.passphrase must be a string.')
  }
  const { passphrase } = checkAll('The options of importBackup', options, { passphrase: 'text', ...WATCHED })
  return { op: 'importBackup', file: resolve(check('The file', file, 'path')), passphrase }
}

function whichBackup(backup) {
  if (!isObject(backup)) return check('The backup', backup, 'path')
  const { at } = backup
  // Without its zone a text would mean one time here and another one in the shell.
  const hasZone = typeof at !== 'string' || /(Z|[+-]\d\d:?\d\d)$/i.test(at.trim())
  const instant = typeof at === 'string' ? Date.parse(at) : millis(at)
  if (!Number.isSafeInteger(instant) || !hasZone) {
    refuse(`The backup's \`at\` must be a Date, a time such as '2026-11-23T02:00:00Z', or milliseconds since 1970.`)
  }
  return { at: instant }
}

module.exports = {
  acceptBackup,
  configText,
  count,
  createBackup,
  deleteBackup,
  diff,
  doctor,
  exportBackup,
  history,
  importBackup,
  listBackups,
  listItems,
  migrate,
  authorizeDrive,
  pause,
  pin,
  previewBackup,
  prune,
  restore,
  undoRestore,
  vaults,
  scheduled,
  stop,
  sync,
  verify,
  versions
}
