//! The vault's `archives/`: one portable file a week, for whoever wants to carry it away. Each goes with its backup, or
//! earlier, where the vault needs its room. What is in them is [`crate::archive`]'s to say.

use std::fs;
use std::path::{Path, PathBuf};

use super::name::BackupName;
use super::sweep::STAYS;
use super::{Vault, durable};
use crate::capture::stat::Stat;
use crate::{Control, Error, Result};

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

/// Removes the archives of backups that are gone, and says how many bytes that frees: a kill came between the two. What was put
/// there less than a day ago may be somebody's, who is about to import it.
pub fn remove_orphans(vault: &Vault, control: &Control) -> Result<u64> {
    let mut freed = 0;
    for (path, name) in list(vault)? {
        let Ok(stat) = Stat::of(&path) else { continue };
        let is_gone = !vault.dir().join("snapshots").join(name.as_str()).exists();
        if is_gone && stat.ctime.0.saturating_mul(1000) <= control.now() - STAYS {
            control.hold()?;
            freed += stat.size;
            fs::remove_file(&path).map_err(|error| Error::io("removing", &path, error))?;
        }
    }
    Ok(freed)
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
