//! The backup before, read alongside the walk: both are in path order, so one line in memory is enough.

use std::iter::Peekable;

use super::raw;
use crate::Result;
use crate::capture::databases::WAL;
use crate::capture::stat::Stat;
use crate::capture::walk::WalkEntry;
use crate::path::RelPath;
use crate::report::Warning;
use crate::vault::item::{DatabaseFacts, Item, JournalMode};
use crate::vault::list::ListReader;
use crate::vault::writer::Writer;

pub struct Previous<'a> {
    items: Option<Peekable<ListReader<'a>>>,
    /// Items that the walk has passed without meeting them.
    pub removed: u64,
    pub damage: Option<Warning>,
}

impl<'a> Previous<'a> {
    pub fn new(items: Option<ListReader<'a>>) -> Previous<'a> {
        Previous { items: items.map(Iterator::peekable), removed: 0, damage: None }
    }

    /// The next item, if it is readable and `wanted`.
    fn next_if(&mut self, wanted: impl Fn(&RelPath) -> bool) -> Option<(RelPath, Item)> {
        let items = self.items.as_mut()?;
        let path = match items.peek()? {
            Ok(item) => item.rel_path(),
            Err(_) => items.next()?.and_then(|item| item.rel_path()),
        };
        match path {
            Ok(path) if wanted(&path) => Some((path, items.next()?.ok()?)),
            Ok(_) => None,
            Err(error) => {
                // Nothing is lost: what it would have told is read from the root again.
                let message = format!(
                    "The item list of the previous backup could not be read, so every file is read again: {error}"
                );
                self.damage = Some(Warning { path: String::new(), message });
                self.items = None;
                None
            }
        }
    }

    /// The item of this path in the backup before. Paths are asked for in order.
    pub fn take(&mut self, path: &RelPath) -> Option<Item> {
        while self.next_if(|earlier| earlier < path).is_some() {
            self.removed += 1;
        }
        self.next_if(|same| same == path).map(|(_, item)| item)
    }

    /// The walk is over: whatever is left was removed.
    pub fn finish(&mut self) {
        while self.next_if(|_| true).is_some() {
            self.removed += 1;
        }
    }
}

/// Can `item` stand for the file as it is now, without reading it?
pub fn still_stands(item: &Item, entry: &WalkEntry) -> bool {
    if !entry.stat.is_unchanged_from(item) {
        return false;
    }
    match &item.db {
        None => true,
        // Who can't read it can't tell a commit from a spill; so nothing of it may have changed.
        Some(DatabaseFacts { journal: JournalMode::Raw, beside, .. }) => {
            beside.as_ref().is_some_and(|digest| raw::is_beside(entry, digest))
        }
        // A write-ahead log holds commits that the database file does not show. For a database in rollback mode a
        // log is none of ours, unless it changed its mode since, and that changes the file.
        Some(db) => {
            let now = Stat::of(&entry.beside(WAL)).ok().filter(|wal| wal.size > 0);
            now.map(|wal| (wal.size, wal.mtime)) == db.wal.filter(|(size, _)| *size > 0)
        }
    }
}

/// Does the vault still hold what this item names? Where it cannot be told without reading more, the answer is no.
pub fn is_held(item: &Item, writer: &Writer) -> Result<bool> {
    if !item.lists.is_empty() {
        return Ok(false);
    }
    for id in item.named_chunks() {
        if !writer.is_stored(id)? {
            return Ok(false);
        }
    }
    Ok(true)
}
