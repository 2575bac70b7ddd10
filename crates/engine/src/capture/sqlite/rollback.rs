//! A database with a rollback journal: read at leisure, then made right under a short lock.
//!
//! A reader's SHARED lock keeps writers from committing, so it is held only for one comparison at memory speed, about
//! 20 ms for 120 MB. The steps:
//!
//! 1. Copy all blocks without a lock, keeping a short hash of each.
//! 2. Nobody wrote since (see [`untouched`]): done, after one look under the lock.
//! 3. Compare without a lock and put what changed, until little changes any more.
//! 4. Take the lock, compare once more, keep what changed in memory, release the lock, put what was kept.
//!
//! Step 4 may take several locks: each is released at `lock_limit`, and the next goes on where it ended as long as the
//! database is still at the same version (the test by which SQLite itself trusts its cache across transactions). A
//! database of one hundred gigabytes on a cold disk is so read without ever keeping a writer waiting for long.
//!
//! An open write transaction (RESERVED) is no hindrance: its changes are in its process's memory. One that has spilled
//! its cache holds EXCLUSIVE; then we wait.

use std::time::{Duration, Instant};

use super::header::DatabaseHeader;
use super::reader::{DatabaseReader, Pinned};
use super::scan::{Print, Scan, print};
use super::source::{DatabaseFile, Stamp};
use super::{Attempt, BLOCK, BlockSink, CapturedDatabase, JournalKind, Options, Trouble};
use crate::Control;

/// A database up to this size is read into memory under the lock, in one go: some two milliseconds.
const SMALL: u64 = 8 << 20;
/// Comparisons without a lock before the first with one.
const CATCH_UPS: u32 = 3;
/// So few changed blocks are left to the comparison under the lock.
const FEW: usize = 32;
/// How often the version may change between two locks before the limits of a lock are lifted.
const RESTARTS: u32 = 5;

pub(super) fn capture(
    source: &DatabaseFile,
    options: &Options,
    sink: &mut dyn BlockSink,
    control: &Control,
) -> Attempt<CapturedDatabase> {
    let reader = DatabaseReader::open(source)?;
    let mut pass = Pass {
        source,
        reader: &reader,
        options,
        control,
        prints: Vec::new(),
        captured: CapturedDatabase::new(JournalKind::Rollback, 0, 0),
    };
    if source.stamp.size <= SMALL && pass.small(sink)? {
        return Ok(pass.captured);
    }
    pass.copy(sink)?;
    if !pass.untouched()? {
        pass.catch_up(sink)?;
        pass.settle(sink)?;
    }
    sink.finish(pass.captured.size)?;
    Ok(pass.captured)
}

struct Pass<'a> {
    source: &'a DatabaseFile,
    reader: &'a DatabaseReader<'a>,
    options: &'a Options,
    control: &'a Control,
    /// Of the block that was put last at each index.
    prints: Vec<Print>,
    captured: CapturedDatabase,
}

/// What the file says under the lock.
#[derive(PartialEq, Eq)]
struct DatabaseState {
    stamp: Stamp,
    header: DatabaseHeader,
}

