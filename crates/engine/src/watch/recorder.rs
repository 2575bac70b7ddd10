//! Writing down a run: that it began, how it ended, and what is to be told of it.
//!
//! The end of a run, its event and what it means for the schedule become true together, before anybody is told. What cannot be
//! written down is handed to whoever asked for the run, who tells it from memory.

use std::path::{Path, PathBuf};

use super::event::News;
use super::logbook::Logbook;
use super::settle;
use crate::presence;
use crate::report::{
    BackupInfo, BackupResult, BackupType, ExportResult, PruneReport, RestoreResult, Run, RunResult, SyncReport,
    VerifyReport,
};
use crate::vault::Vault;
use crate::{Control, Error, Result};

/// What a run has to say of itself.
pub trait Outcome {
    fn describe(&self, run: &mut Run);
}

/// One run, from its beginning to its end. Nothing here can make it fail: a logbook that cannot be written is no reason
/// to have no backup.
pub struct Recorder {
    vault: PathBuf,
    control: Control,
    run: Run,
    id: Option<i64>,
}

impl Recorder {
    /// `hosted`: a host asked for it, and no command.
    pub fn new(vault: &Path, operation: &str, kind: Option<BackupType>, hosted: bool, control: &Control) -> Recorder {
        let run = Recorder::blank(operation, kind, hosted, control);
        Recorder { vault: vault.to_path_buf(), control: control.clone(), run, id: None }
    }

    /// A run that begins now.
    pub(super) fn blank(operation: &str, kind: Option<BackupType>, hosted: bool, control: &Control) -> Run {
        Run {
            operation: operation.into(),
            kind,
            covers: Vec::new(),
            at: control.now(),
            duration_ms: 0,
            result: RunResult::Running,
            backup: None,
            size: None,
            total_size: None,
            items: None,
            changed: None,
            hosted,
            scheduled: false,
            code: None,
            message: None,
            warnings: Vec::new(),
        }
    }

    /// A backup that also counts for these; `scheduled`: the schedule asks for it.
    pub fn covering(mut self, kind: BackupType, covers: &[BackupType], scheduled: bool) -> Recorder {
        self.run.kind = Some(kind);
        self.run.covers = covers.to_vec();
        self.run.scheduled = scheduled;
        self
    }

    /// A restore of this.
    pub fn of(mut self, backup: &str) -> Recorder {
        self.run.backup = Some(backup.into());
        self
    }

    /// It has the vault for itself now: whatever else has not ended never will.
    pub fn started(&mut self, opened: &Vault) {
        self.run.at = self.control.now();
        let note = || {
            let logbook = Logbook::open(&self.vault)?;
            // One that cannot be settled now is settled by the next one.
            let settled = settle::settle(&logbook, &self.vault, Some(opened), self.run.at);
            if let Err(error @ Error::Corrupt { .. }) = settled
                && is_logbook(&error)
            {
                return Err(error);
            }
            logbook.begin(&self.run)
        };
        // Damage that shows only inside.
        let noted = note().or_else(|error| match error {
            Error::Corrupt { .. } => Logbook::set_aside(&self.vault).and_then(|()| note()),
            other => Err(other),
        });
        self.id = noted.ok();
    }

    /// How it ended, and what is to be told of it.
    pub fn end<T: Outcome>(mut self, result: Result<T>, news: impl FnOnce(&Result<T>) -> Option<News>) -> Result<T> {
        let news = news(&result);
        self.note(&result, news);
        result
    }

