//! Locking a mutex whatever happened to the thread that had it before.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// A panic elsewhere ends the operation by itself; the data behind a mutex stays usable.
pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
