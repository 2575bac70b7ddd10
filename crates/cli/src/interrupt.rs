//! Ctrl-C, SIGTERM and a closed terminal: the first asks the running operation to stop at the next safe place, which
//! ends it with `E_ABORTED`; the second ends the process at once. Both leave every earlier backup whole.

use std::io::{self, Write};
use std::sync::{Mutex, MutexGuard, PoisonError};

use lifeboat_engine::Control;

use crate::exit;

static RUNNING: Mutex<Option<Control>> = Mutex::new(None);

/// Call once, before anything is started. `announce` tells a person at the terminal that their Ctrl-C was heard.
pub fn install(announce: bool) {
    // Where no handler can be had, the operating system's own behaviour remains: the process ends, the vault is whole.
    let _ = ctrlc::set_handler(move || match running().as_ref() {
        Some(control) if !control.is_cancelled() => {
            control.cancel();
            if announce {
                let _ = io::stderr().write_all(b"\nStopping at the next safe place. Ctrl-C again stops at once.\n");
            }
        }
        _ => std::process::exit(exit::FAILED.into()),
    });
}

/// A session of its own: a Ctrl-C at the terminal of a host, or its end, is for the host alone, which decides what becomes of
/// those that work for it. When it is gone, the end of their stdin tells them.
pub fn leave_session() {
    // It fails where this is one already.
    #[cfg(unix)]
    let _ = rustix::process::setsid();
}

/// From now on a signal cancels this operation; when the guard is dropped, it ends the process again.
pub fn watch(control: &Control) -> InterruptWatch {
    *running() = Some(control.clone());
    InterruptWatch
}

pub struct InterruptWatch;

impl Drop for InterruptWatch {
    fn drop(&mut self) {
        *running() = None;
    }
}

fn running() -> MutexGuard<'static, Option<Control>> {
    RUNNING.lock().unwrap_or_else(PoisonError::into_inner)
}
