//! What a target lists of itself, against what is remembered of it.

use rusqlite::{Connection, OptionalExtension, params};

use super::{BY_TARGET, Ledger, put};
use crate::Result;
use crate::store::Stored;

impl Ledger {
    /// A part of a list of the target, whose number is `listing`. What it says of an object that was known as another one is
    /// believed: with that, what was written of it is forgotten.
    pub fn seen(&self, target: &str, part: &[Stored], listing: i64) -> Result<()> {
        self.in_one(|db| part.iter().try_for_each(|stored| put_seen(db, target, stored, listing)))
    }

    /// Records that were known, and are not in the list of this number.
    pub fn unseen_records(&self, target: &str, listing: i64) -> Result<Vec<String>> {
        let sql = "SELECT object FROM objects WHERE target = ?1 AND seen <> ?2 AND object GLOB 'snapshots/*'";
        self.db.query(sql, params![target, listing], |row| row.get(0))
    }

    /// The list is whole: what was not in it is not there. Returns how many objects were known that are not.
    pub fn listed(&self, target: &str, listing: i64) -> Result<usize> {
        self.in_one(|db| {
            let gone = db.execute("DELETE FROM objects WHERE target = ?1 AND seen <> ?2", params![target, listing])?;
            db.execute("UPDATE targets SET listed = ?2 WHERE name = ?1", params![target, listing])?;
            Ok(gone)
        })
    }

    /// The list is to be compared the next time, and all backups are looked at.
    pub fn forget_listing(&self, target: &str) -> Result<()> {
        self.db.run("UPDATE targets SET listed = NULL WHERE name = ?1", params![target])
    }

    /// Nothing is known to be there any more.
    pub fn forget_objects(&self, target: &str) -> Result<()> {
        self.in_one(|db| {
            for table in BY_TARGET {
                db.execute(&format!("DELETE FROM {table} WHERE target = ?1"), [target])?;
            }
            db.execute("UPDATE targets SET listed = NULL, about = NULL WHERE name = ?1", [target]).map(drop)
        })
    }
}

fn put_seen(db: &Connection, target: &str, stored: &Stored, listing: i64) -> rusqlite::Result<()> {
    let mut damaged = db.prepare_cached("SELECT 1 FROM damaged WHERE target = ?1 AND object = ?2")?;
    if damaged.exists(params![target, stored.object])? {
        return Ok(());
    }
    let mut select =
        db.prepare_cached("SELECT size, checksum, content, read FROM objects WHERE target = ?1 AND object = ?2")?;
    let known = select
        .query_row(params![target, stored.object], |row| {
            let size: i64 = row.get(0)?;
            Ok((size as u64, row.get::<_, Option<String>>(1)?, row.get::<_, Option<String>>(2)?, row.get::<_, i64>(3)?))
        })
        .optional()?;
    let is_same = |checksum: &Option<String>| match (checksum, &stored.checksum) {
        (Some(before), Some(now)) => before == now,
        _ => true,
    };
    match known {
        // What was written is not what lies there now.
        Some((size, checksum, ..)) if size != stored.size || !is_same(&checksum) => db
            .execute("DELETE FROM objects WHERE target = ?1 AND object = ?2", params![target, stored.object])
            .map(drop),
        Some((_, checksum, content, read)) => {
            let stored = Stored { checksum: stored.checksum.clone().or(checksum), ..stored.clone() };
            put(db, target, &stored, content.as_deref(), read, listing)
        }
        None => put(db, target, stored, None, 0, listing),
    }
}
