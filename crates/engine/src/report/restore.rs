//! Bringing back.

use serde::{Deserialize, Serialize};

use super::*;

/// How a restore in place treats an app that may be running.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
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
        match self {
            RestoreMode::Auto => "auto",
            RestoreMode::Live => "live",
            RestoreMode::Offline => "offline",
            RestoreMode::OnRestart => "on-restart",
        }
    }
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct RestoreOptions {
    /// Paths, globs or categories; empty means everything.
    pub items: Vec<String>,
    /// Another folder than the root, which must not exist, or be empty; `None`: in place.
    pub target: Option<std::path::PathBuf>,
    /// Only plan and check.
    pub dry_run: bool,
    /// Take a SAFETY backup before anything in place is replaced. Default true.
    pub create_backup_first: bool,
    pub mode: RestoreMode,
    /// Categories in which items that the backup does not have are removed. Default: session.
    pub mirror: Vec<Category>,
    /// Take each of `items` from the newest backup, not later than the chosen one, that has it.
    pub per_item: bool,
    /// Write what is whole of a damaged vault, and list the rest; only into a `target`.
    pub salvage: bool,
    /// Give everything to `user`, `user:group` or `uid:gid` instead of the owner it had. Only root may.
    pub owner: Option<String>,
    /// Also restore links that lead out of the root; otherwise they are `E_UNSAFE_PATH`.
    pub allow_outside_links: bool,
    /// Wait for a running operation instead of failing with `E_BUSY`.
    pub wait: bool,
    /// Look for half a minute whether a running app writes its memory over what was restored. Default true.
    pub watch: bool,
    /// The target that gives what is missing or damaged here. Default: all of them, in the order of the configuration.
    pub from: Option<String>,
}

impl Default for RestoreOptions {
    fn default() -> RestoreOptions {
        RestoreOptions {
            items: Vec::new(),
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
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct UndoOptions {
    /// Only plan and check.
    pub dry_run: bool,
    pub mode: RestoreMode,
    /// Wait for a running operation instead of failing with `E_BUSY`.
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
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TakenBack {
    /// What it had restored.
    pub backup: String,
    /// When it was made, milliseconds since the epoch.
    pub at: i64,
    /// It had taken back a restore itself.
    pub undo: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RestorePlan {
    pub create: Vec<String>,
    pub replace: Vec<String>,
    pub remove: Vec<String>,
    pub unchanged: u64,
    pub bytes: u64,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RestoreResult {
    pub success: bool,
    pub backup: String,
    pub restored: Vec<String>,
    pub timestamp: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub safety_backup: Option<String>,
    pub plan: RestorePlan,
    pub dry_run: bool,
    /// Bytes that the safety backup will probably add to the vault; only of a dry run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub safety_bytes: Option<u64>,
    /// The restore waits for the next start of the app.
    pub staged: bool,
    /// How it was done in place, never `auto`; absent for a restore into another folder.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mode: Option<RestoreMode>,
    /// Why that mode was chosen.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What a salvage could not give back, and why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub failed: Vec<Warning>,
    /// What an app wrote over, or removed, after it was restored: it is as the app left it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub overwritten: Vec<String>,
    /// Sessions that work and were left alone although the backup has them otherwise, and how to ask for them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub kept: Vec<Warning>,
    /// What a process has open as it was before, so that it has to start again: files that were deleted, moved or replaced.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub still_open: Vec<String>,
    /// The running hosts that have read again what was restored.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reloaded_by: Vec<String>,
    /// What to do now, in a sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub advice: Option<String>,
    /// The command that takes it back: `lifeboat undo`. Absent where it cannot be taken back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undo: Option<String>,
    /// What this took back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub takes_back: Option<TakenBack>,
    pub duration_ms: u64,
    pub warnings: Vec<Warning>,
}
