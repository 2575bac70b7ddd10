//! Archives, and a new server from one.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::*;
use crate::secret::Secret;

#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct ExportOptions {
    /// Paths, globs or categories. Default: everything.
    pub items: Vec<String>,
    /// Encrypt the archive. Default: `encryption` of the configuration, or true if the file's name ends in `.sealed`.
    pub encrypt: Option<bool>,
    /// Replace the file if it exists. Otherwise an existing file is E_CONFIG.
    pub overwrite: bool,
}

#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ExportResult {
    /// The absolute path of the archive.
    pub file: std::path::PathBuf,
    /// Bytes of the archive.
    pub size: u64,
    pub items: u64,
    /// Whether the archive is encrypted.
    pub encrypted: bool,
    pub duration_ms: u64,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct ImportOptions {
    /// The archive's passphrase, if it is not the vault's. Default: the environment variable BACKUP_ARCHIVE_PASSPHRASE.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub passphrase: Option<Secret>,
}

/// How a new root is set up from a vault or an archive.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct MigrateOptions {
    /// Default: the newest. An archive contains only one backup, so there is no choice.
    pub backup: Option<BackupRef>,
    /// Copy the vault, too, so that the new root continues its history. Default true.
    pub history: bool,
    /// Give all files to this user: `'bot'`, `'bot:bot'`, `'1000:1000'`. Only root may do this. Default: the owners in
    /// the backup.
    pub owner: Option<String>,
    /// Also restore links that lead out of the root. They are E_UNSAFE_PATH otherwise.
    pub allow_outside_links: bool,
    /// The id of the vault, if the target has several.
    pub vault_id: Option<String>,
    /// Restore a backup into the root. False: bring back only the vault, for a root that has lost it. Default true.
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

#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MigrateReport {
    #[schemars(extend("enum" = [true]))]
    pub success: bool,
    /// The vault's folder, or the archive, from which everything came.
    pub source: std::path::PathBuf,
    pub root: std::path::PathBuf,
    /// The vault of the new root; absent with `history: false`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vault: Option<std::path::PathBuf>,
    pub backup: String,
    /// The time of the backup.
    pub timestamp: i64,
    pub items: u64,
    /// Bytes of the items.
    pub bytes: u64,
    /// The number of backups in the new vault.
    pub backups: u64,
    /// Bytes that were copied into the new vault.
    pub copied: u64,
    /// This call continued a migration that had been cut off.
    pub resumed: bool,
    /// The damage in the new vault. The root is whole nevertheless.
    pub damaged: Vec<Damage>,
    /// Things that do not fit this machine, such as absolute paths in the configuration, or missing dependencies
    /// (`file:../lifeboat`). Lifeboat does not change them.
    pub warnings: Vec<Warning>,
    /// What is left to do, in this order.
    pub next: Vec<NextStep>,
    pub duration_ms: u64,
}

/// One thing that is left to do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct NextStep {
    /// The command to run in the new root.
    pub command: String,
    pub why: String,
}
