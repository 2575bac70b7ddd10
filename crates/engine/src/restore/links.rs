//! Names of one file, while they are staged: the first that comes is written, and the others become links to it, after all
//! files are written.

use std::collections::HashMap;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::unset::{Unset, What};
use crate::compare::Fingerprint;
use crate::error::IoContext;
use crate::path::RelPath;
use crate::vault::item::Item;
use crate::{Error, Result};

/// What was met of one backup.
#[derive(Default)]
pub struct RestoredLinks {
    first: HashMap<u64, (PathBuf, Fingerprint)>,
    /// The others, each with the name that it is a link to.
    pub others: Vec<Other>,
}

pub struct Other {
    pub first: PathBuf,
    pub place: PathBuf,
    pub path: RelPath,
    pub bytes: u64,
}

impl RestoredLinks {
    /// Gives the item back where it has to be written: it is the first of its file. What a list says is not trusted: names
    /// with different content are different files.
    pub fn take(&mut self, path: &RelPath, place: &Path, item: Item) -> Option<Item> {
        let Some(number) = item.hardlink.filter(|_| item.sides.is_empty()) else { return Some(item) };
        match self.first.get(&number) {
            Some((first, other)) if other.is_same(&Fingerprint::of(&item)) => {
                let (first, place) = (first.clone(), place.to_path_buf());
                self.others.push(Other { first, place, path: path.clone(), bytes: item.on_disk() });
                None
            }
            Some(_) => Some(item),
            None => {
                self.first.insert(number, (place.to_path_buf(), Fingerprint::of(&item)));
                Some(item)
            }
        }
    }
}

impl Other {
    /// Makes the link. False: there cannot be one here, and the file has to be written.
    pub fn make(&self, reuse: bool, unset: &Unset) -> Result<bool> {
        if reuse {
            match fs::remove_file(&self.place) {
                Err(error) if error.kind() != ErrorKind::NotFound => {
                    return Err(Error::io("removing", &self.place, error));
                }
                _ => {}
            }
        }
        match fs::hard_link(&self.first, &self.place) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                Err(super::stage::creating(&self.path, &self.place, error))
            }
            // A salvage has lost it: then the others are lost for the same reason, and that is told.
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
            Err(error) => {
                unset.note(What::HardLink, &self.path.display(), &error);
                Ok(false)
            }
        }
    }

    /// The folder that it lies in.
    pub fn make_folder(&self) -> Result<()> {
        let parent = self.place.parent().unwrap_or(Path::new("."));
        fs::create_dir_all(parent).at("making the folder", parent)
    }
}
