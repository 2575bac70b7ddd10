//! Is a backup what its root should look like? One that has lost most of what an earlier one had is made all the same; but it is
//! marked, takes nobody's place, and freezes pruning until somebody says that it is right.
//!
//! It is compared with its base: the newest backup of this root that nobody doubts. Signs are that most items are gone, all of a
//! category, or most of a database; and that most files have changed at once and do not compress any more, which is what
//! somebody does who encrypts them. What a restore has changed since explains itself.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, Mutex};

use crate::chunk::ChunkId;
use crate::compare::merge::{Cursor, skip_shared};
use crate::mutex::lock;
use crate::path::RelPath;
use crate::report::{BackupType, Category, ItemType, Suspicion};
use crate::seal::TAG;
use crate::vault::Vault;
use crate::vault::catalog::Catalog;
use crate::vault::item::Item;
use crate::vault::last_restore::LastRestore;
use crate::vault::reader::Reader;
use crate::vault::snapshot::Snapshot;
use crate::{Result, retention, space};

/// Of a handful of files nothing is told by how many go.
const FEW_ITEMS: u64 = 10;
/// The tables of an empty database take so much.
const SMALL_DATABASE: u64 = 32 << 10;
/// So many files, or so many bytes, have to stop compressing.
const FEW_FILES: u64 = 5;
const FEW_BYTES: u64 = 1 << 20;
/// Stored bytes for a hundred plain ones: what compresses, and what does not.
const COMPRESSES: u64 = 90;
const COMPRESSES_NOT: u64 = 97;
/// Of so few bytes that are stored together the compression tells nothing.
const SMALL_CHUNKS: u64 = 4 << 10;
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
    let seen = Seen::between(vault, catalog, base, new, &HashSet::new())?;
    let reasons = seen.reasons(base, new);
    if reasons.is_empty() {
        return Ok(reasons);
    }
    match Explained::of(vault, base)? {
        Explained::Nothing => Ok(reasons),
        Explained::All => Ok(Vec::new()),
        Explained::These(paths) => Ok(Seen::between(vault, catalog, base, new, &paths)?.reasons(base, new)),
    }
}

/// What restores in place have changed since a backup.
enum Explained {
    Nothing,
    All,
    These(HashSet<RelPath>),
}

impl Explained {
    fn of(vault: &Vault, base: &Snapshot) -> Result<Explained> {
        let Some(at) = LastRestore::put_at(vault) else { return Ok(Explained::Nothing) };
        if at < base.timestamp {
            return Ok(Explained::Nothing);
        }
        // Only the last restore is remembered: of several nobody knows all paths.
        let safeties = vault.list_snapshots()?.into_iter();
        let since = safeties.filter(|name| name.kind() == BackupType::Safety && name.millis() > base.timestamp);
        let record = LastRestore::read(vault)?.filter(|_| since.count() <= 1);
        Ok(record
            .map_or(Explained::All, |record| Explained::These(record.created.into_iter().chain(record.lost).collect())))
    }
}

/// The differences of two backups, as far as they may be signs.
#[derive(Default)]
struct Seen {
    gone: BTreeMap<Category, u64>,
    /// Databases that have lost more than half: path, bytes before, bytes now.
    shrunk: Vec<(String, u64, u64)>,
    /// Files with other content: how many, and their bytes before.
    changed: Weight,
    /// Those of them that used to compress.
    compressed: Weight,
    /// Those of these that do not any more.
    dense: Weight,
}

#[derive(Default)]
struct Weight {
    files: u64,
    bytes: u64,
}

impl Weight {
    fn add(&mut self, bytes: u64) {
        self.files += 1;
        self.bytes += bytes;
    }
}

impl Seen {
    /// Reads only the pieces of the lists that differ, one of each at a time.
    fn between(
        vault: &Vault,
        catalog: &Arc<Mutex<Catalog>>,
        base: &Snapshot,
        new: &Snapshot,
        explained: &HashSet<RelPath>,
    ) -> Result<Seen> {
        let reader = || Reader::new(vault.clone(), catalog.clone());
        let (mut old, mut now) = (Cursor::new(reader(), base), Cursor::new(reader(), new));
        let mut density = Density { catalog, last: None };
        let mut seen = Seen::default();
        loop {
            skip_shared(&mut old, &mut now);
            let Some(path) = old.peek()?.cloned() else { return Ok(seen) };
            while now.next_if(|other| *other < path)?.is_some() {}
            let after = now.next_if(|other| *other == path)?.map(|(_, item)| item);
            let Some((path, before)) = old.next_if(|_| true)? else { return Ok(seen) };
            if !explained.contains(&path) {
                seen.compare(&before, after.as_ref(), &mut density)?;
            }
        }
    }

