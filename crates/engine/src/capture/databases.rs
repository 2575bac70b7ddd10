//! What a database is, whoever can read it, and what belongs to it: for the capture and for the restore the same.
//!
//! One that SQLite cannot open, because it is encrypted for instance, has a log and a writer all the same. So a database is
//! known by how it begins, by its name, or by a log beside it that begins as SQLite's logs do. Such a file and the files that
//! belong to it are one set. What is only called like a log is a file of its own: it may be somebody's notes.

use std::collections::{BTreeSet, HashSet};
use std::ffi::{OsStr, OsString};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::sqlite;
use super::stat::{FileKind, Stat, open_file};
use super::walk::WalkedFolder;
use crate::path::RelPath;
use crate::vault::durable::read_at;

/// How the names of databases end, in any case.
const ENDINGS: [&str; 8] = ["db", "db3", "sqlite", "sqlite3", "sqlitedb", "s3db", "sdb", "sl3"];
/// What SQLite adds to a database's name for the files that belong to it.
pub const JOURNAL: &str = "-journal";
pub const WAL: &str = "-wal";
/// The index of a write-ahead log: it holds nothing, and is made anew.
pub const SHM: &str = "-shm";
/// All of them. A stale one is replayed over a database that is put in its place.
pub const SIDES: [&str; 3] = [JOURNAL, WAL, SHM];
/// Those that hold content.
pub const LOGS: [&str; 2] = [JOURNAL, WAL];
/// A database and what holds its content, and all of its files.
pub const WITH_LOGS: [&str; 3] = ["", JOURNAL, WAL];
pub const WITH_SIDES: [&str; 4] = ["", JOURNAL, WAL, SHM];
/// How a write-ahead log, in either byte order, and a rollback journal begin. They do so beside an encrypted database, too.
/// <https://www.sqlite.org/fileformat2.html#the_write_ahead_log>
const LOG_MAGIC: [&[u8]; 3] =
    [&[0x37, 0x7f, 0x06, 0x82], &[0x37, 0x7f, 0x06, 0x83], &[0xd9, 0xd5, 0x05, 0xf9, 0x20, 0xa1, 0x63, 0xd7]];
/// How the index of a write-ahead log begins, in the machine's byte order. <https://www.sqlite.org/walformat.html>
const INDEX_VERSION: u32 = 3_007_000;

/// Which names in a folder belong to databases, and which are databases for what lies beside them.
#[derive(Default)]
pub struct Belonging {
    /// They are captured with their databases.
    pub sides: HashSet<OsString>,
    pub sets: HashSet<OsString>,
}

/// Looks through a folder. `takes`: is such a file taken? What lies beside a database that is left out has nobody to be
/// captured with.
pub fn belonging(folder: &WalkedFolder, takes: impl Fn(&RelPath) -> bool) -> Belonging {
    let Belonging { mut sides, mut sets } = Belonging::default();
    let place = |name: &OsString| folder.absolute.join(name);
    // A database comes before what lies beside it.
    for name in &folder.names {
        for suffix in SIDES {
            let Some(base) = strip_suffix(name, suffix) else { continue };
            if !folder.has(&base) || sides.contains(&base) {
                continue;
            }
            let (absolute, database) = (place(name), place(&base));
            // A rollback journal comes and goes with each commit: one that is not there at this moment may be there at the next.
            let is_gone = is_gone(&absolute);
            if !(is_gone || is_file(&absolute)) || !is_file(&database) || !takes(&folder.path.join(&base)) {
                continue;
            }
            let is_log = LOGS.contains(&suffix);
            let is_known = is_gone || is_database(&database) || is_named_as_one(&database);
            let is_side = match is_log {
                true => is_known || (is_log_of_sqlite(&absolute) && takes(&folder.path.join(name))),
                // It holds nothing, and is made anew.
                false => is_database(&database) || ((is_known || sets.contains(&base)) && is_index(&absolute)),
            };
            if is_side {
                sides.insert(name.clone());
            }
            if is_side && is_log {
                sets.insert(base);
            }
        }
    }
    // A `-shm` comes before the `-wal` that tells what its database is.
    for name in &folder.names {
        let base = strip_suffix(name, SHM).filter(|base| sets.contains(base));
        if base.is_some() && is_file(&place(name)) && is_index(&place(name)) {
            sides.insert(name.clone());
        }
    }
    Belonging { sides, sets }
}

