//! A restore in place: all of it or nothing, under an app that may be running.
//!
//! plan → check → safety backup, and beside it stage → sync → verify → journal → swap → done. Up to the journal nothing of the root
//! is touched, and an error removes what was staged. From the journal on the restore is finished, or undone after an
//! error; a crash in between leaves the journal, and the next operation of Lifeboat on that root finishes it.

mod staging;
mod waiting;

use std::time::Instant;

use super::afterwards::{AskedHosts, Asking, Placed};
use super::ending::{elapsed, left_behind};
use super::holders::Holder;
use super::journal::RestoreJournal;
use super::mode::{self, Choice};
use super::plan::{self, ChangePlan, take_back};
use super::source::{SelectedBackup, sources};
use super::swap::Swap;
use super::workspace::Workspace;
use super::{astray, displaced, doubts, permission, recovery, safety};
use crate::report::{
    BackupRef, BackupType, Progress, RestoreMode, RestoreOptions, RestorePlan, RestoreResult, Warning,
};
use crate::vault::Vault;
use crate::vault::last_restore::{self, LastRestore};
use crate::{Config, Control, Error, Result, backup, presence, space};

pub use waiting::{WaitingRestore, discard_pending, waiting};
/// The one command that takes a restore in place back.
const UNDO: &str = "lifeboat undo";

/// Restores in place. The caller holds the vault's lock, and has recovered what an earlier restore left.
pub struct InPlace<'a> {
    pub vault: &'a Vault,
    pub config: &'a Config,
    pub options: &'a RestoreOptions,
    pub control: &'a Control,
    /// The restore that is taken back; then the backup is its safety backup.
    pub undo: Option<&'a LastRestore>,
}

/// What was done, and what is to be known of it afterwards.
pub struct Restored {
    pub result: RestoreResult,
    pub placed: Vec<Placed>,
    /// An app runs, or may run.
    pub app_runs: bool,
    /// The hosts that were asked to hold still and to read again.
    pub asked: Option<AskedHosts>,
    /// Who had files open that were replaced, or that had lost their names before.
    pub open: Vec<Holder>,
}

