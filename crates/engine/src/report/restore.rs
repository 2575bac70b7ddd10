//! Bringing back.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::*;

/// How a restore in place treats an app that may be running.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema, strum::IntoStaticStr)]
#[strum(serialize_all = "kebab-case")]
#[serde(rename_all = "kebab-case")]
pub enum RestoreMode {
    /// Looks who has the databases open, and chooses.
    #[default]
    Auto,
    /// Databases through SQLite, so that every open connection sees them; other files by rename.
    Live,
    /// Everything by rename: nobody may have a database open.
    Offline,
    /// Stages everything; the next start of the app applies it before it opens anything.
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
    /// As in `items`; true without items is E_CONFIG.
    pub selective: bool,
    /// Another folder than the root, which must not exist, or be empty: nothing live is touched.
    pub target: Option<std::path::PathBuf>,
    /// Only say what would be done, and whether it can be: key, room, every stored piece.
    pub dry_run: bool,
    /// Default true: everything that is replaced is first in a SAFETY backup, named in the result.
    pub create_backup_first: bool,
    /// How a restore in place treats an app that runs. `live`: databases through SQLite, so that open connections see the
    /// restored rows; other files by rename. `offline`: all by rename; nobody may have a database open. `on-restart`: everything
    /// is prepared, and `applyPendingRestore()` applies it at the next start.
    ///
    /// `auto`, the default, chooses one for all, and the result says which and why. Databases alone: live where somebody has
    /// them open. With other files, which an app may have in memory and write back: live where every running app listens to
    /// `restore:reload`; else on-restart where they apply one at their start, which is then asked for (`requestRestart`); else
    /// live, with an `advice`. Where no app runs: offline.
    pub mode: RestoreMode,
    /// Categories in which items that the backup does not have are removed. Default `['session']`.
    pub mirror: Vec<Category>,
    /// Take each of `items` from the newest backup that has it, not later than the chosen one.
    pub per_item: bool,
    /// Write all that is whole of a damaged vault, and list the rest in `failed`. Needs a `target`.
    pub salvage: bool,
    /// Give everything to this user: `'bot'`, `'bot:bot'`, `'1000:1000'`. Only root may. Default: as in the backup.
    pub owner: Option<String>,
    /// Also restore links that lead out of the root. They are E_UNSAFE_PATH otherwise.
    pub allow_outside_links: bool,
    /// Wait for a running operation instead of failing with E_BUSY.
    pub wait: bool,
    /// After a restore under a running app that does not read again what came back: look for up to 30 s whether it writes its
    /// memory over that, and say so in `overwritten`. Default true; aborting the signal ends it, and keeps the restore.
    pub watch: bool,
    /// The target that gives what is missing or damaged here. Default: each of them in turn.
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

/// How the last restore is taken back.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct UndoOptions {
    /// Only plan and check.
    pub dry_run: bool,
    pub mode: RestoreMode,
    /// Wait for a running operation instead of failing with E_BUSY.
    pub wait: bool,
    /// As with a restore. Default true.
    pub watch: bool,
}

impl Default for UndoOptions {
    fn default() -> UndoOptions {
        UndoOptions { dry_run: false, mode: RestoreMode::Auto, wait: false, watch: true }
    }
}

impl UndoOptions {
    /// The same of a restore. What is restored is the record's to say.
    pub fn as_restore(&self) -> RestoreOptions {
        let UndoOptions { dry_run, mode, wait, watch } = *self;
        let (mirror, allow_outside_links) = (Vec::new(), true);
        RestoreOptions { dry_run, mode, wait, watch, mirror, allow_outside_links, ..RestoreOptions::default() }
    }
}

/// The restore that was taken back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TakenBack {
    /// What it had restored.
    pub backup: String,
    /// When it was made, milliseconds since the epoch.
    pub at: i64,
    /// It had taken back a restore itself.
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
    /// The paths that were written; empty for a dry run, and while the restore waits for the next start.
    pub restored: Vec<String>,
    /// The time of the backup.
    pub timestamp: i64,
    /// All that was replaced or removed is in this backup, and `undoRestore()` takes it from there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub safety_backup: Option<String>,
    pub plan: RestorePlan,
    pub dry_run: bool,
    /// Of a dry run: bytes that the safety backup will probably add to the vault.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub safety_bytes: Option<u64>,
    /// It waits for the next start: call `applyPendingRestore()` there, before anything is opened.
    pub staged: bool,
    /// How it was done in place, never `auto`; absent with a `target`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mode: Option<RestoreMode>,
    /// Why that mode was chosen, in a sentence.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What a salvage could not give back, and why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub failed: Vec<Warning>,
    /// What the app wrote over, or removed, after it was restored: it is as the app left it, and no failure.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub overwritten: Vec<String>,
    /// WhatsApp sessions that work and were left alone although the backup has them otherwise: an older state would break them.
    /// Each message says how to restore it all the same. One that is named in `items` is restored.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub kept: Vec<Warning>,
    /// What a process has open as it was before, because it was deleted, moved or replaced under it: what it writes there is
    /// found by nobody, so it has to be started again. `advice` says so.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub still_open: Vec<String>,
    /// The running apps that have read again what was restored, such as `bot.js (process 4711)`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reloaded_by: Vec<String>,
    /// What to do now, in a sentence: start the app again, for one. Absent where nothing is left to do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub advice: Option<String>,
    /// The command that takes it back, `lifeboat undo`; absent where nothing was done, or no safety backup was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undo: Option<String>,
    /// Of `undoRestore()`: the restore that was taken back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub takes_back: Option<TakenBack>,
    /// Until everything was in place; what hosts took to read it again is not in it.
    pub duration_ms: u64,
    pub warnings: Vec<Warning>,
}
