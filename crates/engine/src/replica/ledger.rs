//! The ledger: what is where, in a small SQLite file of its own in the vault's folder.
//!
//! Of each target it knows the objects that are there, the uploads that have begun, and how it went. It is a cache: deleted, it is
//! built again by listing each target once. What is in it about uploads is a secret, so only the owner may read it. It says of
//! nothing that it is there before the target has said so.

mod listing;
mod proof;
mod pruned;
mod sessions;
mod standing;

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, OptionalExtension, params};

use crate::capture::databases::WITH_SIDES;
use crate::error::IoContext;
use crate::store::Stored;
use crate::vault::database::LocalDatabase;
use crate::vault::place;
use crate::{Error, Result};

pub const FILE: &str = place::LEDGER;
/// Raised whenever the tables change: an older or newer ledger is thrown away and built again.
const VERSION: i64 = 2;
const PATIENCE: Duration = Duration::from_secs(5);
/// For whoever only looks.
const GLANCE: Duration = Duration::from_millis(200);

/// `identity`: which place it is. `busy`: somebody is at work there, or was cut off. `listed`: when its objects were last compared
/// with the list. `told`: the code that listeners were told last, empty where all was well.
const SCHEMA: &str = "
    CREATE TABLE targets (
        name TEXT PRIMARY KEY, identity TEXT NOT NULL, busy INTEGER NOT NULL DEFAULT 0, listed INTEGER, success INTEGER,
        failed INTEGER, code TEXT, message TEXT, not_before INTEGER NOT NULL DEFAULT 0, told TEXT, about TEXT
    ) WITHOUT ROWID;
    CREATE TABLE objects (
        target TEXT NOT NULL, object TEXT NOT NULL, size INTEGER NOT NULL, checksum TEXT, id TEXT, written INTEGER, content TEXT,
        read INTEGER NOT NULL, seen INTEGER NOT NULL, PRIMARY KEY (target, object)
    ) WITHOUT ROWID;
    CREATE TABLE sessions (
        target TEXT NOT NULL, object TEXT NOT NULL, session TEXT NOT NULL, PRIMARY KEY (target, object)
    ) WITHOUT ROWID;
    CREATE TABLE unneeded (
        target TEXT NOT NULL, object TEXT NOT NULL, since INTEGER NOT NULL, PRIMARY KEY (target, object)
    ) WITHOUT ROWID;
    CREATE TABLE dropped (target TEXT NOT NULL, object TEXT NOT NULL, PRIMARY KEY (target, object)) WITHOUT ROWID;
    CREATE TABLE damaged (
        target TEXT NOT NULL, object TEXT NOT NULL, found INTEGER NOT NULL, PRIMARY KEY (target, object)
    ) WITHOUT ROWID;
    CREATE TABLE spare (target TEXT NOT NULL, object TEXT NOT NULL, PRIMARY KEY (target, object)) WITHOUT ROWID;
    CREATE TABLE warnings (target TEXT NOT NULL, message TEXT NOT NULL);
    CREATE TABLE meta (key TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
";

/// What is known of the objects of a target.
const BY_TARGET: [&str; 7] = ["objects", "sessions", "unneeded", "dropped", "damaged", "spare", "warnings"];

pub struct Ledger {
    db: LocalDatabase,
}

/// How a target is, as it was seen last.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    pub busy: bool,
    pub listed: Option<i64>,
    /// When everything was last there.
    pub success: Option<i64>,
    pub failure: Option<TargetFailure>,
    pub not_before: i64,
    pub told: Option<String>,
    /// The note about the vault, as it was written last.
    pub about: Option<String>,
}

/// What went wrong last, and nothing went well since.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TargetFailure {
    pub at: i64,
    pub code: String,
    pub message: String,
}

impl Ledger {
    /// Opens it for writing. One that is missing, damaged, or of another version is made anew.
    pub fn open(vault: &Path) -> Result<Ledger> {
        match Ledger::try_open(vault) {
            Err(Error::Corrupt { .. } | Error::Internal { .. }) => {
                Ledger::remove(vault)?;
                Ledger::try_open(vault)
            }
            opened => opened,
        }
    }

