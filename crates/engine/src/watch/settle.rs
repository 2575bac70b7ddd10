//! What becomes of runs that were cut off: their process was killed, or the machine went down.
//!
//! Whoever takes the vault's lock next settles them, and keeps what is to be told of it. A backup whose snapshot is there has
//! succeeded, whatever came afterwards: nothing but its end was missing.

use std::path::Path;

use super::event::{News, RestoreFailure};
use super::logbook::Logbook;
use super::recorder::{Outcome, Recorder};
use crate::report::{BackupResult, RestoreResult, Run, RunResult, Warning};
use crate::vault::name::BackupName;
use crate::vault::snapshot::Snapshot;
use crate::vault::{self, Vault};
use crate::{Control, Error, Result};

const CODE: &str = "E_WORKER";
const MESSAGE: &str = "It was cut off: its process was killed, or the machine went down.";

/// The caller holds the vault's lock. `opened`: without it a backup that is there after all is left to the next one.
pub fn settle(logbook: &Logbook, dir: &Path, opened: Option<&Vault>, now: i64) -> Result<()> {
    for (id, run) in logbook.open_runs()? {
        let ended = match (made(logbook, dir, &run)?, opened) {
            (None, _) => cut_off(run, now),
            (Some(name), Some(vault)) => whole(run, &Snapshot::read(vault, &name)?, now),
            (Some(_), None) => continue,
        };
        logbook.end(Some(id), &ended.0, ended.1.as_ref(), now)?;
    }
    Ok(())
}

/// The backup that a run has made before it was cut off.
fn made(logbook: &Logbook, dir: &Path, run: &Run) -> Result<Option<BackupName>> {
    if run.operation != "BACKUP" {
        return Ok(None);
    }
    // Oldest first.
    for name in vault::list_snapshots(dir)? {
        if Some(name.kind()) == run.kind && name.millis() >= run.at && !logbook.knows(name.as_str())? {
            return Ok(Some(name));
        }
    }
    Ok(None)
}

fn whole(run: Run, snapshot: &Snapshot, now: i64) -> (Run, Option<News>) {
    let mut warnings = snapshot.warnings.clone();
    let message = "The backup is whole, but what follows it (pruning, an archive) was cut off.".into();
    warnings.push(Warning { path: String::new(), message });
    let duration_ms = (now - run.at).max(0) as u64;
    let result = BackupResult {
        success: true,
        backup: snapshot.backup.clone(),
        kind: snapshot.kind,
        size: snapshot.size,
        total_size: snapshot.total_size,
        items: snapshot.items,
        changed: snapshot.changed,
        removed: snapshot.removed,
        full: snapshot.full,
        duration_ms,
        degraded: snapshot.degraded,
        suspicious: snapshot.suspicious.clone(),
        warnings,
        notes: Vec::new(),
        cloud: "off".into(),
    };
    let mut run = Run { result: RunResult::Success, duration_ms, ..run };
    result.describe(&mut run);
    let news = News::of_backup(result.kind, &Ok(result));
    (run, news)
}

/// As the history has it, and what is to be told.
pub(super) fn cut_off(run: Run, now: i64) -> (Run, Option<News>) {
    let news = match (run.operation.as_str(), run.kind) {
        ("BACKUP", Some(kind)) => Some(News::backup_failure(kind, CODE, MESSAGE)),
        ("RESTORE", _) => Some(News::RestoreFailure(RestoreFailure {
            backup: run.backup.clone().unwrap_or_default(),
            code: CODE.into(),
            message: MESSAGE.into(),
            rolled_back: false,
        })),
        _ => None,
    };
    let run = Run {
        result: RunResult::Interrupted,
        duration_ms: (now - run.at).max(0) as u64,
        code: Some(CODE.into()),
        message: Some(MESSAGE.into()),
        ..run
    };
    (run, news)
}

/// A restore that was cut off has been finished or undone: that is how its run ended.
pub fn recovered(dir: &Path, result: Result<&RestoreResult, &Error>, now: i64) -> Result<()> {
    if !Vault::exists(dir) {
        return Ok(());
    }
    let logbook = Logbook::open(dir)?;
    let open = logbook.open_runs()?.into_iter().rfind(|(_, run)| run.operation == "RESTORE");
    // One that was settled before, because it could not be ended then, ends now.
    let control = Control::silent().with_clock(move || now);
    let (id, mut run) =
        open.map_or_else(|| (None, Recorder::blank("RESTORE", None, false, &control)), |(id, run)| (Some(id), run));
    let news = News::of_restore(run.backup.as_deref().unwrap_or_default(), result);
    run.duration_ms = (now - run.at).max(0) as u64;
    match result {
        Ok(result) => {
            run.result = RunResult::Success;
            result.describe(&mut run);
        }
        Err(error) => {
            run.result = RunResult::Failure;
            (run.code, run.message) = (Some(error.code().into()), Some(error.to_string()));
        }
    }
    logbook.end(id, &run, news.as_ref(), now).map(drop)
}
