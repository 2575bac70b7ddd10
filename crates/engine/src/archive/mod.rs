//! Archives: one portable file that holds one whole backup, readable without a vault.

use std::path::Path;

use crate::report::{BackupInfo, ExportOptions, ExportResult};
use crate::seal::keyring::Credentials;
use crate::vault::Vault;
use crate::{Config, Control, Error, Result};

/// Writes `backup` to `file`, all or nothing.
pub fn export(
    _vault: &Vault,
    _config: &Config,
    _credentials: &Credentials,
    _backup: &str,
    _file: &Path,
    _options: &ExportOptions,
    _control: &Control,
) -> Result<ExportResult> {
    Err(Error::internal("export is not built yet"))
}

/// Takes the archive `file` into the vault. The caller holds the vault's lock.
pub fn import(
    _vault: &Vault,
    _config: &Config,
    _credentials: &Credentials,
    _file: &Path,
    _control: &Control,
) -> Result<BackupInfo> {
    Err(Error::internal("import is not built yet"))
}
