//! The pool: threads that read, hash, compress and seal.
//!
//! There are two queues. `jobs` are files to read; `chunks` are pieces of large files, already read, that any thread
//! may compress and seal. Chunks go first. A reader that finds the queue of chunks full does the work itself, so that
//! no thread ever waits for another and nothing can deadlock.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use crossbeam_channel::{Receiver, Sender, TrySendError, never, select};

use super::emit::{EmitWindow, Message, PathOutcome};
use super::file;
use crate::capture::attributes::{self, ReadAttributes};
use crate::capture::left::{Left, Why};
use crate::capture::walk::WalkEntry;
use crate::chunk::ChunkId;
use crate::chunk::cut::Cutter;
use crate::mutex::lock;
use crate::path::RelPath;
use crate::report::Warning;
use crate::vault::item::Item;
use crate::vault::writer::{Scratch, Writer};
use crate::{Control, Error, Result};

/// A file to read: its place in the list, and what the backup before says of it.
pub struct Task {
    pub seq: u64,
    pub entry: WalkEntry,
    pub previous: Option<Box<Item>>,
}

/// A warning, and whether the backup is degraded by what it tells.
struct Noted {
    degrades: bool,
    warning: Warning,
}

pub enum ReadJob {
    /// Small files, in path order, for one bundle.
    Small(Vec<Task>),
    Large(Task),
}

/// What all threads of a backup share.
pub struct PoolShared {
    pub writer: Arc<Writer>,
    pub cutter: Cutter,
    pub control: Control,
    pub full: bool,
    pub level: u8,
    pub threads: usize,
    /// For captures that need a copy; inside the vault, emptied by the next operation.
    pub scratch_dir: PathBuf,
    pub window: EmitWindow,
    pub emit: Sender<Message>,
    /// JSON files that were caught half-written.
    pub torn: Sender<Task>,
    pub chunks: (Sender<ChunkTask>, Receiver<ChunkTask>),
    failed: AtomicBool,
    failure: Mutex<Option<Error>>,
    warnings: Mutex<Vec<Noted>>,
    found_items: AtomicU64,
    found_bytes: AtomicU64,
    current: Mutex<Option<RelPath>>,
}

impl PoolShared {
    pub fn new(job: &super::walker::WalkContext<'_>, emit: Sender<Message>, torn: Sender<Task>) -> PoolShared {
        let threads = job.config.worker.effective_threads();
        PoolShared {
            writer: job.writer.clone(),
            cutter: Cutter::new(job.vault.chunker().clone(), job.vault.keys().chunker_seed),
            control: job.control.clone(),
            full: job.full,
            level: job.config.compression.level(),
            threads,
            scratch_dir: job.vault.dir().join("tmp"),
            window: EmitWindow::default(),
            emit,
            torn,
            chunks: crossbeam_channel::bounded(threads * 2),
            failed: AtomicBool::new(false),
            failure: Mutex::default(),
            warnings: Mutex::default(),
            found_items: AtomicU64::new(0),
            found_bytes: AtomicU64::new(0),
            current: Mutex::default(),
        }
    }

    /// The first error counts; all threads stop soon.
    pub fn fail(&self, error: Error) {
        lock(&self.failure).get_or_insert(error);
        self.failed.store(true, Ordering::Release);
    }

    /// Runs a part of the backup. Its error, or its panic, ends the whole: nobody waits for what will not come.
    pub fn guard<T>(&self, part: impl FnOnce() -> Result<T>) -> Option<T> {
        match catch_unwind(AssertUnwindSafe(part)) {
            Ok(Ok(value)) => return Some(value),
            Ok(Err(error)) => self.fail(error),
            Err(_) => self.fail(Error::internal("a thread of the backup panicked")),
        }
        None
    }

    pub fn stopped(&self) -> bool {
        if self.control.is_cancelled() {
            self.fail(Error::Aborted);
        }
        self.failed.load(Ordering::Acquire)
    }

    pub fn failure(&self) -> Error {
        lock(&self.failure).take().unwrap_or(Error::Aborted)
    }

    pub fn check(&self) -> Result<()> {
        if self.stopped() { Err(Error::Aborted) } else { Ok(()) }
    }

    pub fn warn(&self, path: &RelPath, message: impl Into<String>) {
        self.note(false, path, message.into());
    }

    pub fn warn_item(&self, item: &Item, message: String) {
        let warning = Warning { path: item.display_path().to_owned(), message };
        lock(&self.warnings).push(Noted { degrades: false, warning });
    }

    /// As [`PoolShared::warn_degraded`], of an item.
    pub fn warn_degraded_item(&self, item: &Item, message: String) {
        let warning = Warning { path: item.display_path().to_owned(), message };
        lock(&self.warnings).push(Noted { degrades: true, warning });
    }

