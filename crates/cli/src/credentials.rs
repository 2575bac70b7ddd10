//! Where a passphrase or a key file comes from: the environment, the configuration, or a person at a terminal.
//!
//! What is found goes into the engine's `Config` and nowhere else, and is never printed.

use std::ffi::OsString;
use std::io::{self, ErrorKind};

use lifeboat_engine::config::Config;
use lifeboat_engine::secret::Secret;
use lifeboat_engine::{Error, Result};

pub const PASSPHRASE: &str = "BACKUP_PASSPHRASE";
pub const KEY_FILE: &str = "BACKUP_KEY_FILE";
/// The passphrase of an archive, where the vault has another one.
pub const ARCHIVE_PASSPHRASE: &str = "BACKUP_ARCHIVE_PASSPHRASE";

/// Puts what the environment says over what the configuration says. An empty variable says nothing.
pub fn from_environment(config: &mut Config) -> Result<()> {
    if let Some(passphrase) = secret(PASSPHRASE)? {
        config.passphrase = Some(passphrase);
        config.passphrase_file = None;
    }
    if let Some(value) = variable(KEY_FILE) {
        let file = std::path::absolute(&value)
            .map_err(|error| Error::Config { message: format!("{KEY_FILE} is not a usable path: {error}.") })?;
        config.key_file = Some(file);
    }
    Ok(())
}

/// What the environment says of an archive.
pub fn of_archive() -> Result<Option<Secret>> {
    secret(ARCHIVE_PASSPHRASE)
}

fn secret(name: &str) -> Result<Option<Secret>> {
    let Some(value) = variable(name) else { return Ok(None) };
    // The value itself stays out of the message: it is a secret.
    let text = value
        .into_string()
        .map_err(|_| Error::Config { message: format!("{name} is not valid UTF-8. Use a passphrase that is.") })?;
    Ok(Some(Secret::new(text)))
}

fn variable(name: &str) -> Option<OsString> {
    std::env::var_os(name).filter(|value| !value.is_empty())
}

/// Is there anything that could open the vault?
pub fn given(config: &Config) -> bool {
    config.passphrase.is_some() || config.passphrase_file.is_some() || config.key_file.is_some()
}

/// Asks for the passphrase of a vault that exists.
pub fn ask() -> Result<Secret> {
    read("Passphrase of the vault: ")
}

/// Asks for the passphrase of a sealed archive.
pub fn ask_archive() -> Result<Secret> {
    read("Passphrase of the archive: ")
}

/// Asks for the passphrase of a vault that is about to be made: twice, because a slip would lock it for ever.
pub fn ask_new() -> Result<Secret> {
    eprintln!("This makes a new vault. Choose a passphrase, and keep it somewhere else, too: nobody can read the");
    eprintln!("backups without it, and it cannot be recovered.");
    loop {
        let first = read("New passphrase: ")?;
        if first.expose().is_empty() {
            return Err(Error::Config {
                message: "The passphrase is empty. Choose one, or use a key file: lifeboat init --key-file FILE."
                    .into(),
            });
        }
        if read("The same again: ")? == first {
            return Ok(first);
        }
        eprintln!("These were not the same. Once more:");
    }
}

fn read(prompt: &str) -> Result<Secret> {
    rpassword::prompt_password(prompt).map(Secret::new).map_err(|error| match error.kind() {
        ErrorKind::Interrupted => Error::Aborted,
        _ => Error::io("reading a passphrase from", "the terminal", io::Error::other(error)),
    })
}
