//! SQLite databases on their way into the vault: captured in blocks, checked, and described.

use std::io;
use std::sync::Arc;
use std::time::SystemTime;

use sha2::{Digest, Sha256};

use super::file::{FileReader, is_changed};
use super::pool::{Pending, Shared, Task};
use super::raw;
use crate::capture::attributes;
use crate::capture::databases::is_database;
use crate::capture::sqlite::{self, BLOCK, BlockSink, Captured, Journal, Outcome};
use crate::capture::stat::{Kind, Stat};
use crate::capture::walk::Entry;
use crate::error::IoContext;
use crate::report::ItemType;
use crate::vault::durable;
use crate::vault::item::{Database, Item, JournalMode, SIDES};
use crate::vault::writer::Scratch;
use crate::{Error, Result};

/// Captures what looks like a database by its name, or by what lies beside it.
pub fn store_set(reader: &mut FileReader<'_>, task: Task) -> Result<()> {
    match is_database(&task.entry.absolute) {
        true => store(reader, task),
        false => raw::store(reader, task, None),
    }
}

/// Captures the database of `task` and emits its item.
pub fn store(reader: &mut FileReader<'_>, task: Task) -> Result<()> {
    let shared = reader.shared;
    let path = &task.entry.absolute;
    let reading = SystemTime::now();
    // Before the capture: what changes from here on shows as a change to the next backup.
    let (stat, wal) = match (Stat::of(path), Stat::of(&task.entry.beside("-wal"))) {
        (Ok(stat), wal) => (stat, wal.ok().filter(|wal| wal.kind == Kind::File)),
        (Err(error), _) => {
            shared.warn_unreadable(&task.entry.path, &error);
            shared.gone(task.seq);
            return Ok(());
        }
    };
    // SQLite would open what has the name of its own files, and wait for ever for the other end of a pipe.
    let odd =
        SIDES.iter().find(|suffix| Stat::of(&task.entry.beside(suffix)).is_ok_and(|stat| stat.kind != Kind::File));
    if let Some(suffix) = odd {
        let reason = format!("what is called like its {suffix} file is no file");
        return raw::store(reader, task, Some(&reason));
    }
    let mut options = sqlite::Options::new(shared.scratch_dir.clone());
    options.threads = shared.threads;
    let mut sink = Sink::new(shared, &mut reader.scratch, task.seq)?;
    let outcome = match sqlite::capture(path, &options, &mut sink, &shared.control) {
        Ok(outcome) => outcome,
        Err(Error::Source { source: Some(error), .. }) if error.kind() == io::ErrorKind::NotFound => {
            shared.gone(task.seq);
            return Ok(());
        }
        Err(Error::Source { message, .. }) => {
            shared.warn_degraded(&task.entry.path, format!("It is not in this backup: {message}"));
            shared.gone(task.seq);
            return Ok(());
        }
        Err(error) => return Err(error),
    };
    let mut item = Item::new(&task.entry.path, ItemType::File, task.entry.with_database());
    stat.describe(&mut item);
    shared.give_attributes(&mut item, attributes::of_place(path));
    item.racy = stat.is_racy(reading) || wal.is_some_and(|wal| wal.is_racy(reading));
    let captured = match outcome {
        Outcome::Consistent(captured) => captured,
        Outcome::Raw { reason } => return raw::store(reader, task, Some(&reason)),
    };
    let free = sink.free;
    let (content, sha256) = sink.finished(&captured, &task.entry)?;
    for problem in &captured.problems {
        shared.warn_degraded(&task.entry.path, problem.clone());
    }
    let journal = match captured.journal {
        Journal::Rollback => JournalMode::Rollback,
        Journal::Wal => JournalMode::Wal,
    };
    item.size = captured.size;
    item.sha256 = sha256;
    item.db = Some(Database { journal, wal: wal.map(|wal| (wal.size, wal.mtime)), free });
    // The image is not the file as it lies on the disk: what that looks like proves nothing to the next backup. A WAL's
    // pages may make it larger, and a recovery on a copy left the file itself unrecovered.
    item.racy |= captured.size != stat.size || captured.recovered.is_some();
    if let Some(reason) = &captured.recovered {
        shared.warn(&task.entry.path, format!("It was recovered on a copy and is sound in this backup: {reason}."));
    }
    let changed = is_changed(&item, task.previous.as_deref());
    content.complete(shared, &mut reader.scratch, item, changed)
}

/// Takes a database's blocks into the pool.
struct Sink<'a> {
    shared: &'a Shared,
    scratch: &'a mut Scratch,
    seq: u64,
    content: Arc<Pending>,
    /// How many blocks were put, from the first on.
    blocks: u64,
    /// Over the blocks in order; `None` once a block was put a second time.
    sha256: Option<Sha256>,
    /// Bytes of free pages, as the header has them.
    free: Option<u64>,
    /// In a full backup, the image, for `PRAGMA quick_check` without a lock on the live database.
    image: Option<tempfile::NamedTempFile>,
}

impl<'a> Sink<'a> {
    fn new(shared: &'a Shared, scratch: &'a mut Scratch, seq: u64) -> Result<Sink<'a>> {
        let image = if shared.full {
            let image = tempfile::NamedTempFile::new_in(&shared.scratch_dir);
            Some(image.at("writing in", &shared.scratch_dir)?)
        } else {
            None
        };
        let content = Pending::new(seq);
        Ok(Sink { shared, scratch, seq, content, blocks: 0, sha256: Some(Sha256::new()), free: None, image })
    }

    /// The content, and its hash where it is known.
    fn finished(self, captured: &Captured, entry: &Entry) -> Result<(Arc<Pending>, Option<String>)> {
        let mut sha256 = self.sha256.filter(|_| captured.undisturbed).map(|sha256| hex::encode(sha256.finalize()));
        if let Some(image) = &self.image {
            if sha256.is_none() {
                sha256 = Some(durable::sha256(image.as_file()).at("reading", image.path())?);
            }
            for problem in sqlite::quick_check(image.path())? {
                self.shared.warn_degraded(&entry.path, format!("The database is damaged at its source: {problem}"));
            }
        }
        Ok((self.content, sha256))
    }
}

impl BlockSink for Sink<'_> {
    fn put(&mut self, index: u64, block: Vec<u8>) -> Result<()> {
        self.shared.check()?;
        if let Some(image) = &self.image {
            durable::write_at(image.as_file(), &block, index * BLOCK as u64).at("writing", image.path())?;
        }
        if index == 0 {
            self.free = sqlite::free_bytes(&block);
        }
        if index == self.blocks {
            self.blocks += 1;
            if let Some(sha256) = &mut self.sha256 {
                sha256.update(&block);
            }
        } else {
            // A correction must not be overtaken by what it corrects.
            self.sha256 = None;
            self.blocks = self.blocks.max(index + 1);
            self.content.drain(self.shared, self.scratch)?;
        }
        self.content.put(self.shared, self.scratch, index as usize, block)
    }

    fn finish(&mut self, size: u64) -> Result<()> {
        self.content.drain(self.shared, self.scratch)?;
        self.content.truncate(size.div_ceil(BLOCK as u64) as usize);
        if let Some(image) = &self.image {
            image.as_file().set_len(size).at("writing", image.path())?;
        }
        Ok(())
    }

    fn restart(&mut self) {
        // Chunks of the attempt before finish into nothing: their item never comes.
        self.content = Pending::new(self.seq);
        self.blocks = 0;
        self.sha256 = Some(Sha256::new());
    }
}
