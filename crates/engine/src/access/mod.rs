//! How a root's vault is reached: the configuration, what opens the vault, its lock, and the way to its targets.
//!
//! Whatever works on a vault has one of these, and none of the [engine's](crate::Engine) front door.

mod elsewhere;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use crate::config::Reach;
use crate::mutex::lock as locked;
use crate::report::Warning;
use crate::seal::keyring::Credentials;
use crate::seal::places::Places;
use crate::secret::MasterKey;
use crate::store::{Folders, Opener};
use crate::vault::lock::Lock;
use crate::vault::{Vault, place};
use crate::{Config, Control, Error, Result, marriage};

/// One root and its vault. Opens nothing before it is asked.
pub struct Access {
    /// With the vault's own folder.
    pub(crate) config: Config,
    /// The folder that was named for the vault.
    pub(crate) named: PathBuf,
    key: Option<MasterKey>,
    /// The vault, once it has been opened.
    opened: Mutex<Option<Vault>>,
    /// Makes the stores of the targets.
    opener: Arc<dyn Opener>,
}

impl Access {
    pub fn new(config: Config) -> Access {
        let named = place::real(&config.backup_dir, &config.root);
        Access { config: config.placed(), named, key: None, opened: Mutex::default(), opener: Arc::new(Folders) }
    }

    /// With the stores that another crate brings.
    pub fn with_opener(mut self, opener: Arc<dyn Opener>) -> Access {
        self.config.reach = Reach(opener.clone());
        self.opener = opener;
        self
    }

    /// With a master key that is known already.
    pub fn with_key(mut self, key: MasterKey) -> Access {
        self.key = Some(key);
        self
    }

    pub fn config(&self) -> &Config {
        &self.config
    }

    pub(crate) fn opener(&self) -> &dyn Opener {
        self.opener.as_ref()
    }

    /// The master key, once the vault has been opened by a passphrase.
    pub(crate) fn unlocked_key(&self) -> Option<MasterKey> {
        locked(&self.opened).as_ref().and_then(Vault::costly_key)
    }

    /// The vault, opened once.
    pub(crate) fn vault(&self) -> Result<Vault> {
        let mut opened = locked(&self.opened);
        if let Some(vault) = &*opened {
            return Ok(vault.clone());
        }
        if !Vault::exists(&self.config.backup_dir) {
            marriage::refuse_missing_vault(&self.config)?;
        }
        let vault = Vault::open(&self.config.backup_dir, &self.credentials(None)?);
        let vault = vault.map_err(|error| self.with_way_back(error))?;
        Ok(opened.insert(vault).clone())
    }

    pub(crate) fn make_vault(&self, credentials: &Credentials) -> Result<Vault> {
        let vault = Vault::create(&self.config.backup_dir, credentials, self.config.encryption)?;
        Ok(locked(&self.opened).insert(vault).clone())
    }

    /// The vault, and where it was just made in an unexpected place, what is to be said of that.
    pub(crate) fn vault_for_backup(&self) -> Result<(Vault, Option<Warning>)> {
        if !self.config.root.is_dir() {
            return Err(Error::Source {
                message: format!("The folder {} does not exist, or is not a folder.", self.config.root.display()),
                source: None,
            });
        }
        let (vault, place) = match Vault::exists(&self.config.backup_dir) {
            true => (self.vault()?, None),
            false => {
                marriage::refuse_missing_vault(&self.config)?;
                (self.make_vault(&self.credentials(None)?)?, self.moved())
            }
        };
        // A key in the clear may also have been put there by somebody who wants to read what comes next.
        if self.config.encryption && !vault.is_encrypted() {
            return Err(Error::Config {
                message: "The vault is not encrypted, but the configuration asks for encryption. Set \"encryption\": false, or use another backupDir.".into(),
            });
        }
        Ok((vault, place))
    }

    /// The vault does not lie in the folder that was named for it, but below: who looks for it there is told.
    pub(crate) fn moved(&self) -> Option<Warning> {
        (self.named != self.config.backup_dir).then(|| Warning {
            path: self.named.strip_prefix(&self.config.root).unwrap_or(&self.named).display().to_string(),
            message: format!(
                "It holds other files, so the vault was made in {}. All commands find it there.",
                self.config.backup_dir.display()
            ),
        })
    }

    /// Is there something that will open a vault that is made now?
    pub(crate) fn can_make_vault(&self) -> Result<()> {
        let credentials = self.credentials(None)?;
        if self.config.encryption && credentials.passphrase.is_none() && credentials.key_file.is_none() {
            let hint = format!("nothing is set that could open it.{}", credentials.places.told());
            return Err(Error::Passphrase { hint });
        }
        Ok(())
    }

    pub(crate) fn lock(&self, operation: &str, wait: bool, control: &Control) -> Result<Lock> {
        Lock::acquire(&self.config.backup_dir, operation, wait, control)
    }

    /// Whatever may open the vault. `also`: a key file besides the configured one; it need not exist.
    pub(crate) fn credentials(&self, also: Option<&Path>) -> Result<Credentials> {
        Ok(Credentials { master: self.key.clone(), ..Places::of(&self.config).credentials(also)? })
    }
}
