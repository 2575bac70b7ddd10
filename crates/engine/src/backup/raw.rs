//! Databases that SQLite cannot read: encrypted ones, and broken ones. They are somebody's data all the same, so they are
//! stored as they lie, with the files that belong to them.
//!
//! Nobody can ask such a database to hold still. So it is read until it was at rest: nothing of it changed while it was
//! read, or two passes agree. One that never rests is stored as it was last seen, and the backup is degraded.

use std::io;
use std::time::{Duration, Instant, SystemTime};

use sha2::{Digest, Sha256};

use super::database::joined;
use super::file::{FileReader, is_changed};
use super::pool::{PendingFile, Task};
use crate::Result;
use crate::capture::attributes;
use crate::capture::databases::LOGS;
use crate::capture::sqlite::BLOCK;
use crate::capture::stat::{FileKind, Stat, open_file};
use crate::capture::walk::WalkEntry;
use crate::chunk::ChunkId;
use crate::report::ItemType;
use crate::vault::durable;
use crate::vault::item::{DatabaseFacts, Item, JournalMode, Side, SideMetadata};

/// How long a database may go on changing.
const RESTLESS: Duration = Duration::from_secs(5);
const LONGEST_PAUSE: Duration = Duration::from_millis(64);
const NEVER_AT_REST: &str = "It was written to each time it was read, and SQLite cannot read it. The stored parts may \
 be of different moments. Make a backup while the app is stopped, or let the app copy it.";

/// Stores the set and emits its item. `reason`: why SQLite cannot read what begins as a database of SQLite does.
pub fn store(reader: &mut FileReader<'_>, task: Task, reason: Option<&str>) -> Result<()> {
    let shared = reader.shared;
    let started = Instant::now();
    let mut before: Option<RawReading> = None;
    let (mut pause, mut at_rest) = (Duration::from_millis(1), false);
    let (pass, reading) = loop {
        shared.check()?;
        let reading = SystemTime::now();
        let stats = stats(&task);
        let pass = match pass(reader, &task, stats)? {
            Ok(pass) => pass,
            Err(error) => {
                shared.warn_unreadable(&task.entry.path, &error);
                shared.gone(task.seq);
                return Ok(());
            }
        };
        let is_still = self::stats(&task) == pass.stats;
        let is_cold = pass.stats.iter().flatten().all(|stat| !stat.is_racy(reading));
        at_rest |= is_still && (is_cold || before.as_ref().is_some_and(|before| before.is_same(&pass)));
        if at_rest || (before.is_some() && started.elapsed() >= RESTLESS) {
            break (pass, reading);
        }
        before = Some(pass);
        std::thread::sleep(pause);
        pause = (pause * 2).min(LONGEST_PAUSE);
    };
    let RawReading { stats: [own, sides @ ..], files } = pass;
    let Some(own) = own else {
        shared.gone(task.seq);
        return Ok(());
    };
    let mut item = Item::new(&task.entry.path, ItemType::File, task.entry.with_database());
    own.describe(&mut item);
    shared.give_attributes(&mut item, attributes::of_place(&task.entry.absolute));
    let reason = reason
        .map(|reason| format!("SQLite cannot read it ({reason}). It was stored as it is, with its journal."))
        .into_iter()
        .chain((!at_rest).then(|| NEVER_AT_REST.into()));
    item.unsound = joined(reason);
    item.racy = !at_rest || own.is_racy(reading);
    item.racy |= sides.iter().flatten().any(|side| side.is_racy(reading));
    let wal = sides[1].map(|stat| (stat.size, stat.mtime));
    item.db = Some(DatabaseFacts { journal: JournalMode::Raw, wal, free: None, beside: Some(digest(&sides)) });
    let content = PendingFile::new(task.seq);
    let mut files = files.into_iter();
    if let Some(Some(file)) = files.next() {
        (item.size, item.sha256) = (file.size, Some(file.sha256));
        content.set(file.chunks);
    }
    for ((suffix, file), stat) in LOGS.iter().zip(files).zip(sides) {
        if let Some(RawFile { size, chunks, .. }) = file {
            let besides = stat.map(|Stat { mode, uid, gid, mtime, .. }| SideMetadata { mode, uid, gid, mtime });
            item.sides.push(Side { suffix: (*suffix).into(), size, chunks, besides });
        }
    }
    let changed = is_changed(&item, task.previous.as_deref());
    content.complete(shared, &mut reader.scratch, item, changed)
}

