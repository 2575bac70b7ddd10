// Generated from crates/engine/src/operations/ by `npm run generate`: what each takes, and whether it answers nothing.

'use strict'

module.exports = {
  createBackup: { parameters: ['type', 'options'] },
  previewBackup: { parameters: [] },
  pause: { parameters: ['until'], isSilent: true },
  resume: { parameters: [], isSilent: true },
  listBackups: { parameters: ['filter'] },
  listItems: { parameters: ['backup', 'filter'] },
  versions: { parameters: ['path'] },
  diff: { parameters: ['from', 'to'] },
  verify: { parameters: ['backup', 'options'] },
  status: { parameters: [] },
  history: { parameters: ['filter'] },
  doctor: { parameters: [] },
  restore: { parameters: ['backup', 'options'] },
  undoRestore: { parameters: ['options'] },
  applyPendingRestore: { parameters: [] },
  discardPendingRestore: { parameters: [] },
  prune: { parameters: ['options'] },
  deleteBackup: { parameters: ['backup'] },
  pin: { parameters: ['backup'] },
  unpin: { parameters: ['backup'] },
  acceptBackup: { parameters: ['backup'] },
  adoptVault: { parameters: [], isSilent: true },
  exportBackup: { parameters: ['backup', 'file', 'options'] },
  importBackup: { parameters: ['file', 'options'] },
  migrate: { parameters: ['from', 'options'] },
  sync: { parameters: ['options'] },
  vaults: { parameters: ['target'] },
  authorizeDrive: { parameters: ['options'] }
}
