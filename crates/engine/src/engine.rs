//! The engine's front door: one method for each thing users ask for.

use std::path::Path;

use crate::report::*;
use crate::secret::MasterKey;
use crate::{Config, Control, Result};

/// One root and its vault.
pub struct Engine {
    config: Config,
}

impl Engine {
    /// Opens nothing yet. `config` comes from [`Config::of_root`], [`Config::from_file`] or [`Config::from_json`].
    pub fn new(config: Config) -> Engine {
        Engine { config }
    }

    /// Uses a master key that is known already (the host keeps it for its workers) instead of deriving it again.
    pub fn with_key(self, _key: MasterKey) -> Engine {
        self
    }

    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The master key, once an operation has opened the vault by a passphrase; for the host to keep.
    pub fn unlocked_key(&self) -> Option<MasterKey> {
        None
    }

    /// Makes the vault, or adds the configured passphrase or a key file to one that exists.
    /// `key_file`: made (32 random bytes, mode 0600) where it does not exist.
    pub fn init(&self, _key_file: Option<&Path>) -> Result<InitReport> {
        todo!()
    }

    pub fn create_backup(
        &self,
        _kind: BackupType,
        _options: &BackupOptions,
        _control: &Control,
    ) -> Result<BackupResult> {
        todo!()
    }

    /// Newest first. Never waits.
    pub fn list_backups(&self, _filter: &ListFilter) -> Result<Vec<BackupInfo>> {
        todo!()
    }

    /// In path order; `items` are paths, globs or categories, empty means all. Never waits.
    pub fn list_items(&self, _backup: &str, _items: &[String]) -> Result<Vec<ItemInfo>> {
        todo!()
    }

    pub fn restore(&self, _backup: &BackupRef, _options: &RestoreOptions, _control: &Control) -> Result<RestoreResult> {
        todo!()
    }

    /// Reads back and authenticates every byte of one backup, or of the whole vault; `deep` also decompresses and
    /// re-hashes every item. Damage is in the report, not an error.
    pub fn verify(&self, _backup: Option<&str>, _deep: bool, _control: &Control) -> Result<VerifyReport> {
        todo!()
    }

    /// Never waits, never needs a key.
    pub fn status(&self) -> Result<Status> {
        todo!()
    }
}
