//! Is the vault's own backup of the same name the same as an archive's? Then there is nothing to import.

use super::manifest::{ItemLine, bare};
use crate::vault::item::Item;
use crate::vault::list::ListReader;
use crate::vault::reader::ChunkReader;
use crate::vault::snapshot::Snapshot;

/// Compares the items as the archive's go by.
pub struct Twin<'a> {
    items: Option<ListReader<'a>>,
}

impl<'a> Twin<'a> {
    pub fn new(snapshot: Option<&Snapshot>, reader: Option<&'a mut ChunkReader>) -> Twin<'a> {
        Twin { items: snapshot.zip(reader).map(|(snapshot, reader)| ListReader::forwards(reader, &snapshot.list)) }
    }

    pub fn compare(&mut self, line: &ItemLine) {
        let Some(items) = &mut self.items else { return };
        let same = |item: &Item| {
            let sides = item.sides.iter().map(|side| (side.suffix.as_str(), side.size, side.besides));
            let told = line.sides.iter().map(|side| (side.suffix.as_str(), side.size, side.besides));
            bare(item) == line.item && sides.eq(told)
        };
        if !matches!(items.next(), Some(Ok(item)) if same(&item)) {
            self.items = None;
        }
    }

    pub fn is_same(&mut self) -> bool {
        self.items.as_mut().is_some_and(|items| items.next().is_none())
    }
}
