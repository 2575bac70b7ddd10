//! Removing what no backup needs: what is needed [`super::mark`] says.
//!
//! Sweeping deletes the packs in which nothing is needed; what is needed of a pack that is mostly dead, or damaged where nothing is needed, is first written
//! into a new one. Whatever is cut off leaves at worst a pack too many: a pack goes only when all that is needed of it is
//! durable elsewhere.
//!
//! A pack goes in two steps: it is found unneeded, and a day later it is removed, if it is unneeded still. So whoever copies
//! the vault meanwhile finds all that the records need which were copied first ([`SweepPace`]). A pack that a backup leans on again
//! is no longer found unneeded: that backup's writer says so.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::sync::{Arc, Mutex};

use super::catalog::{Catalog, ChunkPlace};
use super::mark::Marks;
use super::pack::PackId;
use super::reader::ChunkReader;
use super::writer::Writer;
use super::{Vault, durable};
use crate::report::Progress;
use crate::{Control, Error, Result};

/// A pack is written anew once so much of it is dead, in percent: what it costs is less than what it frees.
pub const MOSTLY: u64 = 50;
/// For fewer dead bytes no pack is written anew.
const WORTH: u64 = 4 << 10;
/// So long a pack stays that nothing needs any more, in milliseconds: no copy of a vault takes longer.
pub const STAYS: i64 = 24 * 3_600_000;
/// So many bytes are written anew before the packs that they come from go: the room that a sweep needs.
const BATCH: u64 = 64 << 20;

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
    /// Bytes of packs that nothing needs any more, and that stay for a day.
    pub waiting: u64,
    /// Packs that went at once, though a copy that is being made may miss them.
    pub hurried: u64,
}

/// How soon goes what nothing needs any more. Damaged packs always go at once: a backup must not lean on them again.
#[derive(Clone, Copy)]
pub enum SweepPace<'a> {
    /// After a day. `now`: milliseconds since the epoch. `room`: bytes that may be written anew meanwhile.
    Gently { now: i64, room: u64 },
    /// Room has to be made.
    AtOnce,
    /// What came after these packs goes, and nothing else: a backup that was refused has left it.
    Back { earlier: &'a HashSet<PackId> },
}

/// Removes what is not marked. The caller holds the vault's lock. `dead`: from how many percent dead on a pack is written
/// anew; usually [`MOSTLY`].
pub struct Sweep<'a> {
    pub vault: &'a Vault,
    pub marks: &'a Marks,
    /// Packs whose index is damaged: the catalog has nothing of them. They go, if nothing that is needed can be in them.
    pub unreadable: &'a [PackId],
    pub dead: u64,
    pub pace: SweepPace<'a>,
    pub control: &'a Control,
}

/// What becomes of the packs.
#[derive(Default)]
struct Sorted {
    /// In which nothing is needed.
    dead: Packs,
    /// In which nothing is needed, and that stay for a day.
    waiting: Packs,
    /// That are written anew, each with the bytes that are needed of it.
    anew: Vec<(u64, PackId, u64)>,
    /// Since when the packs are unneeded that stay.
    since: HashMap<PackId, i64>,
    hurried: u64,
}

impl<'a> Sweep<'a> {
    /// What it would do, without doing it.
    pub fn plan(&self, catalog: &Catalog) -> Result<Swept> {
        let Sorted { dead, waiting, anew, .. } = self.sort(catalog)?;
        let copied = anew.iter().map(|(live, ..)| live).sum();
        let (mut freed, mut waits) = (sum(&dead), sum(&waiting));
        for (_, pack, size) in &anew {
            *(if self.stays(pack) { &mut waits } else { &mut freed }) += size;
        }
        Ok(Swept {
            removed: dead.len() as u64,
            rewritten: anew.len() as u64,
            freed: freed.saturating_sub(copied),
            copied,
            waiting: waits,
            ..Swept::default()
        })
    }

    /// Does a pack that is unneeded from now on stay for a day?
    fn stays(&self, pack: &PackId) -> bool {
        matches!(self.pace, SweepPace::Gently { .. }) && !self.marks.damaged.contains(pack)
    }

