//! Whose turn it is: one process at a time brings a vault to its targets, by a lock of the operating system that dies with its
//! holder. It is not the vault's lock: backups go on meanwhile.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::Path;
use std::time::Duration;

use crate::error::IoContext;
use crate::vault::place;
use crate::vault::{self, durable};
use crate::{Control, Error, Result};

pub const FILE: &str = place::TURN;
const POLL: Duration = Duration::from_millis(50);

/// Held as long as it lives.
pub struct Turn(File);

impl Turn {
    /// `None`: somebody else has it, and `wait` is false.
    pub fn take(vault: &Path, wait: bool, control: &Control) -> Result<Option<Turn>> {
        vault::refuse_links(vault)?;
        let path = vault.join(FILE);
        let file = match durable::create_new(&path) {
            Err(Error::Io { .. }) => OpenOptions::new().read(true).write(true).open(&path).at("opening", &path)?,
            made => made?,
        };
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(Some(Turn(file))),
                Err(TryLockError::WouldBlock) if wait => {
                    control.check()?;
                    std::thread::sleep(POLL);
                }
                Err(TryLockError::WouldBlock) => return Ok(None),
                Err(TryLockError::Error(error)) => return Err(Error::io("locking", &path, error)),
            }
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        // As the vault's: a child that is just being started has a copy of the descriptor.
        let _ = self.0.unlock();
    }
}
