//! The catalog: a local SQLite index of the vault. A cache: whatever happens to it, it is rebuilt from the vault.
//!
//! It knows which chunk lies where in which pack, the facts of each backup that a list shows, and what pieces of item lists
//! need ([`super::needs`]), and since when packs are unneeded. It knows no paths.
//! Before it is trusted, [`Catalog::reconcile`] compares it with the folder: packs that are gone are forgotten, packs
//! that it does not know are read. Readers open it read-only and never wait.

mod reconcile;

use std::collections::{HashMap, HashSet};
use std::ops::ControlFlow;
use std::path::Path;

use rusqlite::{Connection, OpenFlags, params};

use super::database::LocalDatabase;
use super::pack::{PackEntry, PackId};
use super::{lost, needs};
use crate::capture::databases::WITH_SIDES;
use crate::chunk::ChunkId;
use crate::report::BackupInfo;
use crate::{Error, Result};

pub const FILE: &str = "catalog.sqlite";
/// Raised whenever the tables change: an older or newer catalog is thrown away and rebuilt.
const SCHEMA_VERSION: i64 = 5;
const SCHEMA: &str = "
    CREATE TABLE packs (pack INTEGER PRIMARY KEY, id BLOB NOT NULL UNIQUE, size INTEGER NOT NULL);
    CREATE TABLE chunks (
        id BLOB NOT NULL, pack INTEGER NOT NULL, ordinal INTEGER NOT NULL, offset INTEGER NOT NULL,
        sealed INTEGER NOT NULL, plain INTEGER NOT NULL, PRIMARY KEY (id, pack)
    ) WITHOUT ROWID;
    CREATE INDEX chunks_of_pack ON chunks (pack);
    CREATE TABLE backups (
        name TEXT PRIMARY KEY, timestamp INTEGER NOT NULL, total_size INTEGER NOT NULL, info TEXT NOT NULL
    ) WITHOUT ROWID;
    CREATE INDEX backups_by_time ON backups (timestamp, total_size);
    CREATE TABLE unneeded (pack BLOB PRIMARY KEY, since INTEGER NOT NULL) WITHOUT ROWID;
    CREATE TABLE meta (key TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
";

/// Where a chunk lies.
#[derive(Clone, Copy, Debug)]
pub struct ChunkPlace {
    pub pack: PackId,
    pub entry: PackEntry,
}

pub struct Catalog {
    pub(crate) db: LocalDatabase,
    access: CatalogAccess,
}

#[derive(Clone, Copy, PartialEq)]
enum CatalogAccess {
    /// Under the vault's lock.
    Write,
    /// Beside whoever writes.
    Read,
    /// Its own, as the folder was when it was made.
    Temporary,
}

impl Catalog {
    /// Opens it for writing; the caller holds the vault's lock. A missing, damaged or foreign catalog is made anew.
    pub fn open(vault: &Path) -> Result<Catalog> {
        Catalog::open_as(FILE, vault)
    }

    /// The same under another name: of packs that lie elsewhere.
    pub fn open_as(file: &str, vault: &Path) -> Result<Catalog> {
        let path = vault.join(file);
        match Catalog::try_open(&path) {
            Ok(Some(catalog)) => return Ok(catalog),
            Ok(None) | Err(Error::Corrupt { .. }) => {}
            Err(error) => return Err(error),
        }
        Catalog::remove_as(file, vault)?;
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE;
        let db = LocalDatabase::open(&path, flags, |db| {
            settings(db)?;
            db.execute_batch(&format!(
                "BEGIN; {SCHEMA} {} {} PRAGMA user_version = {SCHEMA_VERSION}; COMMIT;",
                needs::SCHEMA,
                lost::SCHEMA
            ))
        })?;
        Ok(Catalog { db, access: CatalogAccess::Write })
    }

    /// Removes it from the disk: it will be rebuilt.
    pub fn remove(vault: &Path) -> Result<()> {
        Catalog::remove_as(FILE, vault)
    }

    fn remove_as(file: &str, vault: &Path) -> Result<()> {
        for suffix in WITH_SIDES {
            let file = vault.join(format!("{file}{suffix}"));
            match std::fs::remove_file(&file) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(Error::io("removing the damaged", file, error));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// `None`: it is not there, or has other tables than ours.
    fn try_open(path: &Path) -> Result<Option<Catalog>> {
        if !path.exists() {
            return Ok(None);
        }
        let mut version = 0;
        let db = LocalDatabase::open(path, OpenFlags::SQLITE_OPEN_READ_WRITE, |db| {
            settings(db)?;
            version = schema_version(db)?;
            Ok(())
        })?;
        Ok((version == SCHEMA_VERSION).then_some(Catalog { db, access: CatalogAccess::Write }))
    }

    /// Opens it for reading beside whoever writes. `None` where there is none that can be used.
    pub fn open_read_only(vault: &Path) -> Option<Catalog> {
        let mut version = 0;
        let db = LocalDatabase::open(&vault.join(FILE), OpenFlags::SQLITE_OPEN_READ_ONLY, |db| {
            db.busy_timeout(std::time::Duration::from_millis(200))?;
            version = schema_version(db)?;
            Ok(())
        });
        Some(Catalog { db: db.ok()?, access: CatalogAccess::Read }).filter(|_| version == SCHEMA_VERSION)
    }

    /// A catalog of its own for one reader, gone when it is dropped.
    pub fn temporary() -> Result<Catalog> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE;
        let db = LocalDatabase::open(Path::new(""), flags, |db| {
            db.execute_batch(&format!("{SCHEMA} {} {}", needs::SCHEMA, lost::SCHEMA))
        })?;
        Ok(Catalog { db, access: CatalogAccess::Temporary })
    }

    /// Until [`Catalog::unfreeze`] it is read as it is now: then SQLite need not ask at each look whether somebody has
    /// written. Nothing may be written meanwhile.
    pub fn freeze(&self) {
        // Where that cannot be had, it is only slower.
        let _ = self.db.with(|db| db.execute_batch("BEGIN"));
    }

    pub fn unfreeze(&self) {
        let _ = self.db.with(|db| if db.is_autocommit() { Ok(()) } else { db.execute_batch("COMMIT") });
    }

    /// Is what is noted in it there for the next operation, too?
    pub fn is_kept(&self) -> bool {
        self.access == CatalogAccess::Write
    }

    fn packs(&self) -> Result<HashMap<PackId, u64>> {
        self.db
            .query("SELECT id, size FROM packs", params![], |row| {
                Ok((PackId(row.get(0)?), row.get::<_, i64>(1)? as u64))
            })
            .map(|rows| rows.into_iter().collect())
    }

    /// Every pack's id and size, for a verification.
    pub fn all_packs(&self) -> Result<Vec<(PackId, u64)>> {
        let mut packs: Vec<_> = self.packs()?.into_iter().collect();
        packs.sort();
        Ok(packs)
    }

    pub fn add_pack(&mut self, id: PackId, size: u64, entries: &[PackEntry]) -> Result<()> {
        self.db.with(|db| {
            let transaction = db.unchecked_transaction()?;
            transaction.execute("DELETE FROM chunks WHERE pack = (SELECT pack FROM packs WHERE id = ?1)", [&id.0])?;
            transaction
                .execute("INSERT OR REPLACE INTO packs (id, size) VALUES (?1, ?2)", params![id.0, size as i64])?;
            let pack = transaction.last_insert_rowid();
            let mut insert =
                transaction.prepare_cached("INSERT OR REPLACE INTO chunks VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?;
            for entry in entries {
                insert.execute(params![
                    entry.id.0,
                    pack,
                    entry.ordinal,
                    entry.offset as i64,
                    entry.sealed,
                    entry.plain
                ])?;
            }
            drop(insert);
            transaction.commit()
        })
    }

    /// A pack was removed, because nothing in it is needed.
    pub fn remove_pack(&mut self, id: PackId) -> Result<()> {
        // In one transaction: a pack without its chunks would pass for one in which nothing is needed.
        self.db.with(|db| {
            let transaction = db.unchecked_transaction()?;
            transaction
                .execute("DELETE FROM chunks WHERE pack = (SELECT pack FROM packs WHERE id = ?1)", params![id.0])?;
            transaction.execute("DELETE FROM packs WHERE id = ?1", params![id.0])?;
            transaction.commit()
        })
    }

    /// A pack is gone or cannot be read: what leaned on it is no longer to be trusted unseen.
    fn forget_pack(&mut self, id: PackId) -> Result<()> {
        self.set_complete(None)?;
        self.remove_pack(id)
    }

    /// The backup that is known to name no chunk that is not there. None in a new catalog, and since a pack went missing,
    /// until a backup has looked at every chunk that it names. Of any other nothing is known.
    pub fn complete(&self) -> Result<Option<String>> {
        self.db.get("SELECT value FROM meta WHERE key = 'complete'", params![])
    }

    pub fn set_complete(&mut self, backup: Option<&str>) -> Result<()> {
        match backup {
            Some(backup) => self.db.run("INSERT OR REPLACE INTO meta VALUES ('complete', ?1)", params![backup]),
            None => self.db.run("DELETE FROM meta", params![]),
        }
    }

    /// The packs in which nothing is needed any more, and since when, in milliseconds since the epoch. Where this is lost
    /// their time begins anew.
    pub fn unneeded(&self) -> Result<HashMap<PackId, i64>> {
        let sql = "SELECT pack, since FROM unneeded";
        let rows = self.db.query(sql, params![], |row| Ok((PackId(row.get(0)?), row.get(1)?)))?;
        Ok(rows.into_iter().collect())
    }

    /// These are all of them.
    pub fn set_unneeded(&self, packs: &HashMap<PackId, i64>) -> Result<()> {
        self.db.with(|db| {
            let transaction = db.unchecked_transaction()?;
            transaction.execute("DELETE FROM unneeded", [])?;
            {
                let mut insert = transaction.prepare_cached("INSERT INTO unneeded VALUES (?1, ?2)")?;
                packs.iter().try_for_each(|(pack, since)| insert.execute(params![pack.0, since]).map(drop))?;
            }
            transaction.commit()
        })
    }

    /// These are needed again.
    pub fn set_needed(&self, packs: &HashSet<PackId>) -> Result<()> {
        packs.iter().try_for_each(|pack| self.db.run("DELETE FROM unneeded WHERE pack = ?1", params![pack.0]))
    }

    pub fn contains(&self, id: ChunkId) -> Result<bool> {
        Ok(self.db.get::<i64>("SELECT 1 FROM chunks WHERE id = ?1 LIMIT 1", params![id.0])?.is_some())
    }

    /// Every place where a chunk lies, the newest first.
    pub fn places(&self, id: ChunkId) -> Result<Vec<ChunkPlace>> {
        let sql = "SELECT p.id, c.ordinal, c.offset, c.sealed, c.plain FROM chunks c JOIN packs p USING (pack)
                   WHERE c.id = ?1 ORDER BY c.pack DESC";
        self.db.query(sql, params![id.0], |row| {
            Ok(ChunkPlace {
                pack: PackId(row.get(0)?),
                entry: PackEntry {
                    id,
                    ordinal: row.get(1)?,
                    offset: row.get::<_, i64>(2)? as u64,
                    sealed: row.get(3)?,
                    plain: row.get(4)?,
                },
            })
        })
    }

    /// Every chunk of a pack.
    pub fn places_in(&self, pack: PackId) -> Result<Vec<ChunkPlace>> {
        let sql = "SELECT id, ordinal, offset, sealed, plain FROM chunks
                   WHERE pack = (SELECT pack FROM packs WHERE id = ?1) ORDER BY ordinal";
        self.db.query(sql, params![pack.0], |row| {
            let entry = PackEntry {
                id: ChunkId(row.get(0)?),
                ordinal: row.get(1)?,
                offset: row.get::<_, i64>(2)? as u64,
                sealed: row.get(3)?,
                plain: row.get(4)?,
            };
            Ok(ChunkPlace { pack, entry })
        })
    }

    pub fn add_backup(&mut self, info: &BackupInfo) -> Result<()> {
        let text = serde_json::to_string(info).map_err(|error| Error::internal(error.to_string()))?;
        self.db.run(
            "INSERT OR REPLACE INTO backups VALUES (?1, ?2, ?3, ?4)",
            params![info.backup, info.timestamp, info.total_size as i64, text],
        )
    }

    /// It goes, and is not missed.
    pub fn remove_backup(&self, name: &str) -> Result<()> {
        self.db.run("DELETE FROM backups WHERE name = ?1", params![name])?;
        self.forget_lost(name)
    }

    /// What it knows of each backup, by name: the JSON of a [`BackupInfo`]. What is not understood is as good as none.
    pub fn backups(&self) -> Result<HashMap<String, String>> {
        let rows = self.db.query("SELECT name, info FROM backups", params![], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(rows.into_iter().collect())
    }

    /// All backups but what restores have replaced, the newest first, until `visit` has seen enough.
    pub fn newest_first(&self, mut visit: impl FnMut(BackupInfo) -> ControlFlow<()>) -> Result<()> {
        let sql = "SELECT info FROM backups WHERE name NOT GLOB 'backup_SAFETY_*' ORDER BY timestamp DESC, name";
        self.db.with(|db| {
            let mut select = db.prepare_cached(sql)?;
            let mut rows = select.query([])?;
            while let Some(row) = rows.next()? {
                let info = serde_json::from_str(&row.get::<_, String>(0)?);
                if info.is_ok_and(|info| visit(info).is_break()) {
                    break;
                }
            }
            Ok(())
        })
    }

    /// Bytes of all backups' items, as if each were a plain copy.
    pub fn total_size(&self) -> Result<u64> {
        let sum: Option<i64> = self.db.get("SELECT COALESCE(SUM(total_size), 0) FROM backups", params![])?;
        Ok(sum.unwrap_or(0) as u64)
    }

    fn names(&self) -> Result<Vec<String>> {
        self.db.query("SELECT name FROM backups", params![], |row| row.get(0))
    }
}

fn settings(db: &Connection) -> rusqlite::Result<()> {
    // NORMAL in WAL mode cannot corrupt; what the last moments lose, reconciling finds again.
    db.execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA cache_size = -8000;")
}

fn schema_version(db: &Connection) -> rusqlite::Result<i64> {
    db.query_row("PRAGMA user_version", [], |row| row.get(0))
}
