//! The plan that takes a restore back: the paths that its record names, and no others.
//!
//! What the restore replaced, changed or removed comes from its safety backup, links from the record itself. What it made
//! goes, if it is still there; a folder that it made goes only where nothing else came into it.

use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use super::planner::{Planner, stat};
use super::rejoin::{NewLink, Torn};
use super::{ChangePlan, Here, link_target};
use crate::capture::stat::{FileKind, Stat};
use crate::error::IoContext;
use crate::path::RelPath;
use crate::report::{BackupRef, Category, ItemType, RestoreOptions, Warning};
use crate::restore::metadata::Meta;
use crate::restore::source::{ListAccess, SelectedBackup, WantedItems};
use crate::restore::stage::make_folder;
use crate::restore::workspace::Workspace;
use crate::vault::last_restore::{self, LastRestore, Link};
use crate::vault::snapshot::Snapshot;
use crate::vault::{Vault, durable};
use crate::{Config, Control, Error, Result};

impl ChangePlan {
    /// What will take this plan back, once it is done.
    pub fn record(&self, root: &Path, backup: &str, at: i64) -> LastRestore {
        let puts = self.puts.iter().filter(|(_, replaces)| !replaces).map(|(path, _)| path);
        // The root itself neither comes nor goes.
        let is_inner = |path: &&RelPath| !path.as_bytes().is_empty();
        let mut created: Vec<RelPath> = self.makes.iter().chain(puts).filter(is_inner).cloned().collect();
        created.sort();
        created.dedup();
        let is_root_changed = self.describes.get(&RelPath::root()).is_some_and(|(was, meta)| super::changes(was, meta))
            || self.attributes.contains_key(&RelPath::root());
        let changed = self.describes.iter().filter(|(_, (was, meta))| was.is_some() && super::changes(was, meta));
        let lost = self.replaced.iter().chain(self.folders.keys()).chain(changed.map(|(path, _)| path));
        let lost = lost.chain(self.attributes.keys().filter(|path| !self.makes.contains(path)));
        let mut lost: Vec<RelPath> = lost.filter(is_inner).cloned().collect();
        lost.sort();
        lost.dedup();
        LastRestore {
            root: root.display().to_string(),
            backup: backup.into(),
            at,
            was_undo: false,
            safety_backup: None,
            is_root_changed,
            created,
            lost,
            earlier: Vec::new(),
            links: self.links.iter().map(|(path, to)| Link::new(path.clone(), to)).collect(),
        }
    }
}

/// Where the paths that were lost come from.
pub fn source(vault: &Vault, record: &LastRestore) -> Result<SelectedBackup> {
    let Some(safety) = &record.safety_backup else {
        return Err(Error::NotFound {
            message: format!(
                "The restore of {} was made without a safety backup, so it cannot be taken back. What it changed is in \
                 no backup; `lifeboat list` shows what there is.",
                record.backup
            ),
        });
    };
    let name =
        vault.resolve(&BackupRef::Name(safety.clone())).and_then(|name| Ok((Snapshot::read(vault, &name)?, name)));
    let (snapshot, name) = name.map_err(|error| match error {
        Error::NotFound { .. } => Error::NotFound {
            message: format!(
                "The restore of {} cannot be taken back: its safety backup {safety} is gone. `lifeboat list` shows what \
                 there is.",
                record.backup
            ),
        },
        other => other,
    })?;
    Ok(SelectedBackup {
        name,
        snapshot,
        wanted: WantedItems::paths(record.lost.iter().cloned().collect()),
        above: BTreeMap::new(),
    })
}

/// Makes the plan. Afterwards the source wants only what has to be staged.
pub fn plan(
    vault: &Vault,
    config: &Config,
    source: &mut SelectedBackup,
    record: &LastRestore,
    options: &RestoreOptions,
    control: &Control,
) -> Result<ChangePlan> {
    let mut planner = Planner::new(vault, config, options, control)?;
    let links: BTreeMap<RelPath, Vec<u8>> =
        record.links.iter().map(|link| Ok((link.path.clone(), link.target()?))).collect::<Result<_>>()?;
    let mut links = links.into_iter().peekable();
    let (mut staged, mut torn) = (HashSet::new(), Torn::default());
    let surveyed = ListAccess { vault, allows: &|_, _| true, lost: None }.run(source, |path, item| {
        // A link that backups follow is there as what it leads to: the record alone knows the link.
        if links.peek().is_some_and(|(link, _)| link == path) && item.kind == ItemType::Symlink {
            links.next();
        }
        // In the order of the paths, as the planner needs it.
        while let Some((link, target)) = links.next_if(|(link, _)| link <= path) {
            planner.link_back(&link, target)?;
            if link == *path {
                return Ok(());
            }
        }
        if planner.item(path, &item)? {
            staged.insert(path.clone());
        }
        torn.note(path, &item);
        Ok(())
    });
    surveyed.map_err(|error| source.blame(error))?;
    links.try_for_each(|(link, target)| planner.link_back(&link, target))?;
    let groups = std::mem::take(&mut planner.groups);
    planner.put_groups(groups, &mut staged);
    planner.join_again(vault, source, torn, &mut staged)?;
    planner.describe_made(source);
    if record.is_root_changed
        && let Some(folder) = &source.snapshot.root_folder
    {
        let stat = fs::metadata(&config.root).map(|root| Stat::from(&root)).at("reading", &config.root)?;
        planner.root(folder, &stat);
    }
    source.wanted.narrow_to(staged);
    let mut planned = planner.plan.touched();
    // What is in a folder before the folder.
    for path in record.created.iter().rev() {
        planner.created(path, &mut planned)?;
    }
    planner.settle_sides()?;
    planner.plan.forget_quiet_areas();
    let mut plan = planner.plan;
    // The time of a folder in which only this changes something is no news.
    for (path, (was, meta)) in &mut plan.describes {
        if meta.is_none() && !plan.folders.contains_key(path) {
            *meta = *was;
        }
    }
    plan.report.remove.sort();
    Ok(plan)
}

