//! What goes, and what is kept whatever the rules say, at the engine's front door.

use super::Engine;
use crate::replica::marks;
use crate::report::{BackupRef, PruneOptions, PruneReport};
use crate::vault::Vault;
use crate::vault::layout::PINS;
use crate::{Control, Result, marriage, prune, watch};

impl Engine {
    /// Removes the backups that no rule keeps, and what only they needed; or only says what would go.
    pub fn prune(&self, options: &PruneOptions, control: &Control) -> Result<PruneReport> {
        if options.dry_run {
            let vault = self.access.vault()?;
            let lock = self.access.lock("PRUNE", options.wait, control)?;
            marriage::refuse_another(&vault, &self.access.config)?;
            return self.prune_with(&vault, options, &lock.told(control));
        }
        self.alone(
            "PRUNE",
            options.wait,
            control,
            || self.access.vault(),
            |vault, control| {
                // Under the lock: whoever had it before may have given the vault to another root.
                marriage::refuse_another(vault, &self.access.config)?;
                prune::refuse_frozen(vault, options, control.now())?;
                vault.clean_up()?;
                self.prune_with(vault, options, control)
            },
        )
    }

    pub(super) fn prune_with(&self, vault: &Vault, options: &PruneOptions, control: &Control) -> Result<PruneReport> {
        prune::run(vault, &self.access.config, options, watch::inspection::damaged_packs(vault.dir()), control)
    }

    /// Removes one backup from here, and what only it needed; a warning says at which targets it stays. One that is only at targets
    /// goes there; what only it needed, their next pruning removes.
    pub fn delete_backup(&self, backup: &str, control: &Control) -> Result<PruneReport> {
        let open = || self.access.vault_to_read(None, control);
        self.alone("DELETE", false, control, open, |vault, control| {
            let name = vault.resolve(&BackupRef::Name(backup.into()))?;
            prune::refuse_waiting(&self.access.config, &name)?;
            let vault = vault.here();
            if !vault.list_snapshots()?.contains(&name) {
                return self.access.delete_elsewhere(&vault, &name, control);
            }
            let stays = self.access.stays(&vault, &name, control)?;
            let mut report = prune::delete(&vault, &self.access.config, &name, control)?;
            // What is read at this moment has not gone.
            report.warnings.extend(stays.into_iter().filter(|_| report.removed > 0));
            Ok(report)
        })
    }

    /// Keeps a backup until it is unpinned, whatever the rules say; or leaves it to the rules again.
    /// Returns its name.
    pub fn pin(&self, backup: &str, pinned: bool) -> Result<String> {
        let vault = self.access.vault()?;
        if let Some((name, fetch)) = self.access.only_elsewhere(&vault, backup)? {
            match pinned {
                true => marks::put(&vault, &fetch, PINS, &name)?,
                false => marks::remove(&vault, &fetch, &self.access.config, PINS, &name)?,
            }
            return Ok(name.to_string());
        }
        let name = self.access.resolve_here(&vault, backup)?;
        if pinned {
            vault.pin(&name)?
        } else {
            vault.unpin(&name)?
        }
        Ok(name.to_string())
    }
}
