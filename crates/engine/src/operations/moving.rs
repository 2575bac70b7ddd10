//! From one place to another: archives, and a new server.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::arguments::filled;
use super::{Call, Operation};
use crate::report::{BackupInfo, ExportOptions, ExportResult, ImportOptions, MigrateOptions, MigrateReport};
use crate::{Error, Result};

/// Writes one backup into one portable file, which is readable without a vault: a `.tar.gz`, or sealed under the passphrase
/// (without one, under the key file) a `.tar.gz.sealed`. The file is there whole or not at all. `recover.mjs` opens it, too.
/// @throws BackupError E_CONFIG, before anything is read, where the file exists already or its folder is missing, E_PASSPHRASE,
/// E_NO_SPACE, E_CORRUPT where the vault is damaged
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExportBackup {
    /// A backup's name, or `'latest'`.
    #[serde(deserialize_with = "filled")]
    pub backup: String,
    /// The file, or a folder that gets one with the backup's name.
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

/// Takes an archive into the vault, as the backup that it was; makes the vault where there is none. Every byte is compared
/// with the archive's manifest before the backup counts. Waits for an operation that is running. A backup that the vault
/// has already is left as it is; another one of the same name keeps it, and the archive gets the next one that is free.
/// @throws BackupError E_PASSPHRASE, E_CORRUPT, E_UNSAFE_PATH; E_SOURCE for what is not an archive of Lifeboat
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

/// Sets up the root on another server, from a vault, an archive, or a target of the configuration. The root must be empty or not
/// exist; only a copy of the vault may lie in it. All of the backup is restored or nothing, and the vault is copied to where the
/// new root has it, with its history of runs; events that wait for the old host stay with that. The source is only read. What
/// was cut off goes on with the same call. `docs/disaster.md` is the guide.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Migrate {
    /// A vault's folder, a folder that holds one (an old root), an archive, or a target by its name in `cloud`.
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

/// A path that an app names starts from the folder that it stands in, and so does its worker.
fn absolute(path: &str) -> Result<PathBuf> {
    std::path::absolute(path)
        .map_err(|error| Error::Config { message: format!("{path} is not a usable path: {error}.") })
}
