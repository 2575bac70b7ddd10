//! Fetching chunks: find, read, authenticate, decompress, and check the id. Wrong data never leaves this module.
//!
//! Where a chunk is not here, or damaged, a reader may look elsewhere ([`ChunkReader::get`], [`ChunkReader::expect`]). Whether something is
//! whole *here* ([`ChunkReader::is_whole`] and what is like it) never depends on that.

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::sync::{Arc, Mutex};

use super::Vault;
use super::catalog::{Catalog, ChunkPlace};
use super::durable;
use super::elsewhere::Elsewhere;
use super::pack::{PackCipher, PackId};
use crate::chunk::ChunkId;
use crate::chunk::gzip::Inflater;
use crate::mutex::lock;
use crate::{Error, Result};

/// Packs that are kept open: enough for the threads of a restore, few enough for any limit on open files.
const OPEN_PACKS: usize = 32;

/// One thread's way to the chunks. The catalog is shared; open files are not.
pub struct ChunkReader {
    vault: Vault,
    catalog: Arc<Mutex<Catalog>>,
    packs: HashMap<PackId, (File, PackCipher)>,
    inflater: Inflater,
    sealed: Vec<u8>,
    elsewhere: Option<Arc<dyn Elsewhere>>,
    /// Packs that were not there, and for which the catalog was renewed.
    gone: HashSet<PackId>,
}

/// Why a chunk could not be had.
enum ChunkFault {
    /// There is no such pack.
    Gone(PackId),
    /// The object and what is wrong with it.
    Damaged(String, &'static str),
    Failed(Error),
}

impl ChunkReader {
    pub fn new(vault: Vault, catalog: Arc<Mutex<Catalog>>) -> ChunkReader {
        ChunkReader {
            vault,
            catalog,
            packs: HashMap::new(),
            inflater: Inflater::default(),
            sealed: Vec::new(),
            elsewhere: None,
            gone: HashSet::new(),
        }
    }

    /// The same, which also takes what is not whole here from there.
    pub fn looking_elsewhere(self, elsewhere: Option<Arc<dyn Elsewhere>>) -> ChunkReader {
        ChunkReader { elsewhere, ..self }
    }

    /// Another reader of the same vault, for another thread.
    pub fn another(&self) -> ChunkReader {
        ChunkReader::new(self.vault.clone(), self.catalog.clone()).looking_elsewhere(self.elsewhere.clone())
    }

    /// The plaintext of a chunk, from whichever pack has it whole. `E_CORRUPT` names the object that has it damaged.
    pub fn get(&mut self, id: ChunkId) -> Result<Vec<u8>> {
        let mut fault = None;
        let mut is_stale = false;
        let places = lock(&self.catalog).places(id)?;
        for place in places {
            match self.plain(&place) {
                Ok(plain) => return Ok(plain),
                Err(ChunkFault::Failed(error)) => return Err(error),
                Err(ChunkFault::Damaged(object, detail)) => fault = Some((object, detail)),
                Err(ChunkFault::Gone(pack)) => {
                    // Once a pack: it may be really gone.
                    is_stale |= self.gone.insert(pack);
                    fault = Some((pack.object(), "it is missing"));
                }
            }
        }
        if is_stale {
            lock(&self.catalog).renew(&self.vault)?;
            return self.get(id);
        }
        if let Some(elsewhere) = self.elsewhere.clone() {
            match self.get_elsewhere(elsewhere.as_ref(), id)? {
                Ok(plain) => return Ok(plain),
                Err(Some(object)) => fault = fault.or(Some((object, "no other place has it whole"))),
                Err(None) => {}
            }
        }
        Err(match fault {
            Some((object, detail)) => Error::corrupt(object, detail),
            None => missing(id),
        })
    }

    /// The plaintext from another place. None: the object that has it, if one is known.
    fn get_elsewhere(&mut self, elsewhere: &dyn Elsewhere, id: ChunkId) -> Result<Result<Vec<u8>, Option<String>>> {
        // A pack that is damaged here is known by its index here.
        let known = lock(&self.catalog).places(id)?;
        let mut object = None;
        let mut asked = HashSet::new();
        for round in [Some(known), None] {
            let places = match round {
                Some(known) => known,
                None => elsewhere.places(id)?,
            };
            for place in places {
                if !asked.insert(place.pack) {
                    continue;
                }
                let (cipher, entry) = (PackCipher::new(self.vault.keys(), place.pack), place.entry);
                let mut plain = None;
                elsewhere.part(&place.pack.object(), entry.offset, entry.sealed as usize, &mut |mut sealed| {
                    let Some(member) = cipher.open_chunk(entry.ordinal, &mut sealed) else { return false };
                    plain = self
                        .inflater
                        .plain(member, entry.plain as usize)
                        .filter(|plain| ChunkId::of(&self.vault.keys().ids, plain) == id);
                    plain.is_some()
                })?;
                if let Some(plain) = plain {
                    return Ok(Ok(plain));
                }
                object.get_or_insert_with(|| place.pack.object());
            }
        }
        Ok(Err(object))
    }

