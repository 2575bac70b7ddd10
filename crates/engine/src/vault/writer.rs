//! Storing chunks: deduplicate, compress, seal, and lay into packs, from many threads at once.
//!
//! One pack is open at a time. A thread compresses its chunk, reserves a place (offset and ordinal) under a short
//! lock, then encrypts and writes outside it. A full pack is handed to a thread of its own that writes the index,
//! syncs, renames and tells the catalog; only then may a later backup lean on it. A kill at any instant leaves
//! temporary files, which the next operation removes, and whole packs, which the next backup uses.

use std::collections::HashSet;
use std::fs::File;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use crossbeam_channel::{Sender, bounded};

use super::catalog::Catalog;
use super::pack::{HEADER, PackCipher, PackEntry, PackId};
use super::reader::ChunkReader;
use super::{Vault, durable};
use crate::chunk::gzip::Deflater;
use crate::chunk::{ChunkId, MAX_CHUNK};
use crate::error::IoContext;
use crate::mutex::lock;
use crate::seal::{Keys, TAG, random};
use crate::{Error, Result};

/// A pack is closed once it holds this many bytes: few enough objects for a cloud, small enough to fetch one.
const PACK_SIZE: u64 = 16 << 20;
/// Full packs that may wait for their fsync before the sealing threads have to wait too.
const WAITING_PACKS: usize = 2;

/// Takes chunks from any thread; [`Writer::finish`] makes them durable.
pub struct Writer {
    keys: Arc<Keys>,
    dir: PathBuf,
    /// Look at the stored bytes before leaning on a chunk of an earlier backup: on any, or on what is doubted.
    recheck: Option<Rechecker>,
    doubts: Doubts,
    catalog: Arc<Mutex<Catalog>>,
    /// Chunks of packs that the catalog does not know yet.
    claimed: Arc<Mutex<HashSet<ChunkId>>>,
    open: Mutex<Option<Arc<OpenPack>>>,
    full: Sender<Arc<OpenPack>>,
    committer: JoinHandle<Result<Vec<PackId>>>,
    added: Arc<AtomicU64>,
    /// Bytes that may be written, if there is a limit, and those that were promised so far.
    room: Option<u64>,
    promised: AtomicU64,
    /// Packs that wait to be removed, and those of them that something leans on again.
    waiting: HashSet<PackId>,
    leaned: Mutex<HashSet<PackId>>,
    /// Beyond its room it goes on without writing, to say how much it would take.
    measures: bool,
}

/// Which chunks of earlier backups are not believed to be whole.
enum Doubts {
    All,
    /// Those in packs in which damage is known.
    Of(HashSet<PackId>),
}

/// Bytes that a chunk takes beside its own: in the index of its pack and in the catalog.
const AROUND: u64 = 256;

/// Looks at what is stored, from many threads: a reader for each, and what was found whole lately. A thousand small
/// files lie in one bundle, which need not be read a thousand times.
struct Rechecker {
    vault: Vault,
    idle: Mutex<Vec<ChunkReader>>,
    whole: Mutex<HashSet<ChunkId>>,
}

impl Rechecker {
    fn new(vault: &Vault) -> Rechecker {
        Rechecker { vault: vault.clone(), idle: Mutex::default(), whole: Mutex::default() }
    }
}

/// So many chunks are remembered as whole: 2 MB.
const REMEMBERED: usize = 1 << 16;

struct OpenPack {
    cipher: PackCipher,
    file: File,
    temporary: PathBuf,
    /// What is reserved so far: the entries, and where the next chunk goes.
    reserved: Mutex<(Vec<PackEntry>, u64)>,
    /// Writes under way, and one more while the pack is open. Whoever takes it to zero hands the pack on.
    pending: AtomicUsize,
    /// A chunk of it could not be written: it must never become a pack.
    spoiled: AtomicBool,
}

/// One thread's memory for sealing.
pub struct Scratch {
    deflater: Deflater,
    buffer: Vec<u8>,
}

impl Scratch {
    pub fn new(level: u8) -> Scratch {
        Scratch { deflater: Deflater::new(level), buffer: Vec::new() }
    }
}

