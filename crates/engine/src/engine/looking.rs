//! Looking at what there is, at the engine's front door. Nothing here waits, or changes anything.

use super::Engine;
use crate::report::{
    BackupInfo, BackupRef, Diagnosis, DiffReport, HistoryFilter, ItemInfo, ListFilter, Preview, Run, Status, Version,
};
use crate::vault::Vault;
use crate::{Control, Error, Result, backup, compare, doctor, marriage, restore, watch};

impl Engine {
    /// What a backup would take, and what not, and why. Writes nothing, and needs no key.
    pub fn preview_backup(&self, control: &Control) -> Result<Preview> {
        backup::preview(&self.access.config, control)
    }

    /// Looks at everything that a backup needs. `configuration`: what is wrong with the one that was meant.
    pub fn doctor(&self, configuration: Option<&Error>, control: &Control) -> Result<Diagnosis> {
        doctor::examine(&self.access, configuration, control)
    }

    /// What happened, newest first. Needs no key and never waits.
    pub fn history(&self, filter: &HistoryFilter) -> Result<Vec<Run>> {
        watch::history(&self.access.config.backup_dir, filter)
    }

    /// Newest first, also those that are only at a target, as far as that is known here. Never waits, and asks no target.
    pub fn list_backups(&self, filter: &ListFilter) -> Result<Vec<BackupInfo>> {
        self.recover_quietly();
        if !Vault::exists(&self.access.config.backup_dir) {
            return marriage::refuse_missing_vault(&self.access.config).map(|()| Vec::new());
        }
        let vault = self.access.vault_to_read(None, &Control::silent())?;
        let backups = watch::inspection::verified(&self.access.config.backup_dir, vault.backups_known(filter)?);
        Ok(self.with_places(backups))
    }

    /// In path order; `items` are paths, globs or categories, empty means all. Never waits.
    pub fn list_items(&self, backup: &str, items: &[String]) -> Result<Vec<ItemInfo>> {
        self.recover_quietly();
        restore::select(&self.access.vault_to_read(None, &Control::silent())?, backup, items)
    }

    /// Every version of one path over time, newest first. `E_NOT_FOUND` with the nearest names where no backup has it.
    pub fn versions(&self, path: &str) -> Result<Vec<Version>> {
        self.recover_quietly();
        compare::versions(&self.access.vault_to_read(None, &Control::silent())?, path)
    }

    /// What changed from one backup to another, or to the live root.
    pub fn diff(&self, from: &BackupRef, to: Option<&BackupRef>, control: &Control) -> Result<DiffReport> {
        self.refuse_future([from].into_iter().chain(to), control)?;
        self.recover_quietly();
        compare::diff(&self.access.vault_to_read(None, control)?, &self.access.config, from, to, control)
            .map_err(|error| self.in_zone(error))
    }

    /// Never waits, never needs a key.
    pub fn status(&self) -> Result<Status> {
        let unfinished = self.recover(&Control::silent()).err();
        watch::status(&self.access.config, unfinished, Control::silent().now())
    }
}
