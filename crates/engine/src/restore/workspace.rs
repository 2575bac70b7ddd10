//! The folder that a restore in place works in: `.lifeboat-restore`, in the root.
//!
//! ```text
//! .lifeboat-restore/
//!   lock       held by whoever restores or recovers
//!   areas      other file systems inside the root that have such a folder too, because a rename cannot leave a disk
//!   pending    a restore that waits for the next start of the app
//!   journal    everything is staged: what is to be done (see `journal.rs`)
//!   undo       it is being undone, or was
//!   kept       the journal, once all is done or undone: what was displaced waits to be stored in the vault
//!   done       nothing of it is needed any more; only this folder is left to be removed
//!   new/       what was staged, by path
//!   old/       what was displaced, by path; old-1/, old-2/ ... where that has one of this path already
//!   undone/    what was displaced while all was put back; undone-1/ ...
//! ```
//!
//! The marks are files that appear by one durable step each, so that whoever finds the folder after a crash knows what
//! is to be done: without `journal` nothing of the root was touched; with it, all of it is done, or with `undo` undone.
//!
//! Whoever may write to the root can make such a folder, too. It is believed only where it is our own user's and nobody
//! else may look into it. Where root works in somebody else's root, it is used through a handle: its name may be taken
//! away at any time, and what then has that name is not ours.

mod displaced_tree;
mod private_folder;

use std::fs::{self, File, TryLockError};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::stage::{StagingPlaces, make_folder};
use crate::error::IoContext;
use crate::path::RelPath;
use crate::vault::durable;
use crate::{Error, Result, owner};

use private_folder::{PrivateFolder, foreign};

use displaced_tree::reachable;
pub use displaced_tree::{DisplacedTree, look};

/// The folder's name.
pub const WORKSPACE: &str = ".lifeboat-restore";
const MAX_AREAS: u64 = 1 << 20;
/// What a workspace says about the restore that made it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WorkspaceState {
    /// Nothing of the root was touched.
    Staging,
    /// Staged, for the next start.
    Pending,
    /// To be finished.
    Journaled,
    /// To be undone.
    Undoing,
    /// Done or undone, and what was displaced is not stored yet.
    Kept,
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
        Ok(metadata) if metadata.is_dir() && has("pending") && !has("journal") && !has("kept") => {
            Some(Unfinished::Waits)
        }
        Ok(metadata) if metadata.is_dir() => Some(Unfinished::CutOff),
        _ => None,
    }
}

/// A workspace that is ours: nobody else works in it.
pub struct Workspace {
    root: PathBuf,
    /// The workspace in the root itself.
    folder: PrivateFolder,
    /// Folders of the root that lie on other file systems, the innermost first, each with a workspace of its own.
    areas: Vec<(RelPath, PrivateFolder)>,
    /// Held until this is dropped.
    lock: File,
}

/// Somebody else's workspace in this root.
struct Foreign {
    place: PathBuf,
    uid: u32,
}

