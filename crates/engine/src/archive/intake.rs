//! Into the vault: cuts content as a backup does, stores it on several threads, and lists the items in their order.
//!
//! Chunks go to the threads as they are read; items wait, in order, until theirs are stored. Both queues are bounded.

use std::collections::VecDeque;
use std::sync::Arc;
use std::thread::Scope;

use crossbeam_channel::{Receiver, Sender, bounded};

use super::manifest::SideLine;
use crate::chunk::ChunkId;
use crate::chunk::cut::Cutter;
use crate::vault::Vault;
use crate::vault::item::{Item, Side};
use crate::vault::list::ListWriter;
use crate::vault::snapshot::ItemList;
use crate::vault::writer::{Scratch, Writer};
use crate::{Error, Result};

/// Items that may wait for a bundle to fill up, or for their chunks.
const WAITING: usize = 4096;
/// More chunks than this are listed in chunks of their own.
const INLINE_CHUNKS: usize = 64;
/// Ids in a chunk of ids.
const LIST: usize = 512;

pub struct Intake {
    writer: Arc<Writer>,
    scratch: Scratch,
    cutter: Cutter,
    list: ListWriter,
    jobs: Sender<SealJob>,
    /// Chunks under way, the oldest first, each with the number of its item.
    under_way: VecDeque<(u64, Receiver<Result<ChunkId>>)>,
    limit: usize,
    /// Items that are not listed yet. The first has the number `first`.
    waiting: VecDeque<Waiting>,
    first: u64,
    bundle: Vec<u8>,
}

struct SealJob {
    plain: Vec<u8>,
    done: Sender<Result<ChunkId>>,
}

struct Waiting {
    item: Item,
    ids: FileChunkIds,
    /// Chunks of it that are under way.
    open: usize,
    /// The content lies in the bundle that is being filled, from here on.
    bundled: Option<u64>,
    /// Its content is still being read.
    unread: bool,
}

/// The chunk ids of one file. Many of them are stored themselves, before they are all known.
#[derive(Default)]
struct FileChunkIds {
    inline: Vec<ChunkId>,
    lists: Vec<ChunkId>,
}

impl Intake {
    /// The threads live as long as the intake.
    pub fn start<'scope, 'env>(
        scope: &'scope Scope<'scope, 'env>,
        vault: &Vault,
        writer: Arc<Writer>,
        level: u8,
        threads: usize,
    ) -> Intake {
        let (jobs, queue) = bounded::<SealJob>(threads);
        for _ in 0..threads.max(1) {
            let (queue, writer) = (queue.clone(), writer.clone());
            scope.spawn(move || {
                let mut scratch = Scratch::new(level);
                for SealJob { plain, done } in queue {
                    // Nobody waits for the result where the import has failed meanwhile.
                    let _ = done.send(writer.put(&mut scratch, &plain));
                }
            });
        }
        Intake {
            list: ListWriter::new(writer.clone(), Scratch::new(level)),
            writer,
            scratch: Scratch::new(level),
            cutter: Cutter::new(vault.chunker().clone(), vault.keys().chunker_seed),
            jobs,
            under_way: VecDeque::new(),
            limit: threads.max(1) * 4,
            waiting: VecDeque::new(),
            first: 0,
            bundle: Vec::new(),
        }
    }

    /// Takes an item. `read` appends its next bytes, at most so many, to the buffer; it is asked until all are there.
    pub fn item(&mut self, item: Item, read: impl FnMut(&mut Vec<u8>, usize) -> Result<()>) -> Result<()> {
        let size = item.size;
        let block = item.db.is_some().then_some(self.cutter.params().block);
        let small = block.is_none() && size < self.cutter.params().small as u64;
        self.waiting.push_back(Waiting { item, ids: FileChunkIds::default(), open: 0, bundled: None, unread: true });
        if small && size > 0 {
            self.small(size, read)?;
        } else {
            self.large(size, block, read)?;
        }
        self.last().unread = false;
        if self.waiting.len() >= WAITING {
            self.flush()?;
            while self.waiting.len() >= WAITING / 2 && !self.under_way.is_empty() {
                self.take_one()?;
                self.list_ready()?;
            }
        }
        self.list_ready()
    }

    fn last(&mut self) -> &mut Waiting {
        self.waiting.back_mut().expect("an item was just put there")
    }

    fn small(&mut self, size: u64, mut read: impl FnMut(&mut Vec<u8>, usize) -> Result<()>) -> Result<()> {
        if self.bundle.len() as u64 + size > self.cutter.params().bundle as u64 {
            self.flush()?;
        }
        let at = self.bundle.len() as u64;
        read(&mut self.bundle, size as usize)?;
        self.last().bundled = Some(at);
        Ok(())
    }

