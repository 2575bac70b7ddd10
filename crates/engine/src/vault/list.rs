//! Item lists: NDJSON in path order, stored as chunks that end at line ends.
//!
//! Where a chunk ends depends on the path of its last line alone, so that among a million items ten changes touch ten
//! chunks, and every chunk can be read by itself, forwards or backwards.

use std::path::Path;
use std::sync::Arc;

use super::item::Item;
use super::reader::ChunkReader;
use super::snapshot::ItemList;
use super::writer::{Scratch, Writer};
use crate::chunk::ChunkId;
use crate::path::in_shell;
use crate::{Error, Result};

/// One line in this many ends a chunk.
const LINES: u8 = 255;
const MIN: usize = 8 << 10;
const MAX: usize = 1 << 20;

/// Writes the item list of a new backup.
pub struct ListWriter {
    writer: Arc<Writer>,
    scratch: Scratch,
    buffer: Vec<u8>,
    list: ItemList,
    /// All items so far tell their attributes.
    attributes: bool,
}

impl ListWriter {
    pub fn new(writer: Arc<Writer>, scratch: Scratch) -> ListWriter {
        ListWriter { writer, scratch, buffer: Vec::new(), list: ItemList::default(), attributes: true }
    }

    pub fn push(&mut self, item: &Item) -> Result<()> {
        self.attributes &= item.xattrs.is_some();
        serde_json::to_writer(&mut self.buffer, item).map_err(|error| Error::internal(error.to_string()))?;
        self.buffer.push(b'\n');
        let ends = blake3::hash(item.display_path().as_bytes()).as_bytes()[0] == LINES && self.buffer.len() >= MIN;
        if ends || self.buffer.len() >= MAX {
            self.flush()?;
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<()> {
        if !self.buffer.is_empty() {
            self.list.chunks.push(self.writer.put(&mut self.scratch, &self.buffer)?);
            self.list.size += self.buffer.len() as u64;
            self.buffer.clear();
        }
        Ok(())
    }

    pub fn finish(mut self) -> Result<ItemList> {
        self.flush()?;
        self.list.attributes = self.attributes;
        Ok(self.list)
    }
}

/// Reads an item list, one chunk in memory at a time.
pub struct ListReader<'a> {
    reader: &'a mut ChunkReader,
    chunks: std::vec::IntoIter<ChunkId>,
    items: std::vec::IntoIter<Item>,
    backwards: bool,
    attributes: bool,
    size: u64,
}

impl<'a> ListReader<'a> {
    pub fn forwards(reader: &'a mut ChunkReader, list: &ItemList) -> ListReader<'a> {
        ListReader {
            reader,
            chunks: list.chunks.clone().into_iter(),
            items: Vec::new().into_iter(),
            backwards: false,
            attributes: list.attributes,
            size: 0,
        }
    }

    /// Bytes of the list that have been read.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The same items, the last one first: what is in a folder before the folder.
    pub fn backwards(reader: &'a mut ChunkReader, list: &ItemList) -> ListReader<'a> {
        ListReader { backwards: true, ..ListReader::forwards(reader, list) }
    }

    fn load(&mut self, id: ChunkId) -> Result<()> {
        let chunk = self.reader.get(id)?;
        self.size += chunk.len() as u64;
        let items = parse(&chunk, self.attributes)?;
        self.items = items.into_iter();
        Ok(())
    }
}

impl Iterator for ListReader<'_> {
    type Item = Result<Item>;

    fn next(&mut self) -> Option<Result<Item>> {
        loop {
            let item = if self.backwards { self.items.next_back() } else { self.items.next() };
            if let Some(item) = item {
                return Some(Ok(item));
            }
            let id = if self.backwards { self.chunks.next_back() } else { self.chunks.next() }?;
            // Whoever asks again gets what comes after the damage.
            if let Err(error) = self.load(id) {
                return Some(Err(error));
            }
        }
    }
}

/// The paths of a list that come nearest to one that it does not have, the nearest first, as an error quotes them.
pub fn nearest(reader: &mut ChunkReader, list: &ItemList, wanted: &str) -> Result<Vec<String>> {
    let mut nearest: Vec<(f64, String)> = Vec::new();
    for item in ListReader::forwards(reader, list) {
        let path = item?.display_path().to_owned();
        let score = strsim::normalized_damerau_levenshtein(&path, wanted);
        let at = nearest.partition_point(|(other, _)| *other >= score);
        nearest.insert(at, (score, path));
        nearest.truncate(3);
    }
    Ok(nearest.into_iter().map(|(_, path)| in_shell(Path::new(&path))).collect())
}

/// The items of one chunk of an item list. `attributes`: the list tells them, so an item without any has none.
pub fn parse(chunk: &[u8], attributes: bool) -> Result<Vec<Item>> {
    let lines = chunk.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    lines
        .map(|line| {
            let mut item: Item = serde_json::from_slice(line).map_err(|error| Error::Format {
                message: format!("A line of an item list is not understood: {error}."),
            })?;
            if attributes {
                item.xattrs.get_or_insert_default();
            }
            Ok(item)
        })
        .collect()
}

/// The chunk ids in a chunk of ids (`lists` in the format).
pub fn ids(chunk: &[u8]) -> Result<Vec<ChunkId>> {
    let (ids, rest) = chunk.as_chunks::<32>();
    if !rest.is_empty() {
        return Err(Error::Format { message: "A list of chunk ids is cut off.".into() });
    }
    Ok(ids.iter().copied().map(ChunkId).collect())
}
