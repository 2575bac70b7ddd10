//! What pruning has removed at a target, and what no backup needs there.

use std::collections::{HashMap, HashSet};

use rusqlite::params;

use super::Ledger;
use crate::Result;

impl Ledger {
    /// Since when what is there is needed by no backup there.
    pub fn unneeded(&self, target: &str) -> Result<HashMap<String, i64>> {
        let sql = "SELECT object, since FROM unneeded WHERE target = ?1";
        let rows = self.db.query(sql, params![target], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(rows.into_iter().collect())
    }

    /// These are all of them.
    pub fn set_unneeded(&self, target: &str, objects: &HashMap<String, i64>) -> Result<()> {
        self.in_one(|db| {
            db.execute("DELETE FROM unneeded WHERE target = ?1", [target])?;
            let mut insert = db.prepare_cached("INSERT INTO unneeded VALUES (?1, ?2, ?3)")?;
            objects.iter().try_for_each(|(object, since)| insert.execute(params![target, object, since]).map(drop))
        })
    }

    /// The rules of the target keep these records no longer: they are not sent again.
    pub fn drop_records(&self, target: &str, records: &[String]) -> Result<()> {
        self.in_one(|db| {
            let mut insert = db.prepare_cached("INSERT OR IGNORE INTO dropped VALUES (?1, ?2)")?;
            records.iter().try_for_each(|record| insert.execute([target, record]).map(drop))
        })
    }

    pub fn dropped(&self, target: &str) -> Result<HashSet<String>> {
        let rows = self.db.query("SELECT object FROM dropped WHERE target = ?1", params![target], |row| row.get(0))?;
        Ok(rows.into_iter().collect())
    }

    /// Packs of the vault that are not at the target, and that no backup needs there.
    pub fn set_spare(&self, target: &str, packs: &[String]) -> Result<()> {
        self.in_one(|db| {
            db.execute("DELETE FROM spare WHERE target = ?1", [target])?;
            let mut insert = db.prepare_cached("INSERT OR IGNORE INTO spare VALUES (?1, ?2)")?;
            packs.iter().try_for_each(|pack| insert.execute([target, pack]).map(drop))
        })
    }

    /// So is this one, from now on.
    pub fn is_spare(&self, target: &str, pack: &str) -> Result<()> {
        self.db.run("INSERT OR IGNORE INTO spare VALUES (?1, ?2)", params![target, pack])
    }

    pub fn spare(&self, target: &str) -> Result<HashSet<String>> {
        let rows = self.db.query("SELECT object FROM spare WHERE target = ?1", params![target], |row| row.get(0))?;
        Ok(rows.into_iter().collect())
    }
}
