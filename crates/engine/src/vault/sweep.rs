//! Which stored chunks backups need, and removing the others.
//!
//! Marking reads the records of the backups that stay, and each piece of their item lists that no marking has read before:
//! what a piece needs is remembered ([`super::needs`]). Sweeping deletes the packs in which
//! nothing is needed; what is needed of a pack that is mostly dead, or damaged where nothing is needed, is first written
//! into a new one. Whatever is cut off leaves at worst a pack too many: a pack goes only when all that is needed of it is
//! durable elsewhere.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::sync::{Arc, Mutex};

use super::catalog::{Catalog, Place};
use super::name::BackupName;
use super::needs::{Entries, Ids, Needs};
use super::pack::PackId;
use super::reader::Reader;
use super::snapshot::Snapshot;
use super::writer::Writer;
use super::{Vault, durable, list};
use crate::chunk::ChunkId;
use crate::mutex::lock;
use crate::report::Progress;
use crate::{Control, Error, Result};

/// A pack is written anew once so much of it is dead, in percent: what it costs is less than what it frees.
pub const MOSTLY: u64 = 50;
/// For fewer dead bytes no pack is written anew.
const WORTH: u64 = 4 << 10;
/// So many bytes are written anew before the packs that they come from go: the room that a sweep needs.
const BATCH: u64 = 64 << 20;

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
    fn has(&self, place: &Place) -> bool {
        let word = self.packs.get(&place.pack).and_then(|pack| pack.bits.get(place.entry.ordinal as usize / 64));
        word.is_some_and(|word| word >> (place.entry.ordinal % 64) & 1 == 1)
    }

    fn set(&mut self, place: &Place) {
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

    fn live_in(&self, pack: &PackId) -> u64 {
        self.packs.get(pack).map_or(0, |pack| pack.live)
    }
}

/// Marks what backups need.
pub struct Marker<'a> {
    vault: &'a Vault,
    catalog: Arc<Mutex<Catalog>>,
    reader: Reader,
    /// Pieces of item lists whose items are marked already: most backups share most of theirs.
    lists: Ids,
    /// Chunks that are marked already, pieces among them.
    needed: Ids,
    needs: Needs,
    /// What was read now, and will not have to be the next time.
    read: Entries,
    marks: Marks,
    /// Backups whose needs are not known, because an object of them cannot be read. While one stays, no pack may go.
    unreadable: Vec<(BackupName, Error)>,
}

impl<'a> Marker<'a> {
    pub fn new(vault: &'a Vault, catalog: Arc<Mutex<Catalog>>) -> Marker<'a> {
        let reader = Reader::new(vault.clone(), catalog.clone());
        let needs = Needs::of(&lock(&catalog), &vault.keys().needs);
        Marker {
            vault,
            catalog,
            reader,
            lists: Ids::default(),
            needed: Ids::default(),
            needs,
            read: Entries::new(),
            marks: Marks::default(),
            unreadable: Vec::new(),
        }
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
            several => self.need_one(several)?,
        }
        Ok(!places.is_empty())
    }

    fn need_one(&mut self, places: &[Place]) -> Result<()> {
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

type Packs = Vec<(PackId, u64)>;

/// What a sweep does, or would do.
#[derive(Default)]
pub struct Swept {
    pub removed: u64,
    pub rewritten: u64,
    /// Bytes of packs that are gone, less those of the new ones.
    pub freed: u64,
    /// Bytes that were read from packs to be written anew.
    pub copied: u64,
    /// Packs that stay as they are, because there was no room to write what is needed of them anew.
    pub cramped: u64,
}

/// Removes what is not marked. The caller holds the vault's lock. `dead`: from how many percent dead on a pack is written
/// anew; usually [`MOSTLY`].
pub struct Sweep<'a> {
    pub vault: &'a Vault,
    pub marks: &'a Marks,
    /// Packs whose index is damaged: the catalog has nothing of them. They go, if nothing that is needed can be in them.
    pub unreadable: &'a [PackId],
    pub dead: u64,
    pub control: &'a Control,
}

/// What becomes of the packs.
#[derive(Default)]
struct Sorted {
    /// In which nothing is needed.
    dead: Packs,
    /// That are written anew, each with the bytes that are needed of it.
    anew: Vec<(u64, PackId, u64)>,
}

impl<'a> Sweep<'a> {
    /// What it would do, without doing it.
    pub fn plan(&self, catalog: &Catalog) -> Result<Swept> {
        let Sorted { dead, anew } = self.sort(catalog)?;
        let copied = anew.iter().map(|(live, ..)| live).sum();
        let sizes = dead.iter().map(|(_, size)| size).chain(anew.iter().map(|(.., size)| size));
        Ok(Swept {
            removed: dead.len() as u64,
            rewritten: anew.len() as u64,
            freed: sizes.sum::<u64>().saturating_sub(copied),
            copied,
            cramped: 0,
        })
    }

