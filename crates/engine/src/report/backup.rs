//! Making backups, and what there is in them.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::*;
use crate::vault::name::BackupName;

#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct BackupOptions {
    /// Read and hash every byte again. Default: true for DAILY, WEEKLY and MONTHLY.
    pub full: Option<bool>,
    /// A short text of your own, stored with the backup.
    pub note: Option<String>,
    /// Wait for a running operation, instead of failing with E_BUSY.
    pub wait: bool,
    /// The smaller scheduled types that were due at the same time, and for which this backup counts.
    #[serde(skip)]
    pub covers: Vec<BackupType>,
    /// Why a restore that was cut off cannot be finished now. The root may then be a mix of two states.
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
    /// Bytes of its items, as they are on disk.
    pub total_size: u64,
    pub items: u64,
    /// The number of items that are new or changed since the previous backup.
    pub changed: u64,
    /// The number of items of the previous backup that are gone.
    pub removed: u64,
    /// Whether every byte was read again.
    pub full: bool,
    pub duration_ms: u64,
    /// Some data could not be stored as it should be. The first `warnings` say what, and what to do.
    pub degraded: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suspicious: Option<Suspicion>,
    pub warnings: Vec<Warning>,
    /// Things to know that are not faults: other disks or folders that are mounted in the root. Absent if there are
    /// none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<Warning>,
    /// `off`: there is no target. `queued`: the backup is sent by itself, and `sync()` waits for that.
    #[schemars(extend("enum" = ["off", "queued", "synced"]))]
    pub cloud: String,
}

/// The backup has lost most of the data of the newest backup that is not suspicious (more than half of the items, more
/// than half of a database, or all of a category), or most files have changed at once and no longer compress. It
/// replaces no other backup in the retention rules, and nothing is pruned until it is accepted or deleted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Suspicion {
    /// The reasons, as sentences without a full stop.
    pub reasons: Vec<String>,
    /// The backup with which it was compared.
    pub against: String,
    /// The first backup with this doubt: this one, or an earlier one.
    pub since: String,
}

impl Suspicion {
    /// A sentence for people: what is wrong with `backup`, and what to do.
    pub fn advice(&self, backup: &str) -> String {
        format!(
            "{backup} is suspicious: {}. Nothing is pruned until you decide. If it is right, run `lifeboat accept \
             {backup}`. If not, `lifeboat restore {}` brings back the lost data, and `lifeboat delete {backup}` \
             removes the backup.",
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
    /// Bytes of its items, as they were on disk.
    pub total_size: u64,
    pub items: u64,
    /// The totals of each category in the backup.
    #[schemars(extend("tsType" = "Partial<Record<Category, CategoryTotals>>"))]
    pub categories: BTreeMap<Category, CategoryTotals>,
    pub full: bool,
    pub degraded: bool,
    /// The smaller scheduled types for which it counts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub covers: Vec<BackupType>,
    /// Present until the backup is accepted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suspicious: Option<Suspicion>,
    /// Kept until it is unpinned.
    #[serde(default)]
    pub pinned: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verified_at: Option<i64>,
    /// Where the backup is: `'local'`, and the names of targets, as far as this vault knows.
    pub location: Vec<String>,
    /// `queued`: it will be sent to a target. `synced`: every target whose rules keep it has reported that it has it,
    /// and there is at least one. `off`: it is not sent anywhere, because there is no target, `cloudSync` is false, or
    /// the rules of every target have dropped it.
    #[serde(default = "off")]
    #[schemars(extend("enum" = ["off", "queued", "synced"]))]
    pub cloud: String,
}

fn off() -> String {
    "off".into()
}

impl BackupInfo {
    /// A backup of which only the name is known. It does not count as good.
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
    /// At most so many, the newest.
    pub limit: Option<usize>,
}

impl ListFilter {
    /// Whether a backup fits the filter, without the limit.
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
    /// Paths, globs or categories. If a name fits several of them, an existing path is used before a glob, and a file
    /// before a category. A folder is taken together with the category. `./database` always means the path, and
    /// `category:database` the category. A path that is not UTF-8 is written as `//` and its bytes in base64 (`'//' +
    /// item.raw`).
    pub items: Vec<String>,
}

/// One path of a backup.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Item")]
pub struct ItemInfo {
    /// The path relative to the root, with `/`.
    pub path: String,
    /// The bytes of the path in base64, if it is not UTF-8.
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
    /// False if the vault existed already.
    pub created: bool,
    pub encrypted: bool,
    /// The key file that was made or added.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_file: Option<std::path::PathBuf>,
    /// `config/backup.pass`, if that opens the vault.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub passphrase_file: Option<std::path::PathBuf>,
    /// What is wrong with the passphrase or key file, and the command that fixes it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}
