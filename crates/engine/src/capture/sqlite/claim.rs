//! One capture at a time for each file of this process.
//!
//! Two hard links in a root are two paths of one file, and two threads may come upon them at once. The first to close
//! its descriptor would drop the other's POSIX lock; so the second waits.

use std::collections::HashSet;
use std::sync::{Condvar, Mutex, PoisonError};

static CLAIMED: Mutex<Option<HashSet<(u64, u64)>>> = Mutex::new(None);
static RELEASED: Condvar = Condvar::new();

/// The sole right to have the file open, until it is dropped.
#[derive(Debug)]
pub(super) struct FileClaim((u64, u64));

impl FileClaim {
    /// `file` is device and inode. Waits for the capture that has it.
    pub fn wait(file: (u64, u64)) -> FileClaim {
        let mut claimed = CLAIMED.lock().unwrap_or_else(PoisonError::into_inner);
        while !claimed.get_or_insert_default().insert(file) {
            claimed = RELEASED.wait(claimed).unwrap_or_else(PoisonError::into_inner);
        }
        FileClaim(file)
    }
}

impl Drop for FileClaim {
    fn drop(&mut self) {
        let mut claimed = CLAIMED.lock().unwrap_or_else(PoisonError::into_inner);
        claimed.get_or_insert_default().remove(&self.0);
        RELEASED.notify_all();
    }
}
