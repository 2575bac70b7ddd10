//! Cancelling an operation from any thread, at any time: before its worker is there, while it works, and after.

use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex};

use super::WorkerEvent;
use super::protocol::Failure;
use crate::Error;
use crate::mutex::lock as locked;

/// Cheap to clone; all clones are the same.
#[derive(Clone, Default)]
pub struct Cancel(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    cancelled: bool,
    /// Whoever supervises the worker, as long as there is one.
    supervisor: Option<Sender<WorkerEvent>>,
}

impl Cancel {
    /// Never blocks: the supervisor tells the worker.
    pub fn cancel(&self) {
        let mut state = locked(&self.0);
        if !state.cancelled {
            state.cancelled = true;
            state.tell();
        }
    }

    pub(super) fn check(&self) -> Result<(), Failure> {
        if locked(&self.0).cancelled { Err(Failure::from(&Error::Aborted)) } else { Ok(()) }
    }

    /// There is a worker to be told from now on.
    pub(super) fn arm(&self, supervisor: Sender<WorkerEvent>) {
        let mut state = locked(&self.0);
        state.supervisor = Some(supervisor);
        if state.cancelled {
            state.tell();
        }
    }

    pub(super) fn disarm(&self) {
        locked(&self.0).supervisor = None;
    }
}

impl State {
    fn tell(&self) {
        // One that does not listen any more has its answer already.
        let _ = self.supervisor.as_ref().map(|supervisor| supervisor.send(WorkerEvent::Cancel));
    }
}
