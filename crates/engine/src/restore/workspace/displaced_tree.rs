//! Where in the workspace lies what was displaced, and where something that is displaced now can go.

use std::fs::{self};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::Workspace;
use crate::capture::stat::{FileKind, Stat};
use crate::path::RelPath;
use crate::restore::stage::make_folder;
use crate::{Error, Result};

/// So often something may be displaced at one path.
const MOST_OLDS: usize = 100;
/// Bytes of a path that Linux takes, with room for what SQLite puts behind it.
const LONGEST_PATH: usize = 4096 - 16;

/// Where what is displaced lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DisplacedTree {
    /// By the restore.
    Old,
    /// By undoing it.
    Undone,
}

impl Workspace {
    /// Where something that is displaced at `path` can go now: with what was displaced there before out of its way.
    pub fn free_place(&self, path: &RelPath, of: DisplacedTree) -> Result<PathBuf> {
        let folder = self.folder_for(path);
        for number in 0..MOST_OLDS {
            let tree = folder.join(of.folder(number));
            let place = reachable(path, &tree);
            if is_behind_link(&tree, path) || look(&place)?.is_some() {
                continue;
            }
            match make_folder(place.parent().unwrap_or(&tree)) {
                Ok(()) => return Ok(place),
                // What was displaced above it is a file there.
                Err(Error::Io { source, .. }) if is_in_the_way(&source) => {}
                Err(error) => return Err(error),
            }
        }
        Err(Error::Restore { message: format!("{:?} is put there again and again.", path.display()) })
    }

    /// Everything that was displaced at `path`, the first one first.
    pub fn displaced(&self, path: &RelPath, of: DisplacedTree) -> Result<Vec<PathBuf>> {
        let folder = self.folder_for(path);
        let mut found = Vec::new();
        for number in 0..MOST_OLDS {
            let tree = folder.join(of.folder(number));
            if look(&tree)?.is_none() {
                break;
            }
            let place = reachable(path, &tree);
            // A folder is only the way to what lies in it.
            if !is_behind_link(&tree, path) && look(&place)?.is_some_and(|stat| stat.kind != FileKind::Dir) {
                found.push(place);
            }
        }
        Ok(found)
    }

    /// Does what was displaced at `path` lie there?
    pub fn keeps(&self, path: &RelPath) -> Result<bool> {
        Ok(!self.displaced(path, DisplacedTree::Old)?.is_empty())
    }
}

impl DisplacedTree {
    /// The folder of what was displaced, and of what was displaced at the same places later.
    pub(super) fn folder(self, number: usize) -> String {
        let name = if self == DisplacedTree::Old { "old" } else { "undone" };
        if number == 0 { name.into() } else { format!("{name}-{number}") }
    }
}

/// Was a folder above `path` a link, which lies among what was displaced now? What that leads to is not ours: it is
/// neither taken for what was displaced, nor is anything put there.
fn is_behind_link(tree: &Path, path: &RelPath) -> bool {
    let mut below = 0;
    while let Some(folder) = path.ancestor_below(below) {
        below = folder.as_bytes().len();
        if fs::symlink_metadata(folder.under(tree)).is_ok_and(|metadata| metadata.is_symlink()) {
            return true;
        }
    }
    false
}

fn is_in_the_way(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::NotADirectory | ErrorKind::AlreadyExists)
}

/// What lies at a place of ours; `None`: nothing.
pub fn look(place: &Path) -> Result<Option<Stat>> {
    match Stat::of(place) {
        Ok(stat) => Ok(Some(stat)),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(None),
        Err(error) => Err(Error::io("reading", place, error)),
    }
}

/// The place of a path in a folder of the workspace. A live path may be so long that with this folder before it the kernel
/// would refuse it; such a file lies in the folder itself, under a name that is made of its path.
pub(super) fn reachable(path: &RelPath, folder: &Path) -> PathBuf {
    let place = path.under(folder);
    match place.as_os_str().len() < LONGEST_PATH {
        true => place,
        false => folder.join(format!(".{}", blake3::hash(path.as_bytes()).to_hex())),
    }
}
