//! Reading files so that what is stored is what the file was at one moment.
//!
//! stat, read, stat again; what changed meanwhile is read again. Small files go into bundles, larger ones are cut by
//! content, and whatever turns out to be an SQLite database is captured as one.

use std::io::{self, Read};
use std::time::{Duration, SystemTime};

use sha2::{Digest, Sha256};

use super::database;
use super::json::{self, JsonVerdict};
use super::pool::{PoolShared, ReadJob, Task};
use super::previous::is_held;
use crate::capture::attributes::{self, ReadAttributes};
use crate::capture::sqlite;
use crate::capture::stat::{Stat, open_file};
use crate::capture::walk::WalkEntry;
use crate::report::ItemType;
use crate::vault::item::Item;
use crate::vault::writer::Scratch;
use crate::{Error, Result};

/// A file of at most this many bytes is read in one piece.
pub const WHOLE: usize = 4 << 20;
/// How often a file that changes while it is read is read again.
pub const ATTEMPTS: u32 = 4;
const PAUSE: Duration = Duration::from_millis(5);

/// One thread's way to read files, with its memory.
pub struct FileReader<'a> {
    pub shared: &'a PoolShared,
    pub scratch: Scratch,
    pub buffer: Vec<u8>,
    bundle: Bundle<(u64, Item, bool)>,
}

/// What reading a file in one piece came to. The bytes are in [`FileReader::buffer`].
pub enum WholeRead {
    Read {
        item: Item,
        hot: bool,
    },
    /// JSON that was probably caught half-written.
    Torn {
        item: Item,
        hot: bool,
    },
    Database,
    TooLarge,
    Gone,
}

