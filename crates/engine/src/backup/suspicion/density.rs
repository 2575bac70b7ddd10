//! How much of itself a file takes in the vault: what used to compress and does not any more may be encrypted.

use std::sync::{Arc, Mutex};

use crate::Result;
use crate::chunk::ChunkId;
use crate::mutex::lock;
use crate::seal::TAG;
use crate::vault::catalog::Catalog;
use crate::vault::item::Item;
use crate::vault::list;
use crate::vault::reader::ChunkReader;

/// Of so few bytes that are stored together the compression tells nothing.
const SMALL_CHUNKS: u64 = 4 << 10;

pub struct Density<'a> {
    catalog: &'a Arc<Mutex<Catalog>>,
    reader: ChunkReader,
    /// Of a bundle, which the next file is often in, too.
    last: Option<(ChunkId, (u64, u64))>,
}

impl<'a> Density<'a> {
    /// `reader`: for the lists of chunks that large files have.
    pub fn new(catalog: &'a Arc<Mutex<Catalog>>, reader: ChunkReader) -> Density<'a> {
        Density { catalog, reader, last: None }
    }

    /// In percent; `None` where it tells nothing.
    pub fn of(&mut self, item: &Item) -> Result<Option<u64>> {
        let mut sum = (0, 0);
        for id in item.bundle.iter().map(|(id, _)| id).chain(&item.chunks) {
            self.add(*id, &mut sum)?;
        }
        for chunk in &item.lists {
            for id in list::ids(&self.reader.get(*chunk)?)? {
                self.add(id, &mut sum)?;
            }
        }
        let (stored, plain) = sum;
        Ok((plain >= SMALL_CHUNKS).then(|| stored * 100 / plain))
    }

    fn add(&mut self, id: ChunkId, sum: &mut (u64, u64)) -> Result<()> {
        let (stored, plain) = self.chunk(id)?;
        *sum = (sum.0 + stored, sum.1 + plain);
        Ok(())
    }

    fn chunk(&mut self, id: ChunkId) -> Result<(u64, u64)> {
        if let Some((last, sizes)) = self.last
            && last == id
        {
            return Ok(sizes);
        }
        let places = lock(self.catalog).places(id)?;
        let sizes = places.first().map_or((0, 0), |place| {
            (u64::from(place.entry.sealed).saturating_sub(TAG as u64), u64::from(place.entry.plain))
        });
        self.last = Some((id, sizes));
        Ok(sizes)
    }
}