impl Writer {
    /// `recheck`: read back and authenticate what earlier backups stored before leaning on it (a full backup).
    /// `room`: so many bytes at most; beyond them it is `E_STORAGE_LIMIT`.
    pub fn new(vault: &Vault, catalog: Catalog, recheck: bool, room: Option<u64>) -> Result<Writer> {
        let unneeded = catalog.unneeded().unwrap_or_default().into_keys().collect();
        let catalog = Arc::new(Mutex::new(catalog));
        let claimed = Arc::<Mutex<HashSet<ChunkId>>>::default();
        let added = Arc::<AtomicU64>::default();
        let (full, waiting) = bounded::<Arc<OpenPack>>(WAITING_PACKS);
        let committer = {
            let (dir, catalog, claimed, added) =
                (vault.dir().to_path_buf(), catalog.clone(), claimed.clone(), added.clone());
            std::thread::Builder::new()
                .name("pack-committer".into())
                .spawn(move || {
                    let mut packs = Vec::new();
                    for pack in waiting {
                        let size = pack.commit(&dir)?;
                        added.fetch_add(size, Ordering::Relaxed);
                        let (entries, _) = &*lock(&pack.reserved);
                        lock(&catalog).add_pack(pack.cipher.id, size, entries)?;
                        packs.push(pack.cipher.id);
                        let mut claimed = lock(&claimed);
                        for entry in entries {
                            claimed.remove(&entry.id);
                        }
                    }
                    Ok(packs)
                })
                .at("starting a thread for", vault.dir())?
        };
        Ok(Writer {
            keys: vault.keys().clone(),
            dir: vault.dir().to_path_buf(),
            recheck: recheck.then(|| Rechecker::new(vault)),
            doubts: Doubts::All,
            catalog,
            claimed,
            open: Mutex::default(),
            full,
            committer,
            added,
            room,
            promised: AtomicU64::new(0),
            waiting: unneeded,
            leaned: Mutex::default(),
            measures: false,
        })
    }

    /// What is known to be damaged counts as not stored, unless it turns out to be whole.
    pub fn doubting(mut self, vault: &Vault, damaged: HashSet<PackId>) -> Writer {
        if self.recheck.is_none() && !damaged.is_empty() {
            (self.recheck, self.doubts) = (Some(Rechecker::new(vault)), Doubts::Of(damaged));
        }
        self
    }

    /// Beyond its room it is no error: from there on nothing is written, and [`Writer::lacks`] says how much it would have
    /// been.
    pub fn measuring(mut self) -> Writer {
        self.measures = true;
        self
    }

    /// The bytes that all of it takes, where that is more than the room.
    pub fn lacks(&self) -> Option<u64> {
        let promised = self.promised.load(Ordering::Relaxed);
        self.room.filter(|room| promised > *room).map(|_| promised)
    }

    /// Stores `plain` unless the vault has it, and returns its id.
    pub fn put(&self, scratch: &mut Scratch, plain: &[u8]) -> Result<ChunkId> {
        debug_assert!(plain.len() <= MAX_CHUNK);
        let id = ChunkId::of(&self.keys.ids, plain);
        // First the claim, then the catalog: a chunk leaves the claims only after the catalog has it.
        if !lock(&self.claimed).insert(id) {
            return Ok(id);
        }
        if self.is_stored(id)? {
            lock(&self.claimed).remove(&id);
            return Ok(id);
        }
        scratch.deflater.member(plain, &mut scratch.buffer, TAG);
        self.store(id, &mut scratch.buffer, plain.len() as u32).map(|()| id)
    }

    fn store(&self, id: ChunkId, member: &mut Vec<u8>, plain: u32) -> Result<()> {
        let Some((pack, entry)) = self.reserve(id, (member.len() + TAG) as u32, plain)? else { return Ok(()) };
        pack.cipher.seal_chunk(entry.ordinal, member);
        let written = durable::write_at(&pack.file, member, entry.offset).at("writing", &pack.temporary);
        pack.spoiled.fetch_or(written.is_err(), Ordering::Relaxed);
        self.release(pack)?;
        written
    }

    /// Stores a chunk that was stored before, whatever packs have it now. `member` is its gzip member; it is sealed in
    /// place.
    pub fn put_again(&self, id: ChunkId, member: &mut Vec<u8>, plain: u32) -> Result<()> {
        if !lock(&self.claimed).insert(id) {
            return Ok(());
        }
        self.store(id, member, plain)
    }

    /// Is this chunk there to lean on? A full backup reads and authenticates it, and so does any other where damage is known.
    pub fn is_stored(&self, id: ChunkId) -> Result<bool> {
        let is_stored = self.may_lean(id)?;
        if is_stored && !self.waiting.is_empty() {
            let places = lock(&self.catalog).places(id)?;
            // Of what lies elsewhere, too, that is the copy that is needed.
            if places.iter().all(|place| self.waiting.contains(&place.pack)) {
                lock(&self.leaned).extend(places.iter().map(|place| place.pack));
            }
        }
        Ok(is_stored)
    }

    fn may_lean(&self, id: ChunkId) -> Result<bool> {
        match &self.recheck {
            None => lock(&self.catalog).contains(id),
            Some(recheck) => {
                if let Doubts::Of(damaged) = &self.doubts
                    && lock(&self.catalog).places(id)?.iter().any(|place| !damaged.contains(&place.pack))
                {
                    return Ok(true);
                }
                if lock(&recheck.whole).contains(&id) {
                    return Ok(true);
                }
                let idle = lock(&recheck.idle).pop();
                let mut reader = idle.unwrap_or_else(|| ChunkReader::new(recheck.vault.clone(), self.catalog.clone()));
                let whole = reader.is_whole(id)?;
                lock(&recheck.idle).push(reader);
                let mut remembered = lock(&recheck.whole);
                if remembered.len() == REMEMBERED {
                    remembered.clear();
                }
                if whole {
                    remembered.insert(id);
                }
                Ok(whole)
            }
        }
    }