    /// `block`: in pieces of this size, as a database; otherwise by content.
    fn large(
        &mut self,
        size: u64,
        block: Option<usize>,
        mut read: impl FnMut(&mut Vec<u8>, usize) -> Result<()>,
    ) -> Result<()> {
        let window = block.unwrap_or(self.cutter.params().max);
        let (mut rest, mut buffer) = (size, Vec::new());
        while rest > 0 || !buffer.is_empty() {
            let more = rest.min((window - buffer.len()) as u64);
            if more > 0 {
                read(&mut buffer, more as usize)?;
                rest -= more;
            }
            let length = if block.is_some() { buffer.len() } else { self.cutter.next(&buffer) };
            let after = buffer.split_off(length);
            self.put(std::mem::replace(&mut buffer, after))?;
        }
        Ok(())
    }

    /// A file that belongs to the database that was just taken.
    pub fn side(&mut self, line: &SideLine, mut read: impl FnMut(&mut Vec<u8>, usize) -> Result<()>) -> Result<()> {
        let SideLine { suffix, size, besides, .. } = line;
        let (size, besides) = (*size, *besides);
        let mut side = Side { suffix: suffix.clone(), size, chunks: Vec::new(), besides };
        let block = self.cutter.params().block;
        let (mut rest, mut buffer) = (size, Vec::new());
        while rest > 0 {
            let more = rest.min(block as u64);
            buffer.clear();
            read(&mut buffer, more as usize)?;
            rest -= more;
            side.chunks.push(self.writer.put(&mut self.scratch, &buffer)?);
        }
        self.last().item.sides.push(side);
        Ok(())
    }

    fn put(&mut self, plain: Vec<u8>) -> Result<()> {
        while self.under_way.len() >= self.limit {
            self.take_one()?;
        }
        let (done, stored) = bounded(1);
        self.jobs.send(SealJob { plain, done }).map_err(|_| Error::internal("nobody stores chunks"))?;
        self.under_way.push_back((self.first + self.waiting.len() as u64 - 1, stored));
        self.last().open += 1;
        Ok(())
    }

    /// Waits for the oldest chunk under way.
    fn take_one(&mut self) -> Result<()> {
        let Some((number, stored)) = self.under_way.pop_front() else { return Ok(()) };
        let id = stored.recv().map_err(|_| Error::internal("a thread that stores chunks panicked"))??;
        let waiting = &mut self.waiting[(number - self.first) as usize];
        waiting.open -= 1;
        waiting.ids.inline.push(id);
        if waiting.ids.inline.len() == LIST {
            waiting.ids.store(&self.writer, &mut self.scratch)?;
        }
        Ok(())
    }

    /// Stores the bundle that is being filled, and tells its members where they are.
    fn flush(&mut self) -> Result<()> {
        if self.bundle.is_empty() {
            return Ok(());
        }
        let id = self.writer.put(&mut self.scratch, &self.bundle)?;
        self.bundle.clear();
        for waiting in &mut self.waiting {
            if let Some(at) = waiting.bundled.take() {
                waiting.item.bundle = Some((id, at));
            }
        }
        Ok(())
    }

    /// Lists the items, from the first one on, that wait for nothing any more.
    fn list_ready(&mut self) -> Result<()> {
        // The last one stays: the files that belong to a database follow it.
        while self.waiting.len() > 1 && self.waiting[0].is_ready() {
            self.list_first()?;
        }
        Ok(())
    }

    fn list_first(&mut self) -> Result<()> {
        let Some(Waiting { mut item, mut ids, .. }) = self.waiting.pop_front() else { return Ok(()) };
        self.first += 1;
        if ids.lists.is_empty() && ids.inline.len() <= INLINE_CHUNKS {
            item.chunks = ids.inline;
        } else {
            ids.store(&self.writer, &mut self.scratch)?;
            item.lists = ids.lists;
        }
        self.list.push(&item)
    }

    /// All items are there: returns their list.
    pub fn finish(mut self) -> Result<ItemList> {
        self.flush()?;
        while !self.under_way.is_empty() {
            self.take_one()?;
        }
        while !self.waiting.is_empty() {
            self.list_first()?;
        }
        self.list.finish()
    }
}

impl Waiting {
    fn is_ready(&self) -> bool {
        self.open == 0 && self.bundled.is_none() && !self.unread
    }
}

impl FileChunkIds {
    fn store(&mut self, writer: &Writer, scratch: &mut Scratch) -> Result<()> {
        if !self.inline.is_empty() {
            let bytes: Vec<u8> = self.inline.drain(..).flat_map(|id| id.0).collect();
            self.lists.push(writer.put(scratch, &bytes)?);
        }
        Ok(())
    }
}
