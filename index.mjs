// The names of index.js for `import`: one and the same module, so that both see one default engine.

import lifeboat from './index.js'

export const { configure, createBackup, restore, undoRestore, migrate } = lifeboat
export const { applyPendingRestore, discardPendingRestore } = lifeboat
export const { listBackups, listItems, versions, diff, verify, status, history, on, off, scheduler } = lifeboat
export const { previewBackup, doctor } = lifeboat
export const { exportBackup, importBackup, prune, sync, vaults, deleteBackup, pin, unpin, pause, resume } = lifeboat
export const { acceptBackup, adoptVault, authorizeDrive } = lifeboat
export const { BackupEngine, BackupError, BackupScheduler } = lifeboat
export default lifeboat
