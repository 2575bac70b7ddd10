//! What a mirror removes: what the root has in mirrored categories, and the backup has not.

use super::Planner;
use crate::capture::left::Left;
use crate::capture::rules::Rules;
use crate::capture::selection::Selection;
use crate::capture::stat::FileKind;
use crate::capture::walk::{Walk, WalkEntry, WalkVisitor};
use crate::report::{Category, Warning};
use crate::restore::metadata::Meta;
use crate::{Result, vault};

impl Planner<'_> {
    /// What the root has in mirrored categories and the backup has not, as far as it was asked for.
    pub(super) fn mirror(&mut self, vault: &vault::Vault, selection: Selection) -> Result<()> {
        // A category of which the backup has nothing at all was not part of it.
        self.mirror.retain(|category| self.mirror_met.contains(category));
        self.known.truncate(1);
        if self.mirror.is_empty() {
            return Ok(());
        }
        let rules = Rules::new(self.config)?;
        let walk = Walk::new(self.config, &rules, vault.dir());
        let mut unknown = Unknown { walk: &walk, selection, planner: self, folders: Vec::new() };
        walk.run(&mut unknown)?;
        let folders = unknown.folders;
        for folder in folders {
            self.plan.report.remove.push(folder.path.display());
            self.plan.folders.insert(folder.path, Meta::of(&folder.stat));
        }
        self.plan.report.remove.sort();
        Ok(())
    }

    fn unknown(&mut self, entry: WalkEntry) -> Result<()> {
        self.plan.report.remove.push(entry.path.display());
        let lost = self.plan.lost_databases.len();
        let (path, category) = (entry.path, entry.category);
        if entry.stat.kind == FileKind::Symlink {
            self.link_goes(&path);
        }
        self.removed(path.clone())?;
        if lost == self.plan.lost_databases.len() {
            self.may_be_in_memory(&path, category);
        }
        // Its folder stays as a rule: its time is for an undo to set back.
        self.parent(&path).map(drop)
    }
}

/// Walks the root for what a mirror removes.
struct Unknown<'a, 'p, 'c> {
    walk: &'a Walk<'a>,
    selection: Selection,
    planner: &'p mut Planner<'c>,
    folders: Vec<WalkEntry>,
}

impl WalkVisitor for Unknown<'_, '_, '_> {
    fn entry(&mut self, mut entry: WalkEntry) -> Result<()> {
        let is_known = self.planner.mirrored.contains(&entry.path) || self.planner.plan.replaced.contains(&entry.path);
        if !is_known && self.planner.mirror.iter().any(|category| *category != Category::Session) {
            entry.category = entry.looked_into();
        }
        // Nothing is removed behind a link.
        let is_behind = entry.absolute != entry.path.under(&self.planner.config.root);
        let goes = !is_known
            && !is_behind
            && self.planner.mirror.contains(&entry.category)
            && self.selection.takes(&entry.path, entry.category);
        if goes && entry.category == Category::Session {
            let is_folder = entry.stat.kind == FileKind::Dir;
            if self.planner.sessions.keeps_unknown(&entry.path, is_folder) {
                self.planner.sessions.differs(&entry.path, &self.planner.backup, false);
                return Ok(());
            }
        }
        if goes && let Some(mount) = self.planner.mount_at_or_below(&entry.path) {
            // A folder above it is left without a word: that of the mount says why.
            if mount == entry.path {
                let message =
                    "It is not in the backup, and stays: something is mounted here. Unmount it, if it is to go.";
                let warning = Warning { path: mount.display(), message: message.into() };
                self.planner.plan.warnings.push(warning);
            }
            return Ok(());
        }
        match entry.stat.kind {
            _ if !goes => Ok(()),
            FileKind::Dir => {
                self.folders.push(entry);
                Ok(())
            }
            _ => self.planner.unknown(entry),
        }
    }

    fn set(&mut self, folder: WalkEntry) -> Result<()> {
        let walk = self.walk;
        walk.set(&folder, self)
    }

    /// What is in no backup is left alone.
    fn left(&mut self, _: Left) -> Result<()> {
        Ok(())
    }
}
