//! Names in `snapshots/` that this version does not know: a type of backup that came later, the copy of a record that a
//! program for syncing has put there, a record that somebody has renamed.
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
    let is_known = |name: &str| name.parse::<BackupName>().is_ok() || durable::is_temporary(name.as_bytes());
    let strangers = names.into_iter().filter(|name| !name.to_str().is_some_and(is_known));
    let records = strangers.filter(|name| may_be_record(&folder.join(name), &name.to_string_lossy()));
    Ok(records
        .map(|name| format!("snapshots/{}", name.to_string_lossy()))
        .map(|object| (object.clone(), unknown(&object)))
        .collect())
}

fn may_be_record(path: &Path, name: &str) -> bool {
    let is_file = std::fs::metadata(path).is_ok_and(|metadata| metadata.is_file());
    let begins = || {
        let mut begin = [0; snapshot::MAGIC.len()];
        File::open(path).and_then(|mut file| file.read_exact(&mut begin)).map(|()| begin == *snapshot::MAGIC)
    };
    match is_file {
        // A link that leads nowhere now may lead to one at another time.
        false => path.is_symlink() || name.starts_with("backup_") && path.exists(),
        true => {
            name.starts_with("backup_")
                || begins().unwrap_or_else(|error| error.kind() != std::io::ErrorKind::UnexpectedEof)
        }
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
