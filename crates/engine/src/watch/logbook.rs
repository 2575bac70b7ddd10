//! The logbook: what happened, in a small SQLite file of its own in the vault's folder.
//!
//! The catalog may be thrown away at any time and built again from the vault; what is in here is nowhere else. It holds
//! the history of runs ([`super::runs`]), the events that wait to be told ([`super::outbox`]), what the schedule was seen to, and a
//! few facts that the watch needs from one look to the next. No backup needs it: where it cannot be read it is set aside and
//! begun anew, and where it cannot be written, as on a full disk, the operation goes on without. Its size is bounded.

use std::collections::HashSet;
use std::io::ErrorKind::PermissionDenied;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{OpenFlags, params};
use serde::Serialize;
use serde_json::Value;
use tempfile::TempDir;

use super::{fact, schema};
use crate::capture::databases::{SIDES, WAL};
use crate::capture::stat::{Purpose, may};
use crate::vault::database::LocalDatabase;
use crate::vault::pack::PackId;
use crate::{Error, Result, space};

pub const FILE: &str = "logbook.sqlite";
const PATIENCE: Duration = Duration::from_secs(2);
/// For whoever only looks, and must not be kept waiting.
const GLANCE: Duration = Duration::from_millis(200);
/// With less room on the disk not even a line can be written.
const LEAST: u64 = 256 << 10;

pub struct Logbook {
    db: LocalDatabase,
    /// Where what is read is a copy.
    _copy: Option<TempDir>,
}

impl Logbook {
    /// Opens it for writing, and makes it where there is none. There must be a vault.
    pub fn open(vault: &Path) -> Result<Logbook> {
        let path = vault.join(FILE);
        match Logbook::try_open(&path) {
            Err(Error::Corrupt { .. }) => {
                Logbook::set_aside(vault)?;
                Logbook::try_open(&path)
            }
            other => other,
        }
    }

    /// Puts one that is damaged out of the way, for whoever wants to look at it.
    pub(super) fn set_aside(vault: &Path) -> Result<()> {
        let path = vault.join(FILE);
        let with = |suffix: &str| PathBuf::from(format!("{}{suffix}", path.display()));
        for suffix in SIDES {
            let _ = std::fs::remove_file(with(suffix));
        }
        std::fs::rename(&path, with(".damaged")).map_err(|error| Error::io("setting aside", &path, error))
    }

    /// As [`Logbook::open`], and one that is damaged stays as it is.
    pub fn open_as_it_is(vault: &Path) -> Result<Logbook> {
        Logbook::try_open(&vault.join(FILE))
    }

