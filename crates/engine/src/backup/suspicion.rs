//! Is a backup what its root should look like? One that has lost most of what an earlier one had is made all the same; but it is
//! marked, takes nobody's place, and freezes pruning until somebody says that it is right.
//!
//! It is compared with its base: the newest backup of this root that nobody doubts. Signs are that most items are gone, all of a
//! category, all databases, or most of one; that a database is none any more; and that most files have changed at once and do
//! not compress any more, which is what somebody does who encrypts them ([`seen`]). What a restore has changed since explains
//! itself, and so does another selection of what is taken.

mod density;
mod seen;

use std::collections::HashSet;
use std::sync::{Arc, Mutex};

use crate::path::RelPath;
use crate::report::{BackupType, Suspicion};
use crate::vault::Vault;
use crate::vault::catalog::Catalog;
use crate::vault::last_restore::LastRestore;
use crate::vault::snapshot::Snapshot;
use crate::{Config, Error, Result, marriage, retention};

use seen::Signs;

/// Backups that are looked at for a base.
const BASES: usize = 1000;

/// What a new backup is compared with.
pub struct Bases {
    base: Snapshot,
    /// The newest one that is in doubt, where it is newer than the base.
    doubted: Option<Snapshot>,
}

impl Bases {
    /// `None`: there is none that tells anything, because this is the first of the root, or because nobody knows whose it is.
    pub fn of(vault: &Vault, root: Option<&str>, now: i64) -> Option<Bases> {
        let root = root?;
        let names = vault.list_snapshots().ok()?;
        let names = names
            .iter()
            .rev()
            .filter(|name| name.kind() != BackupType::Safety && !retention::is_ahead(name.millis(), now));
        // What was imported, or is of another root, is not what this root was before.
        let read = |name| Snapshot::read(vault, name).ok().filter(|found| found.root_id.as_deref() == Some(root));
        let mut doubted: Option<Snapshot> = None;
        for snapshot in names.take(BASES).filter_map(read) {
            if !vault.doubts(&snapshot) {
                return Some(Bases { base: snapshot, doubted });
            }
            doubted.get_or_insert(snapshot);
        }
        // All that is left is in doubt.
        doubted.map(|base| Bases { base, doubted: None })
    }

    /// What is wrong with `new`, if something is. Damage in what it is compared with is for a verification to tell.
    pub fn judge(&self, vault: &Vault, catalog: &Arc<Mutex<Catalog>>, new: &Snapshot) -> Option<Suspicion> {
        let signs = |base: &Snapshot| signs(vault, catalog, base, new).unwrap_or_default();
        let reasons = signs(&self.base);
        if reasons.is_empty() {
            return None;
        }
        // The same doubt goes on: it was told when it began.
        let known = self.doubted.as_ref().filter(|doubted| signs(doubted).is_empty());
        let since = known.and_then(|known| known.suspicious.as_ref()).map(|doubt| doubt.since.clone());
        Some(Suspicion {
            reasons,
            against: self.base.backup.clone(),
            since: since.unwrap_or_else(|| new.backup.clone()),
        })
    }
}

/// What speaks against `new`, in sentences without their ends.
fn signs(vault: &Vault, catalog: &Arc<Mutex<Catalog>>, base: &Snapshot, new: &Snapshot) -> Result<Vec<String>> {
    if base.list.chunks == new.list.chunks {
        return Ok(Vec::new());
    }
    // An earlier Lifeboat did not say what was selected.
    let is_same_selection = base.selection.is_none() || base.selection == new.selection;
    let seen = |restored: &HashSet<RelPath>| Signs::between(vault, catalog, base, new, restored);
    let reasons = seen(&HashSet::new())?.reasons(base, new, is_same_selection);
    let restored = if reasons.is_empty() { HashSet::new() } else { restored_since(vault, base) };
    match restored.is_empty() {
        true => Ok(reasons),
        false => Ok(seen(&restored)?.reasons(base, new, is_same_selection)),
    }
}

/// What restores in place have changed since a backup. A record that cannot be read explains nothing.
fn restored_since(vault: &Vault, base: &Snapshot) -> HashSet<RelPath> {
    let is_later = LastRestore::put_at(vault).is_some_and(|at| at >= base.timestamp);
    let record = is_later.then(|| LastRestore::read(vault).ok().flatten()).flatten();
    record.map_or_else(HashSet::new, |record| record.changed().collect())
}

/// What the restores before this one have changed of what the next backup will be compared with: the record of a restore takes
/// the place of the one before.
pub fn restored_before(vault: &Vault, now: i64) -> Vec<RelPath> {
    let bases = Bases::of(vault, marriage::root_of(vault).as_deref(), now);
    let mut paths: Vec<RelPath> =
        bases.map_or_else(Vec::new, |it| restored_since(vault, &it.base).into_iter().collect());
    paths.sort();
    paths
}

/// What says which files are taken, as a digest: where it is another one, what is not there any more may only be left out.
pub fn selection(config: &Config) -> Result<String> {
    let Config { sources, include, exclude, follow_links, .. } = config;
    let text = serde_json::to_vec(&(sources, include, exclude, follow_links));
    let text = text.map_err(|error| Error::internal(error.to_string()))?;
    Ok(hex::encode(&blake3::hash(&text).as_bytes()[..16]))
}
