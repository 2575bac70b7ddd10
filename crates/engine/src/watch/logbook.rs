//! The logbook: what happened, in a small SQLite file of its own in the vault's folder.
//!
//! The catalog may be thrown away at any time and built again from the vault; what is in here is nowhere else. It holds
//! the history of runs, the events that nobody has taken yet, and a few facts that the watch needs from one look to the
//! next. No backup needs it: where it cannot be read it is set aside and begun anew, and where it cannot be written, as
//! on a full disk, the operation goes on without. Its size is bounded.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, params};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::fact;
use crate::capture::databases::SIDES;
use crate::report::{BackupType, HistoryFilter, NextRun, Run, RunResult};
use crate::vault::database::Database;
use crate::vault::pack::PackId;
use crate::{Error, Result};

pub const FILE: &str = "logbook.sqlite";
/// Runs that are remembered: more than two years of hourly backups.
const MAX_RUNS: u32 = 20_000;
/// Events that wait to be taken. More than these nobody would read.
const MAX_EVENTS: u32 = 500;
/// An event that nobody took for so long is no news any more.
const EVENT_LIFE: i64 = 7 * 24 * 3_600_000;
/// Warnings that are remembered of one run.
const MAX_WARNINGS: usize = 10;
const PATIENCE: Duration = Duration::from_secs(2);

const VERSION: i64 = 1;
const SCHEMA: &str = "
    CREATE TABLE runs (
        id INTEGER PRIMARY KEY, at INTEGER NOT NULL, operation TEXT NOT NULL, type TEXT, result TEXT NOT NULL,
        run TEXT NOT NULL
    );
    CREATE INDEX runs_at ON runs (at);
    CREATE TABLE events (id INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL, event TEXT NOT NULL, value TEXT NOT NULL);
    CREATE TABLE facts (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
    CREATE TABLE checked (pack BLOB PRIMARY KEY, at INTEGER NOT NULL) WITHOUT ROWID;
";

/// Something that happened and that somebody should be told.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// Grows from one event to the next.
    pub id: i64,
    /// Milliseconds since the epoch.
    pub at: i64,
    /// As in `index.d.ts`: `backup:failure`, `storage:warning`, ...
    pub event: String,
    pub value: Value,
}

