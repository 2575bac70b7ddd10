//! Archives, and a new server, at the engine's front door.

use std::path::Path;

use super::{Engine, silent};
use crate::archive::Archive;
use crate::migrate::{From, Migration};
use crate::report::{BackupInfo, ExportOptions, ExportResult, MigrateOptions, MigrateReport};
use crate::seal::keyring::Credentials;
use crate::secret::Secret;
use crate::vault::Vault;
use crate::{Control, Result, archive, marriage};

impl Engine {
    /// Writes one backup, or some of its items, into one portable file.
    pub fn export_backup(
        &self,
        backup: &str,
        file: &Path,
        options: &ExportOptions,
        control: &Control,
    ) -> Result<ExportResult> {
        archive::check_place(file, options.overwrite)?;
        self.recover_quietly();
        let (vault, credentials) = (self.access.vault_to_read(None, control)?, self.access.credentials(None)?);
        let recorder = self.recorder("EXPORT", None, control);
        recorder.end(archive::export(&vault, &self.access.config, &credentials, backup, file, options, control), silent)
    }

    /// Takes an archive into this vault, as the backup that it was; makes the vault where there is none. `passphrase`:
    /// the archive's, where it is not the vault's.
    pub fn import_backup(&self, file: &Path, passphrase: Option<&Secret>, control: &Control) -> Result<BackupInfo> {
        let credentials = self.access.credentials(None)?;
        let opening = Credentials {
            passphrase: passphrase
                .filter(|given| !given.expose().is_empty())
                .or(credentials.passphrase.as_ref())
                .cloned(),
            ..credentials.clone()
        };
        // Before a vault is made: one that was made with a passphrase that is wrong here would only be in the way.
        let archive = Archive::open(file, &opening)?;
        let open = || {
            if Vault::exists(&self.access.config.backup_dir) {
                return self.access.vault();
            }
            marriage::refuse_missing_vault(&self.access.config)?;
            self.access.make_vault(&credentials)
        };
        self.alone("IMPORT", true, control, open, |vault, control| {
            self.recover_under_lock(vault, control)?;
            archive::import(vault, &self.access.config, &archive, control)
        })
    }

    /// Sets up the root, which must be empty or not exist, from a vault, a folder that holds one, an archive, or a target of the
    /// configuration by its name.
    pub fn migrate(&self, from: &Path, options: &MigrateOptions, control: &Control) -> Result<MigrateReport> {
        // A folder of that name is `./NAME`.
        let named = self.access.config.cloud.iter().find(|target| from.as_os_str() == target.name());
        self.migrate_from(named.map_or(From::Path(from), From::Target), options, control)
    }

    /// The same from a target, which needs nothing here but what opens the target and the vault.
    pub fn migrate_from(&self, from: From<'_>, options: &MigrateOptions, control: &Control) -> Result<MigrateReport> {
        self.refuse_future(&options.backup, control)?;
        let credentials = self.access.credentials(None)?;
        let import = |file: &Path| self.import_backup(file, None, control);
        let migrated = Migration { access: &self.access, import: &import, credentials, options, control }.run(from);
        let report = migrated.map_err(|error| self.in_zone(error))?;
        self.take_over_targets(control);
        Ok(report)
    }
}
