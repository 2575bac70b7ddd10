//! Whose a vault is, and which backups are right, at the engine's front door: what people decide, and nobody else can.

use std::sync::Arc;

use super::Engine;
use crate::replica::fetch::Fetch;
use crate::replica::marks;
use crate::vault::layout::ACCEPTED;
use crate::vault::name::BackupName;
use crate::vault::snapshot::Snapshot;
use crate::vault::{Vault, lock::Lock};
use crate::{Control, Error, Result, marriage};

impl Engine {
    /// Marries this root and this vault, whatever each of them belonged to before.
    pub fn adopt_vault(&self) -> Result<()> {
        let vault = self.access.vault()?;
        let _lock = self.access.lock("ADOPT", true, &Control::silent())?;
        marriage::adopt(&vault, &self.access.config)?;
        self.take_over_targets(&Control::silent());
        Ok(())
    }

    /// A suspicious backup is right after all, and so are those before it, and later ones with the same doubt. `latest` is the
    /// newest suspicious one. Returns the names of those that were suspicious until now, the newest first.
    pub fn accept_backup(&self, backup: &str) -> Result<Vec<String>> {
        let vault = self.access.vault()?;
        let _lock = self.access.lock("ACCEPT", true, &Control::silent())?;
        let read = |name: &BackupName| Snapshot::read(&vault, name).ok().filter(|snapshot| vault.doubts(snapshot));
        let doubted: Vec<Snapshot> = vault.list_snapshots()?.iter().rev().filter_map(read).collect();
        let wanted = match backup {
            "latest" => doubted.first(),
            name => doubted.iter().find(|snapshot| snapshot.backup == name),
        };
        let Some(wanted) = wanted else {
            if backup == "latest" {
                return Err(Error::NotFound { message: "No backup is suspicious: there is nothing to accept.".into() });
            }
            if let Some((name, fetch)) = self.access.only_elsewhere(&vault, backup)? {
                return self.accept_elsewhere(&vault, fetch, &name);
            }
            // It is right already, or there is none of that name.
            return self.access.resolve_here(&vault, backup).map(|_| Vec::new());
        };
        let since = wanted.suspicious.as_ref().map(|doubt| doubt.since.as_str());
        let is_like = |snapshot: &&Snapshot| {
            snapshot.timestamp <= wanted.timestamp
                || snapshot.suspicious.as_ref().map(|doubt| doubt.since.as_str()) == since
        };
        let mut accepted = Vec::new();
        for snapshot in doubted.iter().filter(is_like) {
            vault.accept(&snapshot.backup.parse()?)?;
            accepted.push(snapshot.backup.clone());
        }
        Ok(accepted)
    }

    /// One that is only at targets: that alone.
    fn accept_elsewhere(&self, vault: &Vault, fetch: Arc<Fetch>, name: &BackupName) -> Result<Vec<String>> {
        let reading = vault.with_elsewhere(fetch.clone());
        if !reading.doubts(&Snapshot::read(&reading, name)?) {
            return Ok(Vec::new());
        }
        marks::put(vault, &fetch, ACCEPTED, name)?;
        Ok(vec![name.to_string()])
    }

    /// The vault as it was just made by `init`: it belongs to this root.
    pub(super) fn marry_new(&self, vault: &Vault) -> Result<()> {
        let _lock = Lock::acquire(vault.dir(), "INIT", true, &Control::silent())?;
        marriage::adopt(vault, &self.access.config)
    }
}
