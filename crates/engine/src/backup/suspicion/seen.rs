//! What of two backups differs, as far as it may be a sign, and what that says.
//!
//! Names come and go: a build gives all of its files others. So what is gone is made good by what came in the same category.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, Mutex};

use super::density::Density;
use crate::compare::merge::{Cursor, skip_shared};
use crate::path::RelPath;
use crate::report::{Category, ItemType};
use crate::vault::Vault;
use crate::vault::catalog::Catalog;
use crate::vault::item::{Item, JournalMode};
use crate::vault::list::ListReader;
use crate::vault::reader::ChunkReader;
use crate::vault::snapshot::Snapshot;
use crate::{Result, space};

/// Of a handful of files nothing is told by how many go.
const FEW_ITEMS: u64 = 10;
/// Without these a bot is nobody: all of one gone is told however few there were.
const PRECIOUS: [Category; 3] = [Category::Database, Category::Config, Category::Accounts];
/// Less than this says nothing: `{}` is nobody's configuration.
const SETTINGS: u64 = 3;
/// The tables of an empty database take so much.
const SMALL_DATABASE: u64 = 32 << 10;
/// So many files, or so many bytes, have to stop compressing.
const FEW_FILES: u64 = 5;
const FEW_BYTES: u64 = 1 << 20;
/// Stored bytes for a hundred plain ones: what compresses, and what does not.
const COMPRESSES: u64 = 90;
const COMPRESSES_NOT: u64 = 97;

/// The differences of two backups, as far as they may be signs.
#[derive(Default)]
pub struct Signs {
    gone: BTreeMap<Category, LostWeight>,
    came: BTreeMap<Category, u64>,
    /// Bytes of files that are there and empty.
    emptied: BTreeMap<Category, u64>,
    databases: DatabaseChanges,
    /// Files with other content: how many, and their bytes before.
    changed: LostWeight,
    /// Those of them that used to compress.
    compressed: LostWeight,
    /// Those of these that do not any more.
    dense: LostWeight,
}

#[derive(Clone, Copy, Default)]
struct LostWeight {
    files: u64,
    bytes: u64,
}

impl LostWeight {
    fn add(&mut self, bytes: u64) {
        self.files += 1;
        self.bytes += bytes;
    }
}

/// What became of the databases, by bytes of pages in use.
#[derive(Default)]
struct DatabaseChanges {
    gone: Vec<(String, u64)>,
    /// That are there and have lost more than half: path, bytes before, bytes now.
    shrunk: Vec<(String, u64, u64)>,
    /// That SQLite could read and cannot any more.
    unreadable: Vec<String>,
    /// Bytes of those that are new.
    came: u64,
    /// All of both backups, where one is gone.
    had: LostWeight,
    has: LostWeight,
}

impl Signs {
    /// Reads only the pieces of the lists that differ, one of each at a time; where a database is gone, all.
    pub fn between(
        vault: &Vault,
        catalog: &Arc<Mutex<Catalog>>,
        base: &Snapshot,
        new: &Snapshot,
        explained: &HashSet<RelPath>,
    ) -> Result<Signs> {
        let reader = || ChunkReader::new(vault.clone(), catalog.clone());
        let (mut old, mut now) = (Cursor::new(reader(), base), Cursor::new(reader(), new));
        let mut density = Density::new(catalog, reader());
        let mut seen = Signs::default();
        let mut last_gone: Option<(RelPath, Item)> = None;
        loop {
            skip_shared(&mut old, &mut now);
            let (before, after) = (old.peek()?.cloned(), now.peek()?.cloned());
            let Some(path) = before.iter().chain(&after).min().cloned() else { break };
            let before = old.next_if(|next| *next == path)?.map(|(_, item)| item);
            let after = now.next_if(|next| *next == path)?.map(|(_, item)| item);
            if explained.contains(&path) {
                continue;
            }
            match (before, after) {
                (Some(before), Some(after)) => seen.compare(&before, &after, &mut density)?,
                (Some(before), None) => {
                    seen.miss(&before);
                    last_gone = Some((path, before));
                }
                (None, Some(after)) => {
                    seen.find(&after);
                    // Whoever encrypts files likes to give them another ending.
                    if let Some((_, before)) = last_gone.as_ref().filter(|(gone, _)| has_ending(&path, gone)) {
                        seen.compare_content(before, &after, &mut density)?;
                    }
                }
                (None, None) => {}
            }
        }
        if !seen.databases.gone.is_empty() {
            let all = |snapshot: &Snapshot, but: &HashSet<RelPath>| all_databases(&mut reader(), snapshot, but);
            (seen.databases.had, seen.databases.has) = (all(base, explained)?, all(new, &HashSet::new())?);
        }
        Ok(seen)
    }

    fn miss(&mut self, before: &Item) {
        self.gone.entry(before.category).or_default().add(before.size);
        if before.db.is_some() {
            self.databases.gone.push((before.display_path().to_owned(), in_use(before)));
        }
    }

    fn find(&mut self, after: &Item) {
        *self.came.entry(after.category).or_default() += 1;
        if is_readable(after) {
            self.databases.came += in_use(after);
        }
    }

    fn compare(&mut self, before: &Item, after: &Item, density: &mut Density<'_>) -> Result<()> {
        if is_readable(before) && !is_readable(after) {
            self.databases.unreadable.push(before.display_path().to_owned());
        } else if before.db.is_some() {
            let (had, has) = sizes(before, after);
            if had >= SMALL_DATABASE && has < had / 2 {
                self.databases.shrunk.push((before.display_path().to_owned(), had, has));
            }
        }
        if after.size == 0 {
            *self.emptied.entry(before.category).or_default() += before.size;
        }
        self.compare_content(before, after, density)
    }

