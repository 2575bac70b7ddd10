//! Which stored chunks backups need.
//!
//! Marking reads the records of the backups that stay, and each piece of their item lists that no marking has read before:
//! what a piece needs is remembered ([`super::needs`]). What is not marked is for [`super::sweep`].

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex};

use super::catalog::{Catalog, ChunkPlace};
use super::name::BackupName;
use super::needs::{ChunkIdSet, Entries, NeedsCache};
use super::pack::PackId;
use super::reader::ChunkReader;
use super::snapshot::Snapshot;
use super::{Vault, list};
use crate::chunk::ChunkId;
use crate::mutex::lock;
use crate::{Error, Result};

/// What of each pack is needed: one bit a chunk.
#[derive(Default)]
pub struct Marks {
    packs: HashMap<PackId, Marked>,
    /// Bytes of all chunks that are needed, as they are stored.
    pub live: u64,
    /// Packs that have a damaged chunk, as far as is known. They are written anew, if all that is needed of them is whole.
    pub damaged: HashSet<PackId>,
    /// Something that is needed is in no pack that can be read.
    pub lost: bool,
}

#[derive(Default)]
struct Marked {
    bits: Vec<u64>,
    live: u64,
}

impl Marks {
    pub fn has(&self, place: &ChunkPlace) -> bool {
        let word = self.packs.get(&place.pack).and_then(|pack| pack.bits.get(place.entry.ordinal as usize / 64));
        word.is_some_and(|word| word >> (place.entry.ordinal % 64) & 1 == 1)
    }

    fn set(&mut self, place: &ChunkPlace) {
        if self.has(place) {
            return;
        }
        let pack = self.packs.entry(place.pack).or_default();
        let word = place.entry.ordinal as usize / 64;
        if pack.bits.len() <= word {
            pack.bits.resize(word + 1, 0);
        }
        pack.bits[word] |= 1 << (place.entry.ordinal % 64);
        pack.live += u64::from(place.entry.sealed);
        self.live += u64::from(place.entry.sealed);
    }

    /// The packs of which something is needed.
    pub fn packs(&self) -> impl Iterator<Item = &PackId> {
        self.packs.keys()
    }

    pub fn live_in(&self, pack: &PackId) -> u64 {
        self.packs.get(pack).map_or(0, |pack| pack.live)
    }
}

/// Marks what backups need.
pub struct NeedsMarker<'a> {
    vault: &'a Vault,
    catalog: Arc<Mutex<Catalog>>,
    reader: ChunkReader,
    /// Pieces of item lists whose items are marked already: most backups share most of theirs.
    lists: ChunkIdSet,
    /// Chunks that are marked already, pieces among them.
    needed: ChunkIdSet,
    needs: NeedsCache,
    /// Packs that were found unneeded before: what lies elsewhere, too, is not needed of them.
    waiting: HashSet<PackId>,
    doubtful: HashSet<PackId>,
    /// What was read now, and will not have to be the next time.
    read: Entries,
    marks: Marks,
    /// Backups whose needs are not known, because an object of them cannot be read. While one stays, no pack may go.
    unreadable: Vec<(BackupName, Error)>,
}

impl<'a> NeedsMarker<'a> {
    pub fn new(vault: &'a Vault, catalog: Arc<Mutex<Catalog>>) -> NeedsMarker<'a> {
        let waiting = lock(&catalog).unneeded().unwrap_or_default().into_keys().collect();
        let reader = ChunkReader::new(vault.clone(), catalog.clone());
        let needs = NeedsCache::of(&lock(&catalog), &vault.keys().needs);
        NeedsMarker {
            vault,
            catalog,
            reader,
            lists: ChunkIdSet::default(),
            needed: ChunkIdSet::default(),
            needs,
            waiting,
            doubtful: HashSet::new(),
            read: Entries::new(),
            marks: Marks::default(),
            unreadable: Vec::new(),
        }
    }

    /// Packs in which a verification has found damage: what lies in them is read, and not believed.
    pub fn doubting(mut self, damaged: HashSet<PackId>) -> NeedsMarker<'a> {
        self.doubtful = damaged;
        self
    }

    /// Marks all that one backup needs. Some error: what it needs is not known, because an object of it cannot be read.
    pub fn backup(&mut self, name: &BackupName) -> Result<Option<&Error>> {
        let marked = Snapshot::read(self.vault, name).and_then(|snapshot| self.frozen(&snapshot));
        self.remember();
        match marked {
            Err(error @ (Error::Corrupt { .. } | Error::Format { .. } | Error::UnsafePath { .. })) => {
                self.unreadable.push((name.clone(), error));
                Ok(self.unreadable.last().map(|(_, error)| error))
            }
            other => other.map(|()| None),
        }
    }

