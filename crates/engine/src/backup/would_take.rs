//! Which of some paths a backup that is made now would take: the rules may leave one out, or it may be unreadable.

use std::collections::BTreeSet;

use crate::capture::databases::{is_database, sides_among};
use crate::capture::left::Left;
use crate::capture::rules::Rules;
use crate::capture::stat::{FileKind, Purpose, may};
use crate::capture::walk::{Walk, WalkEntry, WalkVisitor};
use crate::path::RelPath;
use crate::vault::Vault;
use crate::{Config, Result};

/// Walks the root as a backup does, and reads no file.
pub fn would_take(vault: &Vault, config: &Config, paths: &BTreeSet<RelPath>) -> Result<BTreeSet<RelPath>> {
    let rules = Rules::new(config)?;
    let walk = Walk::new(config, &rules, vault.dir());
    let mut looker = Looker { walk: &walk, paths, taken: BTreeSet::new() };
    walk.run(&mut looker)?;
    Ok(looker.taken)
}

struct Looker<'a> {
    walk: &'a Walk<'a>,
    paths: &'a BTreeSet<RelPath>,
    taken: BTreeSet<RelPath>,
}

impl WalkVisitor for Looker<'_> {
    fn entry(&mut self, entry: WalkEntry) -> Result<()> {
        let can_be_read = || entry.stat.kind != FileKind::File || may(&entry.absolute, Purpose::Read).is_ok();
        let sides = match entry.stat.kind {
            FileKind::File => sides_among(&entry.path, self.paths),
            _ => Vec::new(),
        };
        if !sides.is_empty() && can_be_read() && (entry.is_set || is_database(&entry.absolute)) {
            self.taken.extend(sides);
        }
        if self.paths.contains(&entry.path) && can_be_read() {
            self.taken.insert(entry.path);
        }
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
