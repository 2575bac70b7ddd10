//! Databases of a backup and of the live root as temporary files, for SQLite to read.
//!
//! An image is a plain copy of what a vault may hold encrypted. It lies in a folder of its own in the system's temporary
//! folder, which only its owner may enter. On Unix its name is gone before the first byte is written: nobody finds it,
//! and a process that is killed leaves nothing behind.

use std::fs::File;
use std::path::Path;

use rusqlite::Connection;
use tempfile::TempDir;

use super::{Ticker, tables};
use crate::capture::sqlite::{self, BLOCK, BlockSink, Outcome};
use crate::chunk::ChunkId;
use crate::error::IoContext;
use crate::report::TableDiff;
use crate::vault::durable;
use crate::vault::item::{Content, Item, JournalMode};
use crate::vault::list;
use crate::vault::reader::Reader;
use crate::{Error, Result};

/// The tables that differ, and what could not be compared.
pub type Tables = (Vec<TableDiff>, Option<String>);

/// A database in a temporary file, and a connection to it.
pub struct Image {
    pub connection: Connection,
    file: File,
    pub size: u64,
    /// What the header said of the journal, before it was made to say that there is no write-ahead log.
    versions: [u8; 2],
    // After the connection and the file: they must be closed first.
    #[cfg(not(unix))]
    _folder: tempfile::TempDir,
}

/// Where a header says how to read and write the file: 1 for a rollback journal, 2 for a write-ahead log.
const VERSIONS: std::ops::Range<usize> = 18..20;

impl Image {
    /// An empty one, to be filled before SQLite is asked anything.
    fn new() -> Result<Image, String> {
        let folder = private_folder().map_err(|error| format!("a temporary file cannot be made: {error}"))?;
        let path = folder.path().join("database");
        let file = durable::create_new(&path).map_err(|error| error.to_string())?;
        let connection = sqlite::open_copy(&path)?;
        #[cfg(unix)]
        folder.close().map_err(|error| format!("a temporary file cannot be hidden: {error}"))?;
        Ok(Image {
            connection,
            file,
            size: 0,
            versions: [0; 2],
            #[cfg(not(unix))]
            _folder: folder,
        })
    }

    fn write(&mut self, bytes: &[u8], offset: u64) -> Result<()> {
        let place = std::env::temp_dir();
        durable::write_at(&self.file, bytes, offset).at("writing a temporary file in", &place)?;
        if offset == 0
            && let Some(versions) = bytes.get(VERSIONS)
        {
            self.versions.copy_from_slice(versions);
            durable::write_at(&self.file, &[1, 1], VERSIONS.start as u64).at("writing a temporary file in", &place)?;
        }
        Ok(())
    }

    fn append(&mut self, bytes: &[u8]) -> Result<()> {
        self.write(bytes, self.size)?;
        self.size += bytes.len() as u64;
        Ok(())
    }

    /// What was written at `offset`.
    fn read(&self, buffer: &mut [u8], offset: u64) -> Result<()> {
        durable::read_at(&self.file, buffer, offset).at("reading a temporary file in", std::env::temp_dir())?;
        if offset == 0
            && let Some(versions) = buffer.get_mut(VERSIONS)
        {
            versions.copy_from_slice(&self.versions);
        }
        Ok(())
    }
}

fn private_folder() -> std::io::Result<TempDir> {
    let mut builder = tempfile::Builder::new();
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o700));
    builder.prefix("lifeboat-").tempdir()
}

impl BlockSink for Image {
    fn put(&mut self, index: u64, block: Vec<u8>) -> Result<()> {
        self.write(&block, index * BLOCK as u64)
    }

    fn finish(&mut self, size: u64) -> Result<()> {
        self.size = size;
        self.file.set_len(size).at("writing a temporary file in", std::env::temp_dir())
    }

    /// What an attempt left is written over, or cut off at the end.
    fn restart(&mut self) {}
}

/// What a live database is now.
pub enum Live {
    Image(Image),
    /// Why it cannot be had as a database.
    Raw(String),
    Gone,
    /// It cannot be read at all.
    Unreadable(String),
}

/// Makes images and compares them.
pub struct Images {
    reader: Reader,
}

impl Images {
    pub fn new(reader: Reader) -> Images {
        Images { reader }
    }

    /// Compares two databases of backups. Whatever is wrong with them is a note, and fails nothing.
    pub fn stored(&mut self, old: &Item, new: &Item, ticker: &mut Ticker<'_>) -> Result<Tables> {
        let images = match check_raw(old).and_then(|()| check_raw(new)).and_then(|()| room_for(old.size + new.size)) {
            Ok(()) => Image::new().and_then(|old| Ok((old, Image::new()?))),
            Err(note) => Err(note),
        };
        let (mut a, mut b) = match images {
            Ok(images) => images,
            Err(note) => return Ok((Vec::new(), Some(note))),
        };
        match self.fill(&mut a, old, Some((&mut b, new)), ticker) {
            Ok(()) => tables::compare(&mut a, &mut b, new.display_path(), ticker),
            Err(error) => Ok((Vec::new(), Some(note(error)?))),
        }
    }

    /// Compares a database of a backup with the live one.
    pub fn live(&mut self, old: &Item, now: &mut Image, ticker: &mut Ticker<'_>) -> Result<Tables> {
        let image = check_raw(old).and_then(|()| room_for(old.size)).and_then(|()| Image::new());
        let mut image = match image {
            Ok(image) => image,
            Err(note) => return Ok((Vec::new(), Some(note))),
        };
        match self.fill(&mut image, old, None, ticker) {
            Ok(()) => tables::compare(&mut image, now, old.display_path(), ticker),
            Err(error) => Ok((Vec::new(), Some(note(error)?))),
        }
    }

