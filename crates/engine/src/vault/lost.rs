//! Records that were here, are here no more, and that Lifeboat has not removed: a disk has lost them, or somebody's hand.
//!
//! The catalog knows which records there were. Whoever removes one takes it out of the catalog first, so what stands in the
//! catalog and not in the folder is lost. It is noted when the catalog is brought in line with the folder. Like the catalog it
//! can be thrown away: then nobody misses them.

use std::collections::BTreeSet;

use rusqlite::params;

use super::catalog::Catalog;
use super::name::BackupName;
use super::{Vault, list_snapshots};
use crate::Result;

pub(super) const SCHEMA: &str = "CREATE TABLE lost (name TEXT PRIMARY KEY) WITHOUT ROWID;";

impl Catalog {
    /// This record is not in the folder any more, and nobody has said that it goes.
    pub(super) fn note_lost(&self, name: &str) -> Result<()> {
        self.db.run("INSERT OR REPLACE INTO lost VALUES (?1)", params![name])
    }

    /// It is here again, or nobody misses it.
    pub(super) fn forget_lost(&self, name: &str) -> Result<()> {
        self.db.run("DELETE FROM lost WHERE name = ?1", params![name])
    }
}

/// The backups whose records are lost, oldest first. Needs no lock. Without a catalog none are known.
pub fn records(vault: &Vault) -> Result<Vec<BackupName>> {
    // The folder is listed last: what is made meanwhile is not missed.
    let known: Vec<String> = match Catalog::open_read_only(vault.dir()).filter(|_| !vault.is_untouched()) {
        None => return Ok(Vec::new()),
        Some(catalog) => catalog
            .db
            .query("SELECT name FROM lost UNION SELECT name FROM backups", params![], |row| row.get(0))
            .unwrap_or_default(),
    };
    let here: BTreeSet<String> = list_snapshots(vault.dir())?.iter().map(ToString::to_string).collect();
    let mut lost: Vec<BackupName> =
        known.iter().filter(|name| !here.contains(*name)).filter_map(|name| name.parse().ok()).collect();
    super::listing::sort(&mut lost);
    Ok(lost)
}

/// It was told, and is nowhere: nobody looks for it any more. The caller holds the lock.
pub fn forget(vault: &Vault, name: &BackupName) -> Result<()> {
    Catalog::open(vault.dir())?.remove_backup(name.as_str())
}