    fn compare(&mut self, before: &Item, after: Option<&Item>, density: &mut Density<'_>) -> Result<()> {
        if before.db.is_some() {
            let (had, has) = sizes(before, after);
            if had >= SMALL_DATABASE && has < had / 2 {
                self.shrunk.push((before.display_path().to_owned(), had, has));
            }
        }
        let Some(after) = after else {
            *self.gone.entry(before.category).or_default() += 1;
            return Ok(());
        };
        if before.kind != ItemType::File || !has_other_content(before, after) {
            return Ok(());
        }
        self.changed.add(before.size);
        if density.of(before)?.is_some_and(|percent| percent < COMPRESSES) {
            self.compressed.add(before.size);
            if density.of(after)?.is_some_and(|percent| percent > COMPRESSES_NOT) {
                self.dense.add(before.size);
            }
        }
        Ok(())
    }

    fn reasons(&self, base: &Snapshot, new: &Snapshot) -> Vec<String> {
        let mut reasons = Vec::new();
        // The files of a session are thousands, and come and go by themselves, all of them with a new login.
        let counts = |category: &Category| *category != Category::Session;
        let items: u64 = base.categories.iter().filter(|(it, _)| counts(it)).map(|(_, totals)| totals.items).sum();
        let gone: u64 = self.gone.iter().filter(|(it, _)| counts(it)).map(|(_, gone)| gone).sum();
        if items >= FEW_ITEMS && gone * 2 > items {
            reasons.push(format!("{gone} of {items} items are gone (the session's are not counted)"));
        }
        for (category, had) in &base.categories {
            let has = new.categories.get(category).map_or(0, |totals| totals.items);
            let gone = self.gone.get(category).copied().unwrap_or(0);
            if has == 0 && had.items >= FEW_ITEMS && gone * 2 > had.items {
                reasons.push(format!("all {} items of {} are gone", had.items, category.as_str()));
            }
        }
        for (path, had, has) in &self.shrunk {
            let (had, lost) = (space::said(*had), space::said(had - has));
            reasons.push(format!("the database {path} has lost {lost} of {had}"));
        }
        let is_most = self.changed.files * 2 > base.items || self.changed.bytes * 2 > base.total_size;
        let is_much = self.dense.files >= FEW_FILES || self.dense.bytes >= FEW_BYTES;
        let is_most_dense =
            self.dense.files * 2 > self.compressed.files || self.dense.bytes * 2 > self.compressed.bytes;
        if is_most && is_much && is_most_dense {
            reasons.push(format!(
                "{} files have changed at once, and {} that used to compress do not any more, as if somebody had encrypted \
                 them",
                self.changed.files, self.dense.files
            ));
        }
        reasons
    }
}

/// What a database held and holds: bytes of pages in use, where both backups know that.
fn sizes(before: &Item, after: Option<&Item>) -> (u64, u64) {
    let free = |item: &Item| item.db.as_ref().and_then(|db| db.free);
    let Some(after) = after else { return (before.size - free(before).unwrap_or(0).min(before.size), 0) };
    match (free(before), free(after)) {
        (Some(had), Some(has)) => (before.size.saturating_sub(had), after.size.saturating_sub(has)),
        _ => (before.size, after.size),
    }
}

fn has_other_content(before: &Item, after: &Item) -> bool {
    match (&before.sha256, &after.sha256) {
        (Some(before), Some(after)) => before != after,
        _ => (before.size, &before.chunks, &before.lists) != (after.size, &after.chunks, &after.lists),
    }
}

/// How much of itself a file takes in the vault.
struct Density<'a> {
    catalog: &'a Mutex<Catalog>,
    /// Of a bundle, which the next file is often in, too.
    last: Option<(ChunkId, (u64, u64))>,
}

impl Density<'_> {
    /// In percent; `None` where it tells nothing.
    fn of(&mut self, item: &Item) -> Result<Option<u64>> {
        let (mut stored, mut plain) = (0, 0);
        for id in item.bundle.iter().map(|(id, _)| id).chain(&item.chunks) {
            let chunk = self.chunk(*id)?;
            (stored, plain) = (stored + chunk.0, plain + chunk.1);
        }
        Ok((plain >= SMALL_CHUNKS).then(|| stored * 100 / plain))
    }

    fn chunk(&mut self, id: ChunkId) -> Result<(u64, u64)> {
        if let Some((last, sizes)) = self.last
            && last == id
        {
            return Ok(sizes);
        }
        let places = lock(self.catalog).places(id)?;
        let sizes = places.first().map_or((0, 0), |place| {
            (u64::from(place.entry.sealed).saturating_sub(TAG as u64), u64::from(place.entry.plain))
        });
        self.last = Some((id, sizes));
        Ok(sizes)
    }
}
