//! The archives that the schedule leaves on the vault's shelf: writing them where they fit, and reading them back.

use std::fs;
use std::path::Path;

use super::{Archive, export};
use crate::error::IoContext;
use crate::report::{Damage, ExportOptions, Warning};
use crate::seal::keyring::Credentials;
use crate::vault::name::BackupName;
use crate::vault::shelf::{self, FOLDER};
use crate::vault::{self, Vault, durable};
use crate::{Config, Control, Error, Result, room, space};

/// Writes the archive of a backup, if it fits; otherwise says why not. The caller holds the vault's lock.
pub fn put(
    vault: &Vault,
    config: &Config,
    credentials: &Credentials,
    name: &BackupName,
    control: &Control,
) -> Result<Option<Warning>> {
    let folder = vault.dir().join(FOLDER);
    durable::make_folder(&folder)?;
    let size = room::size_of(vault, name)?;
    // A tar has a little around each item.
    let needed = size + size / 20 + (1 << 20);
    let refuse = |why: String| Warning {
        path: FOLDER.into(),
        message: format!("No archive was written: {why} The backup itself is whole."),
    };
    let left = room::left(vault, config)?;
    if !make_room(vault, name, needed.saturating_sub(left))? {
        return Ok(Some(refuse(format!(
            "it would need about {}, and maxLocalStorage leaves {}.",
            space::said(needed),
            space::said(left)
        ))));
    }
    let options = ExportOptions { overwrite: true, ..ExportOptions::default() };
    let written = match export(vault, config, credentials, name.as_str(), &folder, &options, control) {
        Err(Error::Aborted) => return Err(Error::Aborted),
        Err(error) => return Ok(Some(refuse(error.to_string()))),
        Ok(written) => written,
    };
    durable::give(&written.file);
    // It was larger than it seemed.
    if vault_is_full(vault, config)? {
        fs::remove_file(&written.file).at("removing", &written.file)?;
        return Ok(Some(refuse("with it, the vault would pass maxLocalStorage.".into())));
    }
    Ok(None)
}

/// Removes older archives, for a new one is worth more than they; but none where that is not enough: false.
fn make_room(vault: &Vault, name: &BackupName, mut bytes: u64) -> Result<bool> {
    let mut older = shelf::expendable(vault)?;
    older.retain(|(_, older, _)| older.millis() < name.millis());
    if older.iter().map(|(.., size)| size).sum::<u64>() < bytes {
        return Ok(false);
    }
    for (path, _, size) in older {
        if bytes == 0 {
            break;
        }
        fs::remove_file(&path).at("removing", &path)?;
        bytes = bytes.saturating_sub(size);
    }
    Ok(true)
}

fn vault_is_full(vault: &Vault, config: &Config) -> Result<bool> {
    Ok(vault::usage(vault.dir())?.used > config.max_local_storage.0)
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
    for (path, name) in shelf::list(vault)? {
        let object = shelf::object(&path);
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

/// No backup is hurt: an archive only repeats what the vault has.
fn damage(object: String, backup: &BackupName, detail: &str) -> Damage {
    let message = format!(
        "{detail}. Delete this archive. The backup {backup} is still in the vault, and `lifeboat export {backup}` \
         writes another archive"
    );
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
    for (path, name) in shelf::list(vault)? {
        if let Some(damage) = damaged.iter_mut().find(|damage| damage.object == shelf::object(&path))
            && put(vault, config, credentials, &name, control)?.is_none()
        {
            damage.healed = true;
            damage.message = "It was damaged, and was written again".into();
        }
    }
    Ok(())
}
