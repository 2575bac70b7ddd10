//! What the rules keep, and what went.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::*;

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct PruneOptions {
    /// Only report what would be removed, and why.
    pub dry_run: bool,
    /// Wait for a running operation instead of failing with E_BUSY.
    pub wait: bool,
    /// Prune although a backup is suspicious.
    pub despite_suspicion: bool,
    /// Free all space now. By default a pack is removed one day after nothing needs it any more, so that a copy of the
    /// vault that somebody is making is complete. The report warns about packs that were removed at once.
    pub at_once: bool,
    /// Prune this target by its own `keep`, instead of the local vault. Not with `atOnce`.
    pub target: Option<String>,
    /// The id of the vault at the target, if there are several and none on this machine: `prefix` in `vaults()`.
    pub vault_id: Option<String>,
}

/// The decision about one backup, and the reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PruneVerdict {
    pub backup: String,
    #[serde(rename = "type")]
    pub kind: BackupType,
    pub timestamp: i64,
    pub keep: bool,
    pub why: String,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PruneReport {
    pub dry_run: bool,
    /// Every backup, newest first, with the decision about it.
    pub backups: Vec<PruneVerdict>,
    /// The number of backups that were removed, or would be.
    pub removed: u64,
    pub packs_removed: u64,
    pub packs_rewritten: u64,
    /// How many bytes smaller the vault is. In a dry run this is an estimate, accurate to a few hundred bytes per pack.
    pub freed: u64,
    /// Bytes of packs that nothing needs any more. They are removed a day after they were found unneeded, because
    /// somebody may be copying the vault.
    #[serde(default)]
    pub waiting: u64,
    /// Bytes of needed data that were moved to new packs.
    pub copied: u64,
    pub duration_ms: u64,
    pub warnings: Vec<Warning>,
}
