//! Reads a live SQLite database into one consistent image, without hurting whoever writes to it.
//!
//! | state of the file | how it is read | module |
//! |---|---|---|
//! | rollback journal (delete, truncate, persist, memory) | copied without a lock, then compared under a short read lock | [`rollback`] |
//! | a `-wal` with content | through SQLite, inside one pinned read transaction | [`wal`] |
//! | WAL in the header, but no `-wal` | plainly, as long as it holds still | [`settled`] |
//! | a hot journal, or a `-wal` without its `-shm`: left by a crash | on a copy outside the root, where SQLite may recover it | [`scratch`] |
//!
//! Promises: nothing in the database's folder is created, changed or deleted ([`guard`] makes SQLite unable to); a lock
//! is held for milliseconds; the image is what a reader would have seen at one instant. It must run in the worker,
//! never in a process that uses the database: closing any descriptor of a file drops all POSIX locks that the process
//! holds on it. For the same reason nobody in the worker may open or close the database while [`capture`] runs on it;
//! two captures of one file (two hard links) wait for each other.

mod check;
mod claim;
mod guard;
mod header;
mod nameless;
mod reader;
mod rollback;
mod scan;
mod scratch;
mod settled;
mod source;
mod stand_in;
mod wal;

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::capture::databases::WAL;
use crate::error::IoContext;
use crate::{Control, Error, Result};

pub use check::{check_library, open_copy, quick_check};
pub(crate) use header::{DatabaseHeader, HEADER};
pub use header::{free_bytes, is_database};
pub use nameless::copy as copy_nameless;
pub(crate) use reader::uri;
pub(crate) use source::open_plainly;

/// Bytes of a block. Every page size of SQLite divides it, so no page is cut in two.
pub const BLOCK: usize = 64 * 1024;

/// Receives a database's content in blocks of [`BLOCK`] bytes (the last may be shorter), aligned with its pages.
pub trait BlockSink {
    /// May be called again for an index that was put before: the last one counts. Blocks come with ascending index
    /// within a pass.
    fn put(&mut self, index: u64, block: Vec<u8>) -> Result<()>;
    /// The database has exactly this many bytes; blocks beyond are void. Called last.
    fn finish(&mut self, size: u64) -> Result<()>;
    /// Forget everything put so far; a new attempt starts.
    fn restart(&mut self);
}

/// How a database keeps its transactions whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JournalKind {
    Rollback,
    Wal,
}

/// What was captured, and what it cost the database's writers.
#[derive(Clone, Debug)]
pub struct CapturedDatabase {
    pub journal: JournalKind,
    pub page_size: u32,
    /// Bytes of the image.
    pub size: u64,
    /// Each block was put exactly once, in order: a hash computed along the way is the hash of the content.
    pub undisturbed: bool,
    /// The longest time for which writers were kept from committing.
    pub longest_lock: Duration,
    /// How often a read lock was taken.
    pub locks: u32,
    /// Blocks that were put again because they had changed since the first pass.
    pub corrected: u64,
    /// Why it was read on a copy, if it was: most often, a crash had left it in the middle of a transaction, and SQLite
    /// could not recover it without writing to the root.
    pub recovered: Option<String>,
    /// What does not add up in the header. A cheap check: [`quick_check`] is the thorough one.
    pub problems: Vec<String>,
}

#[derive(Clone, Debug)]
pub enum CaptureOutcome {
    Consistent(CapturedDatabase),
    /// SQLite cannot read it. The sink is empty; the caller stores the file as it lies, with its `-wal` and `-journal`.
    Raw {
        reason: String,
    },
}

#[derive(Clone, Debug)]
pub struct Options {
    /// A folder outside the root, on a disk with room for a copy of a database that a crash has left unclean.
    pub scratch_dir: PathBuf,
    /// Threads that compare blocks while the lock is held.
    pub threads: usize,
    /// How long to wait for a read lock before the database is taken as somebody's exclusive property.
    pub lock_timeout: Duration,
    /// A lock is released after this time, and the comparison goes on under the next one.
    pub lock_limit: Duration,
    /// Bytes of changed blocks that are held in memory while the lock is held.
    pub memory_limit: usize,
    /// Bytes by which a WAL may grow while it is pinned. Default: the size of the database, at least 64 MiB.
    pub wal_growth_limit: Option<u64>,
}

impl Options {
    pub fn new(scratch_dir: impl Into<PathBuf>) -> Options {
        Options {
            scratch_dir: scratch_dir.into(),
            threads: std::thread::available_parallelism().map_or(2, usize::from).clamp(1, 8),
            lock_timeout: Duration::from_secs(10),
            lock_limit: Duration::from_millis(200),
            memory_limit: 32 << 20,
            wal_growth_limit: None,
        }
    }
}

/// Why an attempt ended without an image.
#[derive(Debug)]
enum Trouble {
    /// Locked by a writer at this moment.
    Busy(String),
    /// Changed too much meanwhile: another attempt may succeed.
    Again(String),
    /// Gone, or another file lies there now.
    Moved(std::io::Error),
    /// Cannot be read without writing beside it: SQLite has to recover it, on a copy.
    Recover(String),
    /// Not a sound database.
    Unreadable(String),
    /// The capture as a whole fails.
    Failed(Error),
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Trouble {
        Trouble::Failed(error)
    }
}

