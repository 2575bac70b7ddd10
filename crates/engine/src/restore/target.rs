//! The folder that a restore fills: it must be empty or not exist, and stays so unless the restore succeeds.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::{Path, PathBuf};

use super::attributes::finish_folder;
use super::unset::Unset;
use crate::error::IoContext;
use crate::report::RestorePlan;
use crate::space;
use crate::vault::durable;
use crate::vault::root_folder::RootFolder;
use crate::{Error, Result, owner};

/// The staging folder's name. A restore that was killed leaves one behind; the next one removes it.
const STAGE: &str = ".lifeboat-restore";

/// Bytes of a name on nearly every file system.
const LONGEST_NAME: usize = 255;
/// Bytes of a path that Linux takes, with the zero at its end.
const LONGEST_PATH: usize = 4096;

/// A folder that may be filled.
pub struct TargetFolder {
    path: PathBuf,
    existed: bool,
}

impl TargetFolder {
    pub fn check(path: &Path) -> Result<TargetFolder> {
        if path.as_os_str().is_empty() {
            return Err(Error::Config { message: "A restore needs a folder to restore into (`--to DIR`).".into() });
        }
        let path = std::path::absolute(path).at("using", path)?;
        let existed = match fs::metadata(&path) {
            Ok(metadata) if !metadata.is_dir() => {
                return Err(Error::Restore { message: format!("{} is not a folder.", path.display()) });
            }
            Ok(_) => true,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => false,
            Err(error) => return Err(Error::io("reading", path, error)),
        };
        if let Some(other) = durable::list(&path)?.iter().find(|inner| inner.file_name() != Some(STAGE.as_ref())) {
            return Err(Error::Restore {
                message: format!(
                    "{} is not empty (it holds {:?}). Choose an empty or a new folder.",
                    path.display(),
                    other.file_name().unwrap_or_default()
                ),
            });
        }
        Ok(TargetFolder { path, existed })
    }

    /// Is there room for so many bytes?
    pub fn check_space(&self, plan: &RestorePlan) -> Result<()> {
        let mut folder = self.path.as_path();
        while !folder.exists() {
            folder = folder.parent().unwrap_or(Path::new("/"));
        }
        space::check(folder, plan.bytes, plan.create.len() as u64)
    }

    /// Makes a fresh folder to stage in: beside the target, so that one rename makes it the target; or inside, where
    /// the target is there already and may be a mount point or somebody's current folder.
    /// `longest`: bytes of the longest path that will lie in it.
    pub fn begin(self, longest: usize) -> Result<Staging> {
        let (parent, folder) = match (self.path.parent(), self.path.file_name()) {
            (Some(parent), Some(name)) if !self.existed => {
                let folder = parent.join(hidden(name));
                let is_reachable = folder.as_os_str().len() + 1 + longest < LONGEST_PATH;
                let brief = if is_reachable { None } else { brief(parent, name.len()) };
                (parent, brief.unwrap_or(folder))
            }
            _ => (self.path.as_path(), self.path.join(STAGE)),
        };
        let made = parent.ancestors().take_while(|folder| !folder.exists()).map(Path::to_path_buf).collect();
        let staging = Staging { folder, made, target: self, done: false };
        durable::remove_tree(&staging.folder)?;
        fs::create_dir_all(&staging.folder).at("making the folder", &staging.folder)?;
        Ok(staging)
    }
}

/// A target while it is filled. Dropped before [`Staging::commit`], it removes everything that it made.
pub struct Staging {
    folder: PathBuf,
    /// Folders above that did not exist before, the innermost first.
    made: Vec<PathBuf>,
    target: TargetFolder,
    done: bool,
}

impl Staging {
    pub fn folder(&self) -> &PathBuf {
        &self.folder
    }

    /// Gives a new folder what the root was besides its content. One that was there before is somebody's already.
    pub fn describe(&self, root: &RootFolder, owner: Option<owner::Ids>, unset: &Unset) -> Result<()> {
        if self.target.existed {
            return Ok(());
        }
        let mut item = root.as_item();
        (item.uid, item.gid) = owner.unwrap_or((item.uid, item.gid));
        finish_folder(&self.folder, &item, unset)
    }

    /// Everything is staged, verified and durable: move it into place.
    pub fn commit(mut self) -> Result<()> {
        let target = self.target.path.clone();
        if self.target.existed {
            self.move_inner(&target)?;
        } else {
            fs::rename(&self.folder, &target).at("moving into place", &target)?;
        }
        self.done = true;
        durable::sync_dir(if self.target.existed { &target } else { target.parent().unwrap_or(&target) })
    }

    /// Moves what was staged up into the target, all or nothing.
    fn move_inner(&self, target: &Path) -> Result<()> {
        let mut moved: Vec<(PathBuf, PathBuf)> = Vec::new();
        for from in durable::list(&self.folder)? {
            let to = target.join(from.file_name().unwrap_or_default());
            if let Err(error) = fs::rename(&from, &to) {
                for (from, to) in moved {
                    let _ = fs::rename(to, from);
                }
                return Err(Error::io("moving into place", to, error));
            }
            moved.push((from, to));
        }
        fs::remove_dir(&self.folder).at("removing", &self.folder)
    }
}

/// A free name that is no longer than that of the target, where what lies in it could not be reached by a longer one. What a
/// kill leaves of it has to be removed by hand.
fn brief(parent: &Path, length: usize) -> Option<PathBuf> {
    let mut names = ('a'..='z').map(|last| parent.join(format!("{}{last}", "~".repeat(length - 1))));
    names.find(|place| place.symlink_metadata().is_err())
}

/// The name of a staging folder beside a target of this name.
fn hidden(name: &OsStr) -> OsString {
    let mut hidden = OsString::from(".");
    hidden.push(name);
    hidden.push(STAGE);
    if hidden.len() > LONGEST_NAME {
        hidden = format!(".{}{STAGE}", &blake3::hash(name.as_encoded_bytes()).to_hex()[..32]).into();
    }
    hidden
}

impl Drop for Staging {
    fn drop(&mut self) {
        if !self.done {
            let _ = durable::remove_tree(&self.folder);
            for folder in &self.made {
                let _ = fs::remove_dir(folder);
            }
        }
    }
}
