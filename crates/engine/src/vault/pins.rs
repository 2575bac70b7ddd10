//! What people say of a backup: that it stays (a pin), and that a suspicious one is right (an acceptance). Each is an empty
//! file with the name of the backup, so that it can be asked for without a key.

use std::fs;
use std::path::Path;

use super::name::BackupName;
use super::snapshot::Snapshot;
use super::{Vault, durable};
use crate::{Error, Result};

/// The folder with a file for each suspicious backup that somebody has accepted.
pub const ACCEPTED: &str = "accepted";

impl Vault {
    /// Keeps a backup until it is unpinned, whatever the rules say.
    pub fn pin(&self, name: &BackupName) -> Result<()> {
        let pins = self.dir().join("pins");
        durable::make_folder(&pins)?;
        durable::write_private(&pins.join(name.as_str()), b"")?;
        durable::sync_dir(self.dir())?;
        if self.dir().join("snapshots").join(name.as_str()).exists() {
            return Ok(());
        }
        // Pruned at this moment.
        self.unpin(name)?;
        Err(self.no_such_backup(name.as_str()))
    }

    pub fn is_pinned(&self, backup: &str) -> bool {
        self.dir().join("pins").join(backup).exists()
    }

    /// Is it suspicious, and nobody has accepted it?
    pub fn doubts(&self, snapshot: &Snapshot) -> bool {
        let mark = format!("{ACCEPTED}/{}", snapshot.backup);
        let is_accepted_elsewhere =
            || self.elsewhere.as_ref().is_some_and(|elsewhere| !elsewhere.holders(&mark).is_empty());
        snapshot.suspicious.is_some() && !is_accepted(self.dir(), &snapshot.backup) && !is_accepted_elsewhere()
    }

    /// Somebody says that a suspicious backup is right.
    pub fn accept(&self, name: &BackupName) -> Result<()> {
        let folder = self.dir().join(ACCEPTED);
        durable::make_folder(&folder)?;
        durable::write_private(&folder.join(name.as_str()), b"")?;
        durable::sync_dir(self.dir())
    }

    /// The backup is gone: nothing is left of what was said about it.
    pub fn forget_acceptance(&self, backup: &str) -> Result<()> {
        forget(&self.dir().join(ACCEPTED).join(backup))
    }

    /// Leaves a backup to the rules again.
    pub fn unpin(&self, name: &BackupName) -> Result<()> {
        forget(&self.dir().join("pins").join(name.as_str()))
    }
}

/// Has somebody said that this backup is right? Asked of the folder, as a pin is.
pub fn is_accepted(dir: &Path, backup: &str) -> bool {
    dir.join(ACCEPTED).join(backup).exists()
}

fn forget(mark: &Path) -> Result<()> {
    match fs::remove_file(mark) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(Error::io("removing", mark, error)),
        _ => Ok(()),
    }
}
