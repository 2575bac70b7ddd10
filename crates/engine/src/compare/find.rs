//! Finding one path in item lists, without reading the lists.
//!
//! An item list is sorted, and each of its chunks can be read by itself: the chunk that may have the path is found by
//! halves. Backups share most chunks of their lists, so what was seen of a chunk is kept for the next backup.

use std::collections::HashMap;

use crate::chunk::ChunkId;
use crate::path::RelPath;
use crate::vault::item::Item;
use crate::vault::list;
use crate::vault::reader::Reader;
use crate::vault::snapshot::ItemList;
use crate::{Error, Result};

/// Chunks that are remembered at once: some hundred bytes each.
const SEEN: usize = 10_000;

pub struct Finder {
    reader: Reader,
    path: RelPath,
    seen: HashMap<ChunkId, Seen>,
}

/// What there is to know of a chunk of an item list.
struct Seen {
    /// Its first item is the path's, or before it.
    begins_before: bool,
    found: Option<Box<Item>>,
}

impl Finder {
    pub fn new(reader: Reader, path: RelPath) -> Finder {
        Finder { reader, path, seen: HashMap::new() }
    }

    /// The item of the path in this list.
    pub fn find(&mut self, list: &ItemList) -> Result<Option<Box<Item>>> {
        // How many chunks begin at or before the path; the last of them may have it.
        let (mut low, mut high) = (0, list.chunks.len());
        while low < high {
            let middle = low.midpoint(high);
            if self.look(list.chunks[middle])?.begins_before { low = middle + 1 } else { high = middle }
        }
        match low {
            0 => Ok(None),
            _ => Ok(self.look(list.chunks[low - 1])?.found.clone()),
        }
    }

    fn look(&mut self, id: ChunkId) -> Result<&Seen> {
        if !self.seen.contains_key(&id) {
            if self.seen.len() >= SEEN {
                self.seen.clear();
            }
            let seen = look_into(&self.reader.get(id)?, &self.path)?;
            self.seen.insert(id, seen);
        }
        Ok(&self.seen[&id])
    }
}

/// Only the lines that the search meets are parsed.
fn look_into(chunk: &[u8], wanted: &RelPath) -> Result<Seen> {
    let lines: Vec<&[u8]> = chunk.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).collect();
    let item = |at: usize| -> Result<(RelPath, Item)> {
        let item = list::parse(lines[at])?.pop().ok_or_else(empty)?;
        Ok((item.rel_path()?, item))
    };
    if lines.is_empty() {
        return Err(empty());
    }
    let begins_before = item(0)?.0 <= *wanted;
    let (mut low, mut high) = (0, lines.len());
    while low < high {
        let middle = low.midpoint(high);
        let (path, item) = item(middle)?;
        match path.cmp(wanted) {
            std::cmp::Ordering::Equal => return Ok(Seen { begins_before, found: Some(Box::new(item)) }),
            std::cmp::Ordering::Less => low = middle + 1,
            std::cmp::Ordering::Greater => high = middle,
        }
    }
    Ok(Seen { begins_before, found: None })
}

fn empty() -> Error {
    Error::Format { message: "A chunk of an item list is empty.".into() }
}
