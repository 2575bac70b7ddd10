//! The steps of a restore in place, undone: what was displaced gets its place again, and what the app has put there since is
//! kept.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::{PATIENCE, Swap, TRIES, cannot_be_renamed};
use crate::error::IoContext;
use crate::path::RelPath;
use crate::restore::journal::{StagedFile, Step};
use crate::restore::live::{self};
use crate::restore::overwrite::overwrite;
use crate::restore::spot::Spot;
use crate::restore::stage::make_folder;
use crate::restore::workspace::{DisplacedTree, look};
use crate::{Error, Result};

impl Swap<'_> {
    pub(super) fn undo_step(&self, step: &Step) -> Result<()> {
        match step {
            Step::Remove { path } => self.give_back(path),
            Step::RemoveFolder { path, .. } => match self.spot(path)?.map(|spot| spot.make_folder()) {
                Some(Err(error)) if error.kind() != ErrorKind::AlreadyExists => {
                    Err(Error::io("making the folder", self.workspace.live(path), error))
                }
                _ => Ok(()),
            },
            // Where a file is, the folder was not made yet.
            Step::MakeFolder { path } => self.remove_folder(path),
            Step::Put { path, staged, .. } => self.take_back(path, staged.as_ref()),
            Step::SwapDatabase { path, sides, staged, .. } => {
                // What lies beside it now belongs to what was put there.
                if self.is_swapped(path, staged.as_ref())? {
                    sides.iter().try_for_each(|side| self.put_aside(side))?;
                }
                self.take_back(path, staged.as_ref())?;
                sides.iter().try_for_each(|side| self.give_back(side))
            }
            Step::RemoveDatabase { path, sides } => {
                self.give_back(path)?;
                sides.iter().try_for_each(|side| self.give_back(side))
            }
            Step::Database { path } => match self.workspace.keeps(path)? {
                true => {
                    let now = self.workspace.free_place(path, DisplacedTree::Undone)?;
                    live::put_back(&self.workspace.live(path), &self.workspace.old_place(path), &now, PATIENCE)
                }
                false => Ok(()),
            },
            Step::Attributes { path, was, .. } => self.give_attributes(path, was),
            Step::Describe { .. } => Ok(()),
        }
    }

    /// Have the staged file and the live one changed places, and no more?
    fn is_exchanged(&self, path: &RelPath, staged: Option<&StagedFile>) -> Result<bool> {
        let lies_there = look(&self.workspace.new_place(path))?;
        Ok(lies_there.is_some_and(|there| staged.is_some_and(|staged| !staged.is(&there))))
    }

    fn put_aside(&self, path: &RelPath) -> Result<()> {
        match self.spot(path)? {
            Some(spot) if spot.stat().at("reading", &spot.shown)?.is_some() => {
                self.displace(path, &spot, DisplacedTree::Undone)
            }
            _ => Ok(()),
        }
    }

    /// The newest of what was displaced at a path. What was displaced before it was the app's for a while, and is kept.
    fn last_displaced(&self, path: &RelPath) -> Result<Option<PathBuf>> {
        let mut displaced = self.workspace.displaced(path, DisplacedTree::Old)?;
        let last = displaced.pop();
        displaced.iter().try_for_each(|earlier| self.keep(path, earlier, DisplacedTree::Undone))?;
        Ok(last)
    }

    /// Gives what was taken away its place again. What the app has put there since is kept.
    fn give_back(&self, path: &RelPath) -> Result<()> {
        let Some(old) = self.last_displaced(path)? else { return Ok(()) };
        let Some(spot) = self.spot_in_its_folder(path)? else { return Err(self.no_place(path)) };
        self.put_old(path, &spot, &old)
    }

    fn put_old(&self, path: &RelPath, spot: &Spot, old: &Path) -> Result<()> {
        for _ in 0..TRIES {
            match spot.put(old) {
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                    self.displace(path, spot, DisplacedTree::Undone)?
                }
                put => return put.at("putting back", &spot.shown),
            }
        }
        Err(self.no_place(path))
    }

    fn no_place(&self, path: &RelPath) -> Error {
        let message = format!(
            "{:?} cannot be put back: something else is in its place, or in that of its folder. Move that away; then \
             `lifeboat status` goes on",
            path.display()
        );
        Error::Restore { message }
    }

    /// Takes a staged file out of its place, and puts back what it has displaced.
    fn take_back(&self, path: &RelPath, staged: Option<&StagedFile>) -> Result<()> {
        let new = self.workspace.new_place(path);
        let is_staged = |stat: &Option<_>| stat.as_ref().zip(staged).is_some_and(|(stat, staged)| staged.is(stat));
        if self.is_exchanged(path, staged)? {
            self.keep(path, &new, DisplacedTree::Old)?;
        }
        let is_in_place = look(&new)?.is_none();
        let spot = if self.workspace.keeps(path)? { self.spot_in_its_folder(path)? } else { self.spot(path)? };
        let Some(spot) = spot else {
            return if self.workspace.keeps(path)? { Err(self.no_place(path)) } else { Ok(()) };
        };
        let here = spot.stat().at("reading", &spot.shown)?;
        let Some(old) = self.last_displaced(path)? else {
            // Nothing had been there. What the app has put there since is its own, and stays.
            return match is_in_place && is_staged(&here) {
                true => spot.take(&self.place_for_new(path)?).at("taking back", &spot.shown),
                false => Ok(()),
            };
        };
        let kept = look(&old)?;
        if is_in_place && is_staged(&kept) {
            // They have changed places again already.
            return fs::rename(&old, self.place_for_new(path)?).at("taking back", &old);
        }
        let is_second_name = here.zip(kept).is_some_and(|(here, kept)| here.ino != 0 && here.ino == kept.ino);
        if is_second_name {
            // It never left its place. POSIX says that a rename between two names of one file does nothing.
            return fs::remove_file(&old).at("removing", old);
        }
        if is_in_place && is_staged(&here) {
            match spot.exchange(&old) {
                Ok(()) => return fs::rename(&old, self.place_for_new(path)?).at("taking back", &old),
                Err(error) if matches!(error.kind(), ErrorKind::Unsupported | ErrorKind::NotFound) => {}
                Err(error) => return Err(Error::io("putting back", &spot.shown, error)),
            }
        }
        match self.put_old(path, &spot, &old) {
            // Its content is put back instead.
            Err(Error::Io { source, .. }) if cannot_be_renamed(&source) => {
                overwrite(&spot, &old, Some(&self.workspace.free_place(path, DisplacedTree::Undone)?))
            }
            done => done,
        }
    }

    fn place_for_new(&self, path: &RelPath) -> Result<PathBuf> {
        let new = self.workspace.new_place(path);
        make_folder(new.parent().unwrap_or(Path::new(".")))?;
        Ok(new)
    }
}
