//! Writing down a run: that it began, how it ended, and for whoever should hear of it.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::{Logbook, fact};
use crate::report::{
    BackupInfo, BackupResult, BackupType, ExportResult, PruneReport, RestoreResult, Run, RunResult, VerifyReport,
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
    /// Does the caller tell its events itself?
    hosted: bool,
}

impl Recorder {
    pub fn new(vault: &Path, operation: &str, kind: Option<BackupType>, hosted: bool, control: &Control) -> Recorder {
        let run = Run {
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
            code: None,
            message: None,
            warnings: Vec::new(),
        };
        Recorder { vault: vault.to_path_buf(), control: control.clone(), run, id: None, hosted }
    }

    pub fn covering(mut self, covers: &[BackupType]) -> Recorder {
        self.run.covers = covers.to_vec();
        self
    }

    /// It has the vault for itself now: whatever else has not ended never will.
    pub fn started(&mut self) {
        self.run.at = self.control.now();
        let note = || {
            let logbook = Logbook::open(&self.vault)?;
            logbook.settle(self.run.at)?;
            logbook.begin(&self.run)
        };
        // Damage that shows only inside.
        let noted = note().or_else(|error| match error {
            Error::Corrupt { .. } => Logbook::set_aside(&self.vault).and_then(|()| note()),
            other => Err(other),
        });
        self.id = noted.ok();
    }

    /// How it ended.
    pub fn end<T: Outcome>(mut self, result: Result<T>) -> Result<T> {
        self.note(&result);
        result
    }

    /// How it ended, as far as is known; more may be noted later. What was refused because another operation is at work, or
    /// because the vault is another root's, did nothing: no history tells of it.
    pub fn note<T: Outcome>(&mut self, result: &Result<T>) {
        if matches!(result, Err(Error::Busy { .. } | Error::AnotherRoot { .. })) {
            if let Some(id) = self.id {
                let _ = Logbook::open(&self.vault).and_then(|logbook| logbook.withdraw(id));
            }
            return;
        }
        if self.run.result == RunResult::Running {
            self.run.duration_ms = (self.control.now() - self.run.at).max(0) as u64;
        }
        match result {
            Ok(outcome) => {
                self.run.result = RunResult::Success;
                outcome.describe(&mut self.run);
            }
            Err(error) => {
                self.run.result = RunResult::Failure;
                self.run.code = Some(error.code().into());
                self.run.message = Some(error.to_string());
            }
        }
        let _ = self.write();
    }

    fn write(&mut self) -> Result<()> {
        if !Vault::exists(&self.vault) {
            return Ok(());
        }
        let logbook = Logbook::open(&self.vault)?;
        match self.id {
            Some(id) => logbook.end(id, &self.run)?,
            None => self.id = Some(logbook.begin(&self.run)?),
        }
        // Also a degraded one is what the schedule asked for.
        if self.run.operation == "BACKUP" && matches!(self.run.result, RunResult::Success | RunResult::Degraded) {
            for kind in self.run.covers.iter().copied().chain(self.run.kind) {
                if BackupType::SCHEDULED.contains(&kind) {
                    logbook.note(&format!("{}{kind}", fact::SCHEDULE), &self.run.at)?;
                }
            }
        }
        Ok(())
    }

    /// Keeps an event for a host that is to hear of it, where no host is at the other end.
    pub fn tell(&self, event: &str, value: impl FnOnce() -> Value) {
        if !self.hosted && Vault::exists(&self.vault) {
            let _ = Logbook::open(&self.vault).and_then(|logbook| logbook.keep(event, &value(), self.control.now()));
        }
    }

    /// As the events of a restore in place.
    pub fn tell_restore(&self, backup: &str, result: &Result<RestoreResult>) {
        match result {
            Ok(result) if result.dry_run || result.staged => {}
            Ok(result) => {
                self.tell("restore:success", || json!(result));
                if !result.overwritten.is_empty() && result.advice.is_some() {
                    let value = || json!({ "backup": result.backup, "paths": result.overwritten });
                    self.tell("restore:overwritten", value);
                }
            }
            Err(Error::Aborted | Error::Busy { .. }) => {}
            // Who mistypes a name has been told already.
            Err(Error::Config { .. } | Error::NotFound { .. } | Error::Passphrase { .. }) if !self.hosted => {}
            Err(error) => self.tell("restore:failure", || {
                let rolled_back = matches!(error, Error::RolledBack { .. });
                json!({ "backup": backup, "code": error.code(), "message": error.to_string(), "rolledBack": rolled_back })
            }),
        }
    }

    /// As the event of a backup. What somebody cancelled, or what met another operation, is no bad news.
    pub fn tell_backup(&self, result: &Result<BackupResult>) {
        match result {
            Ok(result) => {
                let news = result.suspicious.as_ref().filter(|doubt| doubt.since == result.backup);
                if let Some(doubt) = news {
                    self.tell("backup:suspicious", || json!({ "backup": result.backup, "reasons": doubt.reasons }));
                }
                if result.degraded {
                    self.tell("backup:degraded", || json!(result));
                } else if news.is_none() {
                    self.tell("backup:success", || json!(result));
                }
            }
            Err(Error::Aborted | Error::Busy { .. } | Error::AnotherRoot { .. }) => {}
            Err(error) => self.tell(
                "backup:failure",
                || json!({ "type": self.run.kind, "code": error.code(), "message": error.to_string() }),
            ),
        }
    }
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