type Attempt<T> = std::result::Result<T, Trouble>;

/// Attempts before a database that will not hold still is copied instead.
const ATTEMPTS: u32 = 6;
/// Attempts to find a file that has vanished: it may be in the middle of being replaced by a rename.
const MOVES: u32 = 4;
/// Looks at a file before it is given up as unreadable.
const LOOKS: u32 = 4;

/// Reads the database at `path` into `sink`. A file that has vanished for good is `E_SOURCE`, with a source of kind
/// `NotFound`.
pub fn capture(path: &Path, options: &Options, sink: &mut dyn BlockSink, control: &Control) -> Result<CaptureOutcome> {
    let path = std::path::absolute(path).at("reading", path)?;
    let (mut attempts, mut moves, mut unreadable) = (0, 0, 0);
    let reason = loop {
        control.check()?;
        let last = attempts + 1 == ATTEMPTS;
        let trouble = match attempt(&path, last, options, sink, control) {
            Ok(captured) => return Ok(CaptureOutcome::Consistent(captured)),
            Err(trouble) => trouble,
        };
        sink.restart();
        match trouble {
            Trouble::Busy(reason) | Trouble::Again(reason) => {
                attempts += 1;
                if attempts == ATTEMPTS {
                    break reason;
                }
            }
            Trouble::Moved(source) => {
                moves += 1;
                if moves == MOVES {
                    return Err(vanished(&path, source));
                }
            }
            Trouble::Recover(reason) => break reason,
            // Some apps (sql.js) write a database as they write any file: there is a moment when it is half there.
            Trouble::Unreadable(reason) => {
                unreadable += 1;
                if unreadable == LOOKS {
                    return Ok(CaptureOutcome::Raw { reason });
                }
            }
            Trouble::Failed(error) => return Err(error),
        }
        std::thread::sleep(Duration::from_millis(20 << (attempts + moves + unreadable).min(4)));
    };
    match scratch::recover(&path, &reason, options, sink, control) {
        Ok(captured) => Ok(CaptureOutcome::Consistent(captured)),
        Err(Trouble::Failed(error)) => Err(error),
        Err(Trouble::Moved(source)) => Err(vanished(&path, source)),
        Err(Trouble::Busy(more) | Trouble::Again(more) | Trouble::Recover(more) | Trouble::Unreadable(more)) => {
            sink.restart();
            let reason = if more == reason { reason } else { format!("{reason}; {more}") };
            Ok(CaptureOutcome::Raw { reason })
        }
    }
}

fn vanished(path: &Path, source: std::io::Error) -> Error {
    Error::Source { message: format!("{} vanished while it was read: {source}.", path.display()), source: Some(source) }
}

/// How the file has to be read.
#[derive(PartialEq, Eq)]
enum ReadMethod {
    Empty,
    Rollback,
    Wal,
    Settled,
}

impl ReadMethod {
    fn of(source: &source::DatabaseFile) -> Attempt<ReadMethod> {
        if source.stamp_now()?.size == 0 {
            return Ok(ReadMethod::Empty);
        }
        // SQLite uses a `-wal` that exists, whatever the header says.
        Ok(match (source::content_of(&source.path, WAL)?, source.header()?.journal) {
            (1.., _) => ReadMethod::Wal,
            (0, JournalKind::Wal) => ReadMethod::Settled,
            (0, JournalKind::Rollback) => ReadMethod::Rollback,
        })
    }
}

/// One attempt, by the way that fits the state of the files.
fn attempt(
    path: &Path,
    last: bool,
    options: &Options,
    sink: &mut dyn BlockSink,
    control: &Control,
) -> Attempt<CapturedDatabase> {
    let source = source::DatabaseFile::open(path)?;
    let way = ReadMethod::of(&source)?;
    let outcome = match way {
        ReadMethod::Empty => {
            sink.finish(0).map_err(Trouble::from).map(|()| CapturedDatabase::new(JournalKind::Rollback, 0, 0))
        }
        ReadMethod::Rollback => rollback::capture(&source, options, sink, control),
        ReadMethod::Wal => wal::capture(&source, last, options, sink, control),
        ReadMethod::Settled => settled::capture(&source, sink, control),
    };
    match outcome {
        // The last connection has just closed the WAL, or the first has made one.
        Err(Trouble::Recover(reason)) if ReadMethod::of(&source)? != way => Err(Trouble::Again(reason)),
        other => other,
    }
}

impl CapturedDatabase {
    fn new(journal: JournalKind, page_size: u32, size: u64) -> CapturedDatabase {
        CapturedDatabase {
            journal,
            page_size,
            size,
            undisturbed: true,
            longest_lock: Duration::ZERO,
            locks: 0,
            corrected: 0,
            recovered: None,
            problems: Vec::new(),
        }
    }
}
