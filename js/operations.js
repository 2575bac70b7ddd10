// Generated from crates/engine/src/operations/ by `npm run generate`: the parameters of each.

'use strict'

module.exports = {
  createBackup: ['type', 'options'],
  previewBackup: [],
  pause: ['until'],
  resume: [],
  listBackups: ['filter'],
  listItems: ['backup', 'filter'],
  versions: ['path'],
  diff: ['from', 'to'],
  verify: ['backup', 'options'],
  status: [],
  history: ['filter'],
  doctor: [],
  restore: ['backup', 'options'],
  undoRestore: ['options'],
  applyPendingRestore: [],
  discardPendingRestore: [],
  prune: ['options'],
  deleteBackup: ['backup'],
  pin: ['backup'],
  unpin: ['backup'],
  acceptBackup: ['backup'],
  adoptVault: [],
  exportBackup: ['backup', 'file', 'options'],
  importBackup: ['file', 'options'],
  migrate: ['from', 'options'],
  sync: ['options'],
  vaults: ['target'],
  authorizeDrive: ['options']
}
