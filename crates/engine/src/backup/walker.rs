//! The walk of a backup: decides for each path whether it is read, and starts and stops the threads around it.

use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crossbeam_channel::{Sender, TrySendError, bounded, unbounded};

use super::emit::{self, Message};
use super::file::{FileReader, WHOLE};
use super::pool::{self, PoolShared, ReadJob as PoolJob, Task};
use super::previous::{Previous, is_held, still_stands};
use super::set;
use super::settle;
use super::spool::{FolderMember, ReadPath};
use crate::capture::attributes;
use crate::capture::left::Left;
use crate::capture::mounts;
use crate::capture::stat::{FileKind, Stat};
use crate::capture::walk::{Walk, WalkEntry, WalkVisitor};
use crate::config::Config;
use crate::error::IoContext;
use crate::path::RelPath;
use crate::report::{ItemType, Warning};
use crate::vault::Vault;
use crate::vault::item::Item;
use crate::vault::list::{ListReader, ListWriter};
use crate::vault::reader::ChunkReader;
use crate::vault::root_folder::RootFolder;
use crate::vault::snapshot::{ItemList, Snapshot};
use crate::vault::writer::{Scratch, Writer};
use crate::{Control, Error, Result};

/// At most this many small files are handed over at once.
const BATCH: usize = 1024;

/// What a walk works with.
pub struct WalkContext<'a> {
    pub vault: &'a Vault,
    pub config: &'a Config,
    pub walk: Walk<'a>,
    /// Instead of the root: an earlier backup, and what is to be taken from elsewhere.
    pub late: Option<Late<'a>>,
    pub writer: &'a Arc<Writer>,
    pub full: bool,
    /// The backup before may name chunks that are gone: look before keeping an item.
    pub check_holes: bool,
    pub control: &'a Control,
}

/// A backup that is made again with other content for some of its paths.
#[derive(Clone, Copy)]
pub struct Late<'a> {
    pub base: &'a Snapshot,
    /// Where the content of these paths lies now.
    pub files: &'a BTreeMap<RelPath, PathBuf>,
}

/// What a walk found.
pub struct WalkResult {
    pub list: ItemList,
    pub root_folder: Option<RootFolder>,
    pub totals: emit::BackupTotals,
    pub removed: u64,
    pub degraded: bool,
    pub warnings: Vec<Warning>,
    pub notes: Vec<Warning>,
}

impl WalkContext<'_> {
    /// May an item whose file looks unchanged be kept without reading the file?
    fn trusts(&self, item: &Item) -> Result<bool> {
        Ok(!self.full && (!self.check_holes || is_held(item, self.writer)?))
    }

    fn root_folder(&self, shared: &PoolShared) -> Result<RootFolder> {
        let root = &self.config.root;
        // What a link leads to is the root.
        let metadata = std::fs::metadata(root).at("reading", root)?;
        let Stat { mode, uid, gid, mtime, .. } = Stat::from(&metadata);
        let found = attributes::of_place(&root.join("."));
        shared.add_warnings(found.missing.map(|message| Warning { path: ".".into(), message }));
        Ok(RootFolder { mode, uid, gid, mtime, xattrs: found.attributes })
    }

    pub fn run(
        self,
        reader: &mut ChunkReader,
        previous: Option<&Snapshot>,
        warnings: Vec<Warning>,
    ) -> Result<WalkResult> {
        let (emit, inbox) = unbounded();
        let (torn_in, torn) = unbounded();
        let (stop_in, stop) = bounded::<()>(0);
        let shared = PoolShared::new(&self, emit, torn_in);
        let (jobs_in, jobs) = bounded(shared.threads * 4);
        shared.add_warnings(warnings);
        let list = ListWriter::new(self.writer.clone(), Scratch::new(shared.level));
        let (emitted, removed) = std::thread::scope(|scope| {
            let shared = &shared;
            for _ in 0..shared.threads {
                let (jobs, stop) = (jobs.clone(), stop.clone());
                scope.spawn(move || pool::work(shared, jobs, stop));
            }
            {
                let stop = stop.clone();
                scope.spawn(move || shared.guard(|| settle::run(shared, torn, stop)));
            }
            let emitter = scope.spawn(move || {
                // Everything else stops when the last item has left.
                let _stop = stop_in;
                shared.guard(|| emit::run(shared, inbox, list))
            });
            let removed = shared.guard(|| {
                let items = previous.map(|snapshot| ListReader::forwards(reader, &snapshot.list));
                let mut walker = Walker::new(&self, shared, jobs_in, Previous::new(items));
                match self.late {
                    None => self.walk.run(&mut walker)?,
                    Some(late) => walker.amend(late, &mut self.vault.reader()?)?,
                }
                walker.flush()?;
                let _ = shared.emit.send(Message::Total(walker.next));
                walker.previous.finish();
                shared.add_warnings(walker.previous.damage.take());
                Ok((walker.previous.removed, walker.notes))
            });
            (emitter.join().ok().flatten(), removed)
        });
        let (Some((list, totals)), Some((removed, notes))) = (emitted, removed) else { return Err(shared.failure()) };
        let root_folder = match self.late {
            Some(late) => late.base.root_folder.clone(),
            None => Some(self.root_folder(&shared)?),
        };
        let (warnings, degraded) = shared.verdict();
        Ok(WalkResult { list, root_folder, totals, removed, degraded, warnings, notes })
    }
}

