//! How a running operation talks to whoever asked for it: progress out, cancellation in.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::report::Progress;
use crate::{Error, Result};

/// Given to every long operation. Cheap to clone, the same for all its threads.
#[derive(Clone)]
pub struct Control {
    progress: Arc<dyn Fn(&Progress) + Send + Sync>,
    cancelled: Arc<AtomicBool>,
}

impl Control {
    /// `progress` is called from engine threads, a few times a second at most, and must not block for long.
    pub fn new(progress: impl Fn(&Progress) + Send + Sync + 'static) -> Control {
        Control { progress: Arc::new(progress), cancelled: Arc::default() }
    }

    /// Nobody watches and nobody cancels.
    pub fn silent() -> Control {
        Control::new(|_| ())
    }

    /// Ask the operation to stop at the next safe place; it then fails with `E_ABORTED`.
    pub fn cancel(&self) {
        self.cancelled.store(true, Ordering::Relaxed);
    }

    pub fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Relaxed)
    }

    /// `E_ABORTED` once [`Control::cancel`] was called.
    pub fn check(&self) -> Result<()> {
        if self.is_cancelled() { Err(Error::Aborted) } else { Ok(()) }
    }

    pub fn report(&self, progress: &Progress) {
        (self.progress)(progress);
    }
}