    fn sort(&self, catalog: &Catalog) -> Result<Sorted> {
        let mut sorted = Sorted::default();
        for (pack, size) in catalog.all_packs()? {
            match self.marks.live_in(&pack) {
                0 => sorted.dead.push((pack, size)),
                live if self.marks.damaged.contains(&pack) || self.is_mostly_dead(live, size) => {
                    sorted.anew.push((live, pack, size));
                }
                _ => {}
            }
        }
        if !self.marks.lost {
            let size = |pack: &PackId| fs::metadata(pack.path(self.vault.dir())).map_or(0, |metadata| metadata.len());
            sorted.dead.extend(self.unreadable.iter().map(|pack| (*pack, size(pack))));
        }
        Ok(sorted)
    }

    /// A few KB are header, index and footer, which every pack has, and worth nobody's while.
    fn is_mostly_dead(&self, live: u64, size: u64) -> bool {
        let dead = size.saturating_sub(live);
        dead > WORTH && dead * 100 >= size * self.dead
    }

    /// First what frees room at once, then what needs some.
    pub fn run(&self, mut catalog: Catalog) -> Result<Swept> {
        let mut swept = Swept::default();
        let Sorted { dead, mut anew } = self.sort(&catalog)?;
        self.remove(&mut catalog, &dead, &mut swept)?;
        swept.removed = dead.len() as u64;
        // What frees most for what it costs comes first: the disk may have no room for the rest.
        anew.sort_by_key(|(live, _, size)| live * 1000 / size.max(&1));
        let mut rest = anew.as_slice();
        while !rest.is_empty() {
            self.control.check()?;
            let mut bytes = 0;
            let count = rest.iter().take_while(|(live, ..)| {
                bytes += live;
                bytes <= BATCH
            });
            let (batch, later) = rest.split_at(count.count().max(1));
            let packs: Vec<(PackId, u64)> = batch.iter().map(|(_, pack, size)| (*pack, *size)).collect();
            let (copied, written);
            (copied, written, catalog) = match self.copy(catalog, &packs, &mut swept) {
                Err(Error::NoSpace { .. }) => {
                    swept.cramped = rest.len() as u64;
                    self.vault.clean_up()?;
                    break;
                }
                other => other?,
            };
            self.remove(&mut catalog, &copied, &mut swept)?;
            swept.rewritten += copied.len() as u64;
            swept.freed = swept.freed.saturating_sub(written);
            rest = later;
        }
        Ok(swept)
    }

    /// Writes what is needed of these packs into new ones, durably. Returns the packs that may go now, and the bytes of
    /// the new ones. A pack with damage that no other pack makes good stays: where it is, it may still say what was lost.
    fn copy(&self, catalog: Catalog, packs: &[(PackId, u64)], swept: &mut Swept) -> Result<(Packs, u64, Catalog)> {
        let places = packs.iter().map(|(pack, _)| catalog.places_in(*pack)).collect::<Result<Vec<_>>>()?;
        let writer = Writer::new(self.vault, catalog, false, None)?;
        // It is told the places: it needs no catalog of its own.
        let mut reader = Reader::new(self.vault.clone(), Arc::new(Mutex::new(Catalog::temporary()?)));
        let mut progress = Progress { phase: "rewriting".into(), ..Progress::default() };
        let mut copy_pack = |pack: &PackId, places: &[Place]| -> Result<bool> {
            let needed = || places.iter().filter(|place| self.marks.has(place));
            // The catalog may list a pack's chunks in one way and not in the other, where its index is damaged.
            let listed: u64 = needed().map(|place| u64::from(place.entry.sealed)).sum();
            if listed != self.marks.live_in(pack) {
                return Ok(false);
            }
            // What is lost stays where it is, and all around it: there is no need to store that twice.
            if self.marks.damaged.contains(pack) {
                for place in needed() {
                    self.control.check()?;
                    if !reader.has_whole(place)? {
                        return Ok(false);
                    }
                }
            }
            for place in needed() {
                self.control.check()?;
                match reader.member(place)? {
                    Some(member) => writer.put_again(place.entry.id, member, place.entry.plain)?,
                    None => return Ok(false),
                }
                progress.items += 1;
                progress.bytes += u64::from(place.entry.sealed);
                self.control.report(&progress);
            }
            Ok(true)
        };
        let mut done = Vec::new();
        for (pack, places) in packs.iter().zip(places) {
            match copy_pack(&pack.0, &places) {
                Ok(true) => done.push(*pack),
                Ok(false) => {}
                Err(error) => return Err(writer.abandon().unwrap_or(error)),
            }
        }
        swept.copied += progress.bytes;
        let (written, catalog) = writer.finish()?;
        Ok((done, written, catalog))
    }

    fn remove(&self, catalog: &mut Catalog, packs: &[(PackId, u64)], swept: &mut Swept) -> Result<()> {
        let mut folders = HashSet::new();
        for (pack, size) in packs {
            let path = pack.path(self.vault.dir());
            match fs::remove_file(&path) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(Error::io("removing", path, error));
                }
                _ => swept.freed += size,
            }
            // A cache: on a full disk it may learn only later that the pack is gone.
            let _ = catalog.remove_pack(*pack);
            folders.extend(path.parent().map(std::path::Path::to_path_buf));
        }
        for folder in folders {
            // An empty folder is one more thing to list.
            if fs::remove_dir(&folder).is_err() {
                durable::sync_dir(&folder)?;
            }
        }
        durable::sync_dir(&self.vault.dir().join("packs"))
    }
}
