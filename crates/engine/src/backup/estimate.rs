//! How much a backup will add to the vault, told before it is written from names, sizes and times alone.
//!
//! What looks unchanged adds nothing. What changed adds its size, less what its kind is known to compress by. A database
//! is a guess: it changes by pages, and nobody knows how many without reading it. A guess that is too low is no harm: the
//! writer stops at the limit, and then there is [`Estimate::most`].

use super::previous::{Previous, still_stands};
use crate::Result;
use crate::capture::databases::WAL;
use crate::capture::left::Left;
use crate::capture::stat::{FileKind, Stat};
use crate::capture::walk::{Walk, WalkEntry, WalkVisitor};
use crate::report::Category;
use crate::vault::item::Item;
use crate::vault::list::ListReader;
use crate::vault::reader::ChunkReader;
use crate::vault::snapshot::Snapshot;

/// What any backup takes: its record, its part of the catalog, a line in the logbook.
pub const LEAST: u64 = 512 << 10;
/// Bytes of the item list and of the catalog for each path, compressed.
const PATH: u64 = 64;

#[derive(Clone, Copy, Debug, Default)]
pub struct Estimate {
    /// Bytes that it will probably add.
    pub likely: u64,
    /// Bytes that it can add at most.
    pub most: u64,
}

impl Estimate {
    /// Reads no file of the root.
    pub fn of(walk: &Walk<'_>, reader: &mut ChunkReader, previous: Option<&Snapshot>) -> Result<Estimate> {
        let items = previous.map(|snapshot| ListReader::forwards(reader, &snapshot.list));
        let mut estimator = Estimator { walk, previous: Previous::new(items), sum: Estimate::default(), paths: 0 };
        walk.run(&mut estimator)?;
        let overhead = LEAST + estimator.paths * PATH;
        let Estimate { likely, most } = estimator.sum;
        // What does not compress is stored with a little around it.
        Ok(Estimate { likely: likely + overhead, most: most + most / 50 + overhead })
    }
}

struct Estimator<'a, 'p> {
    walk: &'a Walk<'a>,
    previous: Previous<'p>,
    sum: Estimate,
    paths: u64,
}

impl Estimator<'_, '_> {
    fn file(&mut self, entry: &WalkEntry, earlier: Option<&Item>) {
        if entry.stat.kind != FileKind::File || earlier.is_some_and(|item| still_stands(item, entry)) {
            return;
        }
        let size = entry.stat.on_disk();
        // A log holds pages that the database has not taken in yet: all of them are new.
        let is_database = earlier.is_some_and(|item| item.db.is_some()) || entry.is_set;
        let log = Stat::of(&entry.beside(WAL)).ok().filter(|_| is_database).map_or(0, |log| log.on_disk());
        self.sum.most += size + log;
        self.sum.likely += log;
        self.sum.likely += match (entry.category, earlier.and_then(|item| item.db.as_ref())) {
            (Category::Media, _) => size,
            // As if a fifth of its pages had changed.
            (_, Some(_)) => size / 10,
            _ => size / 2,
        };
    }
}

impl WalkVisitor for Estimator<'_, '_> {
    fn entry(&mut self, entry: WalkEntry) -> Result<()> {
        self.paths += 1;
        let earlier = self.previous.take(&entry.path);
        self.file(&entry, earlier.as_ref());
        Ok(())
    }

    fn set(&mut self, folder: WalkEntry) -> Result<()> {
        let walk = self.walk;
        walk.set(&folder, self)
    }

    fn left(&mut self, _: Left) -> Result<()> {
        Ok(())
    }
}
