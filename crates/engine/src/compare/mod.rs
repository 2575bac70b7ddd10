//! What changed: between two backups, between a backup and the live root, and of one path over time.

use crate::report::{BackupRef, DiffReport, Version};
use crate::vault::Vault;
use crate::{Config, Control, Error, Result};

/// The versions of one path, newest first.
pub fn versions(_vault: &Vault, _path: &str) -> Result<Vec<Version>> {
    Err(Error::internal("versions is not built yet"))
}

/// What changed from `from` to `to`, or to the live root.
pub fn diff(
    _vault: &Vault,
    _config: &Config,
    _from: &BackupRef,
    _to: Option<&BackupRef>,
    _control: &Control,
) -> Result<DiffReport> {
    Err(Error::internal("diff is not built yet"))
}