impl InPlace<'_> {
    /// `waiting`: the workspace of a restore that waited for this start, with what was staged for it.
    pub fn run(&self, backup: &BackupRef, waiting: Option<Workspace>) -> Result<Restored> {
        let started = Instant::now();
        let (sources, mut plan) =
            self.plan(backup).map_err(|error| permission::unreadable(error, &self.config.root))?;
        let hosts = presence::processes(self.vault.dir());
        let Choice { mode, reason, app_runs, astray, .. } =
            mode::choose(self.options.mode, &plan, self.config, &hosts, waiting.is_some())?;
        permission::check(&plan, mode, &self.config.root)?;
        for (area, bytes, names) in plan.needs(mode == RestoreMode::Live) {
            space::check(&area.under(&self.config.root), bytes, names)?;
        }
        let mut result = RestoreResult {
            success: true,
            backup: sources[0].name.to_string(),
            timestamp: sources[0].snapshot.timestamp,
            restored: plan.report.create.iter().chain(&plan.report.replace).cloned().collect(),
            plan: plan.report.clone(),
            dry_run: self.options.dry_run,
            mode: Some(mode),
            reason: Some(reason),
            warnings: plan.warnings.clone(),
            kept: plan.kept.clone(),
            ..RestoreResult::default()
        };
        result.restored.sort();
        result.warnings.extend(match self.undo {
            None => doubts::of(self.vault, backup, &sources)?,
            Some(_) => Vec::new(),
        });
        result.still_open = astray.iter().map(|holder| holder.what(&self.config.root)).collect();
        result.still_open.dedup();
        let (mut asked, mut held) = (None, astray.clone());
        // One of another user's is no longer ours to read.
        let earlier = self::waiting(self.config).ok().flatten().map(|earlier| earlier.backup);
        if let Some(earlier) = earlier.filter(|_| waiting.is_none()) {
            let message = format!(
                "A restore of {earlier} was waiting for the next start of the app. It is discarded, and this one \
                 takes its place. To keep it, apply it first (`lifeboat restore --apply-pending`)."
            );
            result.warnings.push(Warning { path: String::new(), message });
        }
        let is_only_foreseen = self.options.dry_run || mode == RestoreMode::OnRestart;
        let needs_safety = self.options.create_backup_first && (!plan.is_empty() || !astray.is_empty());
        if let Some(message) = safety::cannot_be_made(self.vault).filter(|_| needs_safety) {
            if !self.options.dry_run {
                return Err(Error::Restore { message });
            }
            result.warnings.push(Warning { path: String::new(), message });
        } else if is_only_foreseen && needs_safety {
            safety::foresee(&self.vault.here(), self.config, &plan.replaced)?;
        }
        if !self.options.dry_run && self.options.create_backup_first && !astray.is_empty() {
            let base =
                backup::run(&self.vault.here(), self.config, BackupType::Safety, &self.note(&sources), self.control)?;
            let kept = astray::keep(&self.vault.here(), self.config, &base.backup, &astray, self.control)?;
            result.warnings.extend(kept);
        }
        if self.options.dry_run {
            result.restored.clear();
            if self.options.create_backup_first && !plan.is_empty() {
                let safety = backup::likely_size(&self.vault.here(), self.config, self.control.now())?;
                result.warnings.extend(self.too_little_for_safety(safety, plan.report.bytes));
                // What any backup takes at least is kept free, and is no news.
                result.safety_bytes = Some(safety.saturating_sub(backup::LEAST_ROOM));
            }
        } else if mode == RestoreMode::OnRestart {
            self.stage_for_restart(&sources, &plan)?;
            result.staged = true;
            result.restored.clear();
        } else if !plan.is_empty() {
            result = self.replace(&sources, &plan, result, waiting, &mut asked, &mut held)?;
        } else if let Some(workspace) = waiting {
            workspace.discard()?;
        }
        result.warnings.extend(plan.unset.warnings());
        result.duration_ms = elapsed(started);
        let placed = if result.restored.is_empty() { Vec::new() } else { std::mem::take(&mut plan.placed) };
        Ok(Restored { result, placed, app_runs, asked, open: held })
    }

    fn plan(&self, backup: &BackupRef) -> Result<(Vec<SelectedBackup>, ChangePlan)> {
        let Some(record) = self.undo else {
            let mut sources = sources(self.vault, backup, self.options)?;
            let plan = plan::make(self.vault, self.config, &mut sources, self.options, self.control)?;
            return Ok((sources, plan));
        };
        let mut source = take_back::source(self.vault, record)?;
        let plan = take_back::plan(self.vault, self.config, &mut source, record, self.options, self.control)?;
        Ok((vec![source], plan))
    }

    /// What will take this restore back.
    fn record(&self, sources: &[SelectedBackup], plan: &ChangePlan, result: &RestoreResult) -> LastRestore {
        let backup = self.undo.map_or_else(|| sources[0].name.to_string(), |record| record.backup.clone());
        LastRestore {
            was_undo: self.undo.is_some_and(|record| !record.was_undo),
            safety_backup: result.safety_backup.clone(),
            earlier: backup::restored_before(&self.vault.here(), self.control.now()),
            ..plan.record(&self.config.root, &backup, self.control.now())
        }
    }

    fn replace(
        &self,
        sources: &[SelectedBackup],
        plan: &ChangePlan,
        mut result: RestoreResult,
        waiting: Option<Workspace>,
        asked: &mut Option<AskedHosts>,
        held: &mut Vec<Holder>,
    ) -> Result<RestoreResult> {
        let has_waited = waiting.is_some();
        let mut workspace = match waiting {
            Some(workspace) => workspace,
            None => Workspace::create(&self.config.root, &[])?,
        };
        let ready = workspace
            .prepare(&plan.areas)
            .and_then(|()| self.save_and_stage(sources, plan, &workspace))
            .and_then(|safety| self.control.check().map(|()| safety));
        match ready {
            Ok(safety) => result.safety_backup = safety,
            Err(error) => {
                // What waits goes on waiting. What cannot be removed now, the next operation removes.
                if !has_waited {
                    let _ = workspace.remove();
                }
                return Err(error);
            }
        }
        let mode = result.mode.unwrap_or(RestoreMode::Offline);
        match self.still_fits(plan, mode, has_waited) {
            Ok(opened) => held.extend(opened),
            Err(error) => {
                if !has_waited {
                    let _ = workspace.remove();
                }
                return Err(error);
            }
        }
        let record = self.record(sources, plan, &result);
        if let Err(error) = record.write(&self.vault.here(), &workspace.file(last_restore::FILE)) {
            if !has_waited {
                let _ = workspace.remove();
            }
            return Err(error);
        }
        result.undo = result.safety_backup.as_ref().map(|_| UNDO.into());
        let mut journal = RestoreJournal { steps: plan.steps(mode == RestoreMode::Live), result };
        let written = journal.identify(&workspace).and_then(|()| journal.write(&workspace.file("journal")));
        if let Err(error) = written {
            // It may be there all the same; then it is undone, and nothing was done yet.
            return Err(self.give_up(workspace, &journal, error));
        }
        announce(self.control, "replacing", &plan.report);
        let swap = Swap::new(&workspace, &journal);
        let done = swap.apply_databases(self.control).and_then(|()| self.put_files(&swap, plan, asked));
        if let Err(error) = done {
            // What they have read again meanwhile is not so any more.
            let hosts = asked.as_ref().and_then(|_| Asking::begin(self.vault.dir(), &plan.report, self.control));
            let error = self.give_up(workspace, &journal, error);
            drop(hosts.map(Asking::end));
            return Err(error);
        }
        let warnings = swap.warnings();
        let stored = workspace.mark_kept().and_then(|()| self.store(&workspace, &journal));
        let mut result = journal.result;
        result.warnings.extend(warnings);
        match stored {
            Ok(stored) => {
                result.safety_backup = stored.or(result.safety_backup);
                result.warnings.extend(left_behind(workspace.remove()));
            }
            Err(error) => result.warnings.push(not_stored(&error, result.safety_backup.is_some())),
        }
        Ok(result)
    }

    /// Stores what was displaced, and says that nothing of the workspace is needed any more.
    fn store(&self, workspace: &Workspace, journal: &RestoreJournal) -> Result<Option<String>> {
        let stored = displaced::store(&self.vault.here(), self.config, workspace, journal, &self.control.to_the_end())?;
        take_back::hand_over(&self.vault.here(), self.config, workspace, stored.as_deref())?;
        workspace.mark_done()?;
        Ok(stored)
    }

    /// Undoes what was done, and says why.
    fn give_up(&self, workspace: Workspace, journal: &RestoreJournal, cause: Error) -> Error {
        match recovery::undo(&workspace, journal, cause) {
            error @ Error::RolledBack { .. } => {
                // Else the next operation does so.
                if self.store(&workspace, journal).is_ok() {
                    let _ = workspace.remove();
                }
                error
            }
            error => error,
        }
    }

    /// Hosts that listen hold still meanwhile, so that none writes between the old file and its listener.
    fn put_files(&self, swap: &Swap<'_>, plan: &ChangePlan, asked: &mut Option<AskedHosts>) -> Result<()> {
        let hosts = Asking::begin(self.vault.dir(), &plan.report, self.control);
        let put = swap.apply_files();
        *asked = hosts.map(Asking::end);
        put.and_then(|()| swap.sync())
    }

    /// Whoever uses a database now that nobody used when the mode was chosen would be left on a file without a name. Who has
    /// other files open that are replaced now is the answer.
    fn still_fits(&self, plan: &ChangePlan, chosen: RestoreMode, has_waited: bool) -> Result<Vec<Holder>> {
        let hosts = presence::processes(self.vault.dir());
        let now = mode::choose(self.options.mode, plan, self.config, &hosts, has_waited)?;
        if chosen != RestoreMode::Offline || now.mode == chosen {
            return Ok(now.opened);
        }
        Err(Error::Restore {
            message: format!(
                "{} This changed after the restore had begun. Nothing was changed: restore again.",
                now.reason
            ),
        })
    }
}

/// The restore is done, and nothing is lost.
fn not_stored(error: &Error, has_safety_backup: bool) -> Warning {
    let message = match has_safety_backup {
        true => format!(
            "What the app wrote during the restore could not be added to the safety backup ({error}). It is in this \
             folder, and the next backup stores it."
        ),
        false => {
            format!("This restore could not be recorded in the vault ({error}). The next backup does that.")
        }
    };
    Warning { path: super::WORKSPACE.into(), message }
}

/// Tells that a phase has begun.
fn announce(control: &Control, phase: &str, plan: &RestorePlan) {
    let total = (plan.create.len() + plan.replace.len() + plan.remove.len()) as u64;
    control.report(&Progress {
        phase: phase.into(),
        total_items: Some(total),
        total_bytes: Some(plan.bytes),
        ..Progress::default()
    });
}
