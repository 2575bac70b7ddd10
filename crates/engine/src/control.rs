//! How a running operation talks to whoever asked for it: progress out, cancellation and the time in.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::report::Progress;
use crate::watch::News;
use crate::{Error, Result, pulse};

/// Given to every long operation. Cheap to clone, the same for all its threads.
#[derive(Clone)]
pub struct Control {
    progress: Arc<dyn Fn(&Progress) + Send + Sync>,
    cancelled: Arc<AtomicBool>,
    /// Of the operations that this one is a part of.
    above: Vec<Arc<AtomicBool>>,
    /// Whoever asked for it has ended.
    abandoned: Arc<AtomicBool>,
    /// Gets what could not be kept for those who should hear of it.
    untold: Arc<dyn Fn(&News) + Send + Sync>,
    clock: Arc<dyn Fn() -> i64 + Send + Sync>,
    /// Is the lock, under which it runs, still the vault's?
    guard: Arc<dyn Fn() -> Result<()> + Send + Sync>,
}

impl Control {
    /// `progress` is called from engine threads, a few times a second at most, and must not block for long.
    pub fn new(progress: impl Fn(&Progress) + Send + Sync + 'static) -> Control {
        let clock = Arc::new(|| jiff::Timestamp::now().as_millisecond());
        Control {
            progress: Arc::new(progress),
            cancelled: Arc::default(),
            above: Vec::new(),
            abandoned: Arc::default(),
            untold: Arc::new(|_| ()),
            clock,
            guard: Arc::new(|| Ok(())),
        }
    }

    /// The same operation under another clock, which gives milliseconds since the epoch: for simulations.
    pub fn with_clock(self, clock: impl Fn() -> i64 + Send + Sync + 'static) -> Control {
        Control { clock: Arc::new(clock), ..self }
    }

    /// The same operation for somebody who tells what could not be kept: a disk that is full, or no vault, silences no alarm.
    pub fn with_untold(self, untold: impl Fn(&News) + Send + Sync + 'static) -> Control {
        Control { untold: Arc::new(untold), ..self }
    }

    /// The same operation with one more watcher of its progress, under the same conditions.
    pub fn watched_by(&self, watcher: impl Fn(&Progress) + Send + Sync + 'static) -> Control {
        let first = self.progress.clone();
        let progress = move |progress: &Progress| {
            first(progress);
            watcher(progress);
        };
        Control { progress: Arc::new(progress), ..self.clone() }
    }

    /// The same operation as a part of a larger one, in which all of it is this phase.
    pub fn in_phase(&self, phase: &'static str) -> Control {
        let first = self.progress.clone();
        let progress = move |progress: &Progress| first(&Progress { phase: phase.into(), ..progress.clone() });
        Control { progress: Arc::new(progress), ..self.clone() }
    }

    /// A part of this operation that goes on beside another one, and can be cancelled by itself. It tells how far it is only
    /// where `tells`.
    pub fn beside(&self, tells: Arc<AtomicBool>) -> Control {
        let first = self.progress.clone();
        let progress = move |progress: &Progress| {
            if tells.load(Ordering::Relaxed) {
                first(progress);
            }
        };
        let above = self.above.iter().chain([&self.cancelled]).cloned().collect();
        Control { progress: Arc::new(progress), cancelled: Arc::default(), above, ..self.clone() }
    }

    /// The same operation under a lock: `guard` fails once that is not the vault's any more.
    pub fn guarded_by(&self, guard: impl Fn() -> Result<()> + Send + Sync + 'static) -> Control {
        Control { guard: Arc::new(guard), ..self.clone() }
    }

    /// The same operation, which nobody watches and nobody cancels from here on.
    pub fn to_the_end(&self) -> Control {
        Control { progress: Arc::new(|_| ()), cancelled: Arc::default(), above: Vec::new(), ..self.clone() }
    }

    /// Nobody watches and nobody cancels.
    pub fn silent() -> Control {
        Control::new(|_| ())
    }

    /// Ask the operation to stop at the next safe place; it then fails with `E_ABORTED`.
    pub fn cancel(&self) {
        self.cancelled.store(true, Ordering::Relaxed);
    }

    /// Whoever asked for it has ended in its middle: it stops as if it were cancelled, but nobody wanted that.
    pub fn abandon(&self) {
        self.abandoned.store(!self.is_cancelled(), Ordering::Relaxed);
        self.cancel();
    }

    pub fn is_abandoned(&self) -> bool {
        self.abandoned.load(Ordering::Relaxed)
    }

    pub fn is_cancelled(&self) -> bool {
        pulse::beat();
        self.above.iter().chain([&self.cancelled]).any(|cancelled| cancelled.load(Ordering::Relaxed))
    }

    /// `E_ABORTED` once [`Control::cancel`] was called.
    pub fn check(&self) -> Result<()> {
        if self.is_cancelled() { Err(Error::Aborted) } else { Ok(()) }
    }

    /// Fails where somebody else may be writing to the vault by now. Asked before each step that cannot be taken back: a
    /// backup that begins to exist, and whatever is removed.
    pub fn hold(&self) -> Result<()> {
        (self.guard)()
    }

    /// Milliseconds since the epoch.
    pub fn now(&self) -> i64 {
        (self.clock)()
    }

    /// What should have been kept for those who want to hear of it, and could not be.
    pub fn untold(&self, news: &News) {
        (self.untold)(news);
    }

    pub fn report(&self, progress: &Progress) {
        pulse::beat();
        (self.progress)(progress);
    }
}