    /// How it ended, as far as is known; more may be noted later. What was refused because another operation is at work, or
    /// because the vault is another root's, did nothing: no history tells of it.
    pub fn note<T: Outcome>(&mut self, result: &Result<T>, mut news: Option<News>) {
        if let Err(Error::Busy { .. } | Error::AnotherRoot { .. }) = result {
            if let Some(id) = self.id {
                let _ = Logbook::open(&self.vault).and_then(|logbook| logbook.withdraw(id));
            }
            // It is nothing that the other root's listeners should hear of.
            if let Some(news) = news {
                self.control.untold(&news);
            }
            return;
        }
        let now = self.control.now();
        if self.run.result == RunResult::Running {
            self.run.duration_ms = (now - self.run.at).max(0) as u64;
        }
        match result {
            Ok(outcome) => {
                self.run.result = RunResult::Success;
                outcome.describe(&mut self.run);
            }
            // Nobody wanted it to stop.
            Err(Error::Aborted) if self.control.is_abandoned() => {
                (self.run, news) = settle::cut_off(self.run.clone(), now);
            }
            Err(error) => {
                self.run.result = RunResult::Failure;
                self.run.code = Some(error.code().into());
                self.run.message = Some(error.to_string());
            }
        }
        match (self.write(news.as_ref(), now), news) {
            (Ok(()), Some(_)) => presence::ring(&self.vault),
            (Err(_), Some(news)) => self.control.untold(&news),
            _ => {}
        }
    }

    fn write(&mut self, news: Option<&News>, now: i64) -> Result<()> {
        if !Vault::exists(&self.vault) {
            return Err(Error::NotFound { message: "There is no vault yet.".into() });
        }
        self.id = Some(Logbook::open(&self.vault)?.end(self.id, &self.run, news, now)?);
        Ok(())
    }

    /// Keeps one more event of this run.
    pub fn tell(&self, news: &News) {
        tell(&self.vault, news, &self.control);
    }
}

/// Keeps an event, and wakes who may want to hear of it.
pub fn tell(vault: &Path, news: &News, control: &Control) {
    let kept = match Vault::exists(vault) {
        true => Logbook::open(vault).and_then(|logbook| logbook.tell(news, control.now())).is_ok(),
        false => false,
    };
    if kept { presence::ring(vault) } else { control.untold(news) }
}

fn is_logbook(error: &Error) -> bool {
    matches!(error, Error::Corrupt { object, .. } if object == super::logbook::FILE)
}

impl Outcome for BackupResult {
    fn describe(&self, run: &mut Run) {
        run.backup = Some(self.backup.clone());
        (run.size, run.total_size) = (Some(self.size), Some(self.total_size));
        (run.items, run.changed) = (Some(self.items), Some(self.changed));
        run.warnings = self.warnings.clone();
        if self.degraded {
            run.result = RunResult::Degraded;
        }
    }
}

impl Outcome for PruneReport {
    fn describe(&self, run: &mut Run) {
        (run.size, run.items) = (Some(self.freed), Some(self.removed));
        run.warnings = self.warnings.clone();
    }
}

impl Outcome for RestoreResult {
    fn describe(&self, run: &mut Run) {
        run.backup = Some(self.backup.clone());
        (run.size, run.items) = (Some(self.plan.bytes), Some(self.restored.len() as u64));
        if self.staged {
            run.message = Some("it is ready, and waits for the next start of the app".into());
        }
        if !self.overwritten.is_empty() {
            run.message = Some("the app has written over some of it since".into());
        }
        run.warnings = self.warnings.clone();
    }
}

impl Outcome for VerifyReport {
    fn describe(&self, run: &mut Run) {
        run.size = Some(self.bytes);
        if !self.ok {
            run.result = RunResult::Failure;
            run.code = Some("E_CORRUPT".into());
            run.message = self.damaged.first().map(|first| match self.damaged.len() {
                1 => format!("{}: {}", first.object, first.message),
                many => format!("{}: {}; and {} more", first.object, first.message, many - 1),
            });
        }
    }
}

impl Outcome for SyncReport {
    fn describe(&self, run: &mut Run) {
        (run.size, run.items) = (Some(self.bytes), Some(self.uploaded));
        if let Some(first) = self.failed.first() {
            run.result = RunResult::Failure;
            (run.code, run.message) = (Some(first.code.clone()), Some(first.message.clone()));
        }
    }
}

impl Outcome for ExportResult {
    fn describe(&self, run: &mut Run) {
        (run.size, run.items) = (Some(self.size), Some(self.items));
    }
}

impl Outcome for BackupInfo {
    fn describe(&self, run: &mut Run) {
        run.backup = Some(self.backup.clone());
        (run.size, run.total_size, run.items) = (Some(self.size), Some(self.total_size), Some(self.items));
    }
}