    fn compare_content(&mut self, before: &Item, after: &Item, density: &mut Density<'_>) -> Result<()> {
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

    /// In sentences without their ends. `is_same_selection`: what is not there any more is gone, and not only left out.
    pub fn reasons(&self, base: &Snapshot, new: &Snapshot, is_same_selection: bool) -> Vec<String> {
        let mut reasons = Vec::new();
        if is_same_selection {
            reasons.extend(self.losses(base, new));
            reasons.extend(self.databases.losses());
        }
        for path in &self.databases.unreadable {
            reasons.push(format!("the database {path} was one that SQLite could read, and is none any more"));
        }
        for (path, had, has) in &self.databases.shrunk {
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

    fn losses(&self, base: &Snapshot, new: &Snapshot) -> Vec<String> {
        let mut reasons = Vec::new();
        // The files of a session are thousands, and come and go by themselves, all of them with a new login.
        let counts = |category: &Category| *category != Category::Session;
        let items: u64 = base.categories.iter().filter(|(it, _)| counts(it)).map(|(_, totals)| totals.items).sum();
        let came = |category| self.came.get(category).copied().unwrap_or(0);
        let lacks = self.gone.iter().filter(|(it, _)| counts(it)).map(|(it, gone)| gone.files.saturating_sub(came(it)));
        let lacks: u64 = lacks.sum();
        if items >= FEW_ITEMS && lacks * 2 > items {
            reasons.push(format!("{lacks} of {items} items are gone (the session's are not counted)"));
        }
        for (category, had) in &base.categories {
            let has = new.categories.get(category).copied().unwrap_or_default();
            let gone = self.gone.get(category).copied().unwrap_or_default();
            let emptied = self.emptied.get(category).copied().unwrap_or(0);
            if has.items == 0 && had.items >= FEW_ITEMS && gone.files * 2 > had.items {
                reasons.push(format!("all {} items of {} are gone", had.items, category.as_str()));
            } else if PRECIOUS.contains(category)
                && had.size >= SETTINGS
                && has.size == 0
                && (gone.bytes + emptied) * 2 > had.size
            {
                // Their folder may be there still.
                reasons.push(format!("all of {} is gone, which was {}", category.as_str(), space::said(had.size)));
            }
        }
        reasons
    }
}

impl DatabaseChanges {
    fn losses(&self) -> Vec<String> {
        let mut reasons = Vec::new();
        let mut came = self.came;
        for (path, had) in self.gone.iter().filter(|(_, had)| *had >= SMALL_DATABASE) {
            // Its name is another one now, or another one has taken its place.
            if came * 2 >= *had {
                came = came.saturating_sub(*had);
                continue;
            }
            reasons.push(format!("the database {path} has lost {0} of {0}: it is gone", space::said(*had)));
        }
        let gone: u64 = self.gone.iter().map(|(_, had)| had).sum();
        let is_most = gone * 2 > self.had.bytes && self.has.bytes * 2 < self.had.bytes;
        let is_all = !self.gone.is_empty() && self.has.files == 0;
        if reasons.is_empty() && (is_all || is_most) {
            let (paths, had) = (self.gone.iter().map(|(path, _)| path.as_str()), space::said(self.had.bytes));
            let paths = paths.take(3).collect::<Vec<_>>().join(", ");
            reasons.push(format!("{} of {} databases are gone, of {had}: {paths}", self.gone.len(), self.had.files));
        }
        reasons
    }
}

/// Counts the databases of a backup.
fn all_databases(reader: &mut ChunkReader, snapshot: &Snapshot, but: &HashSet<RelPath>) -> Result<LostWeight> {
    let mut all = LostWeight::default();
    for item in ListReader::forwards(reader, &snapshot.list) {
        let item = item?;
        if item.db.is_some() && !but.contains(&item.rel_path()?) {
            all.add(in_use(&item));
        }
    }
    Ok(all)
}

/// Is `path` the other with one ending more?
fn has_ending(path: &RelPath, other: &RelPath) -> bool {
    path.as_bytes().strip_prefix(other.as_bytes()).is_some_and(|rest| rest.starts_with(b".") && !rest.contains(&b'/'))
}

fn is_readable(item: &Item) -> bool {
    item.db.as_ref().is_some_and(|db| db.journal != JournalMode::Raw)
}

/// Bytes of a database's pages in use, where the backup knows them.
fn in_use(item: &Item) -> u64 {
    item.size.saturating_sub(item.db.as_ref().and_then(|db| db.free).unwrap_or(0))
}

/// What a database held and holds: bytes of pages in use, where both backups know that.
fn sizes(before: &Item, after: &Item) -> (u64, u64) {
    let free = |item: &Item| item.db.as_ref().and_then(|db| db.free);
    match (free(before), free(after)) {
        (Some(_), Some(_)) => (in_use(before), in_use(after)),
        _ => (before.size, after.size),
    }
}

fn has_other_content(before: &Item, after: &Item) -> bool {
    match (&before.sha256, &after.sha256) {
        (Some(before), Some(after)) => before != after,
        _ => (before.size, &before.chunks, &before.lists) != (after.size, &after.chunks, &after.lists),
    }
}
