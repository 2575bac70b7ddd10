//! Bringing back.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Call, Operation};
use crate::report::{BackupRef, RestoreOptions, RestoreResult, UndoOptions};
use crate::{Error, Result};

/// Restores a backup, or some of its items: in place, or into `options.target`.
///
/// A restore in place is all or nothing, also after a crash. Everything that it replaces is backed up first
/// (`safetyBackup` in the result). Files that are not in the backup stay, except in the categories of `options.mirror`.
///
/// If the worker dies, another one finishes or undoes the restore before the promise settles. The promise is fulfilled
/// if the restore was finished. It rejects with E_WORKER if no file had been replaced yet, and with E_ROLLED_BACK if
/// the restore was undone. Only if that fails as well, the root is left between two states, and the message says so.
/// Then the next operation on the root, or `applyPendingRestore()` at the next start, finishes the restore or undoes
/// it. After files have been replaced, an abort may come too late.
/// @throws BackupError E_NOT_FOUND with the nearest names, E_CORRUPT, E_RESTORE: nothing was changed; E_ROLLED_BACK:
/// everything was put back
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Restore {
    /// A backup's name, `'latest'`, or a time: then the newest good backup at or before that time is taken. A SAFETY
    /// backup is taken only by its name.
    pub backup: BackupRef,
    #[serde(default)]
    pub options: RestoreOptions,
}

impl Operation for Restore {
    type Answer = RestoreResult;

    fn run(&self, call: &Call<'_>) -> Result<RestoreResult> {
        if self.options.selective && self.options.items.is_empty() {
            return Err(Error::Config {
                message: "A selective restore needs `items`: paths, globs or categories.".into(),
            });
        }
        call.engine.restore(&self.backup, &self.options, call.control)
    }
}

/// Takes back the last restore in place. Files that it replaced or removed come back from its safety backup, files that
/// it created are removed, and nothing else is changed. This is a restore, too, with a safety backup of its own:
/// another `undoRestore()` takes it back.
/// @throws BackupError E_NOT_FOUND if there is no restore to take back, or if its safety backup is gone
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UndoRestore {
    #[serde(default)]
    pub options: UndoOptions,
}

impl Operation for UndoRestore {
    type Answer = RestoreResult;

    fn run(&self, call: &Call<'_>) -> Result<RestoreResult> {
        call.engine.undo_restore(&self.options, call.control)
    }
}

/// Call this in the first line of a host, before it opens any file. It applies a restore that was prepared with `mode:
/// 'on-restart'`, and finishes or undoes a restore that a crash cut off. Null if there is neither: then it starts no
/// process and takes less than a millisecond, after the addon is loaded. In CommonJS, the host's index.js is
/// `require('lifeboat').applyPendingRestore().then(() => require('./bot.js'))`.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ApplyPendingRestore {}

impl Operation for ApplyPendingRestore {
    type Answer = Option<RestoreResult>;

    fn run(&self, call: &Call<'_>) -> Result<Option<RestoreResult>> {
        call.engine.apply_pending_restore(call.control)
    }
}

/// Discards a restore that waits for the next start. True: there was one.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DiscardPendingRestore {}

impl Operation for DiscardPendingRestore {
    type Answer = bool;

    fn run(&self, call: &Call<'_>) -> Result<bool> {
        call.engine.discard_pending_restore()
    }
}

/// Finishes or undoes a restore that was cut off. Null if there was none, or if it was undone.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Recover {}

impl Operation for Recover {
    type Answer = Option<RestoreResult>;

    fn run(&self, call: &Call<'_>) -> Result<Option<RestoreResult>> {
        call.engine.recover(call.control)
    }
}
