//! The end of the pipeline: items come in any order and leave in path order, into the item list and the totals.

use std::collections::BTreeMap;
use std::sync::{Condvar, Mutex};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError};

use super::links::MetLinks;
use super::pool::PoolShared;
use crate::mutex::lock;
use crate::report::{Category, CategoryTotals, Progress};
use crate::throttle::{self, Throttle};
use crate::vault::item::Item;
use crate::vault::list::ListWriter;
use crate::vault::snapshot::ItemList;
use crate::{Error, Result};

/// So many items may be under way at once. The walker waits when the oldest is further behind.
const WINDOW: u64 = 16_384;

/// What became of the path with a sequence number.
pub enum PathOutcome {
    Item {
        item: Box<Item>,
        changed: bool,
    },
    /// It vanished, or could not be read.
    Gone,
}

pub enum Message {
    Done(u64, PathOutcome),
    /// The walk is over: so many sequence numbers were given out.
    Total(u64),
}

#[derive(Default)]
pub struct BackupTotals {
    pub items: u64,
    pub bytes: u64,
    pub changed: u64,
    pub categories: BTreeMap<Category, CategoryTotals>,
}

/// Lets the walker wait for the emitter.
#[derive(Default)]
pub struct EmitWindow {
    emitted: Mutex<u64>,
    moved: Condvar,
}

impl EmitWindow {
    /// Waits until `seq` may start; false if the backup has failed meanwhile.
    pub fn wait_for(&self, seq: u64, shared: &PoolShared) -> bool {
        let mut emitted = lock(&self.emitted);
        while seq >= *emitted + WINDOW {
            if shared.stopped() {
                return false;
            }
            let waited = self.moved.wait_timeout(emitted, Duration::from_millis(50));
            emitted = waited.unwrap_or_else(std::sync::PoisonError::into_inner).0;
        }
        true
    }

    fn advance(&self, emitted: u64) {
        *lock(&self.emitted) = emitted;
        self.moved.notify_one();
    }
}

/// Runs until every item has left, or the backup has failed.
pub fn run(shared: &PoolShared, inbox: Receiver<Message>, mut list: ListWriter) -> Result<(ItemList, BackupTotals)> {
    let mut waiting: BTreeMap<u64, PathOutcome> = BTreeMap::new();
    let (mut next, mut total) = (0, None);
    let mut totals = BackupTotals::default();
    let mut links = MetLinks::default();
    let mut reporter = EmitReporter::new(shared);
    while total != Some(next) {
        match inbox.recv_timeout(throttle::EVERY) {
            Ok(Message::Done(seq, outcome)) => {
                waiting.insert(seq, outcome);
            }
            Ok(Message::Total(count)) => total = Some(count),
            Err(RecvTimeoutError::Timeout) if !shared.stopped() => {}
            Err(_) => return Err(Error::Aborted),
        }
        let before = next;
        while let Some(outcome) = waiting.remove(&next) {
            next += 1;
            if let PathOutcome::Item { mut item, changed } = outcome {
                if let Err(why) = links.number(&mut item) {
                    shared.warn_item(&item, why);
                }
                if let Some(why) = &item.unsound {
                    shared.warn_degraded_item(&item, why.clone());
                }
                totals.add(&item, changed);
                list.push(&item)?;
            }
        }
        if next != before {
            shared.window.advance(next);
        }
        reporter.tick(&totals, total.is_some());
    }
    Ok((list.finish()?, totals))
}

impl BackupTotals {
    fn add(&mut self, item: &Item, changed: bool) {
        let bytes = item.size + item.sides.iter().map(|side| side.size).sum::<u64>();
        self.items += 1;
        self.bytes += bytes;
        self.changed += u64::from(changed);
        let category = self.categories.entry(item.category).or_default();
        category.items += 1;
        category.size += bytes;
    }
}

struct EmitReporter<'a> {
    shared: &'a PoolShared,
    started: Instant,
    throttle: Throttle,
}

impl<'a> EmitReporter<'a> {
    fn new(shared: &'a PoolShared) -> EmitReporter<'a> {
        EmitReporter { shared, started: Instant::now(), throttle: Throttle::after_a_while() }
    }

    fn tick(&mut self, totals: &BackupTotals, walked: bool) {
        if !self.throttle.is_due() {
            return;
        }
        let (found_items, found_bytes) = self.shared.found();
        let eta = (walked && totals.bytes > 0).then(|| {
            let rest = found_bytes.saturating_sub(totals.bytes) as f64 / totals.bytes as f64;
            (self.started.elapsed().as_millis() as f64 * rest) as u64
        });
        self.shared.control.report(&Progress {
            phase: "reading".into(),
            items: totals.items,
            total_items: walked.then_some(found_items),
            bytes: totals.bytes,
            total_bytes: walked.then_some(found_bytes),
            path: self.shared.current_path(),
            eta_ms: eta,
        });
    }
}
