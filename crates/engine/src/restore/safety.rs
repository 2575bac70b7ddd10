//! The safety backup of a restore in place: it holds all that is going to be replaced.

use std::collections::BTreeSet;
use std::path::Path;

use crate::capture::databases::{database_of, sides_among};
use crate::capture::stat::{Purpose, may};
use crate::path::RelPath;
use crate::vault::Vault;
use crate::vault::list::ListReader;
use crate::vault::name::BackupName;
use crate::vault::snapshot::Snapshot;
use crate::{Config, Error, Result, backup};

/// `E_RESTORE` where something of `replaced` is in the root and not in the backup: the rules leave it out, or it could
/// not be read. Files beside a database are captured with it.
pub fn covers(vault: &Vault, backup: &str, replaced: &BTreeSet<RelPath>, root: &Path) -> Result<()> {
    let name: BackupName = backup.parse()?;
    let snapshot = Snapshot::read(vault, &name)?;
    let mut reader = vault.reader()?;
    let mut wanted = replaced.iter().peekable();
    let (mut absent, mut held) = (Vec::new(), BTreeSet::new());
    for item in ListReader::forwards(&mut reader, &snapshot.list) {
        let item = item?;
        let path = item.rel_path()?;
        if item.db.is_some() {
            held.extend(sides_among(&path, replaced));
        }
        while let Some(missed) = wanted.next_if(|next| **next < path) {
            absent.push(missed);
        }
        wanted.next_if(|next| **next == path);
    }
    absent.extend(wanted);
    let is_missing = |path: &&RelPath| !held.contains(*path) && std::fs::symlink_metadata(path.under(root)).is_ok();
    let missing: Vec<String> = absent.into_iter().filter(is_missing).map(RelPath::display).collect();
    if missing.is_empty() { Ok(()) } else { Err(not_covered(backup, &missing)) }
}

/// Why no safety backup can be made at all: the vault lies on a disk that is mounted read-only.
pub fn cannot_be_made(vault: &Vault) -> Option<String> {
    let error = may(vault.dir(), Purpose::Write).err()?;
    (error.kind() == std::io::ErrorKind::ReadOnlyFilesystem).then(|| {
        "The vault lies on a disk that is mounted read-only, so no safety backup can be made in it, and nothing is replaced. \
         Restore into another folder (`target`, --to DIR); or copy the vault to a disk that can be written, and name it \
         (`backupDir`, --vault DIR); or keep a copy of the app's folder by other means, and restore without a safety backup \
         (createBackupFirst: false, --no-safety)."
            .into()
    })
}

/// What [`covers`] will say of a safety backup that is made now, as far as can be told before it is made.
pub fn foresee(vault: &Vault, config: &Config, replaced: &BTreeSet<RelPath>) -> Result<()> {
    let taken = backup::would_take(vault, config, replaced)?;
    let is_there = |path: &RelPath| std::fs::symlink_metadata(path.under(&config.root)).is_ok();
    let is_missing = |path: &&RelPath| !taken.contains(*path) && is_there(path);
    let missing: Vec<String> = replaced.iter().filter(is_missing).map(|path| path.display()).collect();
    if missing.is_empty() { Ok(()) } else { Err(not_covered("that is made first", &missing)) }
}

/// `which`: the safety backup.
fn not_covered(which: &str, missing: &[String]) -> Error {
    Error::Restore {
        message: format!(
            "{:?}{} would be replaced, and the safety backup {which} does not hold it: the configuration leaves it out, or it \
             cannot be read. Nothing was changed. Keep a copy of it and restore without a safety backup (createBackupFirst: \
             false, --no-safety), or change the configuration.",
            missing[0],
            if missing.len() > 1 { format!(" and {} more", missing.len() - 1) } else { String::new() },
        ),
    }
}

/// Does a path name what SQLite has beside one of these?
pub fn is_beside(path: &RelPath, bases: &BTreeSet<RelPath>) -> bool {
    database_of(path).is_some_and(|base| bases.contains(&base))
}