    /// Reads a live database as a backup does: under its writers, and without a trace.
    pub fn capture(&self, path: &Path, size: u64, ticker: &Ticker<'_>) -> Result<Live> {
        let mut image = match room_for(size).and_then(|()| Image::new()) {
            Ok(image) => image,
            Err(reason) => return Ok(Live::Raw(reason)),
        };
        // For a database that a crash has left unclean: SQLite recovers a copy.
        let scratch = private_folder().at("making a folder in", std::env::temp_dir())?;
        match sqlite::capture(path, &sqlite::Options::new(scratch.path()), &mut image, ticker.control) {
            Ok(Outcome::Consistent(_)) => Ok(Live::Image(image)),
            Ok(Outcome::Raw { reason }) => Ok(Live::Raw(format!("SQLite cannot read it now: {reason}"))),
            Err(Error::Source { source: Some(error), .. }) if error.kind() == std::io::ErrorKind::NotFound => {
                Ok(Live::Gone)
            }
            Err(Error::Source { message, .. }) => Ok(Live::Unreadable(message)),
            Err(Error::Aborted) => Err(Error::Aborted),
            Err(error) => Ok(Live::Raw(note(error)?)),
        }
    }

    /// Is the image what the item says? By the ids of its blocks: nothing is fetched.
    pub fn is_same(&mut self, item: &Item, image: &Image, ids: &[u8; 32], ticker: &mut Ticker<'_>) -> Result<bool> {
        if item.size != image.size || !item.sides.is_empty() {
            return Ok(false);
        }
        let mut chunks = Ids::of(item);
        let (mut block, mut offset) = (vec![0; BLOCK], 0);
        while offset < image.size {
            ticker.still(item.display_path())?;
            let length = BLOCK.min((image.size - offset) as usize);
            image.read(&mut block[..length], offset)?;
            if chunks.next(&mut self.reader)? != Some(ChunkId::of(ids, &block[..length])) {
                return Ok(false);
            }
            offset += length as u64;
        }
        Ok(chunks.next(&mut self.reader)?.is_none())
    }

    /// Writes an item's content, or that of two: a block that they share is fetched once.
    fn fill(
        &mut self,
        image: &mut Image,
        item: &Item,
        mut other: Option<(&mut Image, &Item)>,
        ticker: &mut Ticker<'_>,
    ) -> Result<()> {
        let mut ids = Ids::of(item);
        let mut other_ids = other.as_ref().map(|(_, item)| Ids::of(item));
        loop {
            ticker.still(item.display_path())?;
            let one = ids.next(&mut self.reader)?;
            let two = other_ids.as_mut().map(|ids| ids.next(&mut self.reader)).transpose()?.flatten();
            let chunk = one.map(|id| self.reader.get(id)).transpose()?;
            if let Some(chunk) = &chunk {
                image.append(chunk)?;
            }
            if let (Some(id), Some((image, _))) = (two, &mut other) {
                match &chunk {
                    Some(chunk) if one == two => image.append(chunk)?,
                    _ => image.append(&self.reader.get(id)?)?,
                }
            }
            if one.is_none() && two.is_none() {
                break;
            }
        }
        let whole = image.size == item.size && other.is_none_or(|(image, item)| image.size == item.size);
        if whole { Ok(()) } else { Err(Error::corrupt("packs", "a database has another length than the backup says")) }
    }
}

fn check_raw(item: &Item) -> Result<(), String> {
    match (&item.db, item.content()) {
        (Some(db), _) if db.journal == JournalMode::Raw => {
            Err("SQLite could not read it when it was backed up, so its tables cannot be compared".into())
        }
        // Databases have blocks of their own.
        (_, Content::Bundle(..)) => Err("it is stored among small files, so its tables cannot be compared".into()),
        _ => Ok(()),
    }
}

fn room_for(bytes: u64) -> Result<(), String> {
    let folder = std::env::temp_dir();
    match crate::space::free(&folder) {
        Some(free) if free < bytes => Err(format!(
            "comparing its tables needs {} in {}, where {} are free (set TMPDIR to use another disk)",
            bytesize::ByteSize(bytes),
            folder.display(),
            bytesize::ByteSize(free)
        )),
        _ => Ok(()),
    }
}

/// An error as a note; a cancellation stays an error.
fn note(error: Error) -> Result<String> {
    match error {
        Error::Aborted | Error::Internal { .. } => Err(error),
        other => Ok(format!("its tables cannot be compared: {}", other.to_string().trim_end_matches('.'))),
    }
}

/// The ids of an item's chunks, of which a list at a time is in memory.
struct Ids {
    lists: std::vec::IntoIter<ChunkId>,
    ids: std::vec::IntoIter<ChunkId>,
}

impl Ids {
    fn of(item: &Item) -> Ids {
        Ids { lists: item.lists.clone().into_iter(), ids: item.chunks.clone().into_iter() }
    }

    fn next(&mut self, reader: &mut Reader) -> Result<Option<ChunkId>> {
        loop {
            if let Some(id) = self.ids.next() {
                return Ok(Some(id));
            }
            let Some(list) = self.lists.next() else { return Ok(None) };
            self.ids = list::ids(&reader.get(list)?)?.into_iter();
        }
    }
}
