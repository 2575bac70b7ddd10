//! Making a vault, and letting further credentials open it.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use super::description::Description;
use super::{Vault, description, durable, layout, lock};
use crate::config::PASSPHRASE_FILE;
use crate::error::IoContext;
use crate::seal::keyring::{self, Credentials};
use crate::seal::{passphrase, random};
use crate::secret::MasterKey;
use crate::{Control, Error, Result};

const RECOVER_SCRIPT: &str = include_str!("recover/recover.mjs");
const RECOVER_PAGE: &str = include_str!("recover/RECOVER.md");
const FORMAT_PAGE: &str = include_str!("../../../../docs/format.md");

impl Vault {
    /// Makes a vault in `dir`, which must be empty or not exist, and opens it. Of two at the same time, one makes it.
    ///
    /// `vault.json` comes last: without it there is no vault.
    pub fn create(dir: &Path, credentials: &Credentials, encryption: bool) -> Result<Vault> {
        if encryption && credentials.passphrase.is_none() && credentials.key_file.is_none() {
            return Err(Error::Passphrase {
                hint: format!(
                    "a new vault needs a passphrase or a key file. `lifeboat init` makes a passphrase file, \
                     {PASSPHRASE_FILE}; or set BACKUP_PASSPHRASE, or make a key file with `lifeboat init --key-file \
                     FILE`. Keep a copy somewhere that is not this server. (`encryption: false` makes a vault without.){}",
                    credentials.places.told()
                ),
            });
        }
        // Before anything is made.
        if let Some(passphrase) = credentials.passphrase.as_ref().filter(|_| encryption) {
            passphrase::for_sealing(passphrase)?;
        }
        durable::make_folder(dir)?;
        // Another process may be making it at this moment: then what lies there is a vault's.
        description::refuse_foreign(dir).or_else(|error| if Vault::exists(dir) { Ok(()) } else { Err(error) })?;
        restrict(dir)?;
        let _lock = lock::Lock::acquire(dir, "INIT", true, &Control::silent())?;
        if Vault::exists(dir) {
            return Vault::open(dir, credentials);
        }
        for folder in ["keys", "packs", "snapshots", "tmp"] {
            durable::make_folder(&dir.join(folder))?;
        }
        // A creation that was cut off left keys of a master key that nothing was ever sealed with.
        for leftover in durable::list(&dir.join("keys"))? {
            fs::remove_file(&leftover).at("removing", &leftover)?;
        }
        let id = random::<16>()?;
        let master = MasterKey::new(random()?);
        keyring::add(&dir.join("keys"), &id, &master, credentials, encryption)?;
        Vault::write_pages(dir)?;
        Description::new(&id, keyring::key_check(&master, &id)).write(dir)?;
        if let Some(parent) = dir.parent() {
            durable::sync_parent(parent)?;
        }
        let mut vault = Vault::open(dir, &Credentials { master: Some(master), ..Credentials::default() })?;
        // Whoever made it with a passphrase would have to derive the key again for the next operation.
        if let Some(inner) = Arc::get_mut(&mut vault.inner) {
            inner.by_passphrase = encryption && credentials.passphrase.is_some() && credentials.key_file.is_none();
        }
        Ok(vault)
    }

    /// What is in each vault for people who have nothing else.
    pub fn write_pages(dir: &Path) -> Result<()> {
        let contents = [RECOVER_PAGE, RECOVER_SCRIPT, FORMAT_PAGE];
        layout::PAGES
            .iter()
            .zip(contents)
            .try_for_each(|(name, text)| durable::write_private(&dir.join(name), text.as_bytes()))
    }

    /// Lets `credentials` open this vault too, each of them that does not yet.
    pub fn add_credentials(&self, credentials: &Credentials) -> Result<()> {
        let keys = self.dir().join("keys");
        let opens = |alone: Credentials| match keyring::unlock(&keys, &self.inner.id, &self.inner.key_check, &alone) {
            Ok(_) => Ok(true),
            Err(Error::Passphrase { .. }) => Ok(false),
            Err(error) => Err(error),
        };
        let mut new = Credentials { master: None, ..credentials.clone() };
        if opens(Credentials { passphrase: new.passphrase.clone(), ..Credentials::default() })? {
            new.passphrase = None;
        }
        if opens(Credentials { key_file: new.key_file.clone(), ..Credentials::default() })? {
            new.key_file = None;
        }
        keyring::add(&keys, &self.inner.id, &self.inner.master, &new, true)
    }
}

/// Nobody but the owner looks into a vault.
fn restrict(dir: &Path) -> Result<()> {
    #[cfg(unix)]
    fs::set_permissions(dir, std::os::unix::fs::PermissionsExt::from_mode(0o700)).at("restricting", dir)?;
    #[cfg(not(unix))]
    let _ = dir;
    Ok(())
}
