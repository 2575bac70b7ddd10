//! What of passphrases and key files only the command line has: its environment, and a person at a terminal.
//!
//! What is found goes into the engine's `Config` and nowhere else, and is never printed.

use std::ffi::OsString;
use std::io::{self, ErrorKind};
use std::path::PathBuf;

use lifeboat_engine::seal::passphrase;
use lifeboat_engine::seal::places::{Environment, Whose};
use lifeboat_engine::secret::Secret;
use lifeboat_engine::{Error, Result};

pub const PASSPHRASE: &str = "BACKUP_PASSPHRASE";
pub const KEY_FILE: &str = "BACKUP_KEY_FILE";
/// The passphrase of an archive, where the vault has another one.
pub const ARCHIVE_PASSPHRASE: &str = "BACKUP_ARCHIVE_PASSPHRASE";

/// What the environment says of the vault.
pub fn environment() -> Result<Environment> {
    let absolute = |value: OsString| match value.is_empty() {
        true => Ok(PathBuf::new()),
        false => std::path::absolute(&value)
            .map_err(|error| Error::Config { message: format!("{KEY_FILE} is not a usable path: {error}.") }),
    };
    Ok(Environment {
        passphrase: secret(PASSPHRASE)?,
        key_file: std::env::var_os(KEY_FILE).map(absolute).transpose()?,
        of: Whose::Command,
        typed: None,
        now: None,
    })
}

/// What the environment says of an archive. An empty variable says nothing.
pub fn of_archive() -> Result<Option<Secret>> {
    Ok(secret(ARCHIVE_PASSPHRASE)?.filter(|secret| !secret.expose().is_empty()))
}

fn secret(name: &str) -> Result<Option<Secret>> {
    let Some(value) = std::env::var_os(name) else { return Ok(None) };
    // The value itself stays out of the message: it is a secret.
    let text = value
        .into_string()
        .map_err(|_| Error::Config { message: format!("{name} is not valid UTF-8. Use a passphrase that is.") })?;
    Ok(Some(Secret::new(text)))
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
        passphrase::for_sealing(&first)?;
        if again(&first)? {
            return Ok(first);
        }
        eprintln!("These were not the same. Type them again:");
    }
}

/// Asks for the passphrase of a new vault that a file is to keep. `None`: nobody wants to choose one.
pub fn ask_for_file() -> Result<Option<Secret>> {
    eprintln!("This makes a new vault, and a file with its passphrase. Choose one, or press Enter for a strong one.");
    loop {
        let first = read("New passphrase: ")?;
        if first.expose().is_empty() {
            return Ok(None);
        }
        passphrase::for_sealing(&first)?;
        if again(&first)? {
            return Ok(Some(first));
        }
        eprintln!("These were not the same. Type them again:");
    }
}

fn again(first: &Secret) -> Result<bool> {
    Ok(passphrase::canonical(&read("The same again: ")?) == passphrase::canonical(first))
}

fn read(prompt: &str) -> Result<Secret> {
    rpassword::prompt_password(prompt).map(Secret::new).map_err(|error| match error.kind() {
        ErrorKind::Interrupted => Error::Aborted,
        _ => Error::io("reading a passphrase from", "the terminal", io::Error::other(error)),
    })
}
