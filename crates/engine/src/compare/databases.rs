//! Databases of a backup and of the live root, fetched into images and compared.
//!
//! Whatever is wrong with them, or with their images, is a note or a warning to the reader: one bad database does not fail
//! the comparison of all else.

use std::path::Path;

use super::Ticker;
use super::image::{Image, private_folder};
use super::tables::{self, Tables};
use crate::capture::databases::LOGS;
use crate::capture::sqlite::{self, BLOCK, CaptureOutcome};
use crate::capture::stat::open_file;
use crate::capture::walk::WalkEntry;
use crate::chunk::ChunkId;
use crate::error::IoContext;
use crate::vault::durable;
use crate::vault::item::{Content, Item, JournalMode};
use crate::vault::list;
use crate::vault::reader::ChunkReader;
use crate::{Error, Result, space};

/// What a live database is now.
pub enum Live {
    Image(Image),
    /// Why SQLite cannot read it.
    Raw(String),
    Gone,
    /// Why nothing is known of it.
    Unknown(String),
}

/// Makes images and compares them.
pub struct DatabaseComparer {
    reader: ChunkReader,
}

impl DatabaseComparer {
    pub fn new(reader: ChunkReader) -> DatabaseComparer {
        DatabaseComparer { reader }
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
        let unknown = |reason| Ok(Live::Unknown(format!("It could not be compared: {reason}.")));
        let mut image = match room_for(size).and_then(|()| Image::new()) {
            Ok(image) => image,
            Err(reason) => return unknown(reason),
        };
        // For a database that a crash has left unclean: SQLite recovers a copy.
        let scratch = private_folder().at("making a folder in", std::env::temp_dir())?;
        match sqlite::capture(path, &sqlite::Options::new(scratch.path()), &mut image, ticker.control) {
            Ok(CaptureOutcome::Consistent(_)) => Ok(Live::Image(image)),
            Ok(CaptureOutcome::Raw { reason }) => Ok(Live::Raw(format!("SQLite cannot read it now: {reason}"))),
            Err(Error::Source { source: Some(error), .. }) if error.kind() == std::io::ErrorKind::NotFound => {
                Ok(Live::Gone)
            }
            Err(Error::Source { message, .. }) => Ok(Live::Unknown(message)),
            Err(error) => unknown(note(error)?),
        }
    }

    /// Is the image what the item says?
    pub fn is_same(&mut self, item: &Item, image: &Image, ids: &[u8; 32], ticker: &mut Ticker<'_>) -> Result<bool> {
        let read = |buffer: &mut [u8], offset| image.read(buffer, offset);
        Ok(item.sides.is_empty()
            && self.are_blocks(ChunkIdStream::of(item), item.size, (image.size, read), ids, ticker)?)
    }

    /// Is a database that SQLite cannot read the one that was stored as it lay, with the files that belong to it?
    pub fn is_same_raw(
        &mut self,
        item: &Item,
        entry: &WalkEntry,
        ids: &[u8; 32],
        ticker: &mut Ticker<'_>,
    ) -> Result<bool> {
        if item.db.as_ref().is_none_or(|db| db.journal != JournalMode::Raw) {
            return Ok(false);
        }
        let own = ("", item.size, ChunkIdStream::of(item));
        let sides = item.sides.iter().map(|side| (&side.suffix[..], side.size, ChunkIdStream::chunks(&side.chunks)));
        for (suffix, size, stored) in [own].into_iter().chain(sides) {
            let Ok((file, stat)) = open_file(&entry.beside(suffix)) else { return Ok(false) };
            let read =
                |buffer: &mut [u8], offset| durable::read_at(&file, buffer, offset).at("reading", &entry.absolute);
            if !self.are_blocks(stored, size, (stat.size, read), ids, ticker)? {
                return Ok(false);
            }
        }
        let is_new = |suffix: &str| {
            item.sides.iter().all(|side| side.suffix != suffix) && entry.beside(suffix).symlink_metadata().is_ok()
        };
        Ok(!LOGS.into_iter().any(is_new))
    }

    /// Is what `read` gives what was stored in these blocks? By their ids: nothing is fetched.
    fn are_blocks(
        &mut self,
        mut stored: ChunkIdStream,
        stored_size: u64,
        (size, read): (u64, impl Fn(&mut [u8], u64) -> Result<()>),
        ids: &[u8; 32],
        ticker: &mut Ticker<'_>,
    ) -> Result<bool> {
        if size != stored_size {
            return Ok(false);
        }
        let (mut block, mut offset) = (vec![0; BLOCK], 0);
        while offset < size {
            ticker.check()?;
            let block = &mut block[..BLOCK.min((size - offset) as usize)];
            read(block, offset)?;
            if stored.next(&mut self.reader)? != Some(ChunkId::of(ids, block)) {
                return Ok(false);
            }
            offset += block.len() as u64;
        }
        Ok(stored.next(&mut self.reader)?.is_none())
    }

    /// Writes an item's content, or that of two: a block that they share is fetched once.
    fn fill(
        &mut self,
        image: &mut Image,
        item: &Item,
        mut other: Option<(&mut Image, &Item)>,
        ticker: &mut Ticker<'_>,
    ) -> Result<()> {
        let mut ids = ChunkIdStream::of(item);
        let mut other_ids = other.as_ref().map(|(_, item)| ChunkIdStream::of(item));
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
            space::said(bytes),
            folder.display(),
            space::said(free)
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
struct ChunkIdStream {
    lists: std::vec::IntoIter<ChunkId>,
    ids: std::vec::IntoIter<ChunkId>,
}

impl ChunkIdStream {
    fn of(item: &Item) -> ChunkIdStream {
        ChunkIdStream { lists: item.lists.clone().into_iter(), ..ChunkIdStream::chunks(&item.chunks) }
    }

    fn chunks(chunks: &[ChunkId]) -> ChunkIdStream {
        ChunkIdStream { lists: Vec::new().into_iter(), ids: Vec::from(chunks).into_iter() }
    }

    fn next(&mut self, reader: &mut ChunkReader) -> Result<Option<ChunkId>> {
        loop {
            if let Some(id) = self.ids.next() {
                return Ok(Some(id));
            }
            let Some(list) = self.lists.next() else { return Ok(None) };
            self.ids = list::ids(&reader.get(list)?)?.into_iter();
        }
    }
}
