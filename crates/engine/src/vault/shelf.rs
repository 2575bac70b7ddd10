//! The vault's `archives/`: one portable file a week, for whoever wants to carry it away. Each goes with its backup, or
//! earlier, where the vault needs its room. What is in them is [`crate::archive`]'s to say.

use std::fs;
use std::path::{Path, PathBuf};

use super::name::BackupName;
use super::{Vault, durable};
use crate::{Error, Result};

pub const FOLDER: &str = "archives";
/// What an archive's file is called behind the backup's name.
pub const PLAIN: &str = ".tar.gz";
pub const SEALED: &str = ".tar.gz.sealed";

/// Every archive with the backup that it holds, in the order of their names.
pub fn list(vault: &Vault) -> Result<Vec<(PathBuf, BackupName)>> {
    let mut found = Vec::new();
    for path in durable::list(&vault.dir().join(FOLDER))? {
        let name = path.file_name().and_then(|name| name.to_str());
        let name = name.and_then(|name| name.strip_suffix(SEALED).or_else(|| name.strip_suffix(PLAIN)));
        if let Some(name) = name.and_then(|name| name.parse().ok()) {
            found.push((path, name));
        }
    }
    Ok(found)
}

/// An archive's path inside the vault.
pub fn object(archive: &Path) -> String {
    format!("{FOLDER}/{}", archive.file_name().unwrap_or_default().to_string_lossy())
}

/// Those that may go where room is needed, with their sizes, the oldest first: all but those of pinned backups.
pub fn expendable(vault: &Vault) -> Result<Vec<(PathBuf, BackupName, u64)>> {
    let pins = vault.pins()?;
    let archives = list(vault)?.into_iter().filter(|(_, name)| !pins.contains(name.as_str()));
    let mut archives: Vec<_> = archives
        .map(|(path, name)| {
            let size = fs::metadata(&path).map_or(0, |metadata| metadata.len());
            (path, name, size)
        })
        .collect();
    archives.sort_by_key(|(_, name, _)| name.millis());
    Ok(archives)
}

/// The archives of a backup go with it.
pub fn remove(vault: &Vault, backup: &str) -> Result<()> {
    for suffix in [SEALED, PLAIN] {
        let path = vault.dir().join(FOLDER).join(format!("{backup}{suffix}"));
        match fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(Error::io("removing", path, error));
            }
            _ => {}
        }
    }
    Ok(())
}