pub struct Logbook {
    db: Database,
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
        let db = Database::open(path, flags, |db| {
            db.busy_timeout(PATIENCE)?;
            db.execute_batch(
                "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA journal_size_limit = 1000000;",
            )?;
            if version(db)? == VERSION {
                return Ok(());
            }
            // Of two that find it empty, one makes the tables.
            let transaction = db.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
            match version(&transaction)? {
                0 => transaction.execute_batch(&format!("{SCHEMA} PRAGMA user_version = {VERSION};"))?,
                VERSION => {}
                // Made by a newer Lifeboat, which goes on with it.
                _ => return Err(rusqlite::Error::InvalidQuery),
            }
            transaction.commit()
        })?;
        Ok(Logbook { db })
    }

    /// Opens it beside whoever writes. `None` where there is none that can be read.
    pub fn open_read_only(vault: &Path) -> Option<Logbook> {
        let mut found = 0;
        let db = Database::open(&vault.join(FILE), OpenFlags::SQLITE_OPEN_READ_ONLY, |db| {
            db.busy_timeout(Duration::from_millis(200))?;
            found = version(db)?;
            Ok(())
        });
        Some(Logbook { db: db.ok()? }).filter(|_| found == VERSION)
    }

    /// Writes down a run; returns what it is known by.
    pub fn begin(&self, run: &Run) -> Result<i64> {
        let (kind, result) = (run.kind.map(BackupType::as_str), run.result.as_str());
        self.db.run(
            "INSERT INTO runs (at, operation, type, result, run) VALUES (?1, ?2, ?3, ?4, ?5)",
            params![run.at, run.operation, kind, result, json(run)?],
        )?;
        let id = self.db.last_id();
        self.db.run("DELETE FROM runs WHERE id <= ?1", [id - i64::from(MAX_RUNS)])?;
        Ok(id)
    }

    /// What became of it.
    pub fn end(&self, id: i64, run: &Run) -> Result<()> {
        let mut run = run.clone();
        run.warnings.truncate(MAX_WARNINGS);
        self.db
            .run("UPDATE runs SET result = ?2, run = ?3 WHERE id = ?1", params![id, run.result.as_str(), json(&run)?])
    }

    /// It did nothing after all.
    pub fn withdraw(&self, id: i64) -> Result<()> {
        self.db.run("DELETE FROM runs WHERE id = ?1", [id])
    }

    /// Runs that never ended, though nothing runs now, were cut off. The caller holds the vault's lock.
    pub fn settle(&self, now: i64) -> Result<()> {
        let open = self.db.query("SELECT id, run FROM runs WHERE result = 'running'", params![], |row| {
            Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?))
        })?;
        for (id, text) in open {
            let Ok(run) = serde_json::from_str::<Run>(&text) else { continue };
            let message = "It was cut off: its process was killed, or the machine went down.";
            self.end(
                id,
                &Run {
                    result: RunResult::Interrupted,
                    duration_ms: (now - run.at).max(0) as u64,
                    code: Some("E_WORKER".into()),
                    message: Some(message.into()),
                    ..run
                },
            )?;
        }
        Ok(())
    }

    /// The newest first.
    pub fn runs(&self, filter: &HistoryFilter) -> Result<Vec<Run>> {
        let sql = "SELECT run FROM runs WHERE (?1 IS NULL OR operation = ?1) AND (?2 IS NULL OR type = ?2)
                   AND at >= ?3 AND at <= ?4 ORDER BY id DESC LIMIT ?5";
        let limit = filter.limit.map_or(-1, |limit| i64::try_from(limit).unwrap_or(-1));
        let values = params![
            filter.operation.as_deref().map(str::to_ascii_uppercase),
            filter.kind.map(BackupType::as_str),
            filter.since.unwrap_or(i64::MIN),
            filter.until.unwrap_or(i64::MAX),
            limit
        ];
        let texts = self.db.query(sql, values, |row| row.get::<_, String>(0))?;
        Ok(texts.iter().filter_map(|text| serde_json::from_str(text).ok()).collect())
    }

    /// The oldest first.
    pub fn all_runs(&self) -> Result<Vec<Run>> {
        let limit = Some(MAX_RUNS as usize);
        let mut runs = self.runs(&HistoryFilter { limit, ..HistoryFilter::default() })?;
        runs.reverse();
        Ok(runs)
    }

    /// Begins with the history of another one, and the time zone that its host had.
    pub fn begin_as(&self, other: &Logbook) -> Result<()> {
        let runs = other.all_runs()?;
        self.db.run("BEGIN", params![])?;
        runs.iter().try_for_each(|run| self.begin(run).map(drop))?;
        if let Some(zone) = other.fact::<String>(fact::ZONE)? {
            self.note(fact::ZONE, &zone)?;
        }
        self.db.run("COMMIT", params![])
    }

    /// Forgets what waits to be told, and what is known of the machine. The history stays, and the host's time zone.
    pub fn forget_machine(&self) -> Result<()> {
        self.db.with(|db| {
            let transaction = db.unchecked_transaction()?;
            transaction.execute_batch("DELETE FROM events; DELETE FROM checked;")?;
            transaction.execute("DELETE FROM facts WHERE key <> ?1", [fact::ZONE])?;
            transaction.commit()
        })
    }

    /// The days, since the epoch, on which anything ran.
    pub fn days(&self) -> Result<Vec<i64>> {
        self.db.query("SELECT DISTINCT at / 86400000 FROM runs", params![], |row| row.get(0))
    }

    /// The newest backup that failed or was cut off.
    pub fn last_failure(&self) -> Result<Option<Run>> {
        // What somebody cancelled, or what met another one at work, did not fail, and hides no failure before it.
        let sql = "SELECT run FROM runs WHERE operation = 'BACKUP' AND result IN ('failure', 'interrupted')
                   AND COALESCE(json_extract(run, '$.code'), '') NOT IN ('E_ABORTED', 'E_BUSY')
                   ORDER BY id DESC LIMIT 1";
        let text: Option<String> = self.db.get(sql, params![])?;
        Ok(text.and_then(|text| serde_json::from_str(&text).ok()))
    }

    /// The newest backup of a scheduled type that no host has asked for, such as cron's.
    pub fn last_command(&self) -> Result<Option<NextRun>> {
        let sql =
            "SELECT run FROM runs WHERE operation = 'BACKUP' AND result NOT IN ('failure', 'interrupted', 'running')
                   AND type IN ('HOURLY', 'DAILY', 'WEEKLY', 'MONTHLY')
                   AND NOT COALESCE(json_extract(run, '$.hosted'), 0) ORDER BY id DESC LIMIT 1";
        let text: Option<String> = self.db.get(sql, params![])?;
        let run = text.and_then(|text| serde_json::from_str::<Run>(&text).ok());
        Ok(run.and_then(|run| Some(NextRun { kind: run.kind?, at: run.at })))
    }

    /// Returns what it is known by.
    pub fn keep(&self, event: &str, value: &Value, now: i64) -> Result<i64> {
        self.db.run("INSERT INTO events (at, event, value) VALUES (?1, ?2, ?3)", params![now, event, json(value)?])?;
        let id = self.db.last_id();
        // Those of a clock that went wrong are dropped by number.
        let oldest = id - i64::from(MAX_EVENTS);
        // By the clock alone all would be dropped where it was a month ahead once: days count on which anything ran.
        let sql = "DELETE FROM events WHERE id <= ?1 OR (at < ?2 AND ?3 <= (SELECT COUNT(DISTINCT runs.at / 86400000)
                   FROM runs WHERE runs.at / 86400000 > events.at / 86400000 AND runs.at <= ?4))";
        self.db.run(sql, params![oldest, now - EVENT_LIFE, EVENT_LIFE / 86_400_000, now])?;
        Ok(id)
    }

    /// What nobody has taken yet, in order.
    pub fn events(&self) -> Result<Vec<Event>> {
        let rows = self.db.query("SELECT id, at, event, value FROM events ORDER BY id", params![], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get::<_, String>(3)?))
        })?;
        let event = |(id, at, event, value): (i64, i64, String, String)| {
            Some(Event { id, at, event, value: serde_json::from_str(&value).ok()? })
        };
        Ok(rows.into_iter().filter_map(event).collect())
    }

    pub fn acknowledge(&self, id: i64) -> Result<()> {
        self.db.run("DELETE FROM events WHERE id = ?1", params![id])
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

fn version(db: &Connection) -> rusqlite::Result<i64> {
    db.query_row("PRAGMA user_version", [], |row| row.get(0))
}

fn json<T: Serialize + ?Sized>(value: &T) -> Result<String> {
    serde_json::to_string(value).map_err(|error| Error::internal(error.to_string()))
}