impl Foreign {
    fn find(root: &Path) -> Result<Option<Foreign>> {
        let place = root.join(WORKSPACE);
        match fs::symlink_metadata(&place) {
            Ok(metadata) if metadata.is_dir() => {}
            _ => return Ok(None),
        }
        match PrivateFolder::open(root, &place) {
            Ok(Err(uid)) => Ok(Some(Foreign { place, uid })),
            Ok(Ok(_)) => Ok(None),
            // It was removed at this moment.
            Err(Error::Io { source, .. }) if source.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Says that it has begun to change the root.
    fn has_begun(&self) -> bool {
        ["journal", "kept"].iter().any(|mark| self.place.join(mark).exists())
    }

    fn refused(&self) -> Error {
        foreign(&self.place, self.uid)
    }
}

impl Workspace {
    /// Makes the workspace of a new restore; one that was waiting is forgotten. Another restore at the same time is
    /// `E_BUSY`.
    pub fn create(root: &Path, areas: &[RelPath]) -> Result<Workspace> {
        match Foreign::find(root)? {
            Some(foreign) if foreign.has_begun() => return Err(foreign.refused()),
            // Root has prepared it for the app's user, or somebody plays with us: it is nothing that anybody needs.
            Some(foreign) => durable::remove_tree(&foreign.place)?,
            None => {}
        }
        if let Some(earlier) = Workspace::find(root)? {
            match earlier.state() {
                WorkspaceState::Pending | WorkspaceState::Staging | WorkspaceState::Done => drop(earlier.discard()),
                WorkspaceState::Journaled | WorkspaceState::Undoing | WorkspaceState::Kept => return Err(busy()),
            }
        }
        PrivateFolder::make(root, &root.join(WORKSPACE))?;
        let mut workspace = Workspace::lock(root)?.ok_or_else(busy)?;
        // What could not be removed after an earlier restore says nothing about this one.
        for mark in ["done", "kept", "journal", "undo"] {
            match fs::remove_file(workspace.file(mark)) {
                Err(error) if error.kind() != ErrorKind::NotFound => {
                    return Err(Error::io("removing", workspace.file(mark), error));
                }
                _ => {}
            }
        }
        workspace.prepare(areas)?;
        Ok(workspace)
    }

    /// Makes the folders to stage in, also on the file systems at `areas`.
    pub fn prepare(&mut self, areas: &[RelPath]) -> Result<()> {
        // Made now, because a disk that is full has no room for it.
        durable::write_private(&self.file("may-undo"), b"")?;
        let new = areas.iter().filter(|area| !self.areas.iter().any(|(known, _)| known == *area));
        let new: Vec<RelPath> = new.cloned().collect();
        if !new.is_empty() {
            let mut paths: Vec<&RelPath> = self.areas.iter().map(|(path, _)| path).chain(&new).collect();
            paths.sort_by(|a, b| b.cmp(a));
            let text = serde_json::to_vec(&paths).map_err(|error| Error::internal(error.to_string()))?;
            // Before the folders: who finds them knows where they are.
            durable::write_private(&self.file("areas"), &text)?;
            for path in new {
                let folder = PrivateFolder::make(&self.root, &path.under(&self.root).join(WORKSPACE))?;
                self.areas.push((path, folder));
            }
            self.areas.sort_by(|(a, _), (b, _)| b.cmp(a));
        }
        for area in self.folders() {
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

    /// The workspace that an earlier restore left. `None`: there is none, or somebody is at work in it. `E_RESTORE`:
    /// somebody else's, which has begun to change the root.
    pub fn find(root: &Path) -> Result<Option<Workspace>> {
        match Foreign::find(root)? {
            Some(foreign) if foreign.has_begun() => return Err(foreign.refused()),
            Some(_) => return Ok(None),
            None => {}
        }
        match fs::symlink_metadata(root.join(WORKSPACE)) {
            Ok(metadata) if metadata.is_dir() => Workspace::lock(root),
            _ => Ok(None),
        }
    }

    /// `E_RESTORE` where somebody else's restore waits here: it is for their user to apply.
    pub fn refuse_anothers(root: &Path) -> Result<()> {
        Foreign::find(root)?.map_or(Ok(()), |foreign| Err(foreign.refused()))
    }

    fn lock(root: &Path) -> Result<Option<Workspace>> {
        let place = root.join(WORKSPACE);
        let folder = match PrivateFolder::open(root, &place) {
            Ok(folder) => folder.map_err(|uid| foreign(&place, uid))?,
            Err(Error::Io { source, .. }) if source.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let path = folder.path.join("lock");
        let mut options = File::options();
        options.read(true).write(true).create(true).truncate(false);
        let lock = match options.open(&path) {
            Ok(lock) => lock,
            // It was removed at this moment: then there is nothing to find.
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
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
        let mut workspace = Workspace { root: root.to_path_buf(), folder, areas: Vec::new(), lock };
        let areas = workspace.file("areas");
        if areas.exists() {
            let paths: Vec<RelPath> =
                serde_json::from_slice(&durable::read_small(&areas, MAX_AREAS)?).map_err(|error| Error::Format {
                    message: format!("{} is not understood: {error}.", areas.display()),
                })?;
            for path in paths {
                let place = path.under(root).join(WORKSPACE);
                match PrivateFolder::open(root, &place) {
                    Ok(folder) => workspace.areas.push((path, folder.map_err(|uid| foreign(&place, uid))?)),
                    // It was not made yet, or its disk is gone.
                    Err(Error::Io { source, .. }) if source.kind() == ErrorKind::NotFound => {}
                    Err(error) => return Err(error),
                }
            }
        }
        Ok(Some(workspace))
    }

    pub fn state(&self) -> WorkspaceState {
        let has = |name| self.file(name).exists();
        if has("done") {
            WorkspaceState::Done
        } else if has("kept") {
            WorkspaceState::Kept
        } else if has("journal") {
            if has("undo") { WorkspaceState::Undoing } else { WorkspaceState::Journaled }
        } else if has("pending") {
            WorkspaceState::Pending
        } else {
            WorkspaceState::Staging
        }
    }

    /// What was done was taken back, or is being.
    pub fn is_undone(&self) -> bool {
        self.file("undo").exists()
    }

    /// The root that it lies in.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// One of the files of the folder.
    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.path.join(name)
    }

    pub fn live(&self, path: &RelPath) -> PathBuf {
        path.under(&self.root)
    }

    pub fn new_place(&self, path: &RelPath) -> PathBuf {
        reachable(path, &self.folder_for(path).join("new"))
    }

    /// Where what is displaced at `path` goes first.
    pub fn old_place(&self, path: &RelPath) -> PathBuf {
        reachable(path, &self.folder_for(path).join(DisplacedTree::Old.folder(0)))
    }

    /// The workspace on the file system that `path` lies on.
    fn folder_for(&self, path: &RelPath) -> &Path {
        // The place of the area itself is in the folder around it.
        let area = self.areas.iter().find(|(area, _)| path != area && path.starts_with(area));
        &area.map_or(&self.folder, |(_, folder)| folder).path
    }

    /// Gives all of it to another user, who is to apply it.
    pub fn give(&self, ids: owner::Ids) -> Result<()> {
        let folders = self.areas.iter().map(|(_, folder)| folder).chain([&self.folder]);
        folders.into_iter().try_for_each(|folder| match folder.handle {
            // The handle's own path is a link; what it leads to is ours for sure.
            Some(_) => owner::give_new(&folder.path.join("."), ids),
            None => owner::give_new(&folder.path, ids),
        })
    }

    /// From now on the restore is being undone, also after a crash.
    pub fn mark_undo(&self) -> Result<()> {
        let (ready, undo) = (self.file("may-undo"), self.file("undo"));
        match fs::rename(&ready, &undo) {
            Ok(()) => durable::sync_dir(&self.folder.path),
            // It is undone once more.
            Err(error) if error.kind() == ErrorKind::NotFound => durable::write_private(&undo, b""),
            Err(error) => Err(Error::io("undoing", undo, error)),
        }
    }

    /// All is done or undone, and durable: what was displaced waits to be stored.
    pub fn mark_kept(&self) -> Result<()> {
        self.mark("journal", "kept")
    }

    /// Nothing of it is needed any more: one rename says so.
    pub fn mark_done(&self) -> Result<()> {
        let from = if self.file("kept").exists() { "kept" } else { "journal" };
        self.mark(from, "done")
    }

    fn mark(&self, from: &str, to: &str) -> Result<()> {
        fs::rename(self.file(from), self.file(to)).at("finishing", self.file(from))?;
        durable::sync_dir(&self.folder.path)
    }

    /// Removes the folder with all that is in it, what says so last.
    pub fn remove(self) -> Result<()> {
        for (_, area) in &self.areas {
            empty(&area.path, &[])?;
        }
        empty(&self.folder.path, &["done", "lock", "areas"])?;
        let (root, areas) = (self.root.clone(), self.areas.iter().map(|(path, _)| path.under(&self.root)));
        let places: Vec<PathBuf> = areas.chain([root.clone()]).map(|folder| folder.join(WORKSPACE)).collect();
        // NFS and FUSE keep a file that is open under another name: the lock is closed before its file goes.
        drop(self);
        places.iter().try_for_each(|place| durable::remove_tree(place))?;
        durable::sync_dir(&root)
    }
}

/// Removes what is in a folder, but these.
fn empty(folder: &Path, but: &[&str]) -> Result<()> {
    let inner = durable::list(folder)?;
    inner.into_iter().filter(|inner| !but.iter().any(|name| inner.ends_with(name))).try_for_each(|inner| {
        match inner.is_dir() && !inner.is_symlink() {
            true => durable::remove_tree(&inner),
            false => fs::remove_file(&inner).at("removing", &inner),
        }
    })
}

impl Drop for Workspace {
    fn drop(&mut self) {
        // A child process that is just being started may have a copy of the descriptor.
        let _ = self.lock.unlock();
    }
}

impl StagingPlaces for Workspace {
    fn place(&self, path: &RelPath) -> PathBuf {
        self.new_place(path)
    }

    fn folders(&self) -> Vec<PathBuf> {
        self.areas.iter().map(|(_, area)| area.path.clone()).chain([self.folder.path.clone()]).collect()
    }
}

/// Whoever holds the lock of a workspace does not say who it is.
fn busy() -> Error {
    Error::Busy { operation: "RESTORE".into(), since: String::new(), pid: 0, progress: String::new() }
}
