//! Doing and undoing the steps of a journal. Every step can be done again and undone again, whatever of it happened.
//!
//! A file takes its place by one rename, so that the app always finds either the old one or the new one there; the old
//! one has a second name in `old/` before that. For a step that was cut off, what lies in `new/` and `old/` says how
//! far it came:
//!
//! | `new/` | `old/` | the step |
//! |---|---|---|
//! | there | – | not begun |
//! | there | there | the old file has its second name; it is still in its place |
//! | – | there | done |
//! | – | – | done, where nothing was before |

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::journal::{Journal, Step};
use super::live::{self, Replacement};
use super::stage::{make_folder, sync_tree};
use super::workspace::Workspace;
use crate::error::IoContext;
use crate::path::RelPath;
use crate::{Control, Error, Result};

/// How long a database may be in use by others before the restore gives up.
const PATIENCE: Duration = Duration::from_secs(10);

/// The end of a restore in place, from its journal on.
pub struct Swap<'a> {
    pub workspace: &'a Workspace,
    pub journal: &'a Journal,
}

impl Swap<'_> {
    /// Databases come first: others may keep them locked for long, and until then no file has changed. All are locked before
    /// the first is changed.
    pub fn apply_databases(&self, control: &Control) -> Result<()> {
        let paths = self.journal.steps.iter().filter_map(|step| match step {
            Step::Database { path } => Some(path),
            _ => None,
        });
        let databases = paths.map(|path| self.replacement(path)).collect::<Result<Vec<_>>>()?;
        if !databases.is_empty() {
            live::replace(databases, PATIENCE, control)?;
        }
        Ok(())
    }

    /// Everything but databases.
    pub fn apply_files(&self) -> Result<()> {
        self.journal.steps.iter().try_for_each(|step| self.apply_step(step))
    }

    /// Puts everything back, and makes it last.
    pub fn undo(&self) -> Result<()> {
        self.workspace.mark_undo()?;
        for step in self.journal.steps.iter().rev() {
            self.undo_step(step)?;
        }
        // At last what folders were besides their content, which all that came before has changed.
        for step in &self.journal.steps {
            if let Step::RemoveFolder { path, was } | Step::Describe { path, was: Some(was), .. } = step
                && exists(&self.workspace.live(path))?
            {
                was.apply(&self.workspace.live(path))?;
            }
        }
        self.sync()
    }

    /// Makes all that was done last.
    pub fn sync(&self) -> Result<()> {
        use super::stage::Places;
        // On Linux this is the whole file system, with all that was renamed on it.
        self.workspace.folders().iter().try_for_each(|folder| sync_tree(folder))
    }

    fn replacement(&self, path: &RelPath) -> Result<Replacement> {
        let old = self.workspace.old_place(path);
        make_parent(&old)?;
        Ok(Replacement { live: self.workspace.live(path), staged: self.workspace.new_place(path), old })
    }

    fn apply_step(&self, step: &Step) -> Result<()> {
        let live = |path| self.workspace.live(path);
        match step {
            Step::Remove { path } => {
                let old = self.workspace.old_place(path);
                if exists(&live(path))? && !self.workspace.keeps(path)? {
                    self.make_old_parent(path, &old)?;
                    rename(&live(path), &old)?;
                }
                Ok(())
            }
            // What is still in it is nothing that the plan knew: it stays, and so does the folder. A file there is what an
            // earlier try has put in its place, or in that of a folder above.
            Step::RemoveFolder { path, .. } => remove_folder(&live(path)),
            Step::MakeFolder { path } => match fs::create_dir(live(path)) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists && live(path).is_dir() => Ok(()),
                other => other.at("making the folder", live(path)),
            },
            Step::Put { path, .. } => self.put(path),
            Step::Describe { path, meta: Some(meta), .. } => meta.apply(&live(path)),
            Step::Describe { meta: None, .. } | Step::Database { .. } => Ok(()),
        }
    }

    fn make_old_parent(&self, path: &RelPath, old: &Path) -> Result<()> {
        match self.workspace.is_behind_link(path) {
            false => make_parent(old),
            // It came into a folder that has just been made in the place of a link: there is no place to keep it.
            true => Err(Error::Restore { message: format!("{:?} was made while it was restored.", path.display()) }),
        }
    }

    fn put(&self, path: &RelPath) -> Result<()> {
        let (new, live, old) =
            (self.workspace.new_place(path), self.workspace.live(path), self.workspace.old_place(path));
        if !exists(&new)? {
            return Ok(());
        }
        if exists(&live)? && !self.workspace.keeps(path)? {
            self.make_old_parent(path, &old)?;
            // Where there are no second names, its place is empty for a moment.
            fs::hard_link(&live, &old).or_else(|_| fs::rename(&live, &old)).at("keeping", &live)?;
        }
        rename(&new, &live)
    }

    fn undo_step(&self, step: &Step) -> Result<()> {
        let live = |path| self.workspace.live(path);
        match step {
            Step::Remove { path } => self.put_back(path),
            Step::RemoveFolder { path, .. } => match fs::create_dir(live(path)) {
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                    Err(Error::io("making the folder", live(path), error))
                }
                _ => Ok(()),
            },
            // Where a file is, the folder was not made yet.
            Step::MakeFolder { path } => remove_folder(&live(path)),
            Step::Put { path, replaces } => {
                let new = self.workspace.new_place(path);
                // What was put where nothing had been goes back to where it was staged.
                if !replaces && !exists(&new)? && exists(&live(path))? {
                    make_parent(&new)?;
                    rename(&live(path), &new)?;
                }
                self.put_back(path)
            }
            Step::Database { path } => match self.workspace.keeps(path)? {
                true => live::put_back(&live(path), &self.workspace.old_place(path), PATIENCE),
                false => Ok(()),
            },
            Step::Describe { .. } => Ok(()),
        }
    }

    /// Gives an old file its place again, if it was taken away or replaced.
    fn put_back(&self, path: &RelPath) -> Result<()> {
        let (live, old) = (self.workspace.live(path), self.workspace.old_place(path));
        if !self.workspace.keeps(path)? {
            return Ok(());
        }
        rename(&old, &live)?;
        // Two names of one file: POSIX says that such a rename does nothing.
        match fs::remove_file(&old) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(Error::io("removing", old, error)),
            _ => Ok(()),
        }
    }
}

/// Removes a folder that is one, and empty.
fn remove_folder(path: &Path) -> Result<()> {
    use io::ErrorKind::{DirectoryNotEmpty, NotADirectory, NotFound};
    match fs::remove_dir(path) {
        Err(error) if !matches!(error.kind(), NotFound | NotADirectory | DirectoryNotEmpty) => {
            Err(Error::io("removing the folder", path, error))
        }
        _ => Ok(()),
    }
}

fn exists(path: &Path) -> Result<bool> {
    match fs::symlink_metadata(path) {
        Ok(_) => Ok(true),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(false),
        Err(error) => Err(Error::io("reading", path, error)),
    }
}

fn make_parent(path: &Path) -> Result<()> {
    make_folder(&path.parent().map(PathBuf::from).unwrap_or_default())
}

fn rename(from: &Path, to: &Path) -> Result<()> {
    fs::rename(from, to).at("moving into place", to)
}
