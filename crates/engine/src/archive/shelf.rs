//! The archives that the schedule leaves in the vault's `archives/`: one portable file a week, for whoever wants to carry
//! it away. Each goes with its backup, or earlier, where the vault needs its room.

use std::fs;
use std::path::PathBuf;

use super::{PLAIN, SEALED, export};
use crate::error::IoContext;
use crate::report::{ExportOptions, Warning};
use crate::seal::keyring::Credentials;
use crate::vault::name::BackupName;
use crate::vault::{Vault, durable};
use crate::{Config, Control, Error, Result, room};

pub const FOLDER: &str = "archives";

/// Every archive with the backup that it holds.
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

/// Writes the archive of a backup, if it fits; otherwise says why not. The caller holds the vault's lock.
pub fn put(
    vault: &Vault,
    config: &Config,
    credentials: &Credentials,
    name: &BackupName,
    control: &Control,
) -> Result<Option<Warning>> {
    let folder = vault.dir().join(FOLDER);
    fs::create_dir_all(&folder).at("making the folder", &folder)?;
    let size = room::size_of(vault, name)?;
    // A tar has a little around each item.
    let needed = size + size / 20 + (1 << 20);
    let pins = vault.pins()?;
    let mut older = list(vault)?;
    older.sort_by_key(|(_, name)| name.millis());
    for (path, older) in older {
        if room::left(vault, config)? >= needed {
            break;
        }
        // The newest is worth more than those before it.
        if !pins.contains(older.as_str()) && older != *name {
            fs::remove_file(&path).at("removing", &path)?;
        }
    }
    let refuse = |why: String| Warning {
        path: FOLDER.into(),
        message: format!("No archive was written: {why} The backup itself is whole."),
    };
    if room::left(vault, config)? < needed {
        return Ok(Some(refuse(format!(
            "it would need about {}, and maxLocalStorage leaves {}.",
            bytesize::ByteSize(needed),
            bytesize::ByteSize(room::left(vault, config)?)
        ))));
    }
    let options = ExportOptions { overwrite: true, ..ExportOptions::default() };
    let written = match export(vault, config, credentials, name.as_str(), &folder, &options, control) {
        Err(Error::Aborted) => return Err(Error::Aborted),
        Err(error) => return Ok(Some(refuse(error.to_string()))),
        Ok(written) => written,
    };
    // It was larger than it seemed.
    if vault_is_full(vault, config)? {
        fs::remove_file(&written.file).at("removing", &written.file)?;
        return Ok(Some(refuse("with it, the vault would pass maxLocalStorage.".into())));
    }
    Ok(None)
}

fn vault_is_full(vault: &Vault, config: &Config) -> Result<bool> {
    Ok(crate::vault::usage(vault.dir())?.used > config.max_local_storage.0)
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
