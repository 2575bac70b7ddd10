//! Databases in a plan: what lies beside them goes with them, and what lies there now decides how they are replaced.

use std::io::ErrorKind;

use super::planner::{Planner, stat};
use super::{ReplacedDatabase, Swapped, beside};
use crate::capture::databases::{SHM, SIDES, database_of, has_log, is_named_as_one, is_of_sqlite};
use crate::capture::sqlite::{HEADER, is_database};
use crate::capture::stat::{FileKind, Stat};
use crate::path::RelPath;
use crate::restore::nature::Nature;
use crate::vault::item::{Content, Item, JournalMode};
use crate::vault::list;
use crate::{Error, Result};

impl Planner<'_> {
    /// Puts a file into the plan. `there`: the file that it replaces; `nature`: what lies there, or will.
    pub(super) fn put_file(
        &mut self,
        path: &RelPath,
        item: &Item,
        there: Option<Stat>,
        nature: Nature,
        sides: Vec<RelPath>,
        brings: Vec<RelPath>,
    ) -> Result<()> {
        if item.db.is_some() || nature.is_database() {
            self.watch(path, item);
        }
        let is_behind_link = item.db.is_some() && there.is_none() && path.under(&self.config.root).is_file();
        if is_behind_link {
            // It lies behind a link that goes: whoever has it open would go on writing there.
            self.plan.lost_databases.push(path.clone());
        }
        let can_be_written = matches!(&item.db, Some(db) if db.journal != JournalMode::Raw) && item.sides.is_empty();
        let why = match (there, nature) {
            (None, _) => None,
            (_, Nature::Other) if item.db.is_none() => None,
            (_, Nature::Database) if can_be_written => None,
            // An empty file is an empty database.
            (Some(stat), _) if can_be_written && stat.size == 0 => None,
            (_, Nature::Database) if item.db.is_none() => Some("it was no database when it was backed up"),
            _ if !can_be_written && item.db.is_some() => Some("SQLite could not read it when it was backed up"),
            _ => Some("SQLite cannot read what lies there"),
        };
        let is_database = there.is_some() && why.is_none() && item.db.is_some();
        if let (true, Some(stat)) = (is_database, there) {
            let header = self.header(item)?;
            self.plan.databases.push(ReplacedDatabase { path: path.clone(), sides, header, size: stat.size });
            return Ok(());
        }
        match why {
            Some(why) => {
                self.plan.swapped.push(Swapped { path: path.clone(), sides, brings, why });
                return Ok(());
            }
            None if there.is_none() && !is_behind_link && (item.db.is_some() || nature.is_database()) => {
                self.plan.created.push(path.clone());
            }
            None => {}
        }
        self.plan.removes.extend(sides);
        self.plan.puts.push((path.clone(), there.is_some()));
        Ok(())
    }

    /// Somebody may have it open under another name by now.
    pub(super) fn watch(&mut self, path: &RelPath, item: &Item) {
        if let Some(ino) = item.ino {
            self.plan.inodes.insert(path.clone(), ino);
        }
    }

    /// What SQLite may have beside a database, also between now and the swap.
    pub(super) fn sides(&self, path: &RelPath) -> Result<Vec<RelPath>> {
        let mut possible = Vec::new();
        for suffix in SIDES {
            let side = beside(path, suffix)?;
            let there = match stat(&side.under(&self.config.root)) {
                // No file can have that name: there is none, and there will be none.
                Err(Error::Io { source, .. }) if source.kind() == ErrorKind::InvalidFilename => continue,
                there => there?,
            };
            if there.is_none_or(|stat| stat.kind != FileKind::Dir) {
                possible.push(side);
            }
        }
        Ok(possible)
    }

    /// What lies beside a database now, or beside a file that may be one.
    pub(super) fn sides_there(&self, path: &RelPath, item: &Item, there: Option<Stat>) -> Result<Vec<RelPath>> {
        let live = path.under(&self.config.root);
        let mut found = Vec::new();
        if item.db.is_none() && !(there.is_some() && item.size > 0 && (is_named_as_one(&live) || has_log(&live))) {
            return Ok(found);
        }
        for side in self.sides(path)? {
            if stat(&side.under(&self.config.root))?.is_some() {
                found.push(side);
            }
        }
        // A `-shm` holds nothing.
        let tells = |side: &RelPath| !side.as_bytes().ends_with(SHM.as_bytes());
        if item.db.is_none() && !found.iter().any(tells) {
            found.clear();
        }
        Ok(found)
    }

    /// What lies there beside no database, and would be taken for the log of the one that comes: it goes, and is told. A log
    /// that SQLite has written is of a database that is gone.
    pub(super) fn tell_strangers(&mut self, sides: &[RelPath]) -> Result<()> {
        for side in sides {
            let live = side.under(&self.config.root);
            if stat(&live)?.is_some() && !is_of_sqlite(&live) {
                self.strangers.push(side.clone());
            }
        }
        Ok(())
    }

    /// How a database begins in the backup.
    fn header(&mut self, item: &Item) -> Result<Option<[u8; HEADER]>> {
        let first = match item.content() {
            Content::Empty => return Ok(None),
            Content::Chunks(ids) => ids.first().copied(),
            Content::Lists(lists) => match lists.first() {
                Some(list) => list::ids(&self.headers.get(*list)?)?.first().copied(),
                None => None,
            },
            Content::Bundle(id, _) => Some(id),
        };
        let Some(first) = first else { return Ok(None) };
        let chunk = self.headers.get(first)?;
        let at = if let Content::Bundle(_, at) = item.content() { at as usize } else { 0 };
        let header = chunk.get(at..).and_then(|rest| rest.first_chunk::<HEADER>()).copied();
        Ok(header.filter(|header| is_database(header)))
    }

    /// At the end, when all items are known. What lies beside a database is replayed over it, unless the backup has it, too.
    pub(super) fn settle_sides(&mut self) -> Result<()> {
        let unmet = std::mem::take(&mut self.unmet_sides);
        // In a backup of now they are part of their database: with it they come back when this is taken back.
        self.plan.replaced.extend(unmet.iter().filter_map(database_of));
        self.plan.removes.extend(unmet.iter().cloned());
        let strangers = std::mem::take(&mut self.strangers);
        for side in unmet.into_iter().chain(strangers).filter(|side| !self.sides_met.contains(side)) {
            self.plan.report.remove.push(side.display());
            self.plan.replaced.insert(side);
        }
        let met = &self.sides_met;
        // What is an item of its own is put there, or is right already.
        self.plan.removes.retain(|path| !met.contains(path));
        self.plan.databases.iter_mut().for_each(|one| one.sides.retain(|side| !met.contains(side)));
        self.plan.swapped.iter_mut().for_each(|one| one.sides.retain(|side| !met.contains(side)));
        let mut seen = std::collections::HashSet::new();
        self.plan.removes.retain(|path| seen.insert(path.clone()));
        self.plan.report.remove.sort();
        self.plan.report.remove.dedup();
        Ok(())
    }

    /// A session that is left alone: says so where the backup has it otherwise.
    pub(super) fn keep(&mut self, path: &RelPath, item: &Item) -> Result<()> {
        let there = stat(&path.under(&self.config.root))?;
        let is_same =
            there.is_some_and(|stat| stat.kind == FileKind::Dir || (stat.size, stat.mtime) == (item.size, item.mtime));
        self.plan.report.unchanged += u64::from(is_same);
        if !is_same {
            self.sessions.differs(path, &self.backup, there.is_none());
        }
        Ok(())
    }

    /// So many bytes, and a name, are written for this path.
    pub(super) fn weigh(&mut self, path: &RelPath, bytes: u64) {
        let areas = self.plan.areas.iter().filter(|area| path != *area && path.starts_with(area));
        let area = areas.max_by_key(|area| area.as_bytes().len()).cloned().unwrap_or_else(RelPath::root);
        let (sum, names) = self.plan.needs.entry(area).or_default();
        (*sum, *names) = (sum.saturating_add(bytes), *names + 1);
    }
}