struct Walker<'a, 'p> {
    job: &'a WalkContext<'a>,
    shared: &'a PoolShared,
    jobs: Sender<PoolJob>,
    previous: Previous<'p>,
    reader: FileReader<'a>,
    /// The next sequence number.
    next: u64,
    batch: Vec<Task>,
    batch_bytes: u64,
    /// What is mounted below the root.
    mounts: HashSet<RelPath>,
    notes: Vec<Warning>,
}

impl<'a, 'p> Walker<'a, 'p> {
    fn new(
        job: &'a WalkContext<'a>,
        shared: &'a PoolShared,
        jobs: Sender<PoolJob>,
        previous: Previous<'p>,
    ) -> Walker<'a, 'p> {
        let reader = FileReader::new(shared);
        let mounts = mounts::below(&job.config.root);
        let (batch, notes) = (Vec::new(), Vec::new());
        Walker { job, shared, jobs, previous, reader, next: 0, batch, batch_bytes: 0, mounts, notes }
    }

    /// Everything of an earlier backup, but some of its files from elsewhere.
    fn amend(&mut self, late: Late<'_>, reader: &mut ChunkReader) -> Result<()> {
        let mut files = late.files.iter().peekable();
        for item in ListReader::forwards(reader, &late.base.list) {
            let item = item?;
            let path = item.rel_path()?;
            while let Some((path, place)) = files.next_if(|(next, _)| **next < path) {
                self.take_from(path, place)?;
            }
            match files.next_if(|(next, _)| **next == path) {
                Some((path, place)) => self.take_from(path, place)?,
                None => {
                    let seq = self.next_seq()?;
                    self.shared.count_found(item.size);
                    self.shared.emit(seq, item, false);
                }
            }
        }
        files.try_for_each(|(path, place)| self.take_from(path, place))
    }

    fn take_from(&mut self, path: &RelPath, place: &Path) -> Result<()> {
        let stat = Stat::of(place).at("reading", place)?;
        self.entry(self.job.walk.entry(path, place, stat))
    }

    fn next_seq(&mut self) -> Result<u64> {
        let seq = self.next;
        // Flush first: the batch's oldest item blocks the window.
        if self.batch.first().is_some_and(|first| seq - first.seq >= BATCH as u64) {
            self.flush()?;
        }
        if !self.shared.window.wait_for(seq, self.shared) {
            return Err(Error::Aborted);
        }
        self.next += 1;
        Ok(seq)
    }

    fn file(&mut self, seq: u64, entry: WalkEntry, previous: Option<Item>) -> Result<()> {
        let previous = match previous {
            Some(mut item) if still_stands(&item, &entry) && self.job.trusts(&item)? => {
                item.category = entry.with_earlier(item.category);
                self.shared.keep(&mut item, &entry);
                self.shared.emit(seq, item, false);
                return Ok(());
            }
            other => other,
        };
        let size = entry.stat.size;
        let task = Task { seq, entry, previous: previous.map(Box::new) };
        let params = self.shared.cutter.params();
        if size >= params.small as u64 {
            return self.send(PoolJob::Large(task));
        }
        if self.batch_bytes + size > params.bundle as u64 || self.batch.len() == BATCH {
            self.flush()?;
        }
        self.batch_bytes += size;
        self.batch.push(task);
        Ok(())
    }