impl Pass<'_> {
    /// Reads the whole file under one lock. False if it has grown too large for that.
    fn small(&mut self, sink: &mut dyn BlockSink) -> Attempt<bool> {
        // Once without the lock, so that a cold disk is not waited for with it.
        let mut content = vec![0; self.source.stamp.size as usize];
        self.source.read_at(&mut content, 0)?;
        let lock = self.reader.begin(self.options, self.control)?;
        let version = self.version()?;
        if version.stamp.size > SMALL {
            self.unlock(lock);
            return Ok(false);
        }
        content.resize(version.stamp.size as usize, 0);
        let length = self.source.read_at(&mut content, 0)?;
        self.check_lock(&version)?;
        self.unlock(lock);
        if length != content.len() {
            return Err(Trouble::Again("it became shorter while it was read".into()));
        }
        for (block, index) in content.chunks(BLOCK).zip(0..) {
            self.control.check()?;
            sink.put(index, block.to_vec())?;
        }
        sink.finish(version.stamp.size)?;
        self.done(&version);
        Ok(true)
    }

    /// Step 1: all blocks, without a lock.
    fn copy(&mut self, sink: &mut dyn BlockSink) -> Attempt<()> {
        let size = self.source.stamp.size;
        for index in 0..size.div_ceil(BLOCK as u64) {
            self.control.check()?;
            let block = self.source.block(index, size)?;
            if block.is_empty() {
                break;
            }
            self.prints.push(print(&block));
            sink.put(index, block)?;
        }
        Ok(())
    }

    /// Step 2: whether what was copied is known to be the content without another look at it.
    ///
    /// Writers change the file only with EXCLUSIVE held, in three ways: they commit (which also moves the change
    /// counter), they spill uncommitted pages, they roll those back. Each is a write, and so leaves another time on the
    /// inode, if the file had rested for a tick of the filesystem's clock before the copy began; `ctime` cannot be set
    /// back by anybody. What was spilled before the copy began, and stands uncommitted in it, is refused by the lock:
    /// it is either busy or leaves a hot journal. On Windows a file's time moves when its writer closes it: no proof.
    fn untouched(&mut self) -> Attempt<bool> {
        let rested = cfg!(unix) && self.source.rested;
        if !rested || self.source.stamp_now()? != self.source.stamp {
            return Ok(false);
        }
        let lock = self.reader.begin(self.options, self.control)?;
        let version = self.version()?;
        let same = version.stamp == self.source.stamp;
        self.unlock(lock);
        let complete = self.prints.len() as u64 == version.stamp.size.div_ceil(BLOCK as u64);
        if same && complete {
            self.done(&version);
        }
        Ok(same && complete)
    }

    /// Step 3: puts what has changed, without a lock, so that little is left for the comparison under the lock.
    fn catch_up(&mut self, sink: &mut dyn BlockSink) -> Attempt<()> {
        for _ in 0..CATCH_UPS {
            self.control.check()?;
            let size = self.source.stamp_now()?.size;
            let found = self.scan(size, 0, None, None).run()?;
            let few = found.changed.len() <= FEW;
            for changed in found.changed {
                self.control.check()?;
                let block = self.source.block(changed.index, size)?;
                if block.is_empty() {
                    break;
                }
                self.put(changed.index, block, sink)?;
            }
            if few {
                break;
            }
        }
        Ok(())
    }

    /// Step 4: compares under the lock, until all blocks are known to be of one version.
    fn settle(&mut self, sink: &mut dyn BlockSink) -> Attempt<()> {
        let (mut from, mut restarts) = (0, 0);
        let mut before: Option<DatabaseState> = None;
        loop {
            let patient = restarts < RESTARTS;
            let lock = self.reader.begin(self.options, self.control)?;
            let version = self.version()?;
            if before.as_ref().is_some_and(|before| *before != version) {
                restarts += 1;
                self.unlock(lock);
                (from, before) = (0, None);
                self.catch_up(sink)?;
                continue;
            }
            let deadline = patient.then(|| Instant::now() + self.options.lock_limit.saturating_sub(lock.age()));
            let memory = if patient { self.options.memory_limit } else { usize::MAX };
            let size = version.stamp.size;
            let found = self.scan(size, from, deadline, Some(memory)).run()?;
            self.check_lock(&version)?;
            let held = self.unlock(lock);
            from = found.upto;
            for changed in found.changed {
                self.put(changed.index, changed.block, sink)?;
            }
            if from >= size.div_ceil(BLOCK as u64) {
                self.done(&version);
                return Ok(());
            }
            before = Some(version);
            // Leave the writers at least as much time as was taken from them.
            std::thread::sleep(held.max(Duration::from_millis(50)));
        }
    }

    fn scan(&self, size: u64, from: u64, deadline: Option<Instant>, memory: Option<usize>) -> Scan<'_> {
        Scan { source: self.source, prints: &self.prints, size, from, threads: self.options.threads, deadline, memory }
    }

    fn put(&mut self, index: u64, block: Vec<u8>, sink: &mut dyn BlockSink) -> Attempt<()> {
        let known = self.prints.len();
        match self.prints.get_mut(index as usize) {
            Some(before) => {
                *before = print(&block);
                self.captured.undisturbed = false;
                self.captured.corrected += 1;
            }
            // New blocks at the end of a file that has grown: a scan finds all of them, in ascending order.
            None if index as usize == known => self.prints.push(print(&block)),
            None => return Err(Trouble::Again("it became shorter while it was read".into())),
        }
        sink.put(index, block)?;
        Ok(())
    }

    /// What the file says, with the lock held.
    fn version(&self) -> Attempt<DatabaseState> {
        let version = DatabaseState { stamp: self.source.stamp_now()?, header: self.source.header()? };
        if version.header.journal != JournalKind::Rollback {
            return Err(Trouble::Again("it was switched to WAL while it was read".into()));
        }
        version.header.check_size(version.stamp.size).map_err(Trouble::Unreadable)?;
        Ok(version)
    }

    /// Nobody can have written under the lock; if somebody did, the lock was not honoured.
    fn check_lock(&self, before: &DatabaseState) -> Attempt<()> {
        if self.version()? == *before {
            Ok(())
        } else {
            Err(Trouble::Again("it was written to in spite of a read lock".into()))
        }
    }

    fn unlock(&mut self, lock: Pinned<'_>) -> Duration {
        let held = lock.end();
        self.captured.longest_lock = self.captured.longest_lock.max(held);
        self.captured.locks += 1;
        held
    }

    fn done(&mut self, version: &DatabaseState) {
        self.captured.size = version.stamp.size;
        self.captured.page_size = version.header.page_size;
        self.captured.problems = version.header.problems(version.stamp.size);
        // More blocks were put than the file has by now.
        if self.prints.len() as u64 > version.stamp.size.div_ceil(BLOCK as u64) {
            self.captured.undisturbed = false;
        }
    }
}