/// Is it a database, though it may not begin as one? `path`: its name, which the file at `absolute` need not have.
pub fn looks_like_one(path: &RelPath, absolute: &Path) -> bool {
    let name = String::from_utf8_lossy(path.file_name()).into_owned();
    is_named_as_one(Path::new(&name)) || has_log(absolute)
}

/// Has it the name of a database?
pub fn is_named_as_one(path: &Path) -> bool {
    let ending = path.extension().and_then(|ending| ending.to_str());
    ending.is_some_and(|ending| ENDINGS.iter().any(|known| ending.eq_ignore_ascii_case(known)))
}

/// Does the file begin as SQLite's databases do?
pub fn is_database(path: &Path) -> bool {
    begins(path, |head: &[u8; 16]| sqlite::is_database(head))
}

/// Lies a log beside it that SQLite has written?
pub fn has_log(path: &Path) -> bool {
    LOGS.iter().any(|suffix| is_log_of_sqlite(&beside(path, suffix)))
}

/// Has SQLite written it for a database, whatever became of that?
pub fn is_of_sqlite(path: &Path) -> bool {
    is_log_of_sqlite(path) || is_index(path)
}

fn is_log_of_sqlite(path: &Path) -> bool {
    begins(path, |head: &[u8; 8]| LOG_MAGIC.iter().any(|magic| head.starts_with(magic)))
}

fn is_index(path: &Path) -> bool {
    begins(path, |head: &[u8; 4]| *head == INDEX_VERSION.to_ne_bytes())
}

fn begins<const LENGTH: usize>(path: &Path, is_so: impl FnOnce(&[u8; LENGTH]) -> bool) -> bool {
    let mut head = [0; LENGTH];
    open_file(path).is_ok_and(|(file, _)| read_at(&file, &mut head, 0).is_ok() && is_so(&head))
}

/// The place of a file that belongs to another one by its name.
pub fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut path = path.to_path_buf().into_os_string();
    path.push(suffix);
    path.into()
}

/// Which of `paths` belong to the database `path` by their names.
pub fn sides_among(path: &RelPath, paths: &BTreeSet<RelPath>) -> Vec<RelPath> {
    let named = |suffix: &&str| RelPath::parse(&[path.as_bytes(), suffix.as_bytes()].concat()).ok();
    SIDES.iter().filter_map(named).filter(|side| paths.contains(side)).collect()
}

/// The database that a path belongs to by its name.
pub fn database_of(path: &RelPath) -> Option<RelPath> {
    let name = |suffix: &&str| path.as_bytes().strip_suffix(suffix.as_bytes());
    SIDES.iter().find_map(name).and_then(|name| RelPath::parse(name).ok())
}

fn is_gone(path: &Path) -> bool {
    Stat::of(path).is_err_and(|error| error.kind() == ErrorKind::NotFound)
}

fn is_file(path: &Path) -> bool {
    Stat::of(path).is_ok_and(|stat| stat.kind == FileKind::File)
}

fn strip_suffix(name: &OsStr, suffix: &str) -> Option<OsString> {
    let name = name.as_encoded_bytes().strip_suffix(suffix.as_bytes()).filter(|name| !name.is_empty())?;
    // SAFETY: the bytes are those of a valid OsStr, cut before an ASCII suffix.
    Some(unsafe { OsStr::from_encoded_bytes_unchecked(name) }.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_journal_that_is_just_not_there_belongs_to_its_database_all_the_same() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("a.sqlite"), b"SQLite format 3\0 and so on").unwrap();
        std::fs::create_dir(dir.path().join("a.sqlite-wal")).unwrap();
        // As a listing has it that was made in the middle of a commit.
        let names = ["a.sqlite", "a.sqlite-journal", "a.sqlite-wal", "b-journal"].map(OsString::from).to_vec();
        let folder = WalkedFolder { path: RelPath::root(), absolute: dir.path().to_path_buf(), names };
        let found = belonging(&folder, |_| true);
        assert_eq!(found.sides, HashSet::from([OsString::from("a.sqlite-journal")]));
    }
}