/// What the database and each of its files were at one reading.
struct RawReading {
    stats: [Option<Stat>; 3],
    files: [Option<RawFile>; 3],
}

#[derive(PartialEq)]
struct RawFile {
    size: u64,
    sha256: String,
    chunks: Vec<ChunkId>,
}

impl RawReading {
    fn is_same(&self, other: &RawReading) -> bool {
        let which = |pass: &RawReading| pass.stats.map(|stat| stat.map(|stat| (stat.ino, stat.dev)));
        which(self) == which(other) && self.files == other.files
    }
}

/// The database, and what lies beside it.
fn stats(task: &Task) -> [Option<Stat>; 3] {
    let [journal, wal] = sides(&task.entry);
    [Stat::of(&task.entry.absolute).ok().filter(|stat| stat.kind == FileKind::File), journal, wal]
}

fn sides(entry: &WalkEntry) -> [Option<Stat>; 2] {
    LOGS.map(|suffix| Stat::of(&entry.beside(suffix)).ok().filter(|stat| stat.kind == FileKind::File))
}

/// Lies beside the database what lay there when it had this digest? Told without reading it.
pub fn is_beside(entry: &WalkEntry, digest: &str) -> bool {
    self::digest(&sides(entry)) == digest
}

fn digest(sides: &[Option<Stat>; 2]) -> String {
    let mut hasher = blake3::Hasher::new();
    for (suffix, stat) in LOGS.iter().zip(sides) {
        if let Some(Stat { size, mtime, ctime, ino, .. }) = stat {
            hasher.update(format!("{suffix} {size} {mtime:?} {ctime:?} {ino}\n").as_bytes());
        }
    }
    hex::encode(&hasher.finalize().as_bytes()[..16])
}

/// Reads all of it. The inner error is the file's, the outer one the vault's.
fn pass(reader: &mut FileReader<'_>, task: &Task, stats: [Option<Stat>; 3]) -> Result<io::Result<RawReading>> {
    let mut files = [None, None, None];
    let places = [task.entry.absolute.clone(), task.entry.beside(LOGS[0]), task.entry.beside(LOGS[1])];
    for ((file, place), stat) in files.iter_mut().zip(places).zip(&stats) {
        if stat.is_none() {
            continue;
        }
        let read = match open_file(&place) {
            Ok((open, stat)) => store_bytes(reader, &open, stat.size),
            Err(error) => Err(error),
        };
        match read {
            Ok(stored) => *file = Some(stored?),
            // The next pass finds it gone; without the database itself there is nothing to store.
            Err(error) if error.kind() == io::ErrorKind::NotFound && place != task.entry.absolute => {}
            Err(error) => return Ok(Err(error)),
        }
    }
    Ok(Ok(RawReading { stats, files }))
}

/// Stores a file's first `size` bytes in blocks.
fn store_bytes(reader: &mut FileReader<'_>, file: &std::fs::File, size: u64) -> io::Result<Result<RawFile>> {
    let (mut chunks, mut sha256, mut done) = (Vec::new(), Sha256::new(), 0);
    let mut block = vec![0; BLOCK];
    while done < size {
        let length = BLOCK.min((size - done) as usize);
        match durable::read_at(file, &mut block[..length], done) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => break,
            Err(error) => return Err(error),
        }
        sha256.update(&block[..length]);
        match reader.shared.check().and_then(|()| reader.shared.writer.put(&mut reader.scratch, &block[..length])) {
            Ok(id) => chunks.push(id),
            Err(error) => return Ok(Err(error)),
        }
        done += length as u64;
    }
    Ok(Ok(RawFile { size: done, sha256: hex::encode(sha256.finalize()), chunks }))
}