    fn try_open(path: &Path) -> Result<Logbook> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE;
        let db = LocalDatabase::open(path, flags, |db| {
            db.busy_timeout(PATIENCE)?;
            db.execute_batch(
                "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA journal_size_limit = 1000000;",
            )?;
            schema::prepare(db)
        })?;
        Ok(Logbook { db, _copy: None })
    }

    /// Opens it beside whoever writes. `None` where there is none, or it cannot be read.
    pub fn open_read_only(vault: &Path) -> Option<Logbook> {
        Logbook::read(vault).ok().flatten()
    }

    /// The same, and says why it cannot be read. `None`: there is none, or no tables are in it yet.
    pub fn read(vault: &Path) -> Result<Option<Logbook>> {
        let path = vault.join(FILE);
        if !path.try_exists().map_err(|error| Error::io("looking for", &path, error))? {
            return Ok(None);
        }
        match Logbook::try_read(&path, None) {
            // Beside it nothing may be written, which SQLite needs for its log: then a copy is what is read.
            Err(Error::Io { .. }) => Logbook::read_copy(vault),
            other => other,
        }
    }

    fn try_read(path: &Path, copy: Option<TempDir>) -> Result<Option<Logbook>> {
        let mut found = 0;
        let flags = if copy.is_some() { OpenFlags::SQLITE_OPEN_READ_WRITE } else { OpenFlags::SQLITE_OPEN_READ_ONLY };
        let db = LocalDatabase::open(path, flags, |db| {
            db.busy_timeout(GLANCE)?;
            found = schema::version(db)?;
            if (1..schema::VERSION).contains(&found) && copy.is_some() {
                schema::prepare(db)?;
                found = schema::VERSION;
            }
            Ok(())
        })?;
        match found {
            schema::VERSION => Ok(Some(Logbook { db, _copy: copy })),
            // One of an older Lifeboat has other tables, and whoever only looks makes none.
            1..schema::VERSION => path.parent().map_or(Ok(None), Logbook::read_copy),
            0 => Ok(None),
            _ => Err(Error::Format { message: format!("{FILE} was made by a newer Lifeboat. Update this one.") }),
        }
    }

    fn read_copy(vault: &Path) -> Result<Option<Logbook>> {
        let folder =
            tempfile::tempdir().map_err(|error| Error::io("making a folder in", std::env::temp_dir(), error))?;
        for suffix in ["", WAL] {
            let (from, to) = [vault, folder.path()].map(|dir| dir.join(format!("{FILE}{suffix}"))).into();
            match std::fs::copy(&from, &to) {
                Err(error) if suffix.is_empty() || error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(Error::io("reading", &from, error));
                }
                _ => {}
            }
        }
        Logbook::try_read(&folder.path().join(FILE), Some(folder))
    }

    /// Why nothing can be written into it, as far as that is known without opening it. Whoever may only look at a vault is no
    /// fault of it.
    pub(super) fn unwritable(vault: &Path) -> Option<Error> {
        let path = vault.join(FILE);
        if let Ok(metadata) = path.symlink_metadata()
            && !metadata.is_file()
        {
            return Some(Error::io("writing", &path, std::io::Error::other("it is no file")));
        }
        match may(vault, Purpose::Write) {
            Err(error) if error.kind() == PermissionDenied => None,
            Err(error) => Some(Error::io("writing", &path, error)),
            Ok(()) if space::free(vault).is_some_and(|free| free < LEAST) => {
                Some(Error::NoSpace { path, source: std::io::ErrorKind::StorageFull.into() })
            }
            Ok(()) => None,
        }
    }

    pub(super) fn db(&self) -> &LocalDatabase {
        &self.db
    }

    /// Forgets what waits to be told, and what is known of the machine. The history stays, and the host's time zone.
    pub fn forget_machine(&self) -> Result<()> {
        self.db.with(|db| {
            let transaction = db.unchecked_transaction()?;
            transaction.execute_batch("DELETE FROM events; DELETE FROM deliveries; DELETE FROM consumers; DELETE FROM checked; DELETE FROM schedule;")?;
            transaction.execute("DELETE FROM facts WHERE key <> ?1", [fact::ZONE])?;
            transaction.commit()
        })
    }

    /// The days, since the epoch, on which anything ran.
    pub fn days(&self) -> Result<Vec<i64>> {
        self.db.query("SELECT DISTINCT at / 86400000 FROM runs", params![], |row| row.get(0))
    }

    /// A fact, as it was last noted. What is not understood is as good as none.
    pub fn fact<T: serde::de::DeserializeOwned>(&self, key: &str) -> Result<Option<T>> {
        let text: Option<String> = self.db.get("SELECT value FROM facts WHERE key = ?1", params![key])?;
        Ok(text.and_then(|text| serde_json::from_str(&text).ok()))
    }

    pub fn note<T: Serialize + ?Sized>(&self, key: &str, value: &T) -> Result<()> {
        self.db.run("INSERT OR REPLACE INTO facts VALUES (?1, ?2)", params![key, json(value)?])
    }

    pub fn forget(&self, key: &str) -> Result<()> {
        self.db.run("DELETE FROM facts WHERE key = ?1", params![key])
    }

    /// Facts whose key begins with `prefix`, with the rest of their keys.
    pub fn facts<T: serde::de::DeserializeOwned>(&self, prefix: &str) -> Result<Vec<(String, T)>> {
        let rows = self.db.query(
            "SELECT key, value FROM facts WHERE substr(key, 1, ?2) = ?1",
            params![prefix, prefix.len() as i64],
            |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?)),
        )?;
        let fact =
            |(key, text): (String, String)| Some((key[prefix.len()..].to_owned(), serde_json::from_str(&text).ok()?));
        Ok(rows.into_iter().filter_map(fact).collect())
    }

    /// Notes `now` for each of these, under `prefix`.
    pub fn note_all(&self, prefix: &str, keys: &[String], now: i64) -> Result<()> {
        self.db.with(|db| {
            let transaction = db.unchecked_transaction()?;
            let mut insert = transaction.prepare("INSERT OR REPLACE INTO facts VALUES (?1, ?2)")?;
            for key in keys {
                insert.execute(params![format!("{prefix}{key}"), now.to_string()])?;
            }
            drop(insert);
            transaction.commit()
        })
    }

    /// Forgets the facts under `prefix` but for these: what they were of is gone.
    pub fn keep_only(&self, prefix: &str, keys: &[String]) -> Result<()> {
        let keys: HashSet<&str> = keys.iter().map(String::as_str).collect();
        let known = self.facts::<Value>(prefix)?.into_iter().filter(|(key, _)| !keys.contains(key.as_str()));
        known.map(|(key, _)| key).try_for_each(|key| self.forget(&format!("{prefix}{key}")))
    }

    /// When each pack was last read from end to end.
    pub fn checked(&self) -> Result<Vec<(PackId, i64)>> {
        self.db.query("SELECT pack, at FROM checked", params![], |row| Ok((PackId(row.get(0)?), row.get(1)?)))
    }

    /// These packs were read and are whole. `existing`: the others are forgotten.
    pub fn set_checked(&self, packs: &[PackId], existing: &HashSet<PackId>, now: i64) -> Result<()> {
        self.db.with(|db| {
            let transaction = db.unchecked_transaction()?;
            {
                let mut insert = transaction.prepare("INSERT OR REPLACE INTO checked VALUES (?1, ?2)")?;
                packs.iter().try_for_each(|pack| insert.execute(params![pack.0, now]).map(drop))?;
                let known: Vec<PackId> = transaction
                    .prepare("SELECT pack FROM checked")?
                    .query_map([], |row| row.get(0).map(PackId))?
                    .collect::<rusqlite::Result<_>>()?;
                let mut delete = transaction.prepare("DELETE FROM checked WHERE pack = ?1")?;
                known
                    .iter()
                    .filter(|pack| !existing.contains(*pack))
                    .try_for_each(|pack| delete.execute([pack.0]).map(drop))?;
            }
            transaction.commit()
        })
    }
}

pub(super) fn json<T: Serialize + ?Sized>(value: &T) -> Result<String> {
    serde_json::to_string(value).map_err(|error| Error::internal(error.to_string()))
}
