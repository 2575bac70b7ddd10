//! The archives that the schedule leaves in the vault's `archives/`: one portable file a week, for whoever wants to carry
//! it away. Each goes with its backup, or earlier, where the vault needs its room.

use std::fs;
use std::path::{Path, PathBuf};

use super::{Archive, PLAIN, SEALED, export};
use crate::error::IoContext;
use crate::report::{Damage, ExportOptions, Warning};
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

/// What reading archives back came to.
#[derive(Default)]
pub struct ReadBack {
    pub bytes: u64,
    /// By their paths inside the vault.
    pub whole: Vec<String>,
    pub damaged: Vec<Damage>,
}

/// Reads back the archives that `wanted` takes, told by their path and their path inside the vault. One that is sealed under
/// a passphrase of earlier days stays unread.
pub fn read_back(
    vault: &Vault,
    credentials: &Credentials,
    mut wanted: impl FnMut(&Path, &str) -> bool,
    control: &Control,
) -> Result<ReadBack> {
    let mut read = ReadBack::default();
    for (path, name) in list(vault)? {
        let object = object(&path);
        if !wanted(&path, &object) {
            continue;
        }
        match Archive::open(&path, credentials).and_then(|archive| archive.read_through(control)) {
            Ok(bytes) => {
                read.bytes += bytes;
                read.whole.push(object);
            }
            Err(Error::Sealed { .. } | Error::Format { .. } | Error::NotFound { .. }) => {}
            Err(Error::Corrupt { detail, .. }) => read.damaged.push(damage(object, &name, &detail)),
            Err(Error::Source { .. }) => read.damaged.push(damage(object, &name, "it is no archive any more")),
            Err(error) => return Err(error),
        }
    }
    Ok(read)
}

/// Its path inside the vault.
pub fn object(archive: &Path) -> String {
    format!("{FOLDER}/{}", archive.file_name().unwrap_or_default().to_string_lossy())
}

/// No backup is hurt: an archive only repeats what the vault has.
fn damage(object: String, backup: &BackupName, detail: &str) -> Damage {
    let message =
        format!("{detail}. Remove this archive; {backup} itself is in the vault, and `lifeboat export` writes another");
    Damage { object, backups: Vec::new(), healed: false, message }
}

/// Writes damaged archives anew, if they fit. The caller holds the vault's lock.
pub fn heal(
    vault: &Vault,
    config: &Config,
    credentials: &Credentials,
    damaged: &mut [Damage],
    control: &Control,
) -> Result<()> {
    for (path, name) in list(vault)? {
        if let Some(damage) = damaged.iter_mut().find(|damage| damage.object == object(&path)) {
            if put(vault, config, credentials, &name, control)?.is_none() {
                damage.healed = true;
                damage.message = "It was damaged, and was written anew".into();
            }
        }
    }
    Ok(())
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
