//! What a restore in place has displaced is in the vault before it goes.
//!
//! The safety backup is made first, and an app goes on writing: until the moment of the swap to the old files, and after
//! it to the new ones, which an undo displaces in turn. All of it lies in the workspace then. What the safety backup does
//! not have yet is added to it, as one more safety backup, by the first operation that has the key; until then the
//! workspace stays.

use std::collections::{BTreeMap, BTreeSet};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::journal::{RestoreJournal, StagedFile, Step};
use super::plan::take_back;
use super::safety::is_beside;
use super::workspace::{DisplacedTree, Workspace, WorkspaceState, look};
use crate::capture::databases::{JOURNAL, SHM, WAL, beside};
use crate::capture::stat::{FileKind, Stat, open_file};
use crate::error::IoContext;
use crate::path::RelPath;
use crate::report::ItemType;
use crate::vault::item::{DatabaseFacts, Item};
use crate::vault::list::ListReader;
use crate::vault::snapshot::Snapshot;
use crate::vault::{Vault, durable};
use crate::{Config, Control, Error, Result, backup};

/// What tells this safety backup from the one that it completes.
const COMPLETED: &str = "completed with what the app wrote meanwhile";

/// So often an app may write to what was displaced, because it still has it open, while that is stored.
const ROUNDS: usize = 3;
/// What the name of a log gets that was displaced without its database.
const ALONE: &[u8] = b".displaced";

/// Is something displaced that waits to be stored?
pub fn waits(config: &Config) -> Result<bool> {
    Ok(Workspace::find(&config.root)?.is_some_and(|workspace| workspace.state() == WorkspaceState::Kept))
}

/// Stores what waits, and removes the workspace. `Some` names the safety backup that has all of it. The caller holds the
/// vault's lock.
pub fn store_waiting(vault: &Vault, config: &Config, control: &Control) -> Result<Option<String>> {
    let Some(workspace) = Workspace::find(&config.root)? else { return Ok(None) };
    if workspace.state() != WorkspaceState::Kept {
        return Ok(None);
    }
    let journal = RestoreJournal::read(&workspace.file("kept"))?;
    let stored = store(vault, config, &workspace, &journal, control)?;
    take_back::hand_over(vault, config, &workspace, stored.as_deref())?;
    workspace.mark_done()?;
    // What cannot be removed is in nobody's way.
    let _ = workspace.remove();
    Ok(stored)
}

/// Stores what was displaced and is in no backup yet: `Some` names the safety backup that has all of it.
pub fn store(
    vault: &Vault,
    config: &Config,
    workspace: &Workspace,
    journal: &RestoreJournal,
    control: &Control,
) -> Result<Option<String>> {
    // Who wants no safety backup wants nothing of this either.
    let Some(safety) = &journal.result.safety_backup else { return Ok(None) };
    let mut base = match Snapshot::read(vault, &safety.parse()?) {
        // It was deleted since.
        Err(Error::NotFound { .. }) => match vault.list_snapshots()?.last() {
            Some(newest) => Snapshot::read(vault, newest)?,
            None => return Ok(None),
        },
        read => read?,
    };
    let mut stored = None;
    for _ in 0..ROUNDS {
        let trees = trees(workspace, journal)?;
        let stats = || trees.iter().flat_map(BTreeMap::values).map(|place| look(place)).collect::<Result<Vec<_>>>();
        let before = stats()?;
        for tree in &trees {
            let new = not_in(vault, &base, tree)?;
            if !new.is_empty() {
                let name = backup::amend(vault, config, &base, &new, COMPLETED, control)?.backup;
                base = Snapshot::read(vault, &name.parse()?)?;
                stored = Some(name);
            }
        }
        if stats()? == before {
            break;
        }
    }
    Ok(stored)
}

