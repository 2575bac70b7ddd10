//! What comes back is staged and verified, and what it replaces is saved: nothing of the root is touched yet.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::{InPlace, announce};
use crate::capture::stat::Stat;
use crate::report::{BackupOptions, BackupType, Progress, Warning};
use crate::restore::check::StageCheck;
use crate::restore::plan::{ChangePlan, take_back};
use crate::restore::safety;
use crate::restore::source::SelectedBackup;
use crate::restore::stage::{Stage, StagingOrder};
use crate::restore::workspace::Workspace;
use crate::{Control, Error, Result, backup, owner, space};

impl InPlace<'_> {
    /// The safety backup is made while what comes back is staged: the one reads the root, and the other the vault. Both are
    /// whole before anything is replaced; where one fails, the other is given up. The name of the safety backup.
    pub(super) fn save_and_stage(
        &self,
        sources: &[SelectedBackup],
        plan: &ChangePlan,
        workspace: &Workspace,
    ) -> Result<Option<String>> {
        if !self.options.create_backup_first {
            return self.stage_and_verify(sources, plan, workspace, self.control).map(|()| None);
        }
        let is_saved = Arc::new(AtomicBool::new(false));
        let (saving, staging) = (self.control.beside(Arc::new(true.into())), self.control.beside(is_saved.clone()));
        self.control.report(&Progress { phase: "saving".into(), ..Progress::default() });
        let (saved, staged) = std::thread::scope(|scope| {
            let stage = scope.spawn(|| {
                let staged = self.stage_and_verify(sources, plan, workspace, &staging);
                staged.inspect_err(|_| saving.cancel())
            });
            let saved = self.safety_backup(sources, plan, &saving).inspect_err(|_| staging.cancel());
            is_saved.store(true, Ordering::Relaxed);
            announce(self.control, "restoring", &plan.report);
            (saved, stage.join().unwrap_or_else(|_| Err(Error::internal("staging has ended in the middle"))))
        });
        match (saved, staged) {
            (Err(Error::Aborted), Err(error)) | (Err(error), _) | (_, Err(error)) => Err(error),
            (Ok(safety), Ok(())) => Ok(Some(safety)),
        }
    }

    /// What comes back lies in the workspace, and is on the disk.
    fn stage_and_verify(
        &self,
        sources: &[SelectedBackup],
        plan: &ChangePlan,
        workspace: &Workspace,
        control: &Control,
    ) -> Result<()> {
        self.stage(sources, plan, workspace, control)?;
        self.verify(sources, plan, workspace, control)
    }

    /// Everything that is going to be replaced is in the backup that is returned.
    pub(super) fn safety_backup(
        &self,
        sources: &[SelectedBackup],
        plan: &ChangePlan,
        control: &Control,
    ) -> Result<String> {
        let options = self.note(sources);
        let control = control.in_phase("saving");
        let safety = backup::run(&self.vault.here(), self.config, BackupType::Safety, &options, &control)?.backup;
        safety::covers(&self.vault.here(), &safety, &plan.replaced, &self.config.root)?;
        Ok(safety)
    }

    /// A guess may be wrong: it is told, and no reason to refuse.
    pub(super) fn too_little_for_safety(&self, safety: u64, staged: u64) -> Option<Warning> {
        let vault = self.vault.dir();
        let device = |path: &Path| Stat::of(path).ok().map(|stat| stat.dev);
        let beside = if device(vault) == device(&self.config.root) { staged } else { 0 };
        let (free, needed) = (space::free(vault)?, safety.saturating_add(beside));
        (free < needed).then(|| Warning {
            path: vault.display().to_string(),
            message: format!(
                "Its disk has {} free, and the safety backup may need {} of it, with what is staged. Free some space, or \
                 restore without a safety backup (--no-safety).",
                space::said(free),
                space::said(needed)
            ),
        })
    }

    pub(super) fn note(&self, sources: &[SelectedBackup]) -> BackupOptions {
        let note = match self.undo {
            None => format!("before the restore of {}", sources[0].name),
            Some(record) => format!("before the restore of {} was taken back", record.backup),
        };
        BackupOptions { note: Some(note), ..BackupOptions::default() }
    }

    pub(super) fn stage(
        &self,
        sources: &[SelectedBackup],
        plan: &ChangePlan,
        workspace: &Workspace,
        control: &Control,
    ) -> Result<()> {
        for source in sources {
            let order = StagingOrder {
                source,
                places: workspace,
                owner: owner::of(self.options)?,
                salvage: false,
                // A restore that waited has most of it already.
                reuse: true,
                plan: &plan.report,
                unset: &plan.unset,
            };
            let threads = self.config.worker.effective_threads();
            Stage::new(self.vault, order, threads, control)?.run().map_err(|error| source.blame(error))?;
        }
        take_back::stage_links(&plan.new_links, workspace)
    }

    /// What is about to be put in place is on the disk.
    fn verify(
        &self,
        sources: &[SelectedBackup],
        plan: &ChangePlan,
        workspace: &Workspace,
        control: &Control,
    ) -> Result<()> {
        announce(control, "verifying", &plan.report);
        let threads = self.config.worker.effective_threads();
        sources.iter().try_for_each(|source| {
            StageCheck { vault: self.vault, workspace, source, threads, total: plan.report.bytes, control }.run()
        })
    }
}
