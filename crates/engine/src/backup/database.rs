//! SQLite databases on their way into the vault: captured in blocks, checked, and described.

use std::io;
use std::sync::Arc;
use std::time::SystemTime;

use sha2::{Digest, Sha256};

use super::file::{FileReader, is_changed};
use super::pool::{PendingFile, PoolShared, Task};
use super::raw;
use crate::capture::attributes;
use crate::capture::databases::{LOGS, WAL, is_database};
use crate::capture::sqlite::{self, BLOCK, BlockSink, CaptureOutcome, CapturedDatabase, JournalKind};
use crate::capture::stat::{FileKind, Stat};
use crate::capture::walk::WalkEntry;
use crate::error::IoContext;
use crate::report::ItemType;
use crate::vault::durable;
use crate::vault::item::{DatabaseFacts, Item, JournalMode};
use crate::vault::writer::Scratch;
use crate::{Error, Result, space};

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
    let (stat, wal) = match (Stat::of(path), Stat::of(&task.entry.beside(WAL))) {
        (Ok(stat), wal) => (stat, wal.ok().filter(|wal| wal.kind == FileKind::File)),
        (Err(error), _) => {
            shared.warn_unreadable(&task.entry.path, &error);
            shared.gone(task.seq);
            return Ok(());
        }
    };
    // SQLite would open what has the name of its own files, and wait for ever for the other end of a pipe.
    let odd =
        LOGS.iter().find(|suffix| Stat::of(&task.entry.beside(suffix)).is_ok_and(|stat| stat.kind != FileKind::File));
    if let Some(suffix) = odd {
        let reason = format!("what is called like its {suffix} file is no file");
        return raw::store(reader, task, Some(&reason));
    }
    let mut options = sqlite::Options::new(shared.scratch_dir.clone());
    options.threads = shared.threads;
    // What was damaged is looked at again until it is not.
    let checks = shared.full || task.previous.as_ref().is_some_and(|previous| previous.unsound.is_some());
    let size = stat.size.saturating_add(wal.map_or(0, |wal| wal.size));
    let mut sink = Sink::new(shared, &mut reader.scratch, &task.entry, task.seq, size, checks)?;
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
        CaptureOutcome::Consistent(captured) => captured,
        CaptureOutcome::Raw { reason } => return raw::store(reader, task, Some(&reason)),
    };
    let free = sink.free;
    let (content, sha256, damage) = sink.finished(&captured)?;
    item.unsound = joined(captured.problems.iter().cloned().chain(damage));
    let journal = match captured.journal {
        JournalKind::Rollback => JournalMode::Rollback,
        JournalKind::Wal => JournalMode::Wal,
    };
    item.size = captured.size;
    item.sha256 = sha256;
    item.db = Some(DatabaseFacts { journal, wal: wal.map(|wal| (wal.size, wal.mtime)), free, beside: None });
    // The image is not the file as it lies on the disk: what that looks like proves nothing to the next backup. A WAL's
    // pages may make it larger, and a recovery on a copy left the file itself unrecovered.
    item.racy |= captured.size != stat.size || captured.recovered.is_some();
    if let Some(reason) = &captured.recovered {
        shared.warn(&task.entry.path, format!("It was recovered on a copy and is sound in this backup: {reason}."));
    }
    let changed = is_changed(&item, task.previous.as_deref());
    content.complete(shared, &mut reader.scratch, item, changed)
}

/// As one text, where there are any.
pub fn joined(problems: impl IntoIterator<Item = String>) -> Option<String> {
    let problems: Vec<String> = problems.into_iter().collect();
    (!problems.is_empty()).then(|| problems.join(" "))
}

/// Takes a database's blocks: aside while the capture goes on, and into the vault when it is over.
///
/// A database that is written to without a pause changes many of its blocks between two looks at it. What is stored is
/// stored, also where the next look replaces it; so nothing is, until all blocks are known to be of one moment.
struct Sink<'a> {
    shared: &'a PoolShared,
    scratch: &'a mut Scratch,
    seq: u64,
    content: Arc<PendingFile>,
    /// SQLite is asked whether the image is sound.
    checks: bool,
    /// Bytes of free pages, as the header has them.
    free: Option<u64>,
    /// Where the blocks wait. `None`: the disk has no room for that, and each goes into the vault at once.
    image: Option<tempfile::NamedTempFile>,
    /// How many blocks were stored, from the first on.
    blocks: u64,
    /// Over the blocks in order; `None` once a block was stored a second time.
    sha256: Option<Sha256>,
}

impl<'a> Sink<'a> {
    /// `size`: bytes that the database probably has.
    fn new(
        shared: &'a PoolShared,
        scratch: &'a mut Scratch,
        entry: &WalkEntry,
        seq: u64,
        size: u64,
        checks: bool,
    ) -> Result<Sink<'a>> {
        let folder = &shared.scratch_dir;
        // The app and the vault need room meanwhile, too.
        let image = if space::free(folder).is_none_or(|free| size <= free / 2) {
            Some(tempfile::NamedTempFile::new_in(folder).at("writing in", folder)?)
        } else {
            if checks {
                shared.warn(&entry.path, "SQLite could not check it: that takes twice its size on the vault's disk.");
            }
            None
        };
        let content = PendingFile::new(seq);
        Ok(Sink { shared, scratch, seq, content, checks, free: None, image, blocks: 0, sha256: Some(Sha256::new()) })
    }

    /// The content, its hash where it is known, and what a check found.
    fn finished(self, captured: &CapturedDatabase) -> Result<(Arc<PendingFile>, Option<String>, Vec<String>)> {
        let mut damage = Vec::new();
        if let Some(image) = self.image.as_ref().filter(|_| self.checks) {
            let problems = sqlite::quick_check(image.path())?.into_iter();
            damage.extend(problems.map(|problem| format!("The database is damaged at its source: {problem}")));
        }
        let is_whole = self.image.is_some() || captured.undisturbed;
        let sha256 = self.sha256.filter(|_| is_whole).map(|sha256| hex::encode(sha256.finalize()));
        Ok((self.content, sha256, damage))
    }

    /// Puts a block into the vault.
    fn store(&mut self, index: u64, block: Vec<u8>) -> Result<()> {
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

    /// Stores what has waited.
    fn store_image(&mut self, size: u64) -> Result<()> {
        let Some(image) = self.image.take() else { return Ok(()) };
        image.as_file().set_len(size).at("writing", image.path())?;
        for index in 0..size.div_ceil(BLOCK as u64) {
            self.shared.check()?;
            let offset = index * BLOCK as u64;
            let mut block = vec![0; (size - offset).min(BLOCK as u64) as usize];
            durable::read_at(image.as_file(), &mut block, offset).at("reading", image.path())?;
            self.store(index, block)?;
        }
        self.image = Some(image);
        Ok(())
    }
}

impl BlockSink for Sink<'_> {
    fn put(&mut self, index: u64, block: Vec<u8>) -> Result<()> {
        self.shared.check()?;
        match &self.image {
            Some(image) => durable::write_at(image.as_file(), &block, index * BLOCK as u64).at("writing", image.path()),
            None => self.store(index, block),
        }
    }

    fn finish(&mut self, size: u64) -> Result<()> {
        self.store_image(size)?;
        self.content.drain(self.shared, self.scratch)?;
        self.content.truncate(size.div_ceil(BLOCK as u64) as usize);
        Ok(())
    }

    fn restart(&mut self) {
        // Chunks of the attempt before finish into nothing: their item never comes.
        self.content = PendingFile::new(self.seq);
        self.blocks = 0;
        self.sha256 = Some(Sha256::new());
    }
}
