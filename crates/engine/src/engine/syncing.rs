//! Bringing backups to their targets, at the engine's front door.

use std::path::Path;

use super::{Engine, silent};
use crate::config::cloud::Target;
use crate::error::IoContext;
use crate::replica::meeting::ADOPTED;
use crate::replica::prune::Pruning;
use crate::replica::there::list_ours;
use crate::replica::{Ledger, Patience, SyncRun, Turn, read_small, standing, vaults};
use crate::report::{BackupInfo, PruneOptions, PruneReport, SyncReport, VaultInfo};
use crate::seal::keyring::Credentials;
use crate::store::Store;
use crate::vault::layout::{KEYS, Part};
use crate::vault::{Vault, checked_json, description, durable};
use crate::{Config, Control, Error, Result, marriage};

impl Engine {
    /// Brings everything that waits to its targets, or to one of them, and waits for that. What another process is at it waits
    /// for first. What could not be sent is in the report, and no error.
    pub fn sync(&self, target: Option<&str>, control: &Control) -> Result<SyncReport> {
        let targets = self.access.targets(target)?;
        if targets.is_empty() {
            let message = "There is no target to sync to. Name one in the configuration: `cloud`.".into();
            return Err(Error::Config { message });
        }
        let vault = self.access.vault()?;
        let turn = Turn::take(vault.dir(), true, control)?;
        let report = self.sync_with(&vault, &targets, control);
        drop(turn);
        report
    }

    /// What the scheduler of an app does again and again. `None`: nothing waits, or somebody else is at it.
    pub fn sync_due(&self, control: &Control) -> Result<Option<SyncReport>> {
        let dir = &self.access.config.backup_dir;
        if !Vault::exists(dir) || standing::due(&self.access.config, dir, control.now()).is_empty() {
            return Ok(None);
        }
        // Before the vault is opened, which takes a second: of many hosts one goes on.
        let Some(turn) = Turn::take(dir, false, control)? else { return Ok(None) };
        let vault = self.access.vault()?;
        // Whoever had the turn before may have done it. A target that is to be left alone is not asked for the sake of another.
        let targets = standing::due(&self.access.config, dir, control.now());
        if targets.is_empty() {
            return Ok(None);
        }
        let report = self.sync_with(&vault, &targets, control).map(Some);
        drop(turn);
        report
    }

    /// At its targets this root takes the place of any other one: of the server that is no more.
    pub(super) fn take_over_targets(&self, control: &Control) {
        let (root, dir) = (&self.access.config.root, &self.access.config.backup_dir);
        // A new root has just got its configuration.
        let has_targets = Config::of_root(root).is_ok_and(|config| !config.cloud.is_empty());
        if has_targets || !self.access.config.cloud.is_empty() {
            // Where it cannot be noted, the first sync says what to do.
            let _ = Ledger::open(dir).and_then(|ledger| ledger.note(ADOPTED, control.now()));
        }
    }

    /// All vaults of a target, and which of them are late.
    pub fn vaults(&self, target: &str, control: &Control) -> Result<Vec<VaultInfo>> {
        let target = self.target_called(target)?;
        let store = self.access.opener().open(target, "")?;
        vaults::all(store.as_ref(), target.name(), Patience::attended(), control)
    }

