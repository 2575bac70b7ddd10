//! What lies at a path now: a database, or something else. It is told by how the file begins, by its name and by what lies
//! beside it, never by the folder that it is in, nor by what a backup knew of it.
//!
//! A database that SQLite cannot read, such as an encrypted one, has a `-wal` and a writer all the same: what is called like
//! a database, or has such a file beside it, is treated as one set.

use std::fs;
use std::path::Path;

use crate::capture::sqlite::beside;
use crate::capture::stat::{Kind, Stat};
use crate::capture::walk::is_database;

/// How files of SQLite are called.
const DATABASES: [&str; 7] = ["db", "db3", "s3db", "sl3", "sqlite", "sqlite3", "sqlitedb"];
/// How files are called that nobody keeps a database in: thousands of them need no look at what is beside them.
const OTHERS: [&str; 10] = ["json", "jpg", "jpeg", "png", "webp", "log", "txt", "js", "ogg", "pdf"];
/// What lies beside a database that is in use, or was when its app died. A `-shm` alone holds nothing.
const TELLING: [&str; 2] = ["-wal", "-journal"];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nature {
    /// It begins as SQLite's databases do.
    Database,
    /// By its name or by what is beside it: SQLite may not be able to read it.
    Likeness,
    Other,
}

impl Nature {
    /// Of what lies at `live`, which is a file, or of what would lie there.
    pub fn of(live: &Path) -> Nature {
        if is_database(live) {
            Nature::Database
        } else if is_called_like_one(live) || has_sides(live) {
            Nature::Likeness
        } else {
            Nature::Other
        }
    }

    pub fn is_database(self) -> bool {
        self != Nature::Other
    }
}

/// May this be a database whose content lies beside it? Asked of files that look unchanged.
pub fn may_have_sides(live: &Path) -> bool {
    !extension_is(live, &OTHERS)
}

fn is_called_like_one(live: &Path) -> bool {
    extension_is(live, &DATABASES)
}

fn extension_is(live: &Path, known: &[&str]) -> bool {
    let extension = live.extension().and_then(|extension| extension.to_str());
    extension.is_some_and(|extension| known.iter().any(|one| extension.eq_ignore_ascii_case(one)))
}

fn has_sides(live: &Path) -> bool {
    // What is called so itself is no database.
    let name = live.file_name().unwrap_or_default().as_encoded_bytes();
    let is_side = TELLING.iter().any(|side| name.ends_with(side.as_bytes()));
    !is_side && may_have_sides(live) && TELLING.iter().any(|side| is_file(&beside(live, side)))
}

fn is_file(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|metadata| Stat::from(&metadata).kind == Kind::File)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_is_known_by_its_header_its_name_or_what_is_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let nature = |name: &str, bytes: &[u8], beside: &str| {
            let path = folder.path().join(name);
            fs::write(&path, bytes).unwrap();
            if !beside.is_empty() {
                fs::write(folder.path().join(format!("{name}{beside}")), "x").unwrap();
            }
            Nature::of(&path)
        };
        assert_eq!(nature("session.bin", b"SQLite format 3\0 and so on", ""), Nature::Database);
        assert_eq!(nature("keys.db", b"encrypted", ""), Nature::Likeness);
        assert_eq!(nature("EMPTY.SQLITE", b"", ""), Nature::Likeness);
        assert_eq!(nature("store", b"encrypted", "-wal"), Nature::Likeness);
        assert_eq!(nature("other", b"encrypted", "-journal"), Nature::Likeness);
        assert_eq!(nature("third", b"x", "-shm"), Nature::Other);
        assert_eq!(nature("creds.json", b"{}", "-wal"), Nature::Other);
        assert_eq!(Nature::of(&folder.path().join("store-wal")), Nature::Other);
        assert_eq!(Nature::of(&folder.path().join("gone.db")), Nature::Likeness, "what comes back there");
    }
}
