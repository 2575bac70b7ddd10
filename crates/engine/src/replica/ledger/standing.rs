//! How a target is: whether somebody is at work there, when all was well, what went wrong, and what was told of it.

use rusqlite::params;

use super::{Ledger, Standing, TargetFailure};
use crate::Result;

impl Ledger {
    /// `None`: of this place nothing is known.
    pub fn standing(&self, target: &str, identity: &str) -> Result<Option<Standing>> {
        let sql = "SELECT busy, listed, success, failed, code, message, not_before, told, about FROM targets
                   WHERE name = ?1 AND identity = ?2";
        let rows = self.db.query(sql, params![target, identity], |row| {
            let failure = match (row.get(3)?, row.get(4)?, row.get(5)?) {
                (Some(at), Some(code), Some(message)) => Some(TargetFailure { at, code, message }),
                _ => None,
            };
            Ok(Standing {
                busy: row.get(0)?,
                listed: row.get(1)?,
                success: row.get(2)?,
                failure,
                not_before: row.get(6)?,
                told: row.get(7)?,
                about: row.get(8)?,
            })
        })?;
        Ok(rows.into_iter().next())
    }

    pub fn set_busy(&self, target: &str, busy: bool) -> Result<()> {
        self.db.run("UPDATE targets SET busy = ?2 WHERE name = ?1", params![target, busy])
    }

    pub fn set_about(&self, target: &str, about: &str) -> Result<()> {
        self.db.run("UPDATE targets SET about = ?2 WHERE name = ?1", params![target, about])
    }

    pub fn succeeded(&self, target: &str, now: i64) -> Result<()> {
        self.db.run(
            "UPDATE targets SET success = ?2, failed = NULL, code = NULL, message = NULL, not_before = 0 WHERE name = ?1",
            params![target, now],
        )
    }

    /// Leaves a target alone until then, unless somebody asks for it.
    pub fn rest(&self, target: &str, until: i64) -> Result<()> {
        self.db.run("UPDATE targets SET not_before = ?2 WHERE name = ?1", params![target, until])
    }

    pub fn failed(&self, target: &str, failure: &TargetFailure, not_before: i64) -> Result<()> {
        self.db.run(
            "UPDATE targets SET failed = ?2, code = ?3, message = ?4, not_before = ?5 WHERE name = ?1",
            params![target, failure.at, failure.code, failure.message, not_before],
        )
    }

    /// Is this state of a target news? Then it is noted as told.
    pub fn is_news(&self, target: &str, code: &str) -> Result<bool> {
        self.in_one(|db| {
            db.execute("UPDATE targets SET told = ?2 WHERE name = ?1 AND told IS NOT ?2", params![target, code])
                .map(|changed| changed > 0)
        })
    }
}
