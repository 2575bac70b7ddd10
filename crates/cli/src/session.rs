//! From what was typed to an engine: folders, configuration, credentials, progress and Ctrl-C, in one place.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use lifeboat_engine::config::told::without_values;
use lifeboat_engine::config::{Config, DEFAULT_FILE};
use lifeboat_engine::seal::places::Places;
use lifeboat_engine::secret::Secret;
use lifeboat_engine::vault::{self, place};
use lifeboat_engine::zone::{self, Zone};
use lifeboat_engine::{Control, Engine, Error, Result};
use zeroize::Zeroizing;

use crate::args::Global;
use crate::output::Output;
use crate::{credentials, engine, interrupt, shell};

/// A person may mistype a passphrase; a program that guesses gets no more tries than this.
const TRIES: usize = 3;

pub struct Session {
    global: Global,
    pub output: Output,
}

/// Does a command make the vault where there is none?
#[derive(Clone, Copy, PartialEq)]
pub enum SessionVault {
    MustExist,
    MayBeNew,
    /// The root itself is new: a configuration in it would be one that is just being restored.
    OfNewRoot,
}

impl Session {
    pub fn new(global: Global, output: Output) -> Session {
        shell::remember_places(&global);
        Session { global, output }
    }

    /// The configuration that is in force: the file's, then the options over it, then the environment.
    pub fn config(&self) -> Result<Config> {
        let root = absolute(self.global.root.as_deref().unwrap_or(Path::new(".")))?;
        let file = match &self.global.config {
            Some(file) => Some(absolute(file)?),
            None => Some(root.join(DEFAULT_FILE)).filter(|file| file.is_file()),
        };
        let mut config = match &file {
            Some(file) => Config::from_file(file, &root)?,
            None => Config::of_root(&root)?,
        };
        if self.global.root.is_some() || self.global.vault.is_some() {
            config = self.overridden(file.as_deref(), root)?;
        }
        config.environment = credentials::environment()?;
        Ok(config)
    }

    /// What times that are typed and printed are in.
    pub fn zone(&self) -> Result<Zone> {
        Ok(zone::of(&self.config()?))
    }

    /// The same for a root that is to be set up from `source`, which may be an old root with a configuration of its own.
    pub fn zone_of_new_root(&self, source: &Path) -> Result<Zone> {
        let mut config = self.new_root()?;
        config.timezone = config.timezone.or_else(|| Config::of_root(source).ok()?.timezone);
        Ok(zone::of(&config))
    }

    /// The configuration for a root that is to be set up: what was typed, the environment, and the defaults.
    fn new_root(&self) -> Result<Config> {
        if self.global.config.is_some() {
            return self.config();
        }
        let root = absolute(self.global.root.as_deref().unwrap_or(Path::new(".")))?;
        let mut config = Config::default();
        if let Some(vault) = &self.global.vault {
            config.backup_dir = absolute(vault)?;
        }
        let mut config = config.resolved(&root)?;
        config.environment = credentials::environment()?;
        Ok(config)
    }

    /// Lays `--root` and `--vault` over the file's fields *before* relative paths are resolved: the `backups/` of the
    /// root that a file names must not become the vault of the root that was typed.
    fn overridden(&self, file: Option<&Path>, root: PathBuf) -> Result<Config> {
        let mut config = match file {
            Some(file) => {
                let text = std::fs::read_to_string(file).map(Zeroizing::new);
                let text = text.map_err(|error| Error::io("reading", file, error))?;
                serde_json::from_str(&text).map_err(|error| Error::Config { message: without_values(&error) })?
            }
            None => Config::default(),
        };
        if let Some(vault) = &self.global.vault {
            config.backup_dir = absolute(vault)?;
        }
        if self.global.root.is_some() {
            config.root = root.clone();
        }
        config.resolved(&root)
    }

    /// The words of another command on the same root and vault.
    pub fn typed_again(&self, command: &str) -> Vec<OsString> {
        let mut words: Vec<OsString> = vec!["lifeboat".into(), command.into()];
        words.extend(shell::places(&self.global));
        words
    }

    /// Runs `operation` on the engine. Where the vault wants a passphrase, nothing gives one and a person is there, asks.
    pub fn engine<T>(&self, vault: SessionVault, operation: impl Fn(&Engine) -> Result<T>) -> Result<T> {
        let config = if vault == SessionVault::OfNewRoot { self.new_root()? } else { self.config()? };
        if Places::of(&config).given() || !self.output.may_ask() {
            return operation(&engine::of(config));
        }
        let with = |passphrase: Secret| {
            let mut config = config.clone();
            config.environment.typed = Some(passphrase);
            operation(&engine::of(config))
        };
        if vault == SessionVault::MayBeNew && config.encryption && !vault::Vault::exists(&place::of(&config.backup_dir))
        {
            return with(credentials::ask_new()?);
        }
        // Not every vault is encrypted and not every operation needs the key: ask only when the engine says so.
        let mut outcome = operation(&engine::of(config.clone()));
        for attempt in 0..TRIES {
            match outcome {
                Err(Error::Passphrase { .. }) => {
                    if attempt > 0 {
                        eprintln!("That did not open it. Once more:");
                    }
                    outcome = with(credentials::ask()?);
                }
                other => return other,
            }
        }
        outcome
    }

    /// The folder that was typed, or the one that one stands in.
    pub fn root(&self) -> Result<PathBuf> {
        absolute(self.global.root.as_deref().unwrap_or(Path::new(".")))
    }

    /// The same on another configuration than the one in force; nothing is asked.
    pub fn long_with<T>(&self, config: Config, operation: impl Fn(&Engine, &Control) -> Result<T>) -> Result<T> {
        let relay = self.output.progress();
        let _watch = interrupt::watch(relay.control());
        operation(&engine::of(config), relay.control())
    }

    /// Runs a long operation: with progress, and cancelled by Ctrl-C.
    pub fn long<T>(&self, vault: SessionVault, operation: impl Fn(&Engine, &Control) -> Result<T>) -> Result<T> {
        self.engine(vault, |engine| {
            let relay = self.output.progress();
            let _watch = interrupt::watch(relay.control());
            operation(engine, relay.control())
        })
    }
}

/// Relative paths that were typed start from the folder one stands in.
pub fn absolute(path: &Path) -> Result<PathBuf> {
    std::path::absolute(path)
        .map_err(|error| Error::Config { message: format!("{} is not a usable path: {error}.", path.display()) })
}
