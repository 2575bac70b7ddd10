//! From one place to another: archives, and a new server.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::arguments::filled;
use super::{Call, Operation};
use crate::report::{BackupInfo, ExportOptions, ExportResult, ImportOptions, MigrateOptions, MigrateReport};
use crate::{Error, Result};

/// Writes one backup into one portable file, which can be read without a vault: a `.tar.gz`, or a `.tar.gz.sealed` that
/// is sealed with the passphrase (or with the key file, if there is no passphrase). The file is written completely or
/// not at all. `recover.mjs` opens it, too.
/// @throws BackupError E_CONFIG, before anything is read, if the file exists already or its folder is missing;
/// E_PASSPHRASE; E_NO_SPACE; E_CORRUPT if the vault is damaged
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExportBackup {
    /// A backup's name, or `'latest'`.
    #[serde(deserialize_with = "filled")]
    pub backup: String,
    /// The file, or a folder. In a folder, the file gets the backup's name.
    #[serde(deserialize_with = "filled")]
    pub file: String,
    #[serde(default)]
    pub options: ExportOptions,
}

impl Operation for ExportBackup {
    type Answer = ExportResult;

    fn run(&self, call: &Call<'_>) -> Result<ExportResult> {
        call.engine.export_backup(&self.backup, &absolute(&self.file)?, &self.options, call.control)
    }
}

/// Imports an archive into the vault, as the backup that it was. If there is no vault, it is made. Every byte is
/// compared with the archive's manifest before the backup counts. Waits for a running operation. A backup that is
/// already in the vault is not changed. If the vault has another backup of the same name, that one keeps the name, and
/// the imported backup gets the next free name.
/// @throws BackupError E_PASSPHRASE, E_CORRUPT, E_UNSAFE_PATH; E_SOURCE for a file that is not an archive of Lifeboat
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ImportBackup {
    #[serde(deserialize_with = "filled")]
    pub file: String,
    #[serde(default)]
    pub options: ImportOptions,
}

impl Operation for ImportBackup {
    type Answer = BackupInfo;

    fn run(&self, call: &Call<'_>) -> Result<BackupInfo> {
        call.engine.import_backup(&absolute(&self.file)?, self.options.passphrase.as_ref(), call.control)
    }
}

/// Sets up the root on another server, from a vault, an archive, or a target of the configuration. The root must be
/// empty or must not exist; only a copy of the vault may be in it. The backup is restored completely or not at all. The
/// vault is copied into the new root, with its history of runs; events that wait for the old host are not copied. The
/// source is only read. If the operation is cut off, call it again: it continues. `docs/disaster.md` is the guide.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Migrate {
    /// A vault's folder, a folder that contains one (an old root), an archive, or the name of a target in `cloud`.
    #[serde(deserialize_with = "filled")]
    pub from: String,
    #[serde(default)]
    pub options: MigrateOptions,
}

impl Operation for Migrate {
    type Answer = MigrateReport;

    fn run(&self, call: &Call<'_>) -> Result<MigrateReport> {
        let Migrate { from, options } = self;
        // A folder of that name is `./NAME`.
        match call.engine.config().cloud.iter().any(|target| target.name() == from) {
            true => call.engine.migrate(from.as_ref(), options, call.control),
            false => call.engine.migrate(&absolute(from)?, options, call.control),
        }
    }
}

/// A path that an app gives is relative to the app's current folder, and the worker has the same one.
fn absolute(path: &str) -> Result<PathBuf> {
    std::path::absolute(path)
        .map_err(|error| Error::Config { message: format!("{path} is not a usable path: {error}.") })
}