    fn try_open(vault: &Path) -> Result<Ledger> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE;
        let db = LocalDatabase::open(&vault.join(FILE), flags, |db| {
            db.busy_timeout(PATIENCE)?;
            db.execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA secure_delete = ON;")?;
            match version(db)? {
                VERSION => Ok(()),
                0 => db.execute_batch(&format!("BEGIN IMMEDIATE; {SCHEMA} PRAGMA user_version = {VERSION}; COMMIT;")),
                _ => Err(rusqlite::Error::InvalidQuery),
            }
        })?;
        Ok(Ledger { db })
    }

    fn remove(vault: &Path) -> Result<()> {
        for suffix in WITH_SIDES {
            let file = vault.join(format!("{FILE}{suffix}"));
            match std::fs::remove_file(&file) {
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                removed => removed.at("removing the damaged", &file)?,
            }
        }
        Ok(())
    }

    /// Opens it beside whoever writes. `None` where there is none that can be used: then nothing is known to be anywhere.
    pub fn read(vault: &Path) -> Option<Ledger> {
        let file = vault.join(FILE);
        if !file.exists() {
            return None;
        }
        let mut found = 0;
        let db = LocalDatabase::open(&file, OpenFlags::SQLITE_OPEN_READ_ONLY, |db| {
            db.busy_timeout(GLANCE)?;
            found = version(db)?;
            Ok(())
        });
        Some(Ledger { db: db.ok()? }).filter(|_| found == VERSION)
    }

    /// A target whose place is another one than before begins anew. Says whether it is the same.
    pub fn begin(&self, target: &str, identity: &str) -> Result<bool> {
        let known: Option<String> = self.db.get("SELECT identity FROM targets WHERE name = ?1", params![target])?;
        if known.as_deref() == Some(identity) {
            return Ok(true);
        }
        self.in_one(|db| {
            for table in BY_TARGET {
                db.execute(&format!("DELETE FROM {table} WHERE target = ?1"), [target])?;
            }
            db.execute("INSERT OR REPLACE INTO targets (name, identity) VALUES (?1, ?2)", params![target, identity])
                .map(drop)
        })?;
        Ok(false)
    }

    /// The size of an object that is there, and for one that may be replaced, the hash of what was written.
    pub fn has(&self, target: &str, object: &str) -> Result<Option<(u64, Option<String>)>> {
        let sql = "SELECT size, content FROM objects WHERE target = ?1 AND object = ?2";
        let row = |row: &rusqlite::Row<'_>| Ok((row.get::<_, i64>(0)? as u64, row.get(1)?));
        self.db.with(|db| db.prepare_cached(sql)?.query_row(params![target, object], row).optional())
    }

    /// The names and sizes of all that is there, of which the name begins so.
    pub fn objects(&self, target: &str, prefix: &str) -> Result<Vec<(String, u64)>> {
        let sql = "SELECT object, size FROM objects WHERE target = ?1 AND substr(object, 1, length(?2)) = ?2";
        self.db.query(sql, params![target, prefix], |row| Ok((row.get(0)?, row.get::<_, i64>(1)? as u64)))
    }

    /// The objects of a target as it reported them.
    pub fn known(&self, target: &str) -> Result<Vec<Stored>> {
        let sql = "SELECT object, size, checksum, id, written FROM objects WHERE target = ?1";
        self.db.query(sql, params![target], |row| {
            let size = row.get::<_, i64>(1)? as u64;
            Ok(Stored { object: row.get(0)?, size, checksum: row.get(2)?, id: row.get(3)?, written: row.get(4)? })
        })
    }

    /// One object as the target reported it.
    pub fn known_one(&self, target: &str, object: &str) -> Result<Option<Stored>> {
        let sql = "SELECT size, checksum, id, written FROM objects WHERE target = ?1 AND object = ?2";
        let row = |row: &rusqlite::Row<'_>| {
            let size = row.get::<_, i64>(0)? as u64;
            Ok(Stored { object: object.into(), size, checksum: row.get(1)?, id: row.get(2)?, written: row.get(3)? })
        };
        self.db.with(|db| db.prepare_cached(sql)?.query_row(params![target, object], row).optional())
    }

    /// It is there, as the target says. What was begun of it has ended. `content`: the hash of one that may be replaced.
    pub fn arrived(&self, target: &str, stored: &Stored, content: Option<&str>, now: i64) -> Result<()> {
        self.in_one(|db| {
            put(db, target, stored, content, now, 0)?;
            db.execute("DELETE FROM damaged WHERE target = ?1 AND object = ?2", params![target, stored.object])?;
            db.execute("DELETE FROM sessions WHERE target = ?1 AND object = ?2", params![target, stored.object])
                .map(drop)
        })
    }

    pub fn gone(&self, target: &str, object: &str) -> Result<()> {
        self.in_one(|db| {
            db.execute("DELETE FROM damaged WHERE target = ?1 AND object = ?2", params![target, object])?;
            db.execute("DELETE FROM objects WHERE target = ?1 AND object = ?2", params![target, object]).map(drop)
        })
    }

    /// What its last pruning could not do, and why: these are all of it.
    pub fn set_warnings<'a>(&self, target: &str, mut messages: impl Iterator<Item = &'a str>) -> Result<()> {
        self.in_one(|db| {
            db.execute("DELETE FROM warnings WHERE target = ?1", [target])?;
            messages
                .try_for_each(|message| db.execute("INSERT INTO warnings VALUES (?1, ?2)", [target, message]).map(drop))
        })
    }

    pub fn warnings(&self, target: &str) -> Result<Vec<String>> {
        self.db.query("SELECT message FROM warnings WHERE target = ?1", params![target], |row| row.get(0))
    }

    /// A number that is remembered besides.
    pub fn note(&self, key: &str, value: i64) -> Result<()> {
        self.db.run("INSERT OR REPLACE INTO meta VALUES (?1, ?2)", params![key, value])
    }

    pub fn noted(&self, key: &str) -> Result<Option<i64>> {
        self.db.get("SELECT value FROM meta WHERE key = ?1", params![key])
    }

    fn in_one<T>(&self, work: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T> {
        self.db.with(|db| {
            let transaction = db.unchecked_transaction()?;
            let done = work(&transaction)?;
            transaction.commit()?;
            Ok(done)
        })
    }
}

