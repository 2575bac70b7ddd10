//! Whether the work of this process moves on: a number that grows with each place that any of its threads comes to.
//!
//! What stands still, in a disk that hangs or for ever in a lock of its own, comes to none. Whoever is asked for a sign of
//! life looks at it; so everything that may take long for other reasons has to [`beat`] meanwhile. Reporting, and asking
//! whether one is cancelled, does so by itself.

use std::sync::atomic::{AtomicU64, Ordering};

static BEATS: AtomicU64 = AtomicU64::new(0);

/// The work has come to another place.
pub fn beat() {
    BEATS.fetch_add(1, Ordering::Relaxed);
}

pub fn count() -> u64 {
    BEATS.load(Ordering::Relaxed)
}