    fn sort(&self, catalog: &Catalog) -> Result<Sorted> {
        let mut sorted = Sorted::default();
        let known = catalog.unneeded().unwrap_or_default();
        for (pack, size) in catalog.all_packs()? {
            match self.marks.live_in(&pack) {
                0 => self.sort_dead(pack, size, known.get(&pack).copied(), &mut sorted),
                live if self.marks.damaged.contains(&pack) || self.is_mostly_dead(live, size) => {
                    sorted.anew.push((live, pack, size));
                }
                _ => {}
            }
        }
        if let SweepPace::Gently { room, .. } = self.pace {
            // Both lie there for a day. What does not fit is for when room has to be made.
            let mut left = room;
            sorted.anew.sort_by_key(|(live, _, size)| live * 1000 / size.max(&1));
            sorted.anew.retain(|(live, pack, _)| {
                let fits = *live <= left || !self.stays(pack);
                left = left.saturating_sub(if fits { *live } else { 0 });
                fits
            });
        }
        if !self.marks.lost && !matches!(self.pace, SweepPace::Back { .. }) {
            let size = |pack: &PackId| fs::metadata(pack.path(self.vault.dir())).map_or(0, |metadata| metadata.len());
            sorted.dead.extend(self.unreadable.iter().map(|pack| (*pack, size(pack))));
        }
        Ok(sorted)
    }

    fn sort_dead(&self, pack: PackId, size: u64, since: Option<i64>, sorted: &mut Sorted) {
        let is_ripe = |now: i64| since.is_some_and(|since| since <= now - STAYS);
        match self.pace {
            SweepPace::Back { earlier } => {
                if !earlier.contains(&pack) {
                    sorted.dead.push((pack, size));
                }
            }
            SweepPace::Gently { now, .. } if self.stays(&pack) && !is_ripe(now) => {
                // A time that is still to come is no time.
                sorted.since.insert(pack, since.filter(|since| *since <= now).unwrap_or(now));
                sorted.waiting.push((pack, size));
            }
            SweepPace::Gently { .. } => sorted.dead.push((pack, size)),
            SweepPace::AtOnce => {
                sorted.hurried += u64::from(!is_ripe(self.control.now()));
                sorted.dead.push((pack, size));
            }
        }
    }

    /// A few KB are header, index and footer, which every pack has, and worth nobody's while.
    fn is_mostly_dead(&self, live: u64, size: u64) -> bool {
        let dead = size.saturating_sub(live);
        dead > WORTH && dead * 100 >= size * self.dead
    }

    /// First what frees room at once, then what needs some.
    pub fn run(&self, mut catalog: Catalog) -> Result<Swept> {
        let Sorted { dead, waiting, mut anew, mut since, hurried } = self.sort(&catalog)?;
        let mut swept = Swept { hurried, waiting: sum(&waiting), ..Swept::default() };
        self.note(&catalog, &since);
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
            swept.rewritten += copied.len() as u64;
            let (stay, go): (Packs, Packs) = copied.into_iter().partition(|(pack, _)| self.stays(pack));
            swept.waiting += sum(&stay);
            swept.hurried += if matches!(self.pace, SweepPace::AtOnce) { go.len() as u64 } else { 0 };
            since.extend(stay.iter().map(|(pack, _)| (*pack, self.control.now())));
            self.note(&catalog, &since);
            self.remove(&mut catalog, &go, &mut swept)?;
            swept.freed = swept.freed.saturating_sub(written);
            rest = later;
        }
        Ok(swept)
    }

    /// Where it cannot be noted since when packs are unneeded, their time begins anew.
    fn note(&self, catalog: &Catalog, since: &HashMap<PackId, i64>) {
        if !matches!(self.pace, SweepPace::Back { .. }) {
            let _ = catalog.set_unneeded(since);
        }
    }

    /// Writes what is needed of these packs into new ones, durably. Returns the packs that may go now, and the bytes of
    /// the new ones. A pack with damage that no other pack makes good stays: where it is, it may still say what was lost.
    fn copy(&self, catalog: Catalog, packs: &[(PackId, u64)], swept: &mut Swept) -> Result<(Packs, u64, Catalog)> {
        let places = packs.iter().map(|(pack, _)| catalog.places_in(*pack)).collect::<Result<Vec<_>>>()?;
        let writer = Writer::new(self.vault, catalog, false, None)?;
        // It is told the places: it needs no catalog of its own.
        let mut reader = ChunkReader::new(self.vault.clone(), Arc::new(Mutex::new(Catalog::temporary()?)));
        let mut progress = Progress { phase: "rewriting".into(), ..Progress::default() };
        let mut copy_pack = |pack: &PackId, places: &[ChunkPlace]| -> Result<bool> {
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
            self.control.hold()?;
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

fn sum(packs: &[(PackId, u64)]) -> u64 {
    packs.iter().map(|(_, size)| size).sum()
}
