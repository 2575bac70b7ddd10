//! Compares a file with what was put of it before, at memory speed, with several threads.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use super::source::DatabaseFile;
use super::{Attempt, BLOCK};

/// Blocks that one read takes: large enough that system calls do not count, small enough for a core's own cache.
const RUN: u64 = 4;

/// A short BLAKE3 of a block. Not a secret, but long enough that nobody can make two blocks that agree.
pub(super) type Print = [u8; 16];

pub(super) fn print(block: &[u8]) -> Print {
    let mut print = [0; 16];
    print.copy_from_slice(&blake3::hash(block).as_bytes()[..16]);
    print
}

/// What to compare, and when to stop early.
pub(super) struct Scan<'a> {
    pub source: &'a DatabaseFile,
    /// Of each block that was put.
    pub prints: &'a [Print],
    /// Bytes of the file.
    pub size: u64,
    /// The first block to look at.
    pub from: u64,
    pub threads: usize,
    pub deadline: Option<Instant>,
    /// Bytes of changed blocks to bring along; `None` brings only their indexes.
    pub memory: Option<usize>,
}

pub(super) struct Changed {
    pub index: u64,
    /// Empty where no memory was given.
    pub block: Vec<u8>,
}

/// The changed blocks among those from `from` up to, and not including, `upto`, in ascending order.
pub(super) struct ScannedRange {
    pub upto: u64,
    pub changed: Vec<Changed>,
}

impl Scan<'_> {
    pub fn run(&self) -> Attempt<ScannedRange> {
        let blocks = self.size.div_ceil(BLOCK as u64);
        let next = AtomicU64::new(self.from);
        let (held, stop) = (AtomicUsize::new(0), AtomicBool::new(false));
        let changed = Mutex::new(Vec::new());
        let work = || -> Attempt<()> {
            let mut buffer = vec![0; RUN as usize * BLOCK];
            loop {
                // A run that is taken is finished: so all before `next` is compared when the threads are done.
                let first = next.fetch_add(RUN, Ordering::Relaxed);
                if first >= blocks {
                    return Ok(());
                }
                let end = self.size.min((first + RUN) * BLOCK as u64);
                let expected = (end - first * BLOCK as u64) as usize;
                let length = self.source.read_at(&mut buffer[..expected], first * BLOCK as u64)?;
                for (block, index) in buffer[..length].chunks(BLOCK).zip(first..) {
                    if self.prints.get(index as usize) == Some(&print(block)) {
                        continue;
                    }
                    let block = if self.memory.is_some() { block.to_vec() } else { Vec::new() };
                    if held.fetch_add(block.len(), Ordering::Relaxed) + block.len() > self.memory.unwrap_or(usize::MAX)
                    {
                        stop.store(true, Ordering::Relaxed);
                    }
                    changed.lock().unwrap_or_else(PoisonError::into_inner).push(Changed { index, block });
                }
                // Only here, after a run: so that even the shortest of limits makes some progress.
                if stop.load(Ordering::Relaxed) || self.deadline.is_some_and(|deadline| Instant::now() > deadline) {
                    return Ok(());
                }
            }
        };
        let runs = (blocks.saturating_sub(self.from)).div_ceil(RUN) as usize;
        std::thread::scope(|scope| {
            let helpers: Vec<_> = (1..self.threads.min(runs)).map(|_| scope.spawn(work)).collect();
            let own = work();
            let join = |helper: std::thread::ScopedJoinHandle<'_, _>| {
                helper.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
            };
            helpers.into_iter().map(join).fold(own, Attempt::and)
        })?;
        let mut changed = changed.into_inner().unwrap_or_else(PoisonError::into_inner);
        changed.sort_unstable_by_key(|changed| changed.index);
        Ok(ScannedRange { upto: next.into_inner().min(blocks), changed })
    }
}
