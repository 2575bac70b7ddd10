//! Bringing back.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Call, Operation};
use crate::report::{BackupRef, RestoreOptions, RestoreResult, UndoOptions};
use crate::{Error, Result};

/// Brings back a backup, or some of its items: in place, or into `options.target`.
///
/// In place it is all or nothing, also after a crash. What is replaced is backed up first (`safetyBackup` in the result).
/// Files that the backup does not know stay, except in `options.mirror`.
///
/// Where the worker dies, what it had begun is carried on before the promise settles: it is fulfilled where the restore was
/// finished, and rejected with E_WORKER where it had not begun to replace files, or with E_ROLLED_BACK where it was undone.
/// Only if that fails as well is the root left in between, and the message says so: the next operation on the root, or
/// `applyPendingRestore()` at the next start, carries it on. Once files are being replaced, an abort may come too late.
/// @throws BackupError E_NOT_FOUND with the nearest names, E_CORRUPT, E_RESTORE: nothing was touched; E_ROLLED_BACK:
/// everything was put back
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Restore {
    /// A backup's name, `'latest'`, or the newest good backup at or before an instant; what a restore replaced (a SAFETY backup)
    /// is taken by its name only.
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

/// Takes the last restore in place back, from its own record: what it replaced or removed comes back from its safety backup,
/// what it made goes, and nothing else is touched. That is a restore, too, with a safety backup of its own: another
/// `undoRestore()` takes it back.
/// @throws BackupError E_NOT_FOUND where there is no restore to take back, or its safety backup is gone
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

/// The first line of a host, before it opens anything: applies a restore that was staged with `mode: 'on-restart'`, and
/// finishes or undoes one that a crash cut off. Null where there is neither: that starts no process and costs less than a
/// millisecond, once the addon is loaded. In CommonJS, the host's index.js is:
///
///     require('lifeboat').applyPendingRestore().then(() => require('./bot.js'))
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ApplyPendingRestore {}

impl Operation for ApplyPendingRestore {
    type Answer = Option<RestoreResult>;

    fn run(&self, call: &Call<'_>) -> Result<Option<RestoreResult>> {
        call.engine.apply_pending_restore(call.control)
    }
}

/// Forgets a restore that waits for the next start. True: there was one.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DiscardPendingRestore {}

impl Operation for DiscardPendingRestore {
    type Answer = bool;

    fn run(&self, call: &Call<'_>) -> Result<bool> {
        call.engine.discard_pending_restore()
    }
}

/// Finishes or undoes a restore that was cut off. Null where none was, or it was undone.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Recover {}

impl Operation for Recover {
    type Answer = Option<RestoreResult>;

    fn run(&self, call: &Call<'_>) -> Result<Option<RestoreResult>> {
        call.engine.recover(call.control)
    }
}
