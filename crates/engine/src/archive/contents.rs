//! The content of a backup's files, out of the vault, in pieces and in order; checked against length and hash.

use std::collections::VecDeque;

use sha2::{Digest, Sha256};

use crate::chunk::ChunkId;
use crate::vault::item::{Content, Item, Side};
use crate::vault::list;
use crate::vault::reader::ChunkReader;
use crate::{Error, Result};

/// Bundles that are kept: the small files of a folder lie in a few of them.
const KEPT_BUNDLES: usize = 16;

pub struct Contents {
    reader: ChunkReader,
    bundles: VecDeque<(ChunkId, Vec<u8>)>,
}

impl Contents {
    pub fn new(reader: ChunkReader) -> Contents {
        Contents { reader, bundles: VecDeque::new() }
    }

    /// Hands over an item's content in pieces; returns its SHA-256 in hex, which is the one that the item names.
    pub fn file(&mut self, item: &Item, mut each: impl FnMut(&[u8]) -> Result<()>) -> Result<String> {
        let mut sum = Sum::default();
        let mut take = |piece: &[u8]| {
            sum.add(piece);
            each(piece)
        };
        match item.content() {
            Content::Empty => {}
            Content::Chunks(ids) => self.chunks(ids, &mut take)?,
            Content::Lists(lists) => {
                for id in lists {
                    let ids = list::ids(&self.reader.get(*id)?)?;
                    self.chunks(&ids, &mut take)?;
                }
            }
            Content::Bundle(id, offset) => {
                let bundle = self.bundle(id)?;
                let end = offset.checked_add(item.size).filter(|end| *end <= bundle.len() as u64);
                let end = end.ok_or_else(|| differs(item.display_path(), "length"))?;
                take(&bundle[offset as usize..end as usize])?;
            }
        }
        sum.check(item.display_path(), item.size, item.sha256.as_deref())
    }

    /// As [`Contents::file`], for a file that belongs to a raw database.
    pub fn side(&mut self, item: &Item, side: &Side, mut each: impl FnMut(&[u8]) -> Result<()>) -> Result<String> {
        let mut sum = Sum::default();
        self.chunks(&side.chunks, &mut |piece: &[u8]| {
            sum.add(piece);
            each(piece)
        })?;
        sum.check(&format!("{}{}", item.display_path(), side.suffix), side.size, None)
    }

    fn chunks(&mut self, ids: &[ChunkId], each: &mut dyn FnMut(&[u8]) -> Result<()>) -> Result<()> {
        ids.iter().try_for_each(|id| each(&self.reader.get(*id)?))
    }

    fn bundle(&mut self, id: ChunkId) -> Result<&[u8]> {
        let at = match self.bundles.iter().position(|(kept, _)| *kept == id) {
            Some(at) => at,
            None => {
                self.bundles.truncate(KEPT_BUNDLES - 1);
                self.bundles.push_front((id, self.reader.get(id)?));
                0
            }
        };
        Ok(&self.bundles[at].1)
    }
}

/// Length and hash of what went by.
#[derive(Default)]
struct Sum {
    length: u64,
    sha256: Sha256,
}

impl Sum {
    fn add(&mut self, piece: &[u8]) {
        self.length += piece.len() as u64;
        self.sha256.update(piece);
    }

    fn check(self, path: &str, size: u64, expected: Option<&str>) -> Result<String> {
        let sha256 = hex::encode(self.sha256.finalize());
        if self.length != size {
            return Err(differs(path, "length"));
        }
        if expected.is_some_and(|expected| expected != sha256) {
            return Err(differs(path, "hash"));
        }
        Ok(sha256)
    }
}

fn differs(path: &str, what: &str) -> Error {
    Error::corrupt("packs", format!("the content of {path:?} has another {what} than the backup says"))
}