    /// Bytes that what is marked takes.
    pub fn live(&self) -> u64 {
        self.marks.live
    }

    /// The packs in which something is marked, in no order.
    pub fn packs(&self) -> impl Iterator<Item = PackId> + '_ {
        self.marks.packs.keys().copied()
    }

    /// Is something that was marked in no pack that can be read?
    pub fn has_lost(&self) -> bool {
        self.marks.lost
    }

    pub fn finish(self) -> (Marks, Vec<(BackupName, Error)>) {
        (self.marks, self.unreadable)
    }

    /// What was marked is all that there is: what no backup uses any more need not be remembered.
    pub fn forget_others(&self) {
        let catalog = lock(&self.catalog);
        if catalog.is_kept() && self.unreadable.is_empty() {
            self.needs.keep_only(&catalog, &self.lists, &self.needed);
        }
    }

    fn remember(&mut self) {
        let catalog = lock(&self.catalog);
        if catalog.is_kept() {
            self.needs.put(&catalog, &self.read);
        }
        self.read.clear();
    }

    fn frozen(&mut self, snapshot: &Snapshot) -> Result<()> {
        // One that is not kept may be made anew while it is read.
        let is_kept = lock(&self.catalog).is_kept();
        if is_kept {
            lock(&self.catalog).freeze();
        }
        let marked = self.snapshot(snapshot);
        if is_kept {
            lock(&self.catalog).unfreeze();
        }
        marked
    }

    fn snapshot(&mut self, snapshot: &Snapshot) -> Result<()> {
        for piece in &snapshot.list.chunks {
            if self.lists.contains(piece) {
                continue;
            }
            let is_there = self.need(*piece)?;
            if !is_there {
                // The next backup that has it is to hear the same.
                self.needed.remove(piece);
            }
            self.needs_of(*piece, is_there)?.into_iter().try_for_each(|id| self.need(id).map(drop))?;
            // Only now: a piece that cannot be read is unreadable for the next backup, too.
            self.lists.insert(*piece);
        }
        Ok(())
    }

    fn needs_of(&mut self, piece: ChunkId, is_there: bool) -> Result<Vec<ChunkId>> {
        // A piece that lies nowhere is a list that is lost, whatever is remembered of it.
        if let Some(known) = self.needs.get(piece).filter(|_| is_there) {
            return Ok(known);
        }
        let mut needs = Vec::new();
        for item in list::parse(&self.reader.get(piece)?, false)? {
            needs.extend(item.named_chunks());
            for ids in &item.lists {
                needs.extend(list::ids(&self.reader.get(*ids)?)?);
            }
        }
        needs.sort_unstable();
        needs.dedup();
        self.read.push((piece, needs.clone()));
        Ok(needs)
    }

    /// Of a chunk that lies in several packs, one whole copy is needed, and all of them where none is whole. Is it there?
    /// It is asked once; a chunk that was marked before is said to be.
    fn need(&mut self, id: ChunkId) -> Result<bool> {
        if !self.needed.insert(id) {
            return Ok(true);
        }
        let places = lock(&self.catalog).places(id)?;
        match places.as_slice() {
            [] => self.marks.lost = true,
            [only] => self.marks.set(only),
            several if several.iter().any(|place| self.marks.has(place)) => {}
            several => match self.only_one_stays(several) {
                Some(stays) => self.marks.set(&stays),
                None => self.need_one(several)?,
            },
        }
        Ok(!places.is_empty())
    }

    /// Where all places but one are in packs that wait to be removed, that one was written when they were found unneeded:
    /// nobody need read it again, unless damage is known.
    fn only_one_stays(&self, places: &[ChunkPlace]) -> Option<ChunkPlace> {
        let mut stay = places.iter().filter(|place| !self.waiting.contains(&place.pack));
        let stays = stay.next().filter(|_| stay.next().is_none())?;
        (!self.doubtful.contains(&stays.pack)).then_some(*stays)
    }

    fn need_one(&mut self, places: &[ChunkPlace]) -> Result<()> {
        let (mut whole, mut damaged) = (None, Vec::new());
        for place in places {
            match self.reader.has_whole(place)? {
                true => whole = whole.or(Some(place)),
                false => damaged.push(place),
            }
        }
        match whole {
            Some(whole) => {
                self.marks.set(whole);
                self.marks.damaged.extend(damaged.iter().map(|place| place.pack));
            }
            None => places.iter().for_each(|place| self.marks.set(place)),
        }
        Ok(())
    }
}
