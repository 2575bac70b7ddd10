//! From a plan to the steps of a journal, in the order in which they can be done; and what can be asked of a plan.

use std::collections::{BTreeSet, HashSet};

use super::{ChangePlan, Swapped, sides_of};
use crate::path::RelPath;
use crate::restore::journal::Step;
use crate::restore::metadata::Meta;

impl ChangePlan {
    /// What has to be free on each file system, by the folder where it begins: bytes and names. `live`: of databases that are
    /// replaced through SQLite, the old content is kept in full, too.
    pub fn needs(&self, live: bool) -> impl Iterator<Item = (&RelPath, u64, u64)> {
        let kept: u64 = self.databases.iter().filter(|_| live).map(|database| database.size).sum();
        self.needs.iter().map(move |(area, (bytes, names))| match area.as_bytes().is_empty() {
            true => (area, bytes.saturating_add(kept), *names),
            false => (area, *bytes, *names),
        })
    }

    /// Nothing is staged on a file system where nothing changes: it may be mounted read-only.
    pub(super) fn forget_quiet_areas(&mut self) {
        let changed: BTreeSet<RelPath> = self.comes_or_goes().chain(self.replaces()).cloned().collect();
        self.areas.retain(|area| changed.range(area..).any(|path| path != area && path.starts_with(area)));
    }

    /// What is made or goes: the folder around it changes.
    pub fn comes_or_goes(&self) -> impl Iterator<Item = &RelPath> {
        let new = self.puts.iter().filter(|(_, replaces)| !replaces).map(|(path, _)| path);
        self.removes.iter().chain(&self.lost_databases).chain(self.folders.keys()).chain(&self.makes).chain(new)
    }

    /// Files that give their place to others.
    pub fn replaces(&self) -> impl Iterator<Item = &RelPath> {
        let puts = self.puts.iter().filter(|(_, replaces)| *replaces).map(|(path, _)| path);
        let databases = self.databases.iter().map(|database| &database.path);
        puts.chain(databases).chain(self.swapped.iter().map(|swapped| &swapped.path))
    }

    /// Is the root as the backup has it already?
    pub fn is_empty(&self) -> bool {
        self.removes.is_empty()
            && self.folders.is_empty()
            && self.makes.is_empty()
            && self.puts.is_empty()
            && self.databases.is_empty()
            && self.attributes.is_empty()
            && self.swapped.is_empty()
            && self.describes.values().all(|(was, meta)| !changes(was, meta))
    }

    /// The steps in their order; `live`: databases that are there are replaced through SQLite.
    pub fn steps(&self, live: bool) -> Vec<Step> {
        let lost: HashSet<&RelPath> = self.lost_databases.iter().filter(|path| self.removes.contains(path)).collect();
        let puts: HashSet<&RelPath> = self.puts.iter().map(|(path, _)| path).collect();
        // What is put there displaces what is there by itself.
        let removes = self.removes.iter().filter(|path| !lost.contains(path) && !puts.contains(path));
        let mut touching: Vec<&RelPath> = removes.clone().chain(lost.iter().copied()).collect();
        let mut databases: Vec<Step> =
            lost.iter().map(|path| Step::RemoveDatabase { path: (*path).clone(), sides: sides_of(path) }).collect();
        for database in &self.databases {
            let path = database.path.clone();
            touching.push(&database.path);
            databases.push(match live {
                true => Step::Database { path },
                false => Step::SwapDatabase { path, sides: database.sides.clone(), brings: Vec::new(), staged: None },
            });
        }
        for Swapped { path, sides, brings, .. } in &self.swapped {
            touching.push(path);
            let (path, sides, brings) = (path.clone(), sides.clone(), brings.clone());
            databases.push(Step::SwapDatabase { path, sides, brings, staged: None });
        }
        // A folder is described only where it changes, or something in it does, which changes its time.
        touching.extend(self.folders.keys().chain(&self.makes).chain(puts.iter().copied()));
        let touched: HashSet<RelPath> = touching.into_iter().filter_map(RelPath::parent).collect();
        let describes = self.describes.iter().rev();
        let describes = describes.filter(|(path, (was, meta))| changes(was, meta) || touched.contains(path));
        let removes = removes.map(|path| Step::Remove { path: path.clone() });
        // What is in a folder before the folder.
        let folders = self.folders.iter().rev().map(|(path, was)| Step::RemoveFolder { path: path.clone(), was: *was });
        let makes = self.makes.iter().map(|path| Step::MakeFolder { path: path.clone() });
        let puts = self.puts.iter();
        let puts = puts.map(|(path, replaces)| Step::Put { path: path.clone(), replaces: *replaces, staged: None });
        let describes =
            describes.map(|(path, (was, meta))| Step::Describe { path: path.clone(), was: *was, meta: *meta });
        // After the modes: an ACL has the last word on who may do what.
        let attributes = self.attributes.iter().rev().map(|(path, besides)| besides.step(path));
        let files = removes.chain(folders).chain(makes).chain(puts);
        databases.into_iter().chain(files).chain(describes).chain(attributes).collect()
    }
}

/// Is there anything to set?
pub(super) fn changes(was: &Option<Meta>, meta: &Option<Meta>) -> bool {
    meta.is_some_and(|meta| was.is_none_or(|was| meta.differs_from(&was)))
}
