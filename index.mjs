// The names of index.js for `import`: one and the same module, so that both see one default engine. Generated from crates/engine/src/operations/ by `npm run generate`.

import lifeboat from './index.js'

export const {
  createBackup,
  previewBackup,
  pause,
  resume,
  listBackups,
  listItems,
  versions,
  diff,
  verify,
  status,
  history,
  doctor,
  restore,
  undoRestore,
  applyPendingRestore,
  discardPendingRestore,
  prune,
  deleteBackup,
  pin,
  unpin,
  acceptBackup,
  adoptVault,
  exportBackup,
  importBackup,
  migrate,
  sync,
  vaults,
  authorizeDrive,
  configure,
  on,
  off,
  scheduler,
  BackupEngine,
  BackupError,
  BackupScheduler
} = lifeboat
export default lifeboat