    /// Removes from a target what its rules do not keep. Also from a machine that has nothing but what opens the vault: then the
    /// vault there is the one of this `vault_id`, which need not be named where there is one only. Where a vault
    /// is here, no other one is pruned.
    pub fn prune_target(
        &self,
        target: &str,
        vault_id: Option<&str>,
        options: &PruneOptions,
        control: &Control,
    ) -> Result<PruneReport> {
        let (config, patience, target) = (&self.access.config, Patience::default(), self.target_called(target)?);
        if Vault::exists(&self.access.config.backup_dir) {
            let vault = &self.access.vault()?;
            marriage::refuse_another(vault, config)?;
            if let Some(id) = vault_id.filter(|id| *id != vault.id()) {
                return Err(Error::Config {
                    message: format!(
                        "The local vault is {}, and not {id}. From here, only the local vault can be pruned. Leave \
                         out `--vault-id`, or prune that vault from a machine without a vault.",
                        vault.id()
                    ),
                });
            }
            let _turn = Turn::take(vault.dir(), options.wait, control)?.ok_or_else(|| Error::Cloud {
                message: "A sync of this vault is already running. Wait for it, or ask to wait (`--wait`).".into(),
            })?;
            let (store, ledger) = (self.access.opener().open(target, &vault.id())?, Ledger::open(vault.dir())?);
            let (store, ledger) = (store.as_ref(), Some(&ledger));
            let pruning = Pruning { vault, config, target, store, ledger, patience, control };
            return pruning.run(options.dry_run, options.despite_suspicion);
        }
        let id = match vault_id {
            Some(id) => id.to_owned(),
            None => self.only_vault(target, control)?,
        };
        let store = self.access.opener().open(target, &id)?;
        let store = store.as_ref();
        let folder =
            tempfile::tempdir().map_err(|error| Error::io("making a folder in", std::env::temp_dir(), error))?;
        let vault = &open_there(store, folder.path(), &self.access.credentials(None)?, patience, control)?;
        let pruning = Pruning { vault, config, target, store, ledger: None, patience, control };
        pruning.run(options.dry_run, options.despite_suspicion)
    }

    fn only_vault(&self, target: &Target, control: &Control) -> Result<String> {
        let found = self.vaults(target.name(), control)?;
        match found.as_slice() {
            [one] => Ok(one.prefix.clone()),
            [] => Err(Error::NotFound { message: format!("{}: there is no vault there.", target.name()) }),
            many => Err(Error::Config {
                message: format!(
                    "{}: there are {} vaults. Name one with `--vault-id`: {}.",
                    target.name(),
                    many.len(),
                    many.iter().map(|one| format!("{} ({})", one.prefix, one.owner)).collect::<Vec<_>>().join(", ")
                ),
            }),
        }
    }

    fn target_called(&self, name: &str) -> Result<&Target> {
        self.access
            .targets(Some(name))?
            .first()
            .copied()
            .ok_or_else(|| Error::internal("a target that was found is not there"))
    }

    fn sync_with(&self, vault: &Vault, targets: &[&Target], control: &Control) -> Result<SyncReport> {
        marriage::refuse_another(vault, &self.access.config)?;
        let recorder = self.recorder("SYNC", None, control);
        let (config, opener, patience) = (&self.access.config, self.access.opener(), Patience::default());
        let synced = SyncRun { vault, config, opener, patience, control }.run(targets)?;
        // Of each try on a network that is down there is nothing to be remembered.
        if synced.report.uploaded > 0 || !synced.news.is_empty() {
            return recorder.end(Ok(synced.report), silent);
        }
        Ok(synced.report)
    }

    pub(super) fn with_places(&self, backups: Vec<BackupInfo>) -> Vec<BackupInfo> {
        standing::where_they_are(&self.access.config, &self.access.config.backup_dir, backups)
    }
}

/// The vault of a target, opened in an empty folder with what opens it.
fn open_there(
    store: &dyn Store,
    folder: &Path,
    credentials: &Credentials,
    patience: Patience,
    control: &Control,
) -> Result<Vault> {
    let listed = list_ours(store, patience, control)?;
    let opens = listed.keys().filter(|object| matches!(Part::of(object), Some(Part::Description | Part::Key)));
    durable::make_folder(&folder.join(KEYS))?;
    for object in opens {
        let bytes = patience.retry(control, || read_small(store, "The target", object, checked_json::MAX_LEN))?;
        let path = folder.join(object);
        std::fs::write(&path, bytes.unwrap_or_default()).at("writing", &path)?;
    }
    if !folder.join(description::FILE).exists() {
        return Err(Error::NotFound { message: "There is no vault at this place of the target.".into() });
    }
    Vault::open(folder, credentials)
}
