//! What becomes of a restore in place that was cut off: it is finished, or undone.
//!
//! Between the crash and now anything may have happened. Its app may have been started again by a supervisor, and may have
//! written to files of which some are restored and some are not. So it is asked again who has a database open; what the
//! app wrote is kept like all that a restore displaces; and where it cannot go on now, it says what to do, and waits.

use std::path::{Path, PathBuf};
use std::time::Instant;

use super::afterwards::Asking;
use super::ending::{elapsed, left_behind};
use super::holders::{Holders, holders};
use super::journal::RestoreJournal;
use super::plan::take_back;
use super::swap::Swap;
use super::workspace::{Workspace, WorkspaceState};
use crate::report::RestoreResult;
use crate::{Config, Control, Error, Result};

/// Finishes or undoes what was cut off; the result of one that was finished. What it displaced is stored by whoever has
/// the key (see `displaced.rs`). `E_RESTORE`: it has to wait.
pub fn recover(config: &Config, control: &Control) -> Result<Option<RestoreResult>> {
    let Some(workspace) = Workspace::find(&config.root)? else { return Ok(None) };
    match workspace.state() {
        WorkspaceState::Pending => Ok(None),
        WorkspaceState::Kept => {
            // Where nothing is to be stored, it was cut off a moment before its end: a migration has no later operation.
            let journal = RestoreJournal::read(&workspace.file("kept"))?;
            tidy(workspace, &journal, &config.backup_dir).map(|_| None)
        }
        WorkspaceState::Staging | WorkspaceState::Done => {
            // Where something of it is kept from going, it is in nobody's way.
            let _ = workspace.remove();
            Ok(None)
        }
        WorkspaceState::Undoing => {
            let journal = RestoreJournal::read(&workspace.file("journal"))?;
            let swap = Swap::new(&workspace, &journal);
            not_in_use(&swap.to_be_swapped_back()?, "undoes")?;
            swap.undo()?;
            end(workspace, &journal, &config.backup_dir).map(|_| None)
        }
        WorkspaceState::Journaled => {
            let started = Instant::now();
            let journal = RestoreJournal::read(&workspace.file("journal"))?;
            let swap = Swap::new(&workspace, &journal);
            not_in_use(&swap.to_be_swapped(), "finishes")?;
            let done = swap.apply_databases(control).and_then(|()| {
                let hosts = Asking::begin(&config.backup_dir, &journal.result.plan, control);
                let put = swap.apply_files();
                drop(hosts.map(Asking::end));
                put.and_then(|()| swap.sync())
            });
            match done {
                Ok(()) => {}
                // Others are using a database: the next operation tries again.
                Err(error @ (Error::InUse { .. } | Error::Aborted)) => return Err(error),
                Err(error) => {
                    let error = undo(&workspace, &journal, error);
                    if matches!(error, Error::RolledBack { .. }) {
                        tidy(workspace, &journal, &config.backup_dir)?;
                    }
                    return Err(error);
                }
            }
            let mut result = journal.result.clone();
            result.warnings.extend(swap.warnings());
            result.warnings.extend(end(workspace, &journal, &config.backup_dir)?);
            result.duration_ms += elapsed(started);
            Ok(Some(result))
        }
    }
}

/// Undoes what was done, and says why. `E_ROLLED_BACK`: all is as it was, and what was displaced is kept.
pub fn undo(workspace: &Workspace, journal: &RestoreJournal, cause: Error) -> Error {
    let undone = Swap::new(workspace, journal).undo().and_then(|()| workspace.mark_kept());
    match undone {
        Ok(()) => Error::RolledBack { cause: Box::new(cause) },
        Err(Error::InUse { message }) => Error::InUse {
            message: format!(
                "The restore failed ({cause}), and cannot be put back yet. {message} `lifeboat status` puts it back then. Nothing is \
                 lost."
            ),
        },
        Err(error) => Error::Restore {
            message: format!(
                "The restore failed ({cause}), and putting everything back failed, too ({error}). Nothing is lost. \
                 See to the cause; the next command of Lifeboat on this folder, `lifeboat status` for one, goes on \
                 putting it back."
            ),
        },
    }
}

/// All is done, or undone.
fn end(workspace: Workspace, journal: &RestoreJournal, vault: &Path) -> Result<Option<crate::report::Warning>> {
    workspace.mark_kept()?;
    tidy(workspace, journal, vault)
}

/// Where nothing is to be stored, the workspace goes at once.
fn tidy(workspace: Workspace, journal: &RestoreJournal, vault: &Path) -> Result<Option<crate::report::Warning>> {
    if journal.result.safety_backup.is_some() {
        return Ok(None);
    }
    take_back::publish(&workspace, vault)?;
    workspace.mark_done()?;
    Ok(left_behind(workspace.remove()))
}

/// A database is not swapped, nor swapped back, under who has opened it since the restore was cut off.
fn not_in_use(databases: &[PathBuf], what: &str) -> Result<()> {
    let found = if databases.is_empty() { None } else { holders(databases) };
    match found.as_ref().and_then(Holders::user) {
        None => Ok(()),
        Some(holder) => Err(Error::InUse {
            message: format!(
                "A restore was cut off, and {} is open in process {} ({}) now. Stop it; then `lifeboat status` {what} the \
                 restore.",
                holder.path.display(),
                holder.pid,
                holder.name
            ),
        }),
    }
}
