//! The guard of an operation that has the vault for itself: its lock, and its line in the history.

use super::{Engine, silent};
use crate::vault::Vault;
use crate::watch::Outcome;
use crate::{Control, Result};

impl Engine {
    /// Opens the vault by `open`, takes its lock, and does `work`. Whatever fails is written down, also what keeps it from beginning;
    /// and the lock is held until the end is written down, because whoever takes it next takes a run without an end for one that was
    /// cut off.
    pub(super) fn alone<T: Outcome>(
        &self,
        operation: &str,
        wait: bool,
        control: &Control,
        open: impl FnOnce() -> Result<Vault>,
        work: impl FnOnce(&Vault, &Control) -> Result<T>,
    ) -> Result<T> {
        let mut recorder = self.recorder(operation, None, control);
        let mut held = None;
        let begin = || {
            let vault = open()?;
            let lock = held.insert(self.access.lock(operation, wait, control)?);
            recorder.started(&vault);
            work(&vault, &lock.told(control))
        };
        let done = begin();
        let done = recorder.end(done, silent);
        drop(held);
        done
    }
}