    /// The length of a chunk's plaintext, if some pack names it; `E_CORRUPT` otherwise. Reads nothing of the chunk.
    pub fn expect(&self, id: ChunkId) -> Result<u32> {
        let places = lock(&self.catalog).places(id)?;
        let place = match (places.first(), &self.elsewhere) {
            (None, Some(elsewhere)) => elsewhere.places(id)?.first().copied(),
            (first, _) => first.copied(),
        };
        place.map(|place| place.entry.plain).ok_or_else(|| missing(id))
    }

    /// The id that these bytes have as a chunk of this vault.
    pub fn id_of(&self, plain: &[u8]) -> ChunkId {
        ChunkId::of(&self.vault.keys().ids, plain)
    }

    /// Does at least one pack hold this chunk as it was sealed? Reads and authenticates it.
    pub fn is_whole(&mut self, id: ChunkId) -> Result<bool> {
        let places = lock(&self.catalog).places(id)?;
        for place in &places {
            if self.has_whole(place)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Is the chunk at this place as it was sealed?
    pub fn has_whole(&mut self, place: &ChunkPlace) -> Result<bool> {
        self.member(place).map(|member| member.is_some())
    }

    /// The gzip member at this place, authenticated; with room for a tag behind it. `None`: it is damaged or missing.
    pub fn member(&mut self, place: &ChunkPlace) -> Result<Option<&mut Vec<u8>>> {
        match self.load(place) {
            Ok(length) => {
                self.sealed.truncate(length);
                Ok(Some(&mut self.sealed))
            }
            Err(ChunkFault::Failed(error)) => Err(error),
            Err(ChunkFault::Damaged(..) | ChunkFault::Gone(_)) => Ok(None),
        }
    }

    fn plain(&mut self, place: &ChunkPlace) -> Result<Vec<u8>, ChunkFault> {
        let member = self.load(place)?;
        let entry = &place.entry;
        let plain = self
            .inflater
            .plain(&self.sealed[..member], entry.plain as usize)
            .filter(|plain| ChunkId::of(&self.vault.keys().ids, plain) == entry.id);
        plain.ok_or_else(|| ChunkFault::Damaged(place.pack.object(), "a chunk in it is not what its index says"))
    }

    /// The gzip member of a chunk, in the first bytes of `self.sealed`.
    fn load(&mut self, place: &ChunkPlace) -> Result<usize, ChunkFault> {
        let (pack, entry) = (place.pack, &place.entry);
        if !self.packs.contains_key(&pack) {
            if self.packs.len() >= OPEN_PACKS {
                self.packs.clear();
            }
            let path = pack.path(self.vault.dir());
            let file = File::open(&path).map_err(|error| match error.kind() {
                std::io::ErrorKind::NotFound => ChunkFault::Gone(pack),
                _ => ChunkFault::Failed(Error::io("reading", path, error)),
            })?;
            self.packs.insert(pack, (file, PackCipher::new(self.vault.keys(), pack)));
        }
        let (file, cipher) = &self.packs[&pack];
        self.sealed.resize(entry.sealed as usize, 0);
        durable::read_at(file, &mut self.sealed, entry.offset).map_err(|error| match error.kind() {
            std::io::ErrorKind::UnexpectedEof => ChunkFault::Damaged(pack.object(), "it is cut off"),
            _ if durable::is_bad_sector(&error) => ChunkFault::Damaged(pack.object(), "the disk cannot read it"),
            _ => ChunkFault::Failed(Error::io("reading", pack.object(), error)),
        })?;
        cipher
            .open_chunk(entry.ordinal, &mut self.sealed)
            .map(|member| member.len())
            .ok_or_else(|| ChunkFault::Damaged(pack.object(), "a chunk in it does not authenticate"))
    }
}

fn missing(id: ChunkId) -> Error {
    Error::corrupt("packs", format!("a pack is missing: none has the chunk {id}"))
}