/// Where what was displaced lies, in the order in which it was the app's; each tree has each path once.
fn trees(workspace: &Workspace, journal: &RestoreJournal) -> Result<Vec<BTreeMap<RelPath, PathBuf>>> {
    let mut trees: Vec<BTreeMap<RelPath, PathBuf>> = Vec::new();
    let mut add = |number: usize, path: &RelPath, place: PathBuf| {
        if trees.len() <= number {
            trees.resize(number + 1, BTreeMap::new());
        }
        trees[number].insert(path.clone(), place);
    };
    let mut databases = BTreeSet::new();
    for step in &journal.steps {
        let (path, sides, staged): (_, &[RelPath], _) = match step {
            Step::Remove { path } | Step::Database { path } => (path, &[], None),
            Step::Put { path, staged, .. } => (path, &[], staged.as_ref()),
            Step::SwapDatabase { path, sides, staged, .. } => (path, sides, staged.as_ref()),
            Step::RemoveDatabase { path, sides } => (path, sides, None),
            Step::RemoveFolder { .. } | Step::MakeFolder { .. } | Step::Describe { .. } | Step::Attributes { .. } => {
                continue;
            }
        };
        if !sides.is_empty() {
            databases.insert(path.clone());
        }
        for path in sides.iter().chain([path]) {
            let displaced = workspace.displaced(path, DisplacedTree::Old)?.into_iter();
            let displaced = displaced.chain(workspace.displaced(path, DisplacedTree::Undone)?);
            displaced.enumerate().for_each(|(number, place)| add(number, path, place));
        }
        // What was put in place, written to by its app, and taken back.
        let new = workspace.new_place(path);
        if workspace.is_undone() && look(&new)?.zip(staged).is_some_and(|(stat, staged)| was_written(staged, &stat)) {
            add(workspace.displaced(path, DisplacedTree::Undone)?.len() + 1, path, new);
        }
    }
    // A database is captured with the files beside it, which lie beside it also here.
    for tree in &mut trees {
        let there: BTreeSet<RelPath> = tree.keys().cloned().collect();
        tree.retain(|path, _| !is_beside(path, &there));
        // A log without its database is stored by a name of its own: by that of the log it would be replayed over another
        // one. What SQLite shares in memory is nothing.
        let alone: Vec<RelPath> = tree.keys().filter(|path| is_beside(path, &databases)).cloned().collect();
        for path in alone {
            if let Some(place) = tree.remove(&path).filter(|_| !path.as_bytes().ends_with(SHM.as_bytes())) {
                tree.insert(RelPath::parse(&[path.as_bytes(), ALONE].concat())?, place);
            }
        }
    }
    trees.retain(|tree| !tree.is_empty());
    Ok(trees)
}

fn was_written(staged: &StagedFile, now: &Stat) -> bool {
    now.kind == FileKind::File && !staged.is_untouched(now)
}

/// What of a tree the backup does not have.
fn not_in(vault: &Vault, base: &Snapshot, tree: &BTreeMap<RelPath, PathBuf>) -> Result<BTreeMap<RelPath, PathBuf>> {
    let mut new = tree.clone();
    let mut reader = vault.reader()?;
    for item in ListReader::forwards(&mut reader, &base.list) {
        let item = item?;
        let path = item.rel_path()?;
        if let Some(place) = new.get(&path)
            && is_as_captured(&item, place)?
        {
            new.remove(&path);
        }
    }
    Ok(new)
}

/// Is the file that was replaced the one that the safety backup has read?
fn is_as_captured(item: &Item, old: &Path) -> Result<bool> {
    let stat = Stat::of(old).at("reading", old)?;
    if stat.kind == FileKind::Symlink && item.kind != ItemType::Symlink {
        // The backup has what the link led to, which is where it was.
        return Ok(true);
    }
    let same_bytes = |sha256: &String| -> Result<bool> {
        let (file, _) = open_file(old).at("reading", old)?;
        Ok(*sha256 == durable::sha256(&file).at("reading", old)?)
    };
    // Its change time is that of the swap.
    let same = stat.size == item.size && stat.mtime == item.mtime && item.ino.is_none_or(|ino| ino == stat.ino);
    match (&item.db, &item.sha256) {
        // What is written to a database may be all beside it. An image that SQLite gave has no time of its own.
        (Some(db), sha256) => match same && !item.racy && same_log(db, old)? {
            false if has_log(old)? => Ok(false),
            false => sha256.as_ref().map_or(Ok(false), same_bytes),
            true => Ok(true),
        },
        _ if !same => Ok(false),
        // A moment later may be the same moment to the clock of a file system.
        (None, Some(sha256)) if item.racy => same_bytes(sha256),
        (None, None) if item.kind == ItemType::File && item.racy => Ok(false),
        _ => Ok(true),
    }
}

fn same_log(db: &DatabaseFacts, old: &Path) -> Result<bool> {
    let log = log_of(old, WAL)?.map(|stat| (stat.size, stat.mtime));
    Ok(log == db.wal && log_of(old, JOURNAL)?.is_none())
}

/// Is part of a database's content beside it?
fn has_log(old: &Path) -> Result<bool> {
    Ok(log_of(old, WAL)?.is_some() || log_of(old, JOURNAL)?.is_some())
}

fn log_of(old: &Path, suffix: &str) -> Result<Option<Stat>> {
    let path = beside(old, suffix);
    match Stat::of(&path) {
        Ok(stat) => Ok(Some(stat).filter(|stat| stat.size > 0)),
        // No file can have a name as long as that one would be: there is none.
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::InvalidFilename) => Ok(None),
        Err(error) => Err(Error::io("reading", path, error)),
    }
}