fn version(db: &Connection) -> rusqlite::Result<i64> {
    db.query_row("PRAGMA user_version", [], |row| row.get(0))
}

fn put(
    db: &Connection,
    target: &str,
    stored: &Stored,
    content: Option<&str>,
    now: i64,
    seen: i64,
) -> rusqlite::Result<()> {
    db.prepare_cached("INSERT OR REPLACE INTO objects VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)")?
        .execute(params![
            target,
            stored.object,
            stored.size as i64,
            stored.checksum,
            stored.id,
            stored.written,
            content,
            now,
            seen
        ])
        .map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Secret;

    fn stored(object: &str, size: u64, checksum: Option<&str>) -> Stored {
        Stored { object: object.into(), size, checksum: checksum.map(str::to_owned), ..Stored::default() }
    }

    #[test]
    fn a_ledger_that_is_nonsense_is_made_anew_and_only_its_owner_reads_it() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join(FILE), "no database at all, but long enough to look like one".repeat(20))
            .unwrap();
        let ledger = Ledger::open(dir.path()).unwrap();
        ledger.begin("disk", "here").unwrap();
        assert_eq!(ledger.standing("disk", "here").unwrap(), Some(Standing::default()));
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = std::fs::metadata(dir.path().join(FILE)).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
    }

    #[test]
    fn a_target_that_has_moved_begins_anew() {
        let dir = tempfile::tempdir().unwrap();
        let ledger = Ledger::open(dir.path()).unwrap();
        ledger.begin("s3", "bucket a").unwrap();
        ledger.arrived("s3", &stored("vault.json", 3, None), None, 1).unwrap();
        ledger.keep_session("s3", "packs/x", Some(&Secret::new("hush"))).unwrap();
        assert!(ledger.begin("s3", "bucket a").unwrap());
        assert_eq!(ledger.known("s3").unwrap().len(), 1);
        assert!(!ledger.begin("s3", "bucket b").unwrap());
        assert!(ledger.known("s3").unwrap().is_empty() && ledger.sessions("s3").unwrap().is_empty());
        assert_eq!(ledger.standing("s3", "bucket a").unwrap(), None);
    }

    #[test]
    fn what_was_found_damaged_is_not_there_until_it_is_sent_again_or_found_whole() {
        let dir = tempfile::tempdir().unwrap();
        let ledger = Ledger::open(dir.path()).unwrap();
        ledger.begin("s3", "b").unwrap();
        for object in ["packs/a", "packs/b"] {
            ledger.arrived("s3", &stored(object, 10, None), None, 1).unwrap();
            ledger.is_damaged("s3", object, 2).unwrap();
        }
        let list = [stored("packs/a", 10, None), stored("packs/b", 10, None)];
        ledger.seen("s3", &list, 42).unwrap();
        assert!(ledger.known("s3").unwrap().is_empty(), "a list says nothing of what is in it");
        assert_eq!(ledger.damaged("s3").unwrap().len(), 2);
        ledger.arrived("s3", &list[0], None, 50).unwrap();
        ledger.is_whole("s3", "packs/b", 50).unwrap();
        ledger.seen("s3", &list, 60).unwrap();
        assert_eq!((ledger.known("s3").unwrap().len(), ledger.damaged("s3").unwrap().len()), (2, 0));
        let proved = ledger.proved("s3").unwrap();
        assert!(proved.contains_key("packs/a") && !proved.contains_key("packs/b"), "{proved:?}");
    }

    #[test]
    fn what_a_list_does_not_have_or_has_otherwise_is_not_there() {
        let dir = tempfile::tempdir().unwrap();
        let ledger = Ledger::open(dir.path()).unwrap();
        ledger.begin("s3", "b").unwrap();
        for object in ["same", "gone", "half", "other"] {
            ledger.arrived("s3", &stored(object, 10, Some("md5:1")), None, 1).unwrap();
        }
        let list = [
            stored("same", 10, Some("md5:1")),
            stored("half", 5, Some("md5:1")),
            stored("other", 10, Some("md5:2")),
            stored("new", 7, None),
        ];
        ledger.seen("s3", &list, 42).unwrap();
        assert_eq!(ledger.listed("s3", 42).unwrap(), 1);
        let mut known: Vec<_> = ledger.known("s3").unwrap().into_iter().map(|stored| stored.object).collect();
        known.sort();
        assert_eq!(known, ["new", "same"]);
        assert_eq!(ledger.standing("s3", "b").unwrap().unwrap().listed, Some(42));
    }
}
