//! What the schedule was seen to, in the logbook: see [`crate::schedule::ledger`].

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::path::Path;

use rusqlite::{Connection, OptionalExtension, params};

use super::logbook::Logbook;
use super::newest_first;
use crate::Result;
use crate::report::{BackupType, Run, RunResult};
use crate::schedule::STEP_BACK;
use crate::schedule::ledger::{LedgerLine, ScheduleLedger};
use crate::vault;

const INSPECTION: &str = "INSPECTION";
const PAUSE: &str = "PAUSE";

/// What is known of a vault. A logbook that cannot be read is no reason for no schedule: the backups themselves know most of it.
pub fn ledger(dir: &Path, now: i64) -> Result<ScheduleLedger> {
    let mut ledger = ScheduleLedger::default();
    let names = vault::list_snapshots(dir)?;
    let past = || names.iter().map(|name| name.millis()).filter(|at| *at <= now + STEP_BACK);
    ledger.oldest = past().min().or_else(|| names.first().map(|_| now));
    let mut made = |kind, at: i64| {
        let known = ledger.made.entry(kind).or_insert(at);
        *known = at.max(*known);
    };
    for name in names.iter().filter(|name| name.millis() <= now + STEP_BACK) {
        if BackupType::SCHEDULED.contains(&name.kind()) {
            made(name.kind(), name.millis());
        }
    }
    // A larger one may have counted for a smaller one.
    let mut unseen: BTreeSet<BackupType> = BackupType::SCHEDULED.into();
    newest_first(dir, |info| {
        if info.timestamp <= now + STEP_BACK {
            let (counted, others): (BTreeSet<BackupType>, _) =
                unseen.iter().copied().partition(|kind| info.counts_for(*kind));
            unseen = others;
            counted.into_iter().for_each(|kind| made(kind, info.timestamp));
        }
        if unseen.is_empty() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    if let Ok(Some(logbook)) = Logbook::read(dir) {
        logbook.add_lines(&mut ledger)?;
    }
    Ok(ledger)
}

impl Logbook {
    fn add_lines(&self, ledger: &mut ScheduleLedger) -> Result<()> {
        let rows = self.db().query("SELECT type, seen, owed, not_before FROM schedule", params![], |row| {
            let line = LedgerLine { seen: row.get(1)?, owed: row.get(2)?, not_before: row.get(3)? };
            Ok((row.get::<_, String>(0)?, line))
        })?;
        for (name, line) in rows {
            match name.as_str() {
                INSPECTION => ledger.inspection = Some(line),
                PAUSE => ledger.paused = Some(line.not_before),
                kind => drop(kind.parse().map(|kind| ledger.lines.insert(kind, line))),
            }
        }
        Ok(())
    }

    /// No scheduled backups until then; `None`: they go on.
    pub fn pause(&self, until: Option<i64>, now: i64) -> Result<()> {
        match until {
            Some(until) => {
                self.db().run("INSERT OR REPLACE INTO schedule VALUES (?1, ?2, 0, ?3)", params![PAUSE, now, until])
            }
            // When it ended is still of interest.
            None => self.db().run("UPDATE schedule SET seen = ?2, not_before = 0 WHERE type = ?1", params![PAUSE, now]),
        }
    }

    /// When the last pause ended, or will end.
    pub fn pause_ends(&self) -> Result<Option<i64>> {
        let sql = "SELECT CASE not_before WHEN 0 THEN seen ELSE not_before END FROM schedule WHERE type = ?1";
        self.db().get(sql, [PAUSE])
    }

    /// Until when there are no scheduled backups.
    pub fn paused(&self, now: i64) -> Result<Option<i64>> {
        self.db().get("SELECT not_before FROM schedule WHERE type = ?1 AND not_before > ?2", params![PAUSE, now])
    }

    /// The vault is being inspected. The caller holds the vault's lock, or nobody has asked for it by the schedule.
    pub fn inspected(&self, now: i64) -> Result<()> {
        self.db().run("INSERT OR REPLACE INTO schedule VALUES (?1, ?2, 0, 0)", params![INSPECTION, now])
    }

    /// Where the clock was put back, the schedule goes on from here.
    pub fn put_back(&self, now: i64) -> Result<()> {
        let ahead = now + STEP_BACK;
        if self.db().get::<i64>("SELECT 1 FROM schedule WHERE seen > ?1 LIMIT 1", [ahead])?.is_some() {
            self.db().run("UPDATE schedule SET seen = ?1 WHERE seen > ?2", params![now, ahead])?;
        }
        Ok(())
    }
}

/// What the end of a run means for the schedule. In a transaction of the caller's.
pub(super) fn follow(db: &Connection, run: &Run) -> rusqlite::Result<()> {
    if run.operation != "BACKUP" || run.kind == Some(BackupType::Safety) {
        return Ok(());
    }
    // Also a degraded one is what the schedule asked for.
    let is_made = matches!(run.result, RunResult::Success | RunResult::Degraded);
    if !is_made && !run.scheduled {
        return Ok(());
    }
    for kind in run.covers.iter().copied().chain(run.kind).filter(|kind| BackupType::SCHEDULED.contains(kind)) {
        let line = match is_made {
            true => LedgerLine::seen_to(run.at),
            false => LedgerLine::after_failure(line(db, kind)?, run.at),
        };
        db.execute(
            "INSERT OR REPLACE INTO schedule VALUES (?1, ?2, ?3, ?4)",
            params![kind.as_str(), line.seen, line.owed, line.not_before],
        )?;
    }
    if is_made {
        // With the first backup everything begins.
        for name in BackupType::SCHEDULED.map(BackupType::as_str).into_iter().chain([INSPECTION]) {
            db.execute("INSERT OR IGNORE INTO schedule VALUES (?1, ?2, 0, 0)", params![name, run.at])?;
        }
    }
    Ok(())
}

fn line(db: &Connection, kind: BackupType) -> rusqlite::Result<Option<LedgerLine>> {
    db.query_row("SELECT seen, owed, not_before FROM schedule WHERE type = ?1", [kind.as_str()], |row| {
        Ok(LedgerLine { seen: row.get(0)?, owed: row.get(1)?, not_before: row.get(2)? })
    })
    .optional()
}
