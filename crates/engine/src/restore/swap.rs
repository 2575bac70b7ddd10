//! Doing and undoing the steps of a journal. Every step can be done again and undone again, whatever of it happened.
//!
//! A file takes its place by an exchange of names: at any instant the app finds either the old one or the new one, and
//! what lay there at that very moment, whoever had put it there, is kept. What lies in `new/` says how far a step came:
//!
//! | `new/` | the step |
//! |---|---|
//! | the staged file | not begun |
//! | another file | the two have changed places; that is what was displaced, on its way to `old/` |
//! | – | done |
//!
//! What is displaced is never written over and never removed here: it is stored in the vault first (see `displaced.rs`).
//! Others go on writing to the root all the time, also after a crash and before anybody recovers from it, so nothing is
//! concluded from what a path had when the plan was made.

mod put_back;

use std::cell::RefCell;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::attributes;
use super::holding::{Holding, refuse_holders};
use super::journal::{RestoreJournal, StagedFile, Step};
use super::live::{self, Replacement};
use super::metadata::{Meta, RefusedMetadata};
use super::overwrite::{is_half_written, overwrite};
use super::spot::Spot;
use super::stage::{StagingPlaces, make_folder, sync_tree};
use super::workspace::{DisplacedTree, Workspace, look};
use crate::capture::stat::FileKind;
use crate::error::IoContext;
use crate::path::RelPath;
use crate::report::Warning;
use crate::vault::attribute::Attribute;
use crate::{Control, Error, Result};

/// How long a database may be in use by others before the restore gives up.
const PATIENCE: Duration = Duration::from_secs(10);
/// So often something may come and go in a place while a file is put there.
const TRIES: usize = 100;

/// The end of a restore in place, from its journal on.
pub struct Swap<'a> {
    workspace: &'a Workspace,
    journal: &'a RestoreJournal,
    /// What could not be set of files and folders.
    refused: RefCell<Vec<(RelPath, RefusedMetadata)>>,
}

