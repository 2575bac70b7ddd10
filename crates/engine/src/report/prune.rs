//! What the rules keep, and what went.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::*;

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct PruneOptions {
    /// Only say what would go, and why.
    pub dry_run: bool,
    /// Wait for a running operation instead of failing with E_BUSY.
    pub wait: bool,
    /// Prune although a backup is suspicious.
    pub despite_suspicion: bool,
    /// Free all room now. By default a pack goes a day after nothing needs it any more, so that a copy of the vault that is being
    /// made misses nothing; the report warns of what went at once.
    pub at_once: bool,
    /// Instead of the vault here: what lies at this target, by its own `keep`. Not with `atOnce`.
    pub target: Option<String>,
    /// Of several vaults at the target, where none is here: the one of this id, as `vaults()` has it in `prefix`.
    pub vault_id: Option<String>,
}

/// What becomes of one backup, and why.
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
    /// Every backup, newest first, with what becomes of it.
    pub backups: Vec<PruneVerdict>,
    /// How many backups went, or would go.
    pub removed: u64,
    pub packs_removed: u64,
    pub packs_rewritten: u64,
    /// Bytes that the vault is smaller now; of a dry run, to within a few hundred bytes a pack.
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
