//! Bringing back.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::*;

/// How a restore in place treats an app that may be running.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema, strum::IntoStaticStr)]
#[strum(serialize_all = "kebab-case")]
#[serde(rename_all = "kebab-case")]
pub enum RestoreMode {
    /// Checks which processes have databases open, and chooses.
    #[default]
    Auto,
    /// Databases through SQLite, so that every open connection sees them; other files by rename.
    Live,
    /// Everything by rename: no process may have a database open.
    Offline,
    /// Prepares everything. The next start of the app applies it before it opens any file.
    OnRestart,
}

impl RestoreMode {
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct RestoreOptions {
    /// As in `ItemFilter`: `['category:database', 'config.json', 'uploads/reports/2026/**']`. Default: everything.
    pub items: Vec<String>,
    /// The same as giving `items`. True without `items` is E_CONFIG.
    pub selective: bool,
    /// Another folder instead of the root. It must be empty or must not exist. No live file is changed.
    pub target: Option<std::path::PathBuf>,
    /// Only report what would be done, and whether it is possible: key, room, every stored piece.
    pub dry_run: bool,
    /// Store everything that is replaced in a SAFETY backup first; the result names it. Default true.
    pub create_backup_first: bool,
    /// How a restore in place treats a running app. `live`: databases are changed through SQLite, so that open
    /// connections see the restored rows; other files are renamed into place. `offline`: everything is renamed into
    /// place; no process may have a database open. `on-restart`: everything is prepared, and `applyPendingRestore()`
    /// applies it at the next start.
    ///
    /// `auto`, the default, chooses one mode for all files. The result says which one, and why. If no app runs:
    /// offline. For databases alone: live if a process has them open. For other files, which an app may have in memory
    /// and write back: live if every running app listens to `restore:reload`; otherwise on-restart if the apps apply
    /// restores at their start, and the app is then asked to restart (`requestRestart`); otherwise live, with an
    /// `advice`.
    pub mode: RestoreMode,
    /// Categories in which items are removed that are not in the backup. Default `['session']`.
    pub mirror: Vec<Category>,
    /// Take each of `items` from the newest backup that has it, up to the chosen one.
    pub per_item: bool,
    /// Save everything that is whole in a damaged vault, and list the rest in `failed`. Needs a `target`.
    pub salvage: bool,
    /// Give all files to this user: `'bot'`, `'bot:bot'`, `'1000:1000'`. Only root may do this. Default: the owners in
    /// the backup.
    pub owner: Option<String>,
    /// Also restore links that lead out of the root. They are E_UNSAFE_PATH otherwise.
    pub allow_outside_links: bool,
    /// Wait for a running operation instead of failing with E_BUSY.
    pub wait: bool,
    /// After a restore under a running app that does not read the restored files again: watch for up to 30 s whether
    /// the app overwrites them, and report that in `overwritten`. Default true. Aborting the signal ends the watching,
    /// and the restore stays.
    pub watch: bool,
    /// The target from which missing or damaged data is read. Default: each target in turn.
    pub from: Option<String>,
}

impl Default for RestoreOptions {
    fn default() -> RestoreOptions {
        RestoreOptions {
            items: Vec::new(),
            selective: false,
            target: None,
            dry_run: false,
            create_backup_first: true,
            mode: RestoreMode::Auto,
            mirror: vec![Category::Session],
            per_item: false,
            salvage: false,
            owner: None,
            allow_outside_links: false,
            wait: false,
            watch: true,
            from: None,
        }
    }
}

/// How to take back the last restore.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct UndoOptions {
    /// Only plan and check; change nothing.
    pub dry_run: bool,
    pub mode: RestoreMode,
    /// Wait for a running operation instead of failing with E_BUSY.
    pub wait: bool,
    /// As for a restore. Default true.
    pub watch: bool,
}

impl Default for UndoOptions {
    fn default() -> UndoOptions {
        UndoOptions { dry_run: false, mode: RestoreMode::Auto, wait: false, watch: true }
    }
}

impl UndoOptions {
    /// The same options for a restore. The record says what is restored.
    pub fn as_restore(&self) -> RestoreOptions {
        let UndoOptions { dry_run, mode, wait, watch } = *self;
        let (mirror, allow_outside_links) = (Vec::new(), true);
        RestoreOptions { dry_run, mode, wait, watch, mirror, allow_outside_links, ..RestoreOptions::default() }
    }
}

/// The restore that was taken back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TakenBack {
    /// The backup that it had restored.
    pub backup: String,
    /// When it was made, in milliseconds since 1970.
    pub at: i64,
    /// It was itself an undo.
    pub undo: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RestorePlan {
    /// `.` in `replace` is the root folder itself: its owner, mode or attributes.
    pub create: Vec<String>,
    pub replace: Vec<String>,
    pub remove: Vec<String>,
    pub unchanged: u64,
    pub bytes: u64,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RestoreResult {
    #[schemars(extend("enum" = [true]))]
    pub success: bool,
    pub backup: String,
    /// The paths that were written. Empty for a dry run, and while the restore waits for the next start.
    pub restored: Vec<String>,
    /// The time of the backup.
    pub timestamp: i64,
    /// The backup with everything that was replaced or removed. `undoRestore()` uses it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub safety_backup: Option<String>,
    pub plan: RestorePlan,
    pub dry_run: bool,
    /// In a dry run: bytes that the safety backup will probably add to the vault.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub safety_bytes: Option<u64>,
    /// The restore waits for the next start. Call `applyPendingRestore()` there, before any file is opened.
    pub staged: bool,
    /// The mode of a restore in place, never `auto`. Absent with a `target`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mode: Option<RestoreMode>,
    /// Why that mode was chosen, in a sentence.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What a salvage could not save, and why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub failed: Vec<Warning>,
    /// Files that the app overwrote or removed after they were restored. They stay as the app left them, and this is
    /// not a failure.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub overwritten: Vec<String>,
    /// WhatsApp sessions that work and were not restored, although they differ from the backup, because an older state
    /// would break them. Each message says how to restore it nevertheless. A session that `items` names is restored.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub kept: Vec<Warning>,
    /// Files that a process still has open although they were deleted, moved or replaced. What it writes there is lost,
    /// so it has to be restarted. `advice` says so.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub still_open: Vec<String>,
    /// The running apps that have read the restored files again, such as `bot.js (process 4711)`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reloaded_by: Vec<String>,
    /// What to do now, in a sentence, for example to restart the app. Absent if nothing is left to do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub advice: Option<String>,
    /// The command that takes it back, `lifeboat undo`. Absent if nothing was done, or if no safety backup was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undo: Option<String>,
    /// For `undoRestore()`: the restore that was taken back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub takes_back: Option<TakenBack>,
    /// The time until everything was in place, without the time that hosts needed to read it again.
    pub duration_ms: u64,
    pub warnings: Vec<Warning>,
}