impl<'a> FileReader<'a> {
    pub fn new(shared: &'a PoolShared) -> FileReader<'a> {
        FileReader { shared, scratch: Scratch::new(shared.level), buffer: Vec::new(), bundle: Bundle::default() }
    }

    pub fn run(&mut self, job: ReadJob) -> Result<()> {
        match job {
            ReadJob::Small(tasks) => {
                for task in tasks {
                    self.shared.check()?;
                    self.file(task, true)?;
                }
                self.flush()
            }
            ReadJob::Large(task) => self.file(task, false),
        }
    }

    /// `bundled`: small files share a chunk, larger ones have their own.
    fn file(&mut self, task: Task, bundled: bool) -> Result<()> {
        if task.entry.is_set {
            return database::store_set(self, task);
        }
        match self.read(&task.entry)? {
            WholeRead::Read { item, .. } if bundled => self.bundle(task, item),
            WholeRead::Read { item, .. } => self.store_whole(task, item),
            WholeRead::Torn { .. } => self.wait_for(task),
            WholeRead::Database => database::store(self, task),
            WholeRead::TooLarge => match self.stream(task, false)? {
                Some(task) => self.wait_for(task),
                None => Ok(()),
            },
            WholeRead::Gone => {
                self.shared.gone(task.seq);
                Ok(())
            }
        }
    }

    fn wait_for(&self, torn: Task) -> Result<()> {
        self.shared.torn.send(torn).map_err(|_| Error::internal("nobody waits for torn files"))
    }

    /// Reads a file of at most [`WHOLE`] bytes into the buffer, as it was at one moment.
    pub fn read(&mut self, entry: &WalkEntry) -> Result<WholeRead> {
        let mut attempt = 0;
        loop {
            attempt += 1;
            let reading = SystemTime::now();
            let (stat, steady, found) = match self.read_once(entry) {
                Ok(Some(read)) => read,
                Ok(None) => return Ok(WholeRead::TooLarge),
                Err(error) => {
                    self.shared.warn_unreadable(&entry.path, &error);
                    return Ok(WholeRead::Gone);
                }
            };
            if sqlite::is_database(&self.buffer) {
                return Ok(WholeRead::Database);
            }
            if !steady && attempt < ATTEMPTS {
                std::thread::sleep(PAUSE);
                continue;
            }
            if !steady {
                self.shared.warn(
                    &entry.path,
                    "It changed each time it was read. The stored file may be a mix of \
                 several versions.",
                );
            }
            let mut item = Item::new(&entry.path, ItemType::File, entry.with_head(&self.buffer));
            stat.describe(&mut item);
            self.shared.give_attributes(&mut item, found);
            item.racy = !steady || stat.is_racy(reading);
            item.size = self.buffer.len() as u64;
            item.sha256 = Some(hex::encode(Sha256::digest(&self.buffer)));
            let hot = stat.is_hot(reading);
            if json::is_called_so(entry) {
                match json::verdict(&self.buffer, &stat, reading) {
                    JsonVerdict::Sound => {}
                    JsonVerdict::Torn => return Ok(WholeRead::Torn { item, hot }),
                    JsonVerdict::NotJson => self.shared.warn(&entry.path, json::NOT_JSON),
                }
            }
            return Ok(WholeRead::Read { item, hot });
        }
    }

    /// One reading: the stat before it, whether the stat after it is the same, and what the file is besides. `None`: it is
    /// too large.
    fn read_once(&mut self, entry: &WalkEntry) -> io::Result<Option<(Stat, bool, ReadAttributes)>> {
        let (file, before) = open_file(&entry.absolute)?;
        if before.size > WHOLE as u64 {
            return Ok(None);
        }
        self.buffer.clear();
        self.buffer.reserve(before.size as usize + 1);
        (&file).take(WHOLE as u64 + 1).read_to_end(&mut self.buffer)?;
        if self.buffer.len() > WHOLE {
            return Ok(None);
        }
        let found = attributes::of_file(&file);
        let after = Stat::of_file(&file)?;
        Ok(Some((before, before == after && self.buffer.len() as u64 == before.size, found)))
    }

    /// Puts what is in the buffer into the bundle, unless the vault has it already.
    fn bundle(&mut self, task: Task, mut item: Item) -> Result<()> {
        let changed = is_changed(&item, task.previous.as_deref());
        if self.keep_place(&mut item, task.previous.as_deref())? || self.buffer.is_empty() {
            self.shared.emit(task.seq, item, changed);
            return Ok(());
        }
        if self.bundle.len() + self.buffer.len() > self.shared.cutter.params().bundle {
            self.flush()?;
        }
        self.bundle.add(&self.buffer, (task.seq, item, changed));
        Ok(())
    }

    fn flush(&mut self) -> Result<()> {
        let shared = self.shared;
        self.bundle.flush(shared, &mut self.scratch, |(seq, mut item, changed), place| {
            item.bundle = Some(place);
            shared.emit(seq, item, changed);
        })
    }

    /// Stores what is in the buffer as chunks of its own.
    pub fn store_whole(&mut self, task: Task, mut item: Item) -> Result<()> {
        let changed = is_changed(&item, task.previous.as_deref());
        if !self.keep_place(&mut item, task.previous.as_deref())? {
            self.cut_whole(&mut item)?;
        }
        self.shared.emit(task.seq, item, changed);
        Ok(())
    }

    /// Cuts and stores what is in the buffer.
    pub fn cut_whole(&mut self, item: &mut Item) -> Result<()> {
        let mut rest = &self.buffer[..];
        while !rest.is_empty() {
            let (chunk, after) = rest.split_at(self.shared.cutter.next(rest));
            item.chunks.push(self.shared.writer.put(&mut self.scratch, chunk)?);
            rest = after;
        }
        Ok(())
    }

    /// The same content as in the backup before keeps its place, so that a full backup does not store it again only
    /// because its neighbours in a bundle changed.
    pub fn keep_place(&self, item: &mut Item, previous: Option<&Item>) -> Result<bool> {
        let Some(previous) = previous else { return Ok(false) };
        if previous.sha256 != item.sha256 || previous.size != item.size || previous.db.is_some() {
            return Ok(false);
        }
        // A full backup looks at every byte of what it leans on.
        if !is_held(previous, &self.shared.writer)? {
            return Ok(false);
        }
        item.bundle = previous.bundle;
        item.chunks.clone_from(&previous.chunks);
        Ok(true)
    }
}

/// Is it new, or other than in the backup before, in content or in what `stat` tells?
pub fn is_changed(item: &Item, previous: Option<&Item>) -> bool {
    previous.is_none_or(|previous| {
        previous.sha256 != item.sha256
            || item.sha256.is_none()
            || (previous.size, previous.mtime, previous.mode, previous.uid, previous.gid)
                != (item.size, item.mtime, item.mode, item.uid, item.gid)
    })
}

/// Small files laid together, so that thousands of them compress as one and cost one read.
pub struct Bundle<T> {
    bytes: Vec<u8>,
    members: Vec<(T, u64)>,
}

impl<T> Default for Bundle<T> {
    fn default() -> Bundle<T> {
        Bundle { bytes: Vec::new(), members: Vec::new() }
    }
}

impl<T> Bundle<T> {
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    pub fn add(&mut self, bytes: &[u8], member: T) {
        self.members.push((member, self.bytes.len() as u64));
        self.bytes.extend_from_slice(bytes);
    }

    /// Stores the bundle and tells each member its place.
    pub fn flush(
        &mut self,
        shared: &PoolShared,
        scratch: &mut Scratch,
        mut placed: impl FnMut(T, (crate::chunk::ChunkId, u64)),
    ) -> Result<()> {
        if self.members.is_empty() {
            return Ok(());
        }
        let id = shared.writer.put(scratch, &self.bytes)?;
        self.bytes.clear();
        for (member, offset) in self.members.drain(..) {
            placed(member, (id, offset));
        }
        Ok(())
    }
}
