//! Finding one path in item lists, without reading the lists.
//!
//! An item list is sorted, and each of its chunks can be read by itself: the chunk that may have the path is found by
//! halves. Backups share most chunks of their lists, so what was seen of a chunk is kept for the next backup.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::ops::Range;

use crate::chunk::ChunkId;
use crate::path::RelPath;
use crate::vault::item::Item;
use crate::vault::list;
use crate::vault::reader::ChunkReader;
use crate::vault::snapshot::ItemList;
use crate::{Error, Result};

/// Chunks that are remembered at once: some hundred bytes each.
const SEEN: usize = 10_000;

pub struct Finder {
    reader: ChunkReader,
    path: RelPath,
    seen: HashMap<ChunkId, ListChunk>,
    /// Where the path was in the list before: mostly it is there again.
    last: Option<(usize, ChunkId)>,
}

/// What there is to know of a chunk of an item list.
struct ListChunk {
    /// Its first item is the path's, or before it.
    begins_before: bool,
    /// Its last item is the path's, or after it.
    ends_after: bool,
    found: Option<Box<Item>>,
}

impl Finder {
    pub fn new(reader: ChunkReader, path: RelPath) -> Finder {
        Finder { reader, path, seen: HashMap::new(), last: None }
    }

    /// The item of the path in this list.
    pub fn find(&mut self, list: &ItemList) -> Result<Option<Box<Item>>> {
        let (mut low, mut high) = (0_usize, list.chunks.len());
        let mut middle = low.midpoint(high);
        if let Some((place, id)) = self.last {
            middle = list.chunks.iter().position(|other| *other == id).unwrap_or(place).min(high.saturating_sub(1));
        }
        while low < high {
            let id = list.chunks[middle];
            let seen = self.look(id)?;
            if seen.begins_before && seen.ends_after {
                let found = seen.found.clone();
                self.last = Some((middle, id));
                return Ok(found);
            }
            if seen.begins_before {
                low = middle + 1
            } else {
                high = middle
            }
            middle = low.midpoint(high);
        }
        // It would lie between two chunks.
        Ok(None)
    }

    fn look(&mut self, id: ChunkId) -> Result<&ListChunk> {
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

/// Searches a chunk by halves, too: only the lines that the search meets are parsed.
fn look_into(chunk: &[u8], wanted: &RelPath) -> Result<ListChunk> {
    let chunk = chunk.trim_ascii_end();
    let (first, _) = line_around(chunk, 0)?;
    let (last, _) = line_around(chunk, chunk.len())?;
    let mut seen = ListChunk { begins_before: first.path <= *wanted, ends_after: last.path >= *wanted, found: None };
    let (mut low, mut high) = (0_usize, chunk.len());
    while seen.found.is_none() && low < high {
        let (line, place) = line_around(chunk, low.midpoint(high))?;
        match line.path.cmp(wanted) {
            Ordering::Equal => seen.found = Some(Box::new(line.item)),
            Ordering::Less => low = place.end + 1,
            Ordering::Greater => high = place.start,
        }
    }
    Ok(seen)
}

struct FoundItem {
    path: RelPath,
    item: Item,
}

/// The line that has the byte at `at`, or ends there, and its place.
fn line_around(chunk: &[u8], at: usize) -> Result<(FoundItem, Range<usize>)> {
    let start = chunk[..at].iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
    let end = chunk[at..].iter().position(|byte| *byte == b'\n').map_or(chunk.len(), |end| at + end);
    let item = list::parse(&chunk[start..end], false)?.pop().ok_or_else(empty)?;
    Ok((FoundItem { path: item.rel_path()?, item }, start..end))
}

fn empty() -> Error {
    Error::Format { message: "A chunk of an item list is empty.".into() }
}
