//! Making a vault, and letting one more passphrase or key file open it, at the engine's front door.

use std::path::Path;

use super::Engine;
use crate::report::InitReport;
use crate::seal::keyring::{self, Credentials};
use crate::seal::places::{Environment, Places};
use crate::seal::{passphrase, passphrase_file};
use crate::secret::Secret;
use crate::vault::Vault;
use crate::{Config, Control, Error, Result};

impl Engine {
    /// Makes the vault, or lets one more passphrase or key file open a vault that exists.
    ///
    /// `key_file` is made (32 random bytes, mode 0600) where it does not exist.
    pub fn init(&self, key_file: Option<&Path>) -> Result<InitReport> {
        if key_file.is_some_and(|path| path.starts_with(&self.access.config.backup_dir)) {
            return Err(Error::Config {
                message: "The key file must not lie in the vault: whoever has the vault would have the key.".into(),
            });
        }
        let root = &self.access.config.root;
        if !root.is_dir() {
            let message = format!(
                "{} is not there, or no folder. Name the folder of the app (`root`, --root DIR), or make it first.",
                root.display()
            );
            return Err(Error::Source { message, source: None });
        }
        let report = |vault: &Vault, created| InitReport {
            vault: self.access.config.backup_dir.clone(),
            created,
            encrypted: vault.is_encrypted(),
            key_file: key_file.map(Path::to_path_buf),
            passphrase_file: Places::of(&self.access.config).fallback().filter(|_| vault.is_encrypted()),
            warnings: Places::of(&self.access.config)
                .looked_for()
                .into_iter()
                .filter_map(|place| place.warning)
                .collect(),
        };
        let exists = Vault::exists(&self.access.config.backup_dir);
        let mut credentials = self.access.credentials(key_file)?;
        // Opened before anything is made: who cannot open the vault leaves no key file behind.
        let opened = match exists {
            true => Some(Vault::open(&self.access.config.backup_dir, &credentials).or_else(|error| match error {
                // The named key file is to be added: the configured one opens.
                Error::Passphrase { .. } if key_file.is_some() => self.access.vault(),
                other => Err(other),
            })?),
            false => None,
        };
        let missing = key_file.filter(|path| !path.exists());
        match opened {
            Some(vault) => {
                let _lock = self.access.lock("INIT", true, &Control::silent())?;
                // First, because it may be refused: then no key file is made that opens nothing.
                vault.add_credentials(&credentials)?;
                if let Some(path) = missing {
                    let key_file = Some(keyring::make_key_file(path)?);
                    vault.add_credentials(&Credentials { key_file, ..Credentials::default() })?;
                }
                Ok(report(&vault, false))
            }
            None => {
                if let Some(path) = missing {
                    credentials.passphrase.as_ref().map(passphrase::for_sealing).transpose()?;
                    credentials.key_file = Some(keyring::make_key_file(path)?);
                }
                let vault = self.access.make_vault(&credentials)?;
                self.marry_new(&vault)?;
                Ok(report(&vault, true))
            }
        }
    }

    /// As [`Engine::init`], with a file that opens the vault from then on: `config/backup.pass`, for a root where nothing else
    /// does. It gets `passphrase`, which has to open a vault that exists, or a strong one where that is `None`.
    pub fn init_with_passphrase_file(&self, passphrase: Option<&Secret>) -> Result<InitReport> {
        let places = Places::of(&self.access.config);
        if Vault::exists(&self.access.config.backup_dir) {
            let credentials = Credentials { passphrase: passphrase.cloned(), places, ..Credentials::default() };
            Vault::open(&self.access.config.backup_dir, &credentials)?;
        }
        let passphrase = match passphrase {
            Some(given) => {
                passphrase::for_sealing(given)?;
                given.clone()
            }
            None => passphrase::generate()?,
        };
        passphrase_file::make(&self.access.config.root, &passphrase)?;
        // By the file alone, as every later command will: what it does not open now, it never would.
        let config = Config {
            backup_dir: self.access.named.clone(),
            environment: Environment { typed: None, ..self.access.config.environment.clone() },
            ..self.access.config.clone()
        };
        Engine::new(config).init(None)
    }
}
