//! Names in `snapshots/` that this version does not know: a type of backup that came later, the copy of a record that a
//! program for syncing has put there, a record that somebody has renamed, a folder with records.
//!
//! What begins as a record does, is called as one, or cannot be read, may be a record, and nobody knows what it needs: while it
//! lies there nothing is swept. What a system lays into any folder (`.DS_Store`, `@eaDir/`) is no record.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use super::name::BackupName;
use super::{Vault, durable, snapshot};
use crate::{Error, Result};

/// Errors that name each of them, and say what to do.
pub fn in_records(vault: &Vault) -> Result<Vec<(String, Error)>> {
    let folder = vault.dir().join("snapshots");
    let mut names = durable::names(&folder)?;
    names.sort_unstable();
    let mut strangers = Vec::new();
    for name in names.iter().filter(|name| !name.to_str().is_some_and(is_known)) {
        let (place, object) = (folder.join(name), format!("snapshots/{}", name.to_string_lossy()));
        let is_called_so = name.to_string_lossy().starts_with("backup_");
        if is_folder(&place) && !is_called_so {
            strangers.extend(record_below(&place, &object).map(|record| (object, in_folder(&record))));
        } else if may_be_record(&place, is_called_so) {
            strangers.push((object.clone(), unknown(&object)));
        }
    }
    Ok(strangers)
}

fn is_known(name: &str) -> bool {
    name.parse::<BackupName>().is_ok() || durable::is_temporary(name.as_bytes())
}

fn is_folder(path: &Path) -> bool {
    path.symlink_metadata().is_ok_and(|metadata| metadata.is_dir())
}

/// What may be a record in a folder, or below it. A system's own files are called like those that they are about, so here a
/// name tells nothing but where it is a record's whole one.
fn record_below(folder: &Path, object: &str) -> Option<String> {
    let Ok(mut names) = durable::names(folder) else { return Some(object.to_owned()) };
    names.sort_unstable();
    names.iter().find_map(|name| {
        let (place, name) = (folder.join(name), name.to_string_lossy());
        let object = format!("{object}/{name}");
        match is_folder(&place) {
            true => record_below(&place, &object),
            false => may_be_record(&place, name.parse::<BackupName>().is_ok()).then_some(object),
        }
    })
}

/// `is_called_so`: its name says that it is one.
fn may_be_record(path: &Path, is_called_so: bool) -> bool {
    let begins = || {
        let mut begin = [0; snapshot::MAGIC.len()];
        File::open(path).and_then(|mut file| file.read_exact(&mut begin)).map(|()| begin == *snapshot::MAGIC)
    };
    match std::fs::metadata(path).is_ok_and(|metadata| metadata.is_file()) {
        // A link that leads nowhere now may lead to one at another time.
        false => path.is_symlink() || is_called_so && path.exists(),
        true => is_called_so || begins().unwrap_or_else(|error| error.kind() != std::io::ErrorKind::UnexpectedEof),
    }
}

fn in_folder(object: &str) -> Error {
    Error::Format {
        message: format!(
            "{object} may be the record of a backup, and lies in a folder, where none is looked for: nobody knows what it needs. \
             Put it back into snapshots/, or move it out of the vault."
        ),
    }
}

fn unknown(object: &str) -> Error {
    Error::Format {
        message: format!(
            "{object} has a name that this version of Lifeboat does not know, so nobody knows what it needs. If a newer version \
             has made it, use that one; if it is only a copy, move it out of the vault."
        ),
    }
}
