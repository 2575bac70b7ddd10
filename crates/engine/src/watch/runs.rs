//! The history of runs, in the logbook: what began, how it ended, and what follows from that in the same breath.

use rusqlite::{Connection, OptionalExtension, params};

use super::event::News;
use super::logbook::{Logbook, json};
use super::{fact, lines, outbox};
use crate::Result;
use crate::report::{BackupType, HistoryFilter, NextRun, Run};

/// Runs that are remembered: more than two years of hourly backups.
const MOST: u32 = 20_000;
/// Warnings that are remembered of one run.
const MOST_WARNINGS: usize = 10;

impl Logbook {
    /// Writes down a run; returns what it is known by.
    pub fn begin(&self, run: &Run) -> Result<i64> {
        let text = json(&shortened(run))?;
        self.in_one(|db| write(db, None, run, &text))
    }

    /// How a run ended, what is to be told of it, and what it means for the schedule: all of it, or nothing. `id`: where its
    /// beginning is written down already. Returns what the run is known by.
    pub fn end(&self, id: Option<i64>, run: &Run, news: Option<&News>, now: i64) -> Result<i64> {
        let text = json(&shortened(run))?;
        let news = news.map(|news| Ok::<_, crate::Error>((news, json(&news.value())?))).transpose()?;
        self.in_one(|db| {
            let id = write(db, id, run, &text)?;
            lines::follow(db, run)?;
            if let Some((news, value)) = &news
                && !is_known(db, id, run, news)?
            {
                outbox::keep(db, news, value, now)?;
            }
            Ok(id)
        })
    }

    /// It did nothing after all.
    pub fn withdraw(&self, id: i64) -> Result<()> {
        self.db().run("DELETE FROM runs WHERE id = ?1", [id])
    }

    /// Those that have not ended, as far as is known.
    pub fn open_runs(&self) -> Result<Vec<(i64, Run)>> {
        let sql = "SELECT id, run FROM runs WHERE result = 'running' ORDER BY id";
        let open = self.db().query(sql, params![], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?)))?;
        Ok(open.into_iter().filter_map(|(id, text)| Some((id, serde_json::from_str(&text).ok()?))).collect())
    }

    /// Is it written down that a run made this backup?
    pub fn knows(&self, backup: &str) -> Result<bool> {
        let sql = "SELECT 1 FROM runs WHERE operation = 'BACKUP' AND json_extract(run, '$.backup') = ?1 LIMIT 1";
        Ok(self.db().get::<i64>(sql, [backup])?.is_some())
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
        let texts = self.db().query(sql, values, |row| row.get::<_, String>(0))?;
        Ok(texts.iter().filter_map(|text| serde_json::from_str(text).ok()).collect())
    }

    /// The oldest first.
    pub fn all_runs(&self) -> Result<Vec<Run>> {
        let limit = Some(MOST as usize);
        let mut runs = self.runs(&HistoryFilter { limit, ..HistoryFilter::default() })?;
        runs.reverse();
        Ok(runs)
    }

    /// Begins with the history of another one, and the time zone that its host had.
    pub fn begin_as(&self, other: &Logbook) -> Result<()> {
        let runs = other.all_runs()?;
        let texts = runs.iter().map(json).collect::<Result<Vec<_>>>()?;
        let zone = other.fact::<String>(fact::ZONE)?;
        self.in_one(|db| runs.iter().zip(&texts).try_for_each(|(run, text)| write(db, None, run, text).map(drop)))?;
        zone.map_or(Ok(()), |zone| self.note(fact::ZONE, &zone))
    }

    /// The newest of an operation that is done, whether it went well or not.
    pub fn last_of(&self, operation: &str) -> Result<Option<Run>> {
        let sql = "SELECT run FROM runs WHERE operation = ?1 AND result <> 'running'
                   AND COALESCE(json_extract(run, '$.code'), '') <> 'E_ABORTED' ORDER BY id DESC LIMIT 1";
        let text: Option<String> = self.db().get(sql, params![operation])?;
        Ok(text.and_then(|text| serde_json::from_str(&text).ok()))
    }

    /// The newest backup that failed or was cut off.
    pub fn last_failure(&self) -> Result<Option<Run>> {
        // What somebody cancelled, or what met another one at work, did not fail, and hides no failure before it.
        let sql = "SELECT run FROM runs WHERE operation = 'BACKUP' AND result IN ('failure', 'interrupted')
                   AND COALESCE(json_extract(run, '$.code'), '') NOT IN ('E_ABORTED', 'E_BUSY')
                   ORDER BY id DESC LIMIT 1";
        let text: Option<String> = self.db().get(sql, params![])?;
        Ok(text.and_then(|text| serde_json::from_str(&text).ok()))
    }

    /// The newest backup of a scheduled type that no host has asked for, such as cron's.
    pub fn last_command(&self) -> Result<Option<NextRun>> {
        let sql =
            "SELECT run FROM runs WHERE operation = 'BACKUP' AND result NOT IN ('failure', 'interrupted', 'running')
                   AND type IN ('HOURLY', 'DAILY', 'WEEKLY', 'MONTHLY')
                   AND NOT COALESCE(json_extract(run, '$.hosted'), 0) ORDER BY id DESC LIMIT 1";
        let text: Option<String> = self.db().get(sql, params![])?;
        let run = text.and_then(|text| serde_json::from_str::<Run>(&text).ok());
        Ok(run.and_then(|run| Some(NextRun { kind: run.kind?, at: run.at })))
    }
}

fn shortened(run: &Run) -> Run {
    let mut run = run.clone();
    run.warnings.truncate(MOST_WARNINGS);
    run
}

fn write(db: &Connection, id: Option<i64>, run: &Run, text: &str) -> rusqlite::Result<i64> {
    if let Some(id) = id {
        db.execute("UPDATE runs SET result = ?2, run = ?3 WHERE id = ?1", params![id, run.result.as_str(), text])?;
        return Ok(id);
    }
    let (kind, result) = (run.kind.map(BackupType::as_str), run.result.as_str());
    db.execute(
        "INSERT INTO runs (at, operation, type, result, run) VALUES (?1, ?2, ?3, ?4, ?5)",
        params![run.at, run.operation, kind, result, text],
    )?;
    let id = db.last_insert_rowid();
    db.execute("DELETE FROM runs WHERE id <= ?1", [id - i64::from(MOST)])?;
    Ok(id)
}

/// Of what looks after the backups a cause is told once, until it can be done again.
fn is_known(db: &Connection, id: i64, run: &Run, news: &News) -> rusqlite::Result<bool> {
    if !matches!(news, News::InspectionFailure(_)) {
        return Ok(false);
    }
    let sql = "SELECT json_extract(run, '$.code') FROM runs WHERE operation = ?1 AND id < ?2 AND result <> 'running'
               AND COALESCE(json_extract(run, '$.code'), '') <> 'E_ABORTED' ORDER BY id DESC LIMIT 1";
    let before: Option<Option<String>> = db.query_row(sql, params![run.operation, id], |row| row.get(0)).optional()?;
    Ok(before.flatten() == run.code)
}
