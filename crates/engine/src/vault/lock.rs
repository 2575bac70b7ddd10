//! One operation at a time, by a lock of the operating system that dies with its holder: it can never be stale.
//!
//! The file's content only says who holds it, for the message that others get; the lock itself is what counts.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Seek, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use super::durable;
use crate::error::IoContext;
use crate::report::Running;
use crate::{Control, Error, Result};

const FILE: &str = "lock";
const POLL: Duration = Duration::from_millis(20);
/// Whoever only looks whether the lock is held has it for a moment itself: not a reason to be busy.
const GRACE: Duration = Duration::from_millis(100);

/// Held as long as it lives.
pub struct Lock {
    file: File,
}

impl Drop for Lock {
    fn drop(&mut self) {
        // Closing alone is not enough where a child process is just being started: it has a copy of the descriptor
        // until it runs its own program.
        let _ = self.file.unlock();
    }
}

impl Lock {
    /// Takes the vault's lock for `operation`, or fails with `E_BUSY`, or waits if `wait`.
    pub fn acquire(vault: &Path, operation: &str, wait: bool, control: &Control) -> Result<Lock> {
        let path = vault.join(FILE);
        let mut file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path).at("opening", &path)?;
        let started = Instant::now();
        loop {
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::WouldBlock) if wait || started.elapsed() < GRACE => {
                    control.check()?;
                    std::thread::sleep(POLL);
                }
                Err(TryLockError::WouldBlock) => return Err(busy(vault)),
                Err(TryLockError::Error(error)) => return Err(Error::io("locking", &path, error)),
            }
        }
        let holder = Running {
            operation: operation.to_owned(),
            pid: std::process::id(),
            since: jiff::Timestamp::now().as_millisecond(),
        };
        let text = serde_json::to_vec(&holder).map_err(|error| Error::internal(error.to_string()))?;
        // Only a courtesy to others: on a full disk the lock is held all the same.
        let _ = file.set_len(0).and_then(|()| file.rewind()).and_then(|()| file.write_all(&text));
        Ok(Lock { file })
    }
}

/// Who holds the lock now, if anybody. Never waits.
pub fn holder(vault: &Path) -> Option<Running> {
    let file = File::open(vault.join(FILE)).ok()?;
    match file.try_lock_shared() {
        Err(TryLockError::WouldBlock) => {}
        _ => return None,
    }
    let text = durable::read_small(&vault.join(FILE), 4096).unwrap_or_default();
    Some(serde_json::from_slice(&text).unwrap_or(Running { operation: "Another operation".into(), pid: 0, since: 0 }))
}

fn busy(vault: &Path) -> Error {
    let running = holder(vault).unwrap_or(Running { operation: "Another operation".into(), pid: 0, since: 0 });
    let since = jiff::Timestamp::from_millisecond(running.since)
        .map(|time| time.strftime("%Y-%m-%d %H:%M:%S UTC").to_string())
        .unwrap_or_default();
    Error::Busy { operation: running.operation, since, pid: running.pid }
}
