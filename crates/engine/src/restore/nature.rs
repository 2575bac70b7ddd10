//! What lies at a path now: a database, or something else. It is told by how the file begins, by its name and by what lies
//! beside it, never by the folder that it is in, nor by what a backup knew of it: see [`crate::capture::databases`].

use std::path::Path;

use crate::capture::databases::{has_log, is_database, is_named_as_one};

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
        } else if is_named_as_one(live) || has_log(live) {
            Nature::Likeness
        } else {
            Nature::Other
        }
    }

    pub fn is_database(self) -> bool {
        self != Nature::Other
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const WAL: &[u8] = &[0x37, 0x7f, 0x06, 0x82, 0, 0, 0, 0];
    const JOURNAL: &[u8] = &[0xd9, 0xd5, 0x05, 0xf9, 0x20, 0xa1, 0x63, 0xd7];

    #[test]
    fn a_database_is_known_by_its_header_its_name_or_what_is_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let nature = |name: &str, bytes: &[u8], beside: &str, log: &[u8]| {
            let path = folder.path().join(name);
            fs::write(&path, bytes).unwrap();
            if !beside.is_empty() {
                fs::write(folder.path().join(format!("{name}{beside}")), log).unwrap();
            }
            Nature::of(&path)
        };
        assert_eq!(nature("session.bin", b"SQLite format 3\0 and so on", "", b""), Nature::Database);
        assert_eq!(nature("keys.db", b"encrypted", "", b""), Nature::Likeness);
        assert_eq!(nature("EMPTY.SQLITE", b"", "", b""), Nature::Likeness);
        assert_eq!(nature("store", b"encrypted", "-wal", WAL), Nature::Likeness);
        assert_eq!(nature("other", b"encrypted", "-journal", JOURNAL), Nature::Likeness);
        assert_eq!(nature("third", b"x", "-shm", b"x"), Nature::Other);
        assert_eq!(nature("notes", b"plain", "-journal", b"what I did today"), Nature::Other);
        assert_eq!(nature("report", b"plain", "-wal", b""), Nature::Other);
        assert_eq!(Nature::of(&folder.path().join("store-wal")), Nature::Other);
        assert_eq!(Nature::of(&folder.path().join("gone.db")), Nature::Likeness, "what comes back there");
    }
}