    fn note(&self, degrades: bool, path: &RelPath, message: String) {
        lock(&self.warnings).push(Noted { degrades, warning: Warning { path: path.display(), message } });
    }

    /// A warning about something that is missing from the backup, or is not as it should be.
    pub fn warn_degraded(&self, path: &RelPath, message: impl Into<String>) {
        self.note(true, path, message.into());
    }

    /// A path that cannot be read. One that merely vanished is no fault.
    pub fn warn_unreadable(&self, path: &RelPath, error: &std::io::Error) {
        // An error is not to be copied; what it says is.
        let error = match error.raw_os_error() {
            Some(code) => std::io::Error::from_raw_os_error(code),
            None => std::io::Error::new(error.kind(), error.to_string()),
        };
        self.warn_if_loss(path, &Why::Unreadable(error));
    }

    /// What the walk left out, where the backup is not whole without it.
    pub fn warn_left(&self, left: &Left) {
        self.warn_if_loss(&left.path, &left.why);
    }

    fn warn_if_loss(&self, path: &RelPath, why: &Why) {
        if why.is_loss() {
            self.warn_degraded(path, why.warning(path));
        }
    }

    /// An item of the backup before stands for the file as it is now.
    pub fn keep(&self, item: &mut Item, entry: &WalkEntry) {
        entry.stat.identify(item);
        if item.xattrs.is_none() {
            self.give_attributes(item, attributes::of_place(&entry.absolute));
        }
    }

    /// Takes the extended attributes of a file or folder into its item.
    pub fn give_attributes(&self, item: &mut Item, found: ReadAttributes) {
        item.xattrs = Some(found.attributes);
        if let Some(missing) = found.missing {
            self.warn_item(item, missing);
        }
    }

    pub fn add_warnings(&self, more: impl IntoIterator<Item = Warning>) {
        lock(&self.warnings).extend(more.into_iter().map(|warning| Noted { degrades: false, warning }));
    }

    /// The warnings, and whether the backup is degraded: first why it is, then the others, each in path order.
    pub fn verdict(&self) -> (Vec<Warning>, bool) {
        let mut noted = std::mem::take(&mut *lock(&self.warnings));
        let degraded = noted.iter().any(|noted| noted.degrades);
        let key = |noted: &Noted| (!noted.degrades, noted.warning.path.clone(), noted.warning.message.clone());
        noted.sort_by_cached_key(key);
        let mut warnings: Vec<Warning> = noted.into_iter().map(|noted| noted.warning).collect();
        // A folder that is read in several passes meets the same trouble in each.
        warnings.dedup();
        (warnings, degraded)
    }

    pub fn count_found(&self, bytes: u64) {
        self.found_items.fetch_add(1, Ordering::Relaxed);
        self.found_bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    pub fn found(&self) -> (u64, u64) {
        (self.found_items.load(Ordering::Relaxed), self.found_bytes.load(Ordering::Relaxed))
    }

    pub fn set_current(&self, path: &RelPath) {
        *lock(&self.current) = Some(path.clone());
    }

    pub fn current_path(&self) -> Option<String> {
        lock(&self.current).as_ref().map(RelPath::display)
    }

    pub fn emit(&self, seq: u64, item: Item, changed: bool) {
        let _ = self.emit.send(Message::Done(seq, PathOutcome::Item { item: Box::new(item), changed }));
    }

    pub fn gone(&self, seq: u64) {
        let _ = self.emit.send(Message::Done(seq, PathOutcome::Gone));
    }
}

/// A piece of a large file, on its way into a pack.
pub struct ChunkTask {
    pub plain: Vec<u8>,
    pub index: usize,
    pub content: Arc<PendingFile>,
}

/// A file whose chunks are under way. Whoever finishes the last of them emits the item.
pub struct PendingFile {
    seq: u64,
    ids: Mutex<Vec<ChunkId>>,
    /// Chunks under way, and one more while the reader is at it.
    open: AtomicUsize,
    item: Mutex<Option<(Item, bool)>>,
}

/// More chunks than this are listed in chunks of their own.
const INLINE_CHUNKS: usize = 64;
/// Ids in a chunk of ids.
const LIST: usize = 512;

impl PendingFile {
    pub fn new(seq: u64) -> Arc<PendingFile> {
        Arc::new(PendingFile { seq, ids: Mutex::default(), open: AtomicUsize::new(1), item: Mutex::default() })
    }

    /// Hands a chunk to the pool, or seals it here where all others are busy.
    pub fn put(
        self: &Arc<Self>,
        shared: &PoolShared,
        scratch: &mut Scratch,
        index: usize,
        plain: Vec<u8>,
    ) -> Result<()> {
        self.open.fetch_add(1, Ordering::Relaxed);
        let task = ChunkTask { plain, index, content: self.clone() };
        match shared.chunks.0.try_send(task) {
            Ok(()) => Ok(()),
            Err(TrySendError::Full(task) | TrySendError::Disconnected(task)) => task.run(shared, scratch),
        }
    }

