//! The folder that a restore in place works in: `.lifeboat-restore`, in the root.
//!
//! ```text
//! .lifeboat-restore/
//!   lock       held by whoever restores or recovers
//!   areas      other file systems inside the root that have such a folder too, because a rename cannot leave a disk
//!   pending    a restore that waits for the next start of the app
//!   journal    everything is staged: what is to be done (see `journal.rs`)
//!   undo       it is being undone
//!   done       all is done or undone; only this folder is left to be removed
//!   new/       what was staged, by path
//!   old/       what was replaced, by path
//! ```
//!
//! The marks are files that appear by one durable step each, so that whoever finds the folder after a crash knows what
//! is to be done: without `journal` nothing of the root was touched; with it, all of it is done, or with `undo` undone.

use std::fs::{self, File, TryLockError};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::stage::{Places, make_folder};
use crate::error::IoContext;
use crate::path::RelPath;
use crate::vault::durable;
use crate::{Error, Result};

/// The folder's name.
pub const WORKSPACE: &str = ".lifeboat-restore";
const MAX_AREAS: u64 = 1 << 20;

/// What a workspace says about the restore that made it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Nothing of the root was touched.
    Staging,
    /// Staged, for the next start.
    Pending,
    /// To be finished.
    Journaled,
    /// To be undone.
    Undoing,
    /// Only to be removed.
    Done,
}

/// A restore that has not ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unfinished {
    /// For the next start of the app.
    Waits,
    /// It was cut off, or is under way.
    CutOff,
}

/// Is there one in this root? Only looks.
pub fn unfinished(root: &Path) -> Option<Unfinished> {
    let folder = root.join(WORKSPACE);
    let has = |name: &str| folder.join(name).exists();
    match fs::symlink_metadata(&folder) {
        Ok(metadata) if metadata.is_dir() && has("pending") && !has("journal") => Some(Unfinished::Waits),
        Ok(metadata) if metadata.is_dir() => Some(Unfinished::CutOff),
        _ => None,
    }
}

/// A workspace that is ours: nobody else works in it.
pub struct Workspace {
    root: PathBuf,
    /// Folders of the root that lie on other file systems, the innermost first.
    areas: Vec<RelPath>,
    /// Held until this is dropped.
    lock: File,
}

impl Workspace {
    /// Makes the workspace of a new restore; one that was waiting is forgotten. Another restore at the same time is
    /// `E_BUSY`.
    pub fn create(root: &Path, areas: &[RelPath]) -> Result<Workspace> {
        if let Some(waiting) = Workspace::find(root)? {
            waiting.discard()?;
        }
        let folder = root.join(WORKSPACE);
        match fs::create_dir(&folder) {
            Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => {
                return Err(Error::io("making the folder", &folder, error));
            }
            _ => restrict(&folder)?,
        }
        let mut workspace = Workspace::lock(root)?.ok_or_else(busy)?;
        workspace.prepare(areas)?;
        Ok(workspace)
    }

    /// Makes the folders to stage in, also on the file systems at `areas`.
    pub fn prepare(&mut self, areas: &[RelPath]) -> Result<()> {
        // Made now, because a disk that is full has no room for it.
        durable::write_private(&self.file("may-undo"), b"")?;
        if areas.iter().any(|area| !self.areas.contains(area)) {
            self.areas.extend(areas.iter().cloned());
            self.areas.sort_by(|a, b| b.cmp(a));
            self.areas.dedup();
            let text = serde_json::to_vec(&self.areas).map_err(|error| Error::internal(error.to_string()))?;
            durable::write_private(&self.file("areas"), &text)?;
        }
        for area in self.folders() {
            make_folder(&area)?;
            restrict(&area)?;
            make_folder(&area.join("new"))?;
            make_folder(&area.join("old"))?;
            durable::sync_dir(&area)?;
        }
        durable::sync_dir(&self.root)
    }

    /// Forgets a restore that waits, or was never begun.
    pub fn discard(self) -> Result<()> {
        let pending = self.file("pending");
        if pending.exists() {
            fs::remove_file(&pending).at("removing", &pending)?;
        }
        self.remove()
    }

    /// The workspace that an earlier restore left. `None`: there is none, or somebody is at work in it.
    pub fn find(root: &Path) -> Result<Option<Workspace>> {
        match fs::symlink_metadata(root.join(WORKSPACE)) {
            Ok(metadata) if metadata.is_dir() => Workspace::lock(root),
            _ => Ok(None),
        }
    }