impl<'a> Swap<'a> {
    pub fn new(workspace: &'a Workspace, journal: &'a RestoreJournal) -> Swap<'a> {
        Swap { workspace, journal, refused: RefCell::default() }
    }

    /// Databases come first: others may keep them locked for long, and until then no file has changed. All are locked before
    /// the first is changed.
    pub fn apply_databases(&self, control: &Control) -> Result<()> {
        let steps = || self.journal.steps.iter();
        let swapped: Vec<PathBuf> = steps().filter_map(|step| self.is_to_be_swapped(step)).collect();
        let live = steps().filter_map(|step| match step {
            Step::Database { path } => Some(path),
            _ => None,
        });
        let live = live.map(|path| self.replacement(path)).collect::<Result<Vec<_>>>()?;
        let held = Holding::take(&swapped, PATIENCE, control)?;
        if !live.is_empty() {
            live::replace(live, PATIENCE, control)?;
        }
        steps().try_for_each(|step| self.swap_database(step))?;
        // Whoever came in between has opened what lies in `old` now, and could not read it yet.
        let mut displaced = Vec::new();
        for step in steps() {
            if let Step::SwapDatabase { path, .. } | Step::RemoveDatabase { path, .. } = step
                && swapped.contains(&self.workspace.live(path))
            {
                displaced.extend(self.workspace.displaced(path, DisplacedTree::Old)?);
            }
        }
        refuse_holders(&displaced)?;
        drop(held);
        Ok(())
    }

    /// The place of a database that is still to be swapped.
    fn is_to_be_swapped(&self, step: &Step) -> Option<PathBuf> {
        match step {
            Step::SwapDatabase { path, brings, staged, .. }
                if self.is_still_staged(path, staged.as_ref()).unwrap_or(true)
                    || brings.iter().any(|side| self.workspace.new_place(side).exists()) =>
            {
                Some(self.workspace.live(path))
            }
            Step::RemoveDatabase { path, .. } => Some(self.workspace.live(path)),
            _ => None,
        }
    }

    /// Databases that are still to be swapped.
    pub fn to_be_swapped(&self) -> Vec<PathBuf> {
        self.journal.steps.iter().filter_map(|step| self.is_to_be_swapped(step)).collect()
    }

    /// Lies the staged file still where it was staged?
    fn is_still_staged(&self, path: &RelPath, staged: Option<&StagedFile>) -> Result<bool> {
        let lies_there = look(&self.workspace.new_place(path))?;
        Ok(lies_there.is_some_and(|there| staged.is_none_or(|staged| staged.is(&there))))
    }

    /// Databases whose places have something else now than before the restore.
    pub fn to_be_swapped_back(&self) -> Result<Vec<PathBuf>> {
        let mut databases = Vec::new();
        for step in &self.journal.steps {
            let is_swapped = match step {
                Step::SwapDatabase { path, staged, .. } => self.is_swapped(path, staged.as_ref())?.then_some(path),
                Step::RemoveDatabase { path, .. } => self.workspace.keeps(path)?.then_some(path),
                _ => None,
            };
            databases.extend(is_swapped.map(|path| self.workspace.live(path)));
        }
        Ok(databases)
    }

    /// Has something else than the old file the place of a database?
    fn is_swapped(&self, path: &RelPath, staged: Option<&StagedFile>) -> Result<bool> {
        if self.is_still_staged(path, staged)? {
            return Ok(false);
        }
        // They have changed places again, and only the staged one has still to be moved.
        let last = self.workspace.displaced(path, DisplacedTree::Old)?.pop();
        let last = last.map(|last| look(&last)).transpose()?.flatten();
        Ok(!last.zip(staged).is_some_and(|(last, staged)| staged.is(&last)))
    }

    /// Everything but databases.
    pub fn apply_files(&self) -> Result<()> {
        self.journal.steps.iter().try_for_each(|step| self.apply_step(step))
    }

    /// Puts everything back, and makes it last. One step that fails keeps no other from being undone. `InUse`: an app has
    /// opened a database since it was swapped, and nothing is put back under it.
    pub fn undo(&self) -> Result<()> {
        self.workspace.mark_undo()?;
        let is_swap = |step: &&Step| matches!(step, Step::SwapDatabase { .. });
        let held = Holding::take(&self.to_be_swapped_back()?, PATIENCE, &Control::silent())?;
        let mut undone = Ok(());
        for step in self.journal.steps.iter().rev().filter(is_swap) {
            undone = undone.and(self.undo_step(step));
        }
        drop(held);
        for step in self.journal.steps.iter().rev().filter(|step| !is_swap(step)) {
            undone = undone.and(self.undo_step(step));
        }
        // At last what folders were besides their content, which all that came before has changed.
        for step in &self.journal.steps {
            if let Step::RemoveFolder { path, was } | Step::Describe { path, was: Some(was), .. } = step {
                undone = undone.and(self.describe(path, was));
            }
        }
        undone.and_then(|()| self.sync())
    }

    /// Makes all that was done last.
    pub fn sync(&self) -> Result<()> {
        // On Linux this is the whole file system, with all that was renamed on it.
        self.workspace.folders().iter().try_for_each(|folder| sync_tree(folder))
    }

    /// What could not be set: one warning for each kind and cause.
    pub fn warnings(&self) -> Vec<Warning> {
        let refused = self.refused.borrow();
        let mut warnings: Vec<(&RefusedMetadata, &RelPath, usize)> = Vec::new();
        for (path, refused) in &*refused {
            match warnings.iter_mut().find(|(known, ..)| *known == refused) {
                Some((_, _, more)) => *more += 1,
                None => warnings.push((refused, path, 0)),
            }
        }
        let warning = |(refused, path, more): (&RefusedMetadata, &RelPath, usize)| {
            let more = if more > 0 { format!(" The same of {more} more.") } else { String::new() };
            let message = format!("Its {} could not be set and is as it was: {}.{more}", refused.what, refused.why);
            Warning { path: path.display(), message }
        };
        warnings.into_iter().map(warning).collect()
    }

    fn replacement(&self, path: &RelPath) -> Result<Replacement> {
        let old = self.workspace.old_place(path);
        make_folder(old.parent().unwrap_or(Path::new(".")))?;
        let undone = self.workspace.free_place(path, DisplacedTree::Undone)?;
        Ok(Replacement { live: self.workspace.live(path), staged: self.workspace.new_place(path), old, undone })
    }

    fn spot(&self, path: &RelPath) -> Result<Option<Spot>> {
        Spot::find(self.workspace.root(), path).at("opening the folder of", self.workspace.live(path))
    }

    /// The same where its folder may have been removed since: it is made again. `None`: something is in its way.
    fn spot_in_its_folder(&self, path: &RelPath) -> Result<Option<Spot>> {
        if let Some(spot) = self.spot(path)? {
            return Ok(Some(spot));
        }
        let mut below = 0;
        while let Some(folder) = path.ancestor_below(below) {
            below = folder.as_bytes().len();
            if let Some(spot) = self.spot(&folder)?
                && spot.stat().at("reading", &spot.shown)?.is_none()
            {
                spot.make_folder().at("making the folder", &spot.shown)?;
            }
        }
        self.spot(path)
    }

    fn swap_database(&self, step: &Step) -> Result<()> {
        match step {
            Step::SwapDatabase { path, sides, brings, staged } => {
                // Afterwards what lies beside it belongs to what was put there.
                if self.is_still_staged(path, staged.as_ref())? {
                    sides.iter().try_for_each(|side| self.take_away(side))?;
                }
                self.put(path, staged.as_ref())?;
                brings.iter().try_for_each(|side| self.put(side, None))
            }
            Step::RemoveDatabase { path, sides } => {
                sides.iter().chain([path]).try_for_each(|path| self.take_away(path))
            }
            _ => Ok(()),
        }
    }

    fn apply_step(&self, step: &Step) -> Result<()> {
        match step {
            Step::Remove { path } => self.take_away(path),
            // What is still in it is nothing that the plan knew: it stays, and so does the folder. A file there is what an
            // earlier try has put in its place, or in that of a folder above.
            Step::RemoveFolder { path, .. } => self.remove_folder(path),
            Step::MakeFolder { path } => self.make_folder(path),
            Step::Put { path, staged, .. } => self.put(path, staged.as_ref()),
            Step::Describe { path, meta: Some(meta), .. } => self.describe(path, meta),
            Step::Attributes { path, now, .. } => self.give_attributes(path, now),
            Step::Describe { meta: None, .. }
            | Step::Database { .. }
            | Step::SwapDatabase { .. }
            | Step::RemoveDatabase { .. } => Ok(()),
        }
    }

    /// Displaces the file or link at `path`. A folder there is what an earlier try has made.
    fn take_away(&self, path: &RelPath) -> Result<()> {
        let Some(spot) = self.spot(path)? else { return Ok(()) };
        match spot.stat().at("reading", &spot.shown)? {
            Some(stat) if stat.kind != FileKind::Dir => self.displace(path, &spot, DisplacedTree::Old),
            _ => Ok(()),
        }
    }

    /// Moves what is at `spot` out of the way.
    fn displace(&self, path: &RelPath, spot: &Spot, tree: DisplacedTree) -> Result<()> {
        match spot.take(&self.workspace.free_place(path, tree)?) {
            // Its app has removed it itself.
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            taken => taken.at("moving out of the way", &spot.shown),
        }
    }

    /// Keeps a file of ours that was displaced.
    fn keep(&self, path: &RelPath, from: &Path, tree: DisplacedTree) -> Result<()> {
        let to = self.workspace.free_place(path, tree)?;
        fs::rename(from, &to).at("keeping", from)
    }

    fn put(&self, path: &RelPath, staged: Option<&StagedFile>) -> Result<()> {
        let new = self.workspace.new_place(path);
        let Some(lies_there) = look(&new)? else { return Ok(()) };
        if staged.is_some_and(|staged| !staged.is(&lies_there)) {
            return self.keep(path, &new, DisplacedTree::Old);
        }
        let in_the_way = |what: &str| {
            let message = format!("{:?} cannot be put in its place: {what}.", path.display());
            Err(Error::Restore { message })
        };
        let Some(spot) = self.spot_in_its_folder(path)? else {
            return in_the_way("something else is where its folder was");
        };
        for _ in 0..TRIES {
            let done = match spot.stat().at("reading", &spot.shown)? {
                None => spot.put(&new),
                Some(stat) if stat.kind == FileKind::Dir => return in_the_way("there is a folder now"),
                Some(_) => spot.exchange(&new),
            };
            match done {
                Ok(()) => break,
                // It has come or gone at this moment.
                Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::AlreadyExists) => continue,
                Err(error) if cannot_be_renamed(&error) => {
                    // What a try that was cut off has left there is nobody's.
                    let earlier = self.workspace.displaced(path, DisplacedTree::Old)?.pop();
                    let is_half = earlier.is_some_and(|kept| is_half_written(&spot, &new, &kept).unwrap_or(false));
                    let kept = self.workspace.free_place(path, DisplacedTree::Old)?;
                    return overwrite(&spot, &new, (!is_half).then_some(&kept));
                }
                Err(error) if error.kind() == ErrorKind::Unsupported => {
                    return self.put_in_two_steps(path, &spot, &new);
                }
                Err(error) => return Err(Error::io("moving into place", &spot.shown, error)),
            }
        }
        match look(&new)? {
            None => Ok(()),
            Some(displaced) if displaced.kind == FileKind::Dir => {
                spot.exchange(&new).at("moving into place", &spot.shown)?;
                in_the_way("there is a folder now")
            }
            Some(displaced) if staged.is_some_and(|staged| staged.is(&displaced)) => {
                in_the_way("others are at work there")
            }
            Some(_) => self.keep(path, &new, DisplacedTree::Old),
        }
    }

    /// Where names cannot be exchanged: the old file gets a second name, and then the new one takes its place.
    fn put_in_two_steps(&self, path: &RelPath, spot: &Spot, new: &Path) -> Result<()> {
        let here = spot.stat().at("reading", &spot.shown)?;
        let kept = self.workspace.displaced(path, DisplacedTree::Old)?.pop();
        let kept = kept.map(|kept| look(&kept)).transpose()?.flatten();
        // After a crash it may have its second name already.
        let has_second = here.zip(kept).is_some_and(|(here, kept)| here.ino != 0 && here.ino == kept.ino);
        if here.is_some() && !has_second {
            let old = self.workspace.free_place(path, DisplacedTree::Old)?;
            // Where there are no second names, its place is empty for a moment.
            spot.link(&old).or_else(|_| spot.take(&old)).at("keeping", &spot.shown)?;
        }
        spot.put_over(new).at("moving into place", &spot.shown)
    }

    fn make_folder(&self, path: &RelPath) -> Result<()> {
        let made = match self.spot(path)? {
            None => Err(ErrorKind::NotFound.into()),
            Some(spot) => match spot.make_folder() {
                Err(error) if error.kind() == ErrorKind::AlreadyExists && self.is_folder(&spot) => Ok(()),
                made => made,
            },
        };
        made.at("making the folder", self.workspace.live(path))
    }

    fn is_folder(&self, spot: &Spot) -> bool {
        spot.stat().is_ok_and(|stat| stat.is_some_and(|stat| stat.kind == FileKind::Dir))
    }

    /// Removes a folder that is one, and empty.
    fn remove_folder(&self, path: &RelPath) -> Result<()> {
        use ErrorKind::{DirectoryNotEmpty, NotADirectory, NotFound};
        match self.spot(path)?.map(|spot| spot.remove_folder()) {
            Some(Err(error)) if !matches!(error.kind(), NotFound | NotADirectory | DirectoryNotEmpty) => {
                Err(Error::io("removing the folder", self.workspace.live(path), error))
            }
            _ => Ok(()),
        }
    }

    fn describe(&self, path: &RelPath, meta: &Meta) -> Result<()> {
        let Some(spot) = self.spot(path)? else { return Ok(()) };
        match meta.apply(&spot.path()) {
            Ok(None) => Ok(()),
            Ok(Some(refused)) => {
                self.refused.borrow_mut().push((path.clone(), refused));
                Ok(())
            }
            Err(Error::Io { source, .. }) if source.kind() == ErrorKind::NotFound => Ok(()),
            Err(Error::Io { action, source, .. }) => Err(Error::io(action, &spot.shown, source)),
            Err(error) => Err(error),
        }
    }

    /// Extended attributes and ACLs of what is in its place already.
    fn give_attributes(&self, path: &RelPath, wanted: &[Attribute]) -> Result<()> {
        if let Some(spot) = self.spot(path)? {
            attributes::put(&spot.path(), wanted, |what, error| {
                let refused = RefusedMetadata { what: what.noun(), why: error.to_string() };
                self.refused.borrow_mut().push((path.clone(), refused));
            });
        }
        Ok(())
    }
}

/// It is a mount of its own, or lies in a folder that this user may not change: the file itself may be written to all
/// the same.
fn cannot_be_renamed(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::ResourceBusy | ErrorKind::PermissionDenied)
}
