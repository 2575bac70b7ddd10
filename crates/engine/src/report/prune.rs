//! What the rules keep, and what went.

use serde::{Deserialize, Serialize};

use super::*;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct PruneOptions {
    /// Only say what would go, and why.
    pub dry_run: bool,
    /// Wait for a running operation instead of failing with `E_BUSY`.
    pub wait: bool,
    /// Also while a backup is suspicious.
    pub despite_suspicion: bool,
    /// Packs that nothing needs any more go now, and not a day later: room is needed, and nobody copies the vault.
    pub at_once: bool,
}

/// What becomes of one backup, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PruneVerdict {
    pub backup: String,
    #[serde(rename = "type")]
    pub kind: BackupType,
    pub timestamp: i64,
    pub keep: bool,
    pub why: String,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PruneReport {
    pub dry_run: bool,
    /// Every backup, newest first.
    pub backups: Vec<PruneVerdict>,
    /// How many backups went.
    pub removed: u64,
    pub packs_removed: u64,
    pub packs_rewritten: u64,
    /// Bytes that the vault is smaller now.
    pub freed: u64,
    /// Bytes of packs that nothing needs any more, and that go a day after they were found so: a copy of the vault may be
    /// under way.
    #[serde(default)]
    pub waiting: u64,
    /// Bytes that were read and written again, because they lay among what went.
    pub copied: u64,
    pub duration_ms: u64,
    pub warnings: Vec<Warning>,
}