    fn lock(root: &Path) -> Result<Option<Workspace>> {
        let path = root.join(WORKSPACE).join("lock");
        let mut options = File::options();
        options.read(true).write(true).create(true).truncate(false);
        let lock = match options.open(&path) {
            Ok(lock) => lock,
            // It was removed at this moment: then there is nothing to find.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(Error::io("opening", &path, error)),
        };
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(None),
            Err(TryLockError::Error(error)) => return Err(Error::io("locking", &path, error)),
        }
        // Whoever had it before may have removed the folder, and this file with it.
        if !path.exists() {
            return Ok(None);
        }
        let mut workspace = Workspace { root: root.to_path_buf(), areas: Vec::new(), lock };
        let areas = workspace.file("areas");
        if areas.exists() {
            workspace.areas = serde_json::from_slice(&durable::read_small(&areas, MAX_AREAS)?).map_err(|error| {
                Error::Format { message: format!("{} is not understood: {error}.", areas.display()) }
            })?;
        }
        Ok(Some(workspace))
    }

    pub fn state(&self) -> State {
        let has = |name| self.file(name).exists();
        if has("done") {
            State::Done
        } else if has("journal") {
            if has("undo") { State::Undoing } else { State::Journaled }
        } else if has("pending") {
            State::Pending
        } else {
            State::Staging
        }
    }

    /// One of the files of the folder.
    pub fn file(&self, name: &str) -> PathBuf {
        self.root.join(WORKSPACE).join(name)
    }

    pub fn live(&self, path: &RelPath) -> PathBuf {
        path.under(&self.root)
    }

    pub fn new_place(&self, path: &RelPath) -> PathBuf {
        path.under(&self.folder_for(path).join("new"))
    }

    pub fn old_place(&self, path: &RelPath) -> PathBuf {
        path.under(&self.folder_for(path).join("old"))
    }

    /// Does what was replaced at `path` lie there? A folder is only the way to what lies in it.
    pub fn keeps(&self, path: &RelPath) -> Result<bool> {
        let old = self.old_place(path);
        let kept = match fs::symlink_metadata(&old) {
            Ok(metadata) => !metadata.is_dir(),
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => false,
            Err(error) => return Err(Error::io("reading", old, error)),
        };
        Ok(kept && !self.is_behind_link(path))
    }

    /// Was a folder above `path` a link, which lies among what was replaced now? What that leads to is not ours: it is
    /// neither taken for what was replaced, nor is anything put there.
    pub fn is_behind_link(&self, path: &RelPath) -> bool {
        let old = self.folder_for(path).join("old");
        let mut below = 0;
        while let Some(folder) = path.ancestor_below(below) {
            below = folder.as_bytes().len();
            if fs::symlink_metadata(folder.under(&old)).is_ok_and(|metadata| metadata.is_symlink()) {
                return true;
            }
        }
        false
    }

    /// The workspace on the file system that `path` lies on.
    fn folder_for(&self, path: &RelPath) -> PathBuf {
        // The place of the area itself is in the folder around it.
        let area = self.areas.iter().find(|area| path != *area && path.starts_with(area));
        area.map_or_else(|| self.root.clone(), |area| area.under(&self.root)).join(WORKSPACE)
    }

    /// From now on the restore is being undone, also after a crash.
    pub fn mark_undo(&self) -> Result<()> {
        let (ready, undo) = (self.file("may-undo"), self.file("undo"));
        match fs::rename(&ready, &undo) {
            Ok(()) => durable::sync_dir(&self.root.join(WORKSPACE)),
            // It is undone once more.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => durable::write_private(&undo, b""),
            Err(error) => Err(Error::io("undoing", undo, error)),
        }
    }

    /// All is done or undone, and durable: one rename says so.
    pub fn mark_done(&self) -> Result<()> {
        fs::rename(self.file("journal"), self.file("done")).at("finishing", self.file("journal"))?;
        durable::sync_dir(&self.root.join(WORKSPACE))
    }

    /// Removes the folder with all that is in it, what says so last.
    pub fn remove(self) -> Result<()> {
        for area in &self.areas {
            durable::remove_tree(&area.under(&self.root).join(WORKSPACE))?;
        }
        let folder = self.root.join(WORKSPACE);
        for inner in durable::list(&folder)? {
            let name = inner.file_name().unwrap_or_default();
            if name != "done" && name != "lock" && name != "areas" {
                let removed = if inner.is_dir() {
                    durable::remove_tree(&inner)
                } else {
                    fs::remove_file(&inner).at("removing", &inner)
                };
                removed?;
            }
        }
        durable::remove_tree(&folder)?;
        durable::sync_dir(&self.root)
    }
}

impl Drop for Workspace {
    fn drop(&mut self) {
        // A child process that is just being started may have a copy of the descriptor.
        let _ = self.lock.unlock();
    }
}

impl Places for Workspace {
    fn place(&self, path: &RelPath) -> PathBuf {
        self.new_place(path)
    }

    fn folders(&self) -> Vec<PathBuf> {
        let areas = self.areas.iter().map(|area| area.under(&self.root).join(WORKSPACE));
        areas.chain([self.root.join(WORKSPACE)]).collect()
    }
}

fn busy() -> Error {
    Error::Busy { operation: "RESTORE".into(), since: "a moment ago".into(), pid: 0, progress: String::new() }
}

/// What is replaced may be secret: nobody else looks into it.
fn restrict(folder: &Path) -> Result<()> {
    #[cfg(unix)]
    fs::set_permissions(folder, std::os::unix::fs::PermissionsExt::from_mode(0o700)).at("restricting", folder)?;
    #[cfg(not(unix))]
    let _ = folder;
    Ok(())
}
