//! A restore that waits for the next start of the app: what was asked for is in `pending`, what comes back is staged.

use serde::{Deserialize, Serialize};

use super::InPlace;
use crate::report::{BackupRef, RestoreMode, RestoreOptions};
use crate::restore::plan::ChangePlan;
use crate::restore::source::SelectedBackup;
use crate::restore::workspace::{Workspace, WorkspaceState};
use crate::vault::durable;
use crate::vault::last_restore::LastRestore;
use crate::{Config, Error, Result, owner};

/// A record of what is taken back may be in it.
const MAX_PENDING: u64 = 1 << 30;

/// A restore that waits for the next start of the app: what was asked for.
#[derive(Serialize, Deserialize)]
struct PendingRecord {
    backup: String,
    /// Where each item may come from a backup of its own: the others.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    others: Vec<String>,
    options: RestoreOptions,
    /// The restore that is to be taken back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    undo: Option<LastRestore>,
}

/// A restore that waits: the backup, what was asked for, what is to be taken back, and where it was staged.
pub struct WaitingRestore {
    pub backup: BackupRef,
    pub options: RestoreOptions,
    pub undo: Option<LastRestore>,
    pub workspace: Workspace,
}

impl InPlace<'_> {
    /// Proves now that everything can be had, and leaves it for the next start.
    pub(super) fn stage_for_restart(&self, sources: &[SelectedBackup], plan: &ChangePlan) -> Result<()> {
        let workspace = Workspace::create(&self.config.root, &plan.areas)?;
        let undo = self.undo.cloned();
        let mut names = sources.iter().map(|source| source.name.to_string());
        let backup = names.next().unwrap_or_default();
        let pending = PendingRecord { backup, others: names.collect(), options: self.options.clone(), undo };
        let staged = self.stage(sources, plan, &workspace, self.control).and_then(|()| {
            self.control.check()?;
            let text = serde_json::to_vec(&pending).map_err(|error| Error::internal(error.to_string()))?;
            durable::write_private(&workspace.file("pending"), &text)
        });
        // Who applies it is the app's user, and that may be another one.
        let staged = staged.and_then(|()| match owner::of_folder_of_another(&self.config.root) {
            Some(ids) => workspace.give(ids),
            None => Ok(()),
        });
        if staged.is_err() {
            let _ = workspace.discard();
        }
        staged
    }
}

/// The restore that waits for the next start, if there is one: what was asked for, and its workspace.
pub fn waiting(config: &Config) -> Result<Option<WaitingRestore>> {
    Workspace::refuse_anothers(&config.root)?;
    let Some(workspace) = Workspace::find(&config.root)? else { return Ok(None) };
    if workspace.state() != WorkspaceState::Pending {
        return Ok(None);
    }
    let file = workspace.file("pending");
    let pending: PendingRecord =
        serde_json::from_slice(&durable::read_small(&file, MAX_PENDING)?).map_err(|error| Error::Format {
            message: format!("{} is not understood: {error}. Restore again.", file.display()),
        })?;
    // Nothing has anything open yet: this is the first line of the app.
    let options = RestoreOptions { mode: RestoreMode::Offline, ..pending.options };
    Ok(Some(WaitingRestore { backup: BackupRef::Name(pending.backup), options, undo: pending.undo, workspace }))
}

/// Forgets a restore that waits. True: there was one.
pub fn discard_pending(config: &Config) -> Result<bool> {
    match Workspace::find(&config.root)? {
        Some(workspace) if workspace.state() == WorkspaceState::Pending => workspace.discard().map(|()| true),
        _ => Ok(false),
    }
}
