//! Less is risked where a link, a service or this process has just lost something: for a while objects go in short parts, each of
//! which is kept, and one object at a time. What fails then costs a short part, and not one whole object for each thread.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard};

use crate::mutex::lock;

/// So many bytes arrive before what was lost is forgotten: eight packs.
const AFTERWARDS: u64 = 128 << 20;

#[derive(Default)]
pub struct Care {
    /// Bytes that are still to arrive with care.
    left: AtomicU64,
    alone: Mutex<()>,
}

impl Care {
    /// Bytes were sent for nothing; or what was under way when an earlier pass ended may be lost.
    pub fn begin(&self) {
        self.left.store(AFTERWARDS, Ordering::Relaxed);
    }

    pub fn is_on(&self) -> bool {
        self.left.load(Ordering::Relaxed) > 0
    }

    /// So many bytes have arrived.
    pub fn arrived(&self, bytes: u64) {
        let _ = self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| Some(left.saturating_sub(bytes)));
    }

    /// Held while an object is sent: no other one is, while care is on.
    pub fn turn(&self) -> Option<MutexGuard<'_, ()>> {
        self.is_on().then(|| lock(&self.alone))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn care_ends_when_much_has_arrived_and_begins_anew_with_each_loss() {
        let care = Care::default();
        assert!(!care.is_on() && care.turn().is_none());
        care.begin();
        care.arrived(AFTERWARDS - 1);
        assert!(care.is_on() && care.turn().is_some());
        care.begin();
        care.arrived(AFTERWARDS - 1);
        assert!(care.is_on());
        care.arrived(2);
        assert!(!care.is_on() && care.turn().is_none());
    }
}
