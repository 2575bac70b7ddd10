// The names of index.js for `import`: one and the same module, so that both see one default engine.

import lifeboat from './index.js'

export const { configure, createBackup, restore, listBackups, listItems, versions, diff, verify, status } = lifeboat
export const { migrate, BackupEngine, BackupError } = lifeboat
export default lifeboat
