//! The safety backup of a restore in place: it holds all that is replaced, to the last byte that an app wrote.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::path::RelPath;
use crate::vault::Vault;
use crate::vault::list::ListReader;
use crate::vault::name::BackupName;
use crate::vault::snapshot::Snapshot;
use crate::{Config, Control, Error, Result, backup};

use super::journal::{Journal, Step};
use super::workspace::Workspace;
use crate::capture::sqlite::beside;
use crate::capture::stat::{Kind, Stat, open_file};
use crate::error::IoContext;
use crate::report::ItemType;
use crate::vault::durable;
use crate::vault::item::{Database, Item};

/// `E_RESTORE` where something of `replaced` is in the root and not in the backup: the rules leave it out, or it could
/// not be read. Files beside a database are captured with it.
pub fn covers(vault: &Vault, backup: &str, replaced: &BTreeSet<RelPath>, root: &Path) -> Result<()> {
    let name: BackupName = backup.parse()?;
    let snapshot = Snapshot::read(vault, &name)?;
    let mut reader = vault.reader()?;
    let mut wanted = replaced.iter().peekable();
    let mut missing = Vec::new();
    let mut miss = |path: &RelPath| {
        if !is_beside(path, replaced) && std::fs::symlink_metadata(path.under(root)).is_ok() {
            missing.push(path.display());
        }
    };
    for item in ListReader::forwards(&mut reader, &snapshot.list) {
        let path = item?.rel_path()?;
        while wanted.peek().is_some_and(|next| **next < path) {
            wanted.next().into_iter().for_each(&mut miss);
        }
        wanted.next_if(|next| **next == path);
    }
    wanted.for_each(&mut miss);
    match missing.first() {
        None => Ok(()),
        Some(first) => Err(Error::Restore {
            message: format!(
                "{first:?}{} would be replaced, and the safety backup {backup} does not hold it: the configuration \
                 leaves it out, or it cannot be read. Nothing was changed. Keep a copy of it and restore without a \
                 safety backup (createBackupFirst: false, --no-safety), or change the configuration.",
                if missing.len() > 1 { format!(" and {} more", missing.len() - 1) } else { String::new() },
            ),
        }),
    }
}

/// Between the safety backup and the swap an app may have gone on writing. What it wrote then lies in the workspace now,
/// and is captured from there: `Some` names the backup that holds all of it.
pub fn complete(
    vault: &Vault,
    config: &Config,
    safety: &str,
    workspace: &Workspace,
    journal: &Journal,
    control: &Control,
) -> Result<Option<String>> {
    let snapshot = Snapshot::read(vault, &safety.parse()?)?;
    let mut olds = BTreeMap::new();
    for step in &journal.steps {
        if let Step::Remove { path } | Step::Put { path, .. } | Step::Database { path } = step
            && workspace.keeps(path)?
        {
            olds.insert(path.clone(), workspace.old_place(path));
        }
    }
    // A database is captured with the files beside it, which lie beside it also here.
    let bases: BTreeSet<RelPath> = olds.keys().cloned().collect();
    olds.retain(|path, _| !is_beside(path, &bases));
    let mut reader = vault.reader()?;
    for item in ListReader::forwards(&mut reader, &snapshot.list) {
        let item = item?;
        let path = item.rel_path()?;
        if let Some(old) = olds.get(&path)
            && is_as_captured(&item, old)?
        {
            olds.remove(&path);
        }
    }
    if olds.is_empty() {
        return Ok(None);
    }
    backup::amend(vault, config, &snapshot, &olds, control).map(|result| Some(result.backup))
}

/// Is the file that was replaced the one that the safety backup has read?
fn is_as_captured(item: &Item, old: &Path) -> Result<bool> {
    let stat = Stat::of(old).at("reading", old)?;
    if stat.kind == Kind::Symlink && item.kind != ItemType::Symlink {
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

fn same_log(db: &Database, old: &Path) -> Result<bool> {
    let log = log_of(old, "-wal")?.map(|stat| (stat.size, stat.mtime));
    Ok(log == db.wal && log_of(old, "-journal")?.is_none())
}

/// Is part of a database's content beside it?
fn has_log(old: &Path) -> Result<bool> {
    Ok(log_of(old, "-wal")?.is_some() || log_of(old, "-journal")?.is_some())
}

fn log_of(old: &Path, suffix: &str) -> Result<Option<Stat>> {
    let path = beside(old, suffix);
    match Stat::of(&path) {
        Ok(stat) => Ok(Some(stat).filter(|stat| stat.size > 0)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Error::io("reading", path, error)),
    }
}

fn is_beside(path: &RelPath, bases: &BTreeSet<RelPath>) -> bool {
    ["-wal", "-shm", "-journal"].iter().any(|suffix| {
        let base = path.as_bytes().strip_suffix(suffix.as_bytes()).and_then(|base| RelPath::parse(base).ok());
        base.is_some_and(|base| bases.contains(&base))
    })
}