    fn flush(&mut self) -> Result<()> {
        self.batch_bytes = 0;
        let batch = std::mem::take(&mut self.batch);
        if batch.is_empty() { Ok(()) } else { self.send(PoolJob::Small(batch)) }
    }

    fn send(&mut self, job: PoolJob) -> Result<()> {
        let mut job = job;
        loop {
            self.shared.check()?;
            match self.jobs.try_send(job) {
                Ok(()) => return Ok(()),
                Err(TrySendError::Disconnected(_)) => return Err(Error::Aborted),
                Err(TrySendError::Full(back)) => {
                    job = back;
                    // All threads have work: this one helps rather than waits.
                    if !pool::help(self.shared, &mut self.reader)? {
                        std::thread::sleep(std::time::Duration::from_micros(200));
                    }
                }
            }
        }
    }

    fn plain(&mut self, seq: u64, entry: &WalkEntry, previous: Option<&Item>) {
        match plain(self.shared, entry) {
            Some(item) => self.shared.emit(seq, item.clone(), previous.is_none_or(|previous| *previous != item)),
            None => self.shared.gone(seq),
        }
    }

    /// Where something else is mounted the backup goes on, and says so.
    fn note_mount(&mut self, entry: &WalkEntry) {
        self.notes.extend(mounts::note(&self.mounts, &entry.path));
    }
}

/// A folder or a link: nothing to read but the link's target. `None`: it is gone.
pub fn plain(shared: &PoolShared, entry: &WalkEntry) -> Option<Item> {
    let kind = if entry.stat.kind == FileKind::Dir { ItemType::Dir } else { ItemType::Symlink };
    let mut item = Item::new(&entry.path, kind, entry.category);
    entry.stat.describe(&mut item);
    if kind == ItemType::Dir {
        shared.give_attributes(&mut item, attributes::of_place(&entry.absolute));
        return Some(item);
    }
    item.xattrs = Some(Vec::new());
    match std::fs::read_link(&entry.absolute) {
        Ok(target) => item.set_link(target.as_os_str().as_encoded_bytes()),
        Err(error) => {
            shared.warn_unreadable(&entry.path, &error);
            return None;
        }
    }
    Some(item)
}

impl WalkVisitor for Walker<'_, '_> {
    fn entry(&mut self, entry: WalkEntry) -> Result<()> {
        self.shared.check()?;
        self.note_mount(&entry);
        let seq = self.next_seq()?;
        self.shared.count_found(if entry.stat.kind == FileKind::File { entry.stat.size } else { 0 });
        if entry.stat.kind == FileKind::Dir || entry.stat.size > WHOLE as u64 {
            self.shared.set_current(&entry.path);
        }
        let previous = self.previous.take(&entry.path);
        match entry.stat.kind {
            FileKind::File => self.file(seq, entry, previous),
            _ => {
                self.plain(seq, &entry, previous.as_ref());
                Ok(())
            }
        }
    }

    fn set(&mut self, folder: WalkEntry) -> Result<()> {
        self.shared.set_current(&folder.path);
        self.note_mount(&folder);
        let job = self.job;
        let trust = |item: &Item| job.trusts(item);
        let mut members = set::capture(&mut self.reader, &job.walk, &folder, &mut self.previous, &trust)?;
        while let Some(member) = members.next()? {
            let seq = self.next_seq()?;
            match member {
                FolderMember::Seen(seen) => {
                    let ReadPath { item, changed, .. } = *seen;
                    self.shared.count_found(item.size);
                    self.shared.emit(seq, item, changed);
                }
                FolderMember::Database(database) => {
                    let (entry, earlier) = *database;
                    self.shared.count_found(entry.stat.size);
                    self.file(seq, entry, earlier)?;
                }
            }
        }
        Ok(())
    }

    fn left(&mut self, left: Left) -> Result<()> {
        self.shared.warn_left(&left);
        Ok(())
    }
}
