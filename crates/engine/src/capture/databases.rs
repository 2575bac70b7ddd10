//! What a database is, whoever can read it: one that SQLite cannot open, because it is encrypted for instance, has a log and
//! a writer all the same. So the name tells, and what lies beside it. Such a file and the files that belong to it are one
//! set, in a backup and in a restore.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use super::sqlite;
use super::stat::{Kind, Stat, open_file};
use crate::path::RelPath;

/// How the names of databases end, in any case.
const ENDINGS: [&str; 8] = ["db", "db3", "sqlite", "sqlite3", "sqlitedb", "s3db", "sdb", "sl3"];
/// What SQLite adds to a database's name for the files that belong to it. They are never items of their own.
const SIDES: [&str; 3] = ["-journal", "-shm", "-wal"];
/// What only a database has beside it.
const TELLING: [&str; 2] = ["-journal", "-wal"];

/// A path of a folder, and whether it looks like a database.
pub struct Listed {
    pub path: RelPath,
    pub absolute: PathBuf,
    pub is_set: bool,
}

/// The sorted content of a folder, without the files that belong to databases: they are captured with them.
pub fn listed(listing: Vec<(RelPath, PathBuf)>) -> Vec<Listed> {
    // In the order of their names, so that a search finds them.
    let is_there = |absolute: &Path| {
        listing.binary_search_by(|(_, other)| other.as_path().as_os_str().cmp(absolute.as_os_str())).is_ok()
    };
    let (mut sides, mut sets) = (HashSet::new(), HashSet::new());
    for (_, absolute) in &listing {
        for suffix in SIDES {
            let Some(base) = strip_suffix(absolute, suffix).filter(|base| is_there(base)) else { continue };
            if !is_file(absolute) || !is_file(&base) {
                continue;
            }
            let has_log = || TELLING.iter().any(|suffix| is_there(&beside(&base, suffix)));
            if TELLING.contains(&suffix) {
                sets.insert(base);
                sides.insert(absolute.clone());
            } else if is_named_as_one(&base) || is_database(&base) || has_log() {
                sides.insert(absolute.clone());
            }
        }
    }
    let kept = listing.into_iter().filter(|(_, absolute)| !sides.contains(absolute));
    kept.map(|(path, absolute)| {
        let is_set = is_named_as_one(&absolute) || sets.contains(&absolute);
        Listed { path, absolute, is_set }
    })
    .collect()
}

/// Does a file look like a database by its name, or by what lies beside it?
pub fn looks_like_one(path: &RelPath, absolute: &Path) -> bool {
    let name = String::from_utf8_lossy(path.file_name()).into_owned();
    is_named_as_one(Path::new(&name)) || TELLING.iter().any(|suffix| is_file(&beside(absolute, suffix)))
}

fn is_named_as_one(path: &Path) -> bool {
    let ending = path.extension().and_then(|ending| ending.to_str());
    ending.is_some_and(|ending| ENDINGS.iter().any(|known| ending.eq_ignore_ascii_case(known)))
}

/// Does the file begin as SQLite's databases do?
pub fn is_database(path: &Path) -> bool {
    let mut magic = [0; 16];
    open_file(path).is_ok_and(|(file, _)| {
        crate::vault::durable::read_at(&file, &mut magic, 0).is_ok() && sqlite::is_database(&magic)
    })
}

/// The place of a file that belongs to another one by its name.
pub fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut path = path.to_path_buf().into_os_string();
    path.push(suffix);
    path.into()
}

fn is_file(path: &Path) -> bool {
    Stat::of(path).is_ok_and(|stat| stat.kind == Kind::File)
}

fn strip_suffix(path: &Path, suffix: &str) -> Option<PathBuf> {
    let name = path.file_name()?.as_encoded_bytes().strip_suffix(suffix.as_bytes())?;
    if name.is_empty() {
        return None;
    }
    // SAFETY: the bytes are those of a valid OsStr, cut before an ASCII suffix.
    let name = unsafe { std::ffi::OsStr::from_encoded_bytes_unchecked(name) };
    Some(path.with_file_name(name))
}