    /// `None`: there is no room, and it is only measured.
    fn reserve(&self, id: ChunkId, sealed: u32, plain: u32) -> Result<Option<(Arc<OpenPack>, PackEntry)>> {
        let promised = self.promised.fetch_add(u64::from(sealed) + AROUND, Ordering::Relaxed);
        if self.room.is_some_and(|room| promised + u64::from(sealed) + AROUND > room) {
            if self.measures {
                return Ok(None);
            }
            return Err(Error::StorageLimit {
                message:
                    "The vault would pass maxLocalStorage. Raise it, or delete backups that are not needed; earlier \
                          backups are whole."
                        .into(),
            });
        }
        let mut open = lock(&self.open);
        if let Some(pack) = open.take_if(|pack| lock(&pack.reserved).1 + u64::from(sealed) > PACK_SIZE) {
            self.release(pack)?;
        }
        let pack = match &*open {
            Some(pack) => pack.clone(),
            None => open.insert(Arc::new(OpenPack::create(&self.keys, &self.dir)?)).clone(),
        };
        let mut reserved = lock(&pack.reserved);
        let entry = PackEntry { id, ordinal: reserved.0.len() as u32, offset: reserved.1, sealed, plain };
        reserved.0.push(entry);
        reserved.1 += u64::from(sealed);
        pack.pending.fetch_add(1, Ordering::Relaxed);
        drop(reserved);
        Ok(Some((pack, entry)))
    }

    fn release(&self, pack: Arc<OpenPack>) -> Result<()> {
        if pack.pending.fetch_sub(1, Ordering::AcqRel) == 1 && !pack.spoiled.load(Ordering::Relaxed) {
            // A closed channel means that the committer failed; finish() returns its error.
            self.full.send(pack).map_err(|_| Error::internal("the packs could not be written"))?;
        }
        Ok(())
    }

    /// Closes the last pack and waits until everything is durable. Returns the bytes that were added, and the catalog.
    ///
    /// All new packs are looked for once more: a second writer, which somebody has let in, might have swept them.
    pub fn finish(self) -> Result<(u64, Catalog)> {
        let Writer { recheck, catalog, open, full, committer, added, dir, leaned, .. } = self;
        drop(recheck);
        if let Some(pack) = lock(&open).take()
            && pack.pending.fetch_sub(1, Ordering::AcqRel) == 1
        {
            // Where this fails the committer has failed, and says why below.
            let _ = full.send(pack);
        }
        drop(full);
        let packs = committer.join().map_err(|_| Error::internal("the thread that writes packs panicked"))??;
        if let Some(gone) = packs.iter().find(|pack| !pack.path(&dir).is_file()) {
            return Err(Error::corrupt(
                gone.object(),
                "it was removed while this backup was being made, which is not kept",
            ));
        }
        let catalog = Arc::into_inner(catalog).ok_or_else(|| Error::internal("the catalog is still in use"))?;
        let catalog = catalog.into_inner().unwrap_or_else(PoisonError::into_inner);
        // Before the backup exists: when it goes again, their day begins anew.
        catalog.set_needed(&lock(&leaned))?;
        Ok((added.load(Ordering::Relaxed), catalog))
    }

    /// Gives up: whole packs stay for the next backup, the rest is for [`Vault::clean_up`]. Returns the error of the
    /// committer, if that is what went wrong.
    pub fn abandon(self) -> Option<Error> {
        let Writer { full, committer, .. } = self;
        drop(full);
        committer.join().ok().and_then(Result::err)
    }
}

impl OpenPack {
    fn create(keys: &Keys, dir: &std::path::Path) -> Result<OpenPack> {
        let id = PackId(random()?);
        let cipher = PackCipher::new(keys, id);
        let temporary = dir.join("tmp").join(format!("{id}.pack"));
        let file = durable::create_new(&temporary)?;
        durable::write_at(&file, &cipher.header(), 0).at("writing", &temporary)?;
        Ok(OpenPack {
            cipher,
            file,
            temporary,
            reserved: Mutex::new((Vec::new(), HEADER as u64)),
            pending: AtomicUsize::new(1),
            spoiled: AtomicBool::new(false),
        })
    }

    /// Index, footer, fsync, rename, fsync of the folder: before the catalog knows of it. The next backup leans on what the
    /// catalog knows, also where this one is killed now.
    fn commit(&self, dir: &std::path::Path) -> Result<u64> {
        let (entries, end) = &*lock(&self.reserved);
        let tail = self.cipher.tail(entries, *end);
        durable::write_at(&self.file, &tail, *end).at("writing", &self.temporary)?;
        self.file.sync_all().at("writing", &self.temporary)?;
        let path = self.cipher.id.path(dir);
        let folder = path.parent().unwrap_or(dir).to_path_buf();
        if !folder.exists() {
            durable::make_folder(&folder)?;
            durable::sync_dir(&dir.join("packs"))?;
        }
        std::fs::rename(&self.temporary, &path).at("writing", &path)?;
        durable::sync_dir(&folder)?;
        Ok(end + tail.len() as u64)
    }
}
