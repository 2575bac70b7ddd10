//! Uploads that have begun: by what each can be gone on with. Whoever has that can write to the target.

use rusqlite::params;

use super::Ledger;
use crate::Result;
use crate::secret::Secret;

impl Ledger {
    /// By what an upload can be gone on with.
    pub fn session(&self, target: &str, object: &str) -> Result<Option<Secret>> {
        let sql = "SELECT session FROM sessions WHERE target = ?1 AND object = ?2";
        Ok(self.db.get::<String>(sql, params![target, object])?.map(Secret::new))
    }

    pub fn sessions(&self, target: &str) -> Result<Vec<(String, Secret)>> {
        let sql = "SELECT object, session FROM sessions WHERE target = ?1";
        self.db.query(sql, params![target], |row| Ok((row.get(0)?, Secret::new(row.get::<_, String>(1)?))))
    }

    pub fn keep_session(&self, target: &str, object: &str, session: Option<&Secret>) -> Result<()> {
        match session {
            Some(session) => self
                .db
                .run("INSERT OR REPLACE INTO sessions VALUES (?1, ?2, ?3)", params![target, object, session.expose()]),
            None => self.db.run("DELETE FROM sessions WHERE target = ?1 AND object = ?2", params![target, object]),
        }
    }
}
