//! Bringing backups to their targets, at the engine's front door.

use super::{Engine, silent};
use crate::config::cloud::Target;
use crate::replica::{Patience, Sync, Turn, standing};
use crate::report::{BackupInfo, SyncReport};
use crate::vault::Vault;
use crate::{Control, Error, Result, marriage, watch};

impl Engine {
    /// Brings everything that waits to its targets, or to one of them, and waits for that. What another process is at it waits
    /// for first. What could not be sent is in the report, and no error.
    pub fn sync(&self, target: Option<&str>, control: &Control) -> Result<SyncReport> {
        let targets = self.targets(target)?;
        if targets.is_empty() {
            let message = "There is no target to sync to. Name one in the configuration: `cloud`.".into();
            return Err(Error::Config { message });
        }
        let vault = self.vault()?;
        let turn = Turn::take(vault.dir(), true, control)?;
        let report = self.sync_with(&vault, &targets, control);
        drop(turn);
        report
    }

    /// What the scheduler of an app does again and again. `None`: nothing waits, or somebody else is at it.
    pub fn sync_due(&self, control: &Control) -> Result<Option<SyncReport>> {
        let dir = &self.config.backup_dir;
        if !Vault::exists(dir) || !standing::is_due(&self.config, dir, control.now()) {
            return Ok(None);
        }
        let vault = self.vault()?;
        let Some(turn) = Turn::take(vault.dir(), false, control)? else { return Ok(None) };
        let targets: Vec<&Target> = self.config.cloud.iter().collect();
        let report = self.sync_with(&vault, &targets, control).map(Some);
        drop(turn);
        report
    }

    fn sync_with(&self, vault: &Vault, targets: &[&Target], control: &Control) -> Result<SyncReport> {
        marriage::refuse_another(vault, &self.config)?;
        let recorder = self.recorder("SYNC", None, control);
        let (config, opener, patience) = (&self.config, self.opener.as_ref(), Patience::default());
        let synced = Sync { vault, config, opener, patience, control }.run(targets)?;
        synced.news.iter().for_each(|news| watch::tell(vault.dir(), news, control));
        // Of each try on a network that is down there is nothing to be remembered.
        if synced.report.uploaded > 0 || !synced.news.is_empty() {
            return recorder.end(Ok(synced.report), silent);
        }
        Ok(synced.report)
    }

    pub(super) fn with_places(&self, backups: Vec<BackupInfo>) -> Vec<BackupInfo> {
        standing::where_they_are(&self.config, &self.config.backup_dir, backups)
    }
}
