//! Making backups, and what there is in them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::*;
use crate::vault::name::BackupName;

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct BackupOptions {
    /// Re-read and re-hash every byte. Default: by the type.
    pub full: Option<bool>,
    /// A few words of the user's own, kept with the backup.
    pub note: Option<String>,
    /// Wait for a running operation instead of failing with `E_BUSY`.
    pub wait: bool,
    /// Smaller scheduled types that were due at the same time, and that this backup counts for.
    pub covers: Vec<BackupType>,
    /// A restore was cut off and cannot be ended now, so the root may be half of one backup and half of another: why.
    #[serde(skip)]
    pub unfinished: Option<String>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BackupResult {
    pub success: bool,
    pub backup: String,
    #[serde(rename = "type")]
    pub kind: BackupType,
    /// Bytes that this backup added to the vault.
    pub size: u64,
    /// Bytes of its items as they lie on disk.
    pub total_size: u64,
    pub items: u64,
    /// Items that were new or changed since the backup before.
    pub changed: u64,
    /// Items of the backup before that are gone.
    pub removed: u64,
    pub full: bool,
    pub duration_ms: u64,
    /// Something could not be stored as it should be (a corrupt database, an unreadable file): see `warnings`.
    pub degraded: bool,
    /// It has lost what it should not: pruning waits until somebody accepts it, or deletes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suspicious: Option<Suspicion>,
    pub warnings: Vec<Warning>,
    /// What is worth knowing, and no fault: where something else is mounted in the root.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<Warning>,
    /// `off`, `queued` or `synced`.
    pub cloud: String,
}

/// Why a backup is probably not what its root should look like.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Suspicion {
    /// Sentences without their ends.
    pub reasons: Vec<String>,
    /// The backup that it was compared with: the newest one that nobody doubts.
    pub against: String,
    /// The first backup with this doubt: itself, or an earlier one like it.
    pub since: String,
}

impl Suspicion {
    /// For people: what is wrong with `backup`, and what to do.
    pub fn advice(&self, backup: &str) -> String {
        format!(
            "{backup} does not look as it should: {}. Nothing is pruned until somebody has looked. If it is right, `lifeboat \
             accept {backup}` says so; if not, `lifeboat restore {}` brings back what was, and `lifeboat delete {backup}` removes \
             it.",
            self.reasons.join("; "),
            self.against
        )
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CategoryTotals {
    pub items: u64,
    pub size: u64,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BackupInfo {
    pub backup: String,
    #[serde(rename = "type")]
    pub kind: BackupType,
    pub timestamp: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    pub size: u64,
    pub total_size: u64,
    pub items: u64,
    pub categories: BTreeMap<Category, CategoryTotals>,
    pub full: bool,
    pub degraded: bool,
    /// Smaller scheduled types that it counts for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub covers: Vec<BackupType>,
    /// Until somebody accepts it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suspicious: Option<Suspicion>,
    /// Kept until it is unpinned.
    #[serde(default)]
    pub pinned: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verified_at: Option<i64>,
    /// Where it lies: `local`, and the names of targets.
    pub location: Vec<String>,
    /// Is it at all targets? `off`, `queued` or `synced`.
    #[serde(default = "off")]
    pub cloud: String,
}

fn off() -> String {
    "off".into()
}

impl BackupInfo {
    /// One of which no more than its name is known. It is no good one.
    pub fn of_name(name: &BackupName) -> BackupInfo {
        BackupInfo {
            backup: name.to_string(),
            kind: name.kind(),
            timestamp: name.millis(),
            note: None,
            size: 0,
            total_size: 0,
            items: 0,
            categories: BTreeMap::new(),
            full: false,
            degraded: true,
            covers: Vec::new(),
            suspicious: None,
            pinned: false,
            verified_at: None,
            location: Vec::new(),
            cloud: off(),
        }
    }

    pub fn counts_for(&self, kind: BackupType) -> bool {
        self.kind == kind || self.covers.contains(&kind)
    }
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct ListFilter {
    #[serde(rename = "type")]
    pub kind: Option<BackupType>,
    /// Milliseconds since the epoch, inclusive.
    pub since: Option<i64>,
    /// Milliseconds since the epoch, inclusive.
    pub until: Option<i64>,
    /// At most this many, the newest.
    pub limit: Option<usize>,
}

impl ListFilter {
    /// Of a backup of that type and time, but for the limit.
    pub fn takes(&self, kind: BackupType, timestamp: i64) -> bool {
        self.kind.is_none_or(|wanted| wanted == kind)
            && self.since.is_none_or(|since| timestamp >= since)
            && self.until.is_none_or(|until| timestamp <= until)
    }
}

/// One path of a backup, as users see it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ItemInfo {
    pub path: String,
    /// The bytes of a path that is not UTF-8, in base64. Behind `//` they name it in `items`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub raw: Option<String>,
    pub category: Category,
    #[serde(rename = "type")]
    pub kind: ItemType,
    /// Bytes.
    pub size: u64,
    /// Milliseconds since the epoch.
    pub mtime: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
}

/// What `init` did.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct InitReport {
    /// The vault's folder.
    pub vault: std::path::PathBuf,
    /// False where the vault was there already.
    pub created: bool,
    pub encrypted: bool,
    /// The key file that was made or added.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_file: Option<std::path::PathBuf>,
    /// `config/backup.pass`, where that opens the vault.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub passphrase_file: Option<std::path::PathBuf>,
    /// What is wrong with what opens the vault, and the command that mends it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}
