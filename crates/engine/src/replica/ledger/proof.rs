//! What was read back, what was found damaged, and what is proved to be at a target.

use std::collections::HashMap;

use rusqlite::params;

use super::Ledger;
use crate::Result;

impl Ledger {
    /// Objects of this kind that nobody has read back since, the longest first.
    pub fn unread(&self, target: &str, since: i64) -> Result<Vec<(String, u64)>> {
        let sql = "SELECT object, size FROM objects WHERE target = ?1 AND read <= ?2
                   AND (object GLOB 'packs/*' OR object GLOB 'snapshots/*') ORDER BY read, object";
        self.db.query(sql, params![target, since], |row| Ok((row.get(0)?, row.get::<_, i64>(1)? as u64)))
    }

    pub fn was_read(&self, target: &str, object: &str, now: i64) -> Result<()> {
        self.db.run("UPDATE objects SET read = ?3 WHERE target = ?1 AND object = ?2", params![target, object, now])
    }

    /// It was read back, and is what was written.
    pub fn is_whole(&self, target: &str, object: &str, now: i64) -> Result<()> {
        self.was_read(target, object, now)?;
        self.db.run("DELETE FROM damaged WHERE target = ?1 AND object = ?2", params![target, object])
    }

    /// It is not what was written, or is missing: it counts as not there, whatever the target lists, until it is sent again or was
    /// found whole. Which backups need it the next sync asks of all.
    pub fn is_damaged(&self, target: &str, object: &str, now: i64) -> Result<()> {
        self.in_one(|db| {
            db.execute("DELETE FROM objects WHERE target = ?1 AND object = ?2", params![target, object])?;
            db.execute("INSERT OR IGNORE INTO damaged VALUES (?1, ?2, ?3)", params![target, object, now])?;
            db.execute("UPDATE targets SET listed = NULL WHERE name = ?1", [target]).map(drop)
        })
    }

    /// What is known to be damaged there, and since when.
    pub fn damaged(&self, target: &str) -> Result<Vec<(String, i64)>> {
        let sql = "SELECT object, found FROM damaged WHERE target = ?1 ORDER BY object";
        self.db.query(sql, params![target], |row| Ok((row.get(0)?, row.get(1)?)))
    }

    /// What we have sent ourselves or read back since: of these it is known that they were whole there. What was only listed is
    /// not among them.
    pub fn proved(&self, target: &str) -> Result<HashMap<String, (u64, Option<String>)>> {
        let sql = "SELECT object, size, checksum FROM objects WHERE target = ?1 AND read > 0";
        let rows = self.db.query(sql, params![target], |row| {
            Ok((row.get(0)?, (row.get::<_, i64>(1)? as u64, row.get::<_, Option<String>>(2)?)))
        })?;
        Ok(rows.into_iter().collect())
    }
}
