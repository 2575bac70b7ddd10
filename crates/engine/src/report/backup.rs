//! Making backups, and what there is in them.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::*;
use crate::vault::name::BackupName;

#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct BackupOptions {
    /// Re-read and re-hash every byte. Default: true for DAILY, WEEKLY and MONTHLY.
    pub full: Option<bool>,
    /// A few words of your own, kept with the backup.
    pub note: Option<String>,
    /// Wait for an operation that is running, instead of failing with E_BUSY.
    pub wait: bool,
    /// Smaller scheduled types that were due at the same time, and that this backup counts for.
    #[serde(skip)]
    pub covers: Vec<BackupType>,
    /// A restore was cut off and cannot be ended now, so the root may be half of one backup and half of another: why.
    #[serde(skip)]
    pub unfinished: Option<String>,
}

#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BackupResult {
    #[schemars(extend("enum" = [true]))]
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
    /// Whether every byte was read again.
    pub full: bool,
    pub duration_ms: u64,
    /// Something could not be stored as it should be: the first of `warnings` say what, and what to do.
    pub degraded: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suspicious: Option<Suspicion>,
    pub warnings: Vec<Warning>,
    /// What is worth knowing, and no fault: where another disk or folder is mounted in the root. Absent where there is nothing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<Warning>,
    /// `off` where there is no target; `queued`: it goes there by itself, and `sync()` waits for that.
    #[schemars(extend("enum" = ["off", "queued", "synced"]))]
    pub cloud: String,
}

/// The backup has lost most of what the newest one had that nobody doubts (more than half of the items, of a database, or all of a
/// category), or most files have changed at once and do not compress any more. It takes no other's place, and nothing is pruned
/// until it is accepted or deleted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Suspicion {
    /// Sentences without their ends.
    pub reasons: Vec<String>,
    /// The backup that it was compared with.
    pub against: String,
    /// The first backup with this doubt: itself, or an earlier one.
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

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CategoryTotals {
    pub items: u64,
    pub size: u64,
}

#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BackupInfo {
    pub backup: String,
    #[serde(rename = "type")]
    pub kind: BackupType,
    pub timestamp: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// Bytes that this backup added to the vault.
    pub size: u64,
    /// Bytes of its items as they lay on disk.
    pub total_size: u64,
    pub items: u64,
    /// Of the categories that it has.
    #[schemars(extend("tsType" = "Partial<Record<Category, CategoryTotals>>"))]
    pub categories: BTreeMap<Category, CategoryTotals>,
    pub full: bool,
    pub degraded: bool,
    /// Smaller scheduled types that it counts for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub covers: Vec<BackupType>,
    /// Until it is accepted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suspicious: Option<Suspicion>,
    /// Kept until it is unpinned.
    #[serde(default)]
    pub pinned: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verified_at: Option<i64>,
    /// Where it lies: `'local'`, and the names of targets, as far as that is known here.
    pub location: Vec<String>,
    /// `queued`: it goes to a target by itself. `synced`: it is at every target whose rules keep it, and at one at least, as they have
    /// said. `off`: nothing brings it anywhere: there is no target, `cloudSync` is false, or the rules of every target have dropped it.
    #[serde(default = "off")]
    #[schemars(extend("enum" = ["off", "queued", "synced"]))]
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

#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct ListFilter {
    #[serde(rename = "type")]
    pub kind: Option<BackupType>,
    /// Inclusive.
    #[serde(deserialize_with = "instant::maybe")]
    #[schemars(with = "Option<instant::Instant>")]
    pub since: Option<i64>,
    /// Inclusive.
    #[serde(deserialize_with = "instant::maybe")]
    #[schemars(with = "Option<instant::Instant>")]
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

/// Which items.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct ItemFilter {
    /// Paths, globs or categories. A path that the backup has comes before a glob, and a file before a category of its name; a
    /// folder is taken with the category. `./database` is always the path, `category:database` always the category. A path that is
    /// not UTF-8 is `//` and its bytes in base64 (`'//' + item.raw`).
    pub items: Vec<String>,
}

/// One path of a backup.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Item")]
pub struct ItemInfo {
    /// Relative to the root, with `/`.
    pub path: String,
    /// The bytes of a path that is not UTF-8, in base64.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub raw: Option<String>,
    pub category: Category,
    #[serde(rename = "type")]
    pub kind: ItemType,
    /// Bytes.
    pub size: u64,
    /// Milliseconds since the epoch.
    pub mtime: i64,
    /// Absent for folders and links, and for a database that was written to while it was copied.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
}

/// What `init` did.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
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
