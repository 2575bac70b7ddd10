//! An operation whose worker died, or could not even be started: nobody but its host can say so.

use super::event::{News, RestoreFailure};
use super::logbook::Logbook;
use super::{Recorder, ledger, settle};
use crate::operations::{AnyOperation, CreateBackup, Restore, RunDue, RunScheduled, UndoRestore};
use crate::report::{BackupType, Run, RunResult};
use crate::schedule::Agenda;
use crate::supervise::protocol::Failure;
use crate::vault::lock::Lock;
use crate::vault::{Vault, place};
use crate::{Config, Control, Error, Result, presence};

/// Writes down that it failed, and keeps what is to be told, unless that was told from memory already. Returns it where nothing
/// can be written down now. Opens files of the vault only, and never waits for its lock.
pub fn lost(config: &Config, operation: &AnyOperation, failure: &Failure, is_told: bool, now: i64) -> Option<News> {
    let lost = Lost::of(config, operation, failure, now)?;
    let news = (!is_told).then_some(&lost.news);
    lost.note(config, failure, news, now).err().map(|_| lost.news)
}

/// What is to be told of it where the vault does not answer; `None`: nobody but the caller needs to hear of it. Opens nothing.
pub fn from_memory(config: &Config, operation: &AnyOperation, failure: &Failure) -> Option<News> {
    match operation {
        // Which type was due only the vault knows.
        AnyOperation::RunDue(_) => Some(News::backup_failure(BackupType::Hourly, &failure.code, &failure.message)),
        other => Lost::of(config, other, failure, 0).map(|lost| lost.news),
    }
}

/// What would have become of it.
struct Lost {
    run: &'static str,
    kind: Option<BackupType>,
    covers: Vec<BackupType>,
    scheduled: bool,
    news: News,
}

impl Lost {
    /// `None`: it is nothing that anybody but the caller needs to hear of.
    fn of(config: &Config, operation: &AnyOperation, failure: &Failure, now: i64) -> Option<Lost> {
        let (code, message) = (&failure.code, &failure.message);
        let backup = |kind: BackupType, covers: Vec<BackupType>, scheduled| Lost {
            run: "BACKUP",
            kind: Some(kind),
            covers,
            scheduled,
            news: News::backup_failure(kind, code, message),
        };
        Some(match operation {
            AnyOperation::CreateBackup(CreateBackup { kind, .. }) => backup(*kind, Vec::new(), false),
            AnyOperation::RunScheduled(RunScheduled { kind, covers, .. }) => backup(*kind, covers.clone(), false),
            AnyOperation::RunDue(RunDue { zone }) => {
                let agenda = Agenda::of(config, zone.as_deref()).ok()?;
                let due = ledger(&place::of(&config.backup_dir), now).ok()?.due(&agenda, now)?;
                backup(due.kind, due.covers, true)
            }
            AnyOperation::Inspect(_) | AnyOperation::InspectDue(_) => Lost {
                run: "VERIFY",
                kind: None,
                covers: Vec::new(),
                scheduled: false,
                news: News::inspection_failure("VERIFY", code, message),
            },
            AnyOperation::Restore(Restore { backup, options }) if !options.dry_run => {
                Lost::restore(&backup.to_string(), failure)
            }
            AnyOperation::UndoRestore(UndoRestore { options }) if !options.dry_run => Lost::restore("undo", failure),
            AnyOperation::ApplyPendingRestore(_) => Lost::restore("pending", failure),
            _ => return None,
        })
    }

    fn restore(backup: &str, failure: &Failure) -> Lost {
        let (code, message) = (failure.code.clone(), failure.message.clone());
        let news = News::RestoreFailure(RestoreFailure { backup: backup.into(), code, message, rolled_back: false });
        Lost { run: "RESTORE", kind: None, covers: Vec::new(), scheduled: false, news }
    }

    fn note(&self, config: &Config, failure: &Failure, news: Option<&News>, now: i64) -> Result<()> {
        let dir = place::of(&config.backup_dir);
        if !Vault::exists(&dir) {
            return Err(Error::NotFound { message: "There is no vault yet.".into() });
        }
        let control = Control::silent().with_clock(move || now);
        // Whoever is at work now may have settled it, or know nothing of it.
        let _held = Lock::acquire(&dir, self.run, false, &control)?;
        let logbook = Logbook::open(&dir)?;
        let begun = logbook.open_runs()?.into_iter().any(|(_, run)| run.operation == self.run && run.kind == self.kind);
        match begun {
            // It died in its middle.
            true => settle::settle(&logbook, &dir, None, now)?,
            false => drop(logbook.end(None, &self.as_run(failure, &control), news, now)?),
        }
        presence::ring(&dir);
        Ok(())
    }

    fn as_run(&self, failure: &Failure, control: &Control) -> Run {
        let backup = match &self.news {
            News::RestoreFailure(restore) => Some(restore.backup.clone()),
            _ => None,
        };
        Run {
            result: RunResult::Failure,
            covers: self.covers.clone(),
            scheduled: self.scheduled,
            backup,
            code: Some(failure.code.clone()),
            message: Some(failure.message.clone()),
            ..Recorder::blank(self.run, self.kind, true, control)
        }
    }
}
