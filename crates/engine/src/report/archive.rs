//! Archives, and a new server from one.

use serde::{Deserialize, Serialize};

use super::*;

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct ExportOptions {
    /// Paths, globs or categories; empty means everything.
    pub items: Vec<String>,
    /// Seal the archive under the passphrase, or without one under the key file. Default: as the configuration's
    /// `encryption`, and where the file is called `.sealed`.
    pub encrypt: Option<bool>,
    /// Replace a file that is there already; otherwise it is `E_CONFIG`.
    pub overwrite: bool,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ExportResult {
    pub file: std::path::PathBuf,
    /// Bytes of the archive.
    pub size: u64,
    pub items: u64,
    pub encrypted: bool,
    pub duration_ms: u64,
}

/// How a new root is set up from a vault or an archive.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct MigrateOptions {
    /// Which backup. Default: the newest.
    pub backup: Option<BackupRef>,
    /// Copy the vault into the new root, too, so that its history goes on there. Default true.
    pub history: bool,
    /// Who owns everything: `user`, `user:group` or `uid:gid`. Default: as in the backup where this user may do so
    /// (root), else this user.
    pub owner: Option<String>,
    /// Also restore links that lead out of the root; otherwise they are `E_UNSAFE_PATH`.
    pub allow_outside_links: bool,
    /// Of a target that has several vaults, the id of the one that is meant.
    pub vault_id: Option<String>,
    /// Set up the root from a backup. False: only the vault comes back, for a root that has lost its own. Default true.
    pub restore: bool,
}

impl Default for MigrateOptions {
    fn default() -> MigrateOptions {
        MigrateOptions {
            backup: None,
            history: true,
            owner: None,
            allow_outside_links: false,
            vault_id: None,
            restore: true,
        }
    }
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MigrateReport {
    pub success: bool,
    /// The vault's folder or the archive that all came from.
    pub source: std::path::PathBuf,
    pub root: std::path::PathBuf,
    /// The vault of the new root; absent where the history was left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vault: Option<std::path::PathBuf>,
    pub backup: String,
    /// When that was made, milliseconds since the epoch.
    pub timestamp: i64,
    pub items: u64,
    /// Bytes of the items.
    pub bytes: u64,
    /// How many backups the new vault has.
    pub backups: u64,
    /// Bytes that were copied into the new vault.
    pub copied: u64,
    /// It went on with a migration that had been cut off.
    pub resumed: bool,
    /// What is damaged in the new vault. The root is whole all the same.
    pub damaged: Vec<Damage>,
    pub warnings: Vec<Warning>,
    /// What to do now, in this order.
    pub next: Vec<NextStep>,
    pub duration_ms: u64,
}

/// Something that is left for the owner to do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NextStep {
    /// What to type in the new root.
    pub command: String,
    pub why: String,
}