/// Stages links that are in no backup, and names of files that are in the root.
pub fn stage_links(links: &BTreeMap<RelPath, NewLink>, workspace: &Workspace) -> Result<()> {
    for (path, target) in links {
        let place = workspace.new_place(path);
        make_folder(place.parent().unwrap_or(&place))?;
        match fs::remove_file(&place) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(Error::io("removing", place, error)),
            _ => target.make(&place)?,
        }
    }
    Ok(())
}

/// The restore is done: its record becomes the vault's. `stored`: the safety backup that has all of it now.
pub fn hand_over(vault: &Vault, config: &Config, workspace: &Workspace, stored: Option<&str>) -> Result<()> {
    let file = workspace.file(last_restore::FILE);
    if let (Some(stored), Some(mut record)) = (stored, LastRestore::open(vault, &file)?) {
        record.safety_backup = Some(stored.into());
        record.write(vault, &file)?;
    }
    publish(workspace, &config.backup_dir)
}

/// The same where nothing was to be stored. Needs no key. A new root is filled from a vault that is only read, and has none of
/// its own yet: there is nothing to go back to.
pub fn publish(workspace: &Workspace, vault: &Path) -> Result<()> {
    match workspace.is_undone() || !Vault::exists(vault) {
        true => Ok(()),
        false => LastRestore::publish(&workspace.file(last_restore::FILE), vault),
    }
}

impl ChangePlan {
    /// Every path that something happens to.
    fn touched(&self) -> HashSet<RelPath> {
        let puts = self.puts.iter().map(|(path, _)| path);
        let sides = self.databases.iter().flat_map(|database| &database.sides);
        self.replaced.iter().chain(self.folders.keys()).chain(&self.removes).chain(puts).chain(sides).cloned().collect()
    }
}

impl Planner<'_> {
    /// A link that was there comes back, wherever it leads.
    fn link_back(&mut self, path: &RelPath, target: Vec<u8>) -> Result<()> {
        self.control.check()?;
        self.refuse_ours(path)?;
        let live = path.under(&self.config.root);
        let here = match self.parent(path)? {
            Here::Coming => None,
            Here::Folder(_) => stat(&live)?,
        };
        let mut replaces = false;
        match here {
            Some(here) if here.kind == FileKind::Symlink => {
                if link_target(&live).as_ref() == Some(&target) {
                    self.plan.report.unchanged += 1;
                    return Ok(());
                }
                self.link_goes(path);
                self.plan.replaced.insert(path.clone());
                replaces = true;
            }
            Some(here) => self.goes(path, &here)?,
            None => {}
        }
        let report = &mut self.plan.report;
        let list = if here.is_some() { &mut report.replace } else { &mut report.create };
        list.push(path.display());
        self.plan.puts.push((path.clone(), replaces));
        self.may_be_in_memory(path, Category::Data);
        self.plan.new_links.insert(path.clone(), NewLink::Symbolic(target));
        Ok(())
    }

    /// What the restore made goes, unless something happens to it already.
    fn created(&mut self, path: &RelPath, planned: &mut HashSet<RelPath>) -> Result<()> {
        self.control.check()?;
        self.refuse_ours(path)?;
        if planned.contains(path) || !self.is_in_real_folder(path)? {
            return Ok(());
        }
        let live = path.under(&self.config.root);
        let Some(here) = stat(&live)? else { return Ok(()) };
        match here.kind {
            FileKind::Dir => {
                let inner = durable::list(&live)?;
                let stays =
                    inner.iter().find(|inner| !planned.contains(&path.join(inner.file_name().unwrap_or_default())));
                if let Some(stays) = stays {
                    let name = stays.file_name().unwrap_or_default().to_string_lossy();
                    let message = format!("It stays: {name:?} came into it after it was restored.");
                    self.plan.warnings.push(Warning { path: path.display(), message });
                    return Ok(());
                }
                self.parent(path)?;
                self.plan.folders.insert(path.clone(), Meta::of(&here));
            }
            FileKind::File | FileKind::Symlink => {
                self.parent(path)?;
                let lost = self.plan.lost_databases.len();
                self.goes(path, &here)?;
                if lost == self.plan.lost_databases.len() {
                    self.may_be_in_memory(path, Category::Data);
                }
            }
            // Nothing that a restore makes.
            FileKind::Other => return Ok(()),
        }
        planned.insert(path.clone());
        self.plan.report.remove.push(path.display());
        Ok(())
    }

    /// Nothing is removed behind a link.
    fn is_in_real_folder(&self, path: &RelPath) -> Result<bool> {
        let mut below = 0;
        while let Some(folder) = path.ancestor_below(below) {
            below = folder.as_bytes().len();
            if !stat(&folder.under(&self.config.root))?.is_some_and(|stat| stat.kind == FileKind::Dir) {
                return Ok(false);
            }
        }
        Ok(true)
    }
}
