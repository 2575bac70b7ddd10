//! An item list read alongside another: both are in path order, so one chunk of each in memory is enough.

use crate::chunk::ChunkId;
use crate::path::RelPath;
use crate::vault::item::Item;
use crate::vault::list;
use crate::vault::reader::ChunkReader;
use crate::vault::snapshot::Snapshot;
use crate::{Error, Result};

pub struct Cursor {
    reader: ChunkReader,
    backup: String,
    chunks: std::vec::IntoIter<ChunkId>,
    items: std::vec::IntoIter<(RelPath, Item)>,
    last: Option<RelPath>,
    attributes: bool,
}

impl Cursor {
    pub fn new(reader: ChunkReader, snapshot: &Snapshot) -> Cursor {
        Cursor {
            reader,
            backup: snapshot.backup.clone(),
            chunks: snapshot.list.chunks.clone().into_iter(),
            items: Vec::new().into_iter(),
            last: None,
            attributes: snapshot.list.attributes,
        }
    }

    /// The path of the next item.
    pub fn peek(&mut self) -> Result<Option<&RelPath>> {
        while self.items.as_slice().is_empty() {
            let Some(id) = self.chunks.next() else { return Ok(None) };
            self.load(id)?;
        }
        Ok(self.items.as_slice().first().map(|(path, _)| path))
    }

    /// The next item, if its path is `wanted`.
    pub fn next_if(&mut self, wanted: impl Fn(&RelPath) -> bool) -> Result<Option<(RelPath, Item)>> {
        match self.peek()? {
            Some(path) if wanted(path) => Ok(self.items.next()),
            _ => Ok(None),
        }
    }

    fn load(&mut self, id: ChunkId) -> Result<()> {
        let chunk = self.reader.get(id).map_err(|error| blame(error, &self.backup))?;
        let items = list::parse(&chunk, self.attributes)?.into_iter().map(|item| Ok((item.rel_path()?, item)));
        let items = items.collect::<Result<Vec<_>>>()?;
        for (path, _) in &items {
            if self.last.as_ref().is_some_and(|last| last >= path) {
                let message = format!("The item list of {} is out of order at {:?}.", self.backup, path.display());
                return Err(Error::Format { message });
            }
            self.last = Some(path.clone());
        }
        self.items = items.into_iter();
        Ok(())
    }

    fn next_chunk(&self) -> Option<ChunkId> {
        self.items.as_slice().is_empty().then(|| self.chunks.as_slice().first().copied()).flatten()
    }
}

/// Passes over the chunks that both have next: they hold the same items. This is what makes the comparison of a million
/// items with ten changes cheap.
pub fn skip_shared(a: &mut Cursor, b: &mut Cursor) {
    while a.next_chunk().is_some() && a.next_chunk() == b.next_chunk() {
        a.chunks.next();
        b.chunks.next();
    }
}

/// Names the backup that damage hurts.
pub fn blame(error: Error, backup: &str) -> Error {
    match error {
        Error::Corrupt { object, detail, backups } if backups.is_empty() => {
            Error::Corrupt { object, detail, backups: vec![backup.to_owned()] }
        }
        other => other,
    }
}