    /// Helps until no chunk of this file is under way.
    pub fn drain(&self, shared: &PoolShared, scratch: &mut Scratch) -> Result<()> {
        while self.open.load(Ordering::Acquire) > 1 {
            shared.check()?;
            match shared.chunks.1.try_recv() {
                Ok(task) => task.run(shared, scratch)?,
                Err(_) => std::thread::yield_now(),
            }
        }
        Ok(())
    }

    /// A chunk that is stored already.
    pub fn place(&self, index: usize, id: ChunkId) {
        let mut ids = lock(&self.ids);
        if ids.len() <= index {
            ids.resize(index + 1, ChunkId([0; 32]));
        }
        ids[index] = id;
    }

    /// These are all chunks, stored already.
    pub fn set(&self, ids: Vec<ChunkId>) {
        *lock(&self.ids) = ids;
    }

    /// The content has exactly so many chunks.
    pub fn truncate(&self, chunks: usize) {
        lock(&self.ids).truncate(chunks);
    }

    /// The reader is done: this is the item, once its chunks are in.
    pub fn complete(&self, shared: &PoolShared, scratch: &mut Scratch, item: Item, changed: bool) -> Result<()> {
        *lock(&self.item) = Some((item, changed));
        self.release(shared, scratch)
    }

    fn release(&self, shared: &PoolShared, scratch: &mut Scratch) -> Result<()> {
        if self.open.fetch_sub(1, Ordering::AcqRel) > 1 {
            return Ok(());
        }
        // An attempt that was given up has no item.
        let Some((item, changed)) = lock(&self.item).take() else { return Ok(()) };
        let item = self.describe(shared, scratch, item)?;
        shared.emit(self.seq, item, changed);
        Ok(())
    }

    /// The item, once its chunks are in; nobody is told of it.
    pub fn settled(&self, shared: &PoolShared, scratch: &mut Scratch, item: Item) -> Result<Item> {
        self.drain(shared, scratch)?;
        self.describe(shared, scratch, item)
    }

    fn describe(&self, shared: &PoolShared, scratch: &mut Scratch, mut item: Item) -> Result<Item> {
        let ids = std::mem::take(&mut *lock(&self.ids));
        if ids.len() <= INLINE_CHUNKS {
            item.chunks = ids;
        } else {
            for ids in ids.chunks(LIST) {
                let bytes: Vec<u8> = ids.iter().flat_map(|id| id.0).collect();
                item.lists.push(shared.writer.put(scratch, &bytes)?);
            }
        }
        Ok(item)
    }
}

impl ChunkTask {
    fn run(self, shared: &PoolShared, scratch: &mut Scratch) -> Result<()> {
        let id = shared.writer.put(scratch, &self.plain)?;
        self.content.place(self.index, id);
        self.content.release(shared, scratch)
    }
}

/// One thread of the pool. It ends when `stop` is dropped, which happens once every item is emitted.
pub fn work(shared: &PoolShared, mut jobs: Receiver<ReadJob>, stop: Receiver<()>) {
    let mut reader = file::FileReader::new(shared);
    loop {
        let step = match shared.chunks.1.try_recv() {
            Ok(task) => PoolStep::Chunk(task),
            Err(_) => select! {
                recv(shared.chunks.1) -> task => task.map_or(PoolStep::Stop, PoolStep::Chunk),
                recv(jobs) -> job => job.map_or(PoolStep::NoMoreJobs, PoolStep::Job),
                recv(stop) -> _ => PoolStep::Stop,
            },
        };
        // After a failure the queues are only emptied, so that nobody waits for room in them.
        let step =
            if shared.stopped() && matches!(step, PoolStep::Chunk(_) | PoolStep::Job(_)) { continue } else { step };
        match step {
            PoolStep::Chunk(task) => drop(shared.guard(|| task.run(shared, &mut reader.scratch))),
            PoolStep::Job(job) => drop(shared.guard(|| reader.run(job))),
            PoolStep::NoMoreJobs => jobs = never(),
            PoolStep::Stop => return,
        }
    }
}

enum PoolStep {
    Chunk(ChunkTask),
    Job(ReadJob),
    NoMoreJobs,
    Stop,
}

/// Does one piece of waiting work, if there is any: for a thread that would otherwise only wait.
pub fn help(shared: &PoolShared, reader: &mut file::FileReader<'_>) -> Result<bool> {
    match shared.chunks.1.try_recv() {
        Ok(task) => task.run(shared, &mut reader.scratch).map(|()| true),
        Err(_) => Ok(false),
    }
}
