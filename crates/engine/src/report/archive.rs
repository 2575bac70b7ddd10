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
    /// Seal it. Default: as the configuration's `encryption`, and where the file is called `.sealed`.
    pub encrypt: Option<bool>,
    /// Replace a file that exists. Otherwise it is E_CONFIG.
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
    /// Whether it is sealed.
    pub encrypted: bool,
    pub duration_ms: u64,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct ImportOptions {
    /// The archive's passphrase, where it is not the vault's. Default: the environment variable BACKUP_ARCHIVE_PASSPHRASE.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub passphrase: Option<Secret>,
}

/// How a new root is set up from a vault or an archive.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct MigrateOptions {
    /// Default: the newest. An archive holds one, and there is none to choose.
    pub backup: Option<BackupRef>,
    /// Copy the vault, too, so that its history goes on in the new root. Default true.
    pub history: bool,
    /// Give everything to this user: `'bot'`, `'bot:bot'`, `'1000:1000'`. Only root may. Default: as in the backup.
    pub owner: Option<String>,
    /// Also restore links that lead out of the root. They are E_UNSAFE_PATH otherwise.
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

#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MigrateReport {
    #[schemars(extend("enum" = [true]))]
    pub success: bool,
    /// The vault's folder, or the archive, that all came from.
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
    /// How many backups the new vault has.
    pub backups: u64,
    /// Bytes that were copied into the new vault.
    pub copied: u64,
    /// It went on with a migration that had been cut off.
    pub resumed: bool,
    /// What is damaged in the new vault. The root is whole all the same.
    pub damaged: Vec<Damage>,
    /// What does not fit on this machine, such as absolute paths in the configuration, or dependencies (`file:../lifeboat`) that
    /// are not there: nothing of it is changed.
    pub warnings: Vec<Warning>,
    /// What is left to be done, in this order.
    pub next: Vec<NextStep>,
    pub duration_ms: u64,
}

/// Something that is left for the owner to do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct NextStep {
    /// What to type in the new root.
    pub command: String,
    pub why: String,
}
