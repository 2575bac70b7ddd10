//! The engine's front door: one method for each thing users ask for.

mod backing_up;
mod guard;
mod inspecting;
mod keeping;
mod looking;
mod making;
mod moving;
mod pruning;
mod restoring;
mod signing_in;
mod syncing;

use std::sync::Arc;

use crate::access::Access;
use crate::report::{BackupRef, BackupType};
use crate::secret::MasterKey;
use crate::store::Opener;
use crate::watch::{News, Recorder};
use crate::{Config, Control, Error, Result, zone};

/// A clock that is read twice may have been put right in between, in milliseconds.
const A_MOMENT: i64 = 1_000;

/// What users ask for, of one root and its vault.
pub struct Engine {
    access: Access,
    /// A host is at the other end, and no command: the history says so.
    hosted: bool,
}

impl Engine {
    /// Opens nothing yet. `config` comes from [`Config::of_root`], [`Config::from_file`] or [`Config::from_json`].
    pub fn new(config: Config) -> Engine {
        Engine { access: Access::new(config), hosted: false }
    }

    /// With the stores that another crate brings. Without, no target but a folder can be reached.
    pub fn with_opener(self, opener: Arc<dyn Opener>) -> Engine {
        Engine { access: self.access.with_opener(opener), ..self }
    }

    /// For a host, as the history has it.
    pub fn for_host(self) -> Engine {
        Engine { hosted: true, ..self }
    }

    /// Uses a master key that is known already (the host keeps it for its workers) instead of deriving it again.
    pub fn with_key(self, key: MasterKey) -> Engine {
        Engine { access: self.access.with_key(key), ..self }
    }

    pub fn config(&self) -> &Config {
        self.access.config()
    }

    /// The master key, once an operation has opened the vault by a passphrase; for the host to keep.
    pub fn unlocked_key(&self) -> Option<MasterKey> {
        self.access.unlocked_key()
    }

    pub(crate) fn recorder(&self, operation: &str, kind: Option<BackupType>, control: &Control) -> Recorder {
        Recorder::new(&self.access.config.backup_dir, operation, kind, self.hosted, control)
    }

    /// A restore that was cut off is finished or undone by whatever comes next, also where that only looks. An error
    /// here is told by the next operation that writes.
    fn recover_quietly(&self) {
        let _ = self.recover(&Control::silent());
    }

    fn in_zone(&self, error: Error) -> Error {
        match error {
            // No other one names a time. Who asks for the zone opens the logbook, and SQLite makes files beside it.
            error @ Error::NoneThatOld { .. } => error.in_zone(&zone::of(&self.access.config)),
            other => other,
        }
    }

    /// Of a time that is still to come there is no backup: whoever asks for one means another zone, or mistyped.
    fn refuse_future<'a>(&self, backups: impl IntoIterator<Item = &'a BackupRef>, control: &Control) -> Result<()> {
        let now = control.now();
        for backup in backups {
            if let BackupRef::At { at } = backup
                && *at > now + A_MOMENT
            {
                let zone = zone::of(&self.access.config);
                return Err(Error::Config {
                    message: format!(
                        "{} is still to come: there it is {} now. A time without a zone is in the time zone {}; to name \
                         another, write for example 2026-11-23T14:00:00Z.",
                        zone.exactly(*at),
                        zone.show(now),
                        zone.why.words()
                    ),
                });
            }
        }
        Ok(())
    }
}

/// What nobody but the history is told.
fn silent<T>(_: &Result<T>) -> Option<News> {
    None
}
