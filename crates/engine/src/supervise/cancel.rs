//! Cancelling an operation from any thread, at any time: before its worker is there, while it works, and after.

use std::io::Write;
use std::process::ChildStdin;
use std::sync::{Arc, Mutex};

use super::protocol::{Failure, Signal};
use crate::Error;
use crate::mutex::lock as locked;

/// Cheap to clone; all clones are the same.
#[derive(Clone, Default)]
pub struct Cancel(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    cancelled: bool,
    /// Where the worker listens, from when it has its request until it has answered.
    worker: Option<ChildStdin>,
}

impl Cancel {
    /// Never blocks: it writes a few bytes, once, to a pipe that is empty.
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

    /// The worker can be told from now on.
    pub(super) fn arm(&self, worker: Option<ChildStdin>) {
        let mut state = locked(&self.0);
        state.worker = worker;
        if state.cancelled {
            state.tell();
        }
    }

    pub(super) fn disarm(&self) {
        locked(&self.0).worker = None;
    }
}

impl State {
    fn tell(&mut self) {
        if let Some(worker) = &mut self.worker {
            // A worker that does not listen any more is about to answer, or dead: its reader notices either.
            let _ = serde_json::to_vec(&Signal::Cancel).map(|mut line| {
                line.push(b'\n');
                worker.write_all(&line)
            });
        }
    }
}
