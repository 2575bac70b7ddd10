//! Where a passphrase or a key file comes from: the environment, the configuration, or `config/backup.pass`; and what was
//! found in each of these places, in sentences, for whoever cannot open a vault. No sentence holds a secret.
//!
//! The environment goes over the configuration. `config/backup.pass` counts where nothing else says anything, the same for
//! every command and every host: so a bot without an environment needs no configuration either.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::keyring::{self, Credentials};
use crate::config::PASSPHRASE_FILE;
use crate::secret::{MasterKey, Secret};
use crate::vault::durable;
use crate::{Config, Error, Result};

/// A passphrase is a line, and an `.env` a page.
const LONGEST: u64 = 1 << 20;

/// What the environment of a process says, laid over the configuration. An empty value says nothing.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Environment {
    /// What a person has typed when they were asked: over all else.
    #[serde(skip)]
    pub typed: Option<Secret>,
    /// BACKUP_PASSPHRASE, where it is set.
    pub passphrase: Option<Secret>,
    /// BACKUP_KEY_FILE, absolute, or empty, where it is set.
    pub key_file: Option<PathBuf>,
    pub of: Whose,
    /// What time it is there, in milliseconds since the epoch, where that is another one than here: for tests of the schedule.
    pub now: Option<i64>,
}

/// Whose environment it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Whose {
    /// Of the command that runs.
    #[default]
    Command,
    /// The `process.env` of the app that asks.
    App,
}

impl Whose {
    fn place(self) -> &'static str {
        match self {
            Whose::Command => "the environment of this command",
            Whose::App => "the app's process.env",
        }
    }
}

impl Environment {
    /// What opens or seals by words, if the environment says any.
    pub fn passphrase(&self) -> Option<&Secret> {
        [&self.typed, &self.passphrase].into_iter().flatten().find(|secret| !secret.expose().is_empty())
    }

    fn key_file(&self) -> Option<&Path> {
        self.key_file.as_deref().filter(|file| !file.as_os_str().is_empty())
    }
}

/// One place, and what was found there.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Place {
    pub sentence: String,
    /// Something there is used to open the vault.
    pub used: bool,
    /// What is wrong with it, and the command that mends it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub warning: Option<String>,
}

/// All places of one root.
#[derive(Clone, Debug, Default)]
pub struct Places {
    root: PathBuf,
    environment: Environment,
    passphrase: Option<Secret>,
    passphrase_file: Option<PathBuf>,
    key_file: Option<PathBuf>,
}

impl Places {
    pub fn of(config: &Config) -> Places {
        Places {
            root: config.root.clone(),
            environment: config.environment.clone(),
            passphrase: config.passphrase.clone(),
            passphrase_file: config.passphrase_file.clone(),
            key_file: config.key_file.clone(),
        }
    }

    /// Is there anything that could open the vault?
    pub fn given(&self) -> bool {
        self.configured() || self.fallback().is_some()
    }

    fn configured(&self) -> bool {
        let Places { environment, passphrase, passphrase_file, key_file, .. } = self;
        let words = environment.passphrase().is_some() || passphrase.is_some() || passphrase_file.is_some();
        words || environment.key_file().is_some() || key_file.is_some()
    }

    /// `config/backup.pass`, where it counts.
    pub fn fallback(&self) -> Option<PathBuf> {
        Some(self.default_file()).filter(|file| !self.configured() && file.is_file())
    }

    fn default_file(&self) -> PathBuf {
        self.root.join(PASSPHRASE_FILE)
    }

    /// Reads what is there. `also`: a key file that was named besides; it need not exist yet.
    pub fn credentials(&self, also: Option<&Path>) -> Result<Credentials> {
        let named = self.environment.passphrase().or(self.passphrase.as_ref());
        let file = || self.passphrase_file.clone().or_else(|| self.fallback());
        let passphrase = match named {
            Some(passphrase) => Some(passphrase.clone()),
            None => file().map(|file| read(&file)).transpose()?,
        };
        if passphrase.as_ref().is_some_and(|passphrase| passphrase.expose().is_empty()) {
            return Err(Error::Config { message: "The passphrase is empty.".into() });
        }
        let own = self.environment.key_file().or(self.key_file.as_deref()).filter(|file| also != Some(*file));
        let key_file = also.filter(|path| path.exists()).or(own).map(keyring::read_key_file).transpose()?;
        Ok(Credentials { passphrase, key_file, master: None::<MasterKey>, places: self.clone() })
    }

    /// One sentence for each place, in the order in which they count.
    pub fn looked_for(&self) -> Vec<Place> {
        let Places { environment, passphrase, passphrase_file, key_file, .. } = self;
        let has_words = environment.passphrase().is_some();
        let mut places = Vec::new();
        if environment.typed.is_some() {
            places.push(place("A passphrase was typed at the terminal.", true));
        }
        places.push(variable(environment));
        places.push(self.key_file_variable());
        let mut configured = |what: String, used: bool, file: Option<&Path>| {
            let warning = file.and_then(others_may_read);
            places.push(Place { sentence: format!("The configuration {what}."), used, warning });
        };
        let unless = |over: bool, by: &str| if over { format!(", but {by} goes over it") } else { String::new() };
        if passphrase.is_some() {
            configured(format!("has a `passphrase`{}", unless(has_words, "the passphrase above")), !has_words, None);
        }
        if let Some(file) = passphrase_file {
            let over = has_words || passphrase.is_some();
            let what = format!("names {}{}", found("`passphraseFile`", file), unless(over, "the passphrase above"));
            configured(what, !over && file.is_file(), Some(file));
        }
        if let Some(file) = key_file {
            let over = environment.key_file().is_some();
            let what = format!("names {}{}", found("`keyFile`", file), unless(over, "BACKUP_KEY_FILE"));
            configured(what, !over && file.is_file(), Some(file));
        }
        if passphrase.is_none() && passphrase_file.is_none() && key_file.is_none() {
            configured("has neither `passphrase`, `passphraseFile` nor `keyFile`".into(), false, None);
        }
        places.push(self.default_place());
        places.extend(self.dotenv());
        places
    }

    /// All sentences and warnings as one text, for an error.
    pub fn told(&self) -> String {
        // Without a root nobody has looked anywhere.
        if self.root.as_os_str().is_empty() {
            return String::new();
        }
        let texts = self.looked_for().into_iter().flat_map(|place| [Some(place.sentence), place.warning]);
        texts.flatten().map(|text| format!(" {text}")).collect()
    }

    fn key_file_variable(&self) -> Place {
        let whose = self.environment.of.place();
        match &self.environment.key_file {
            None => place(format!("BACKUP_KEY_FILE is not set in {whose}."), false),
            Some(file) if file.as_os_str().is_empty() => {
                place(format!("BACKUP_KEY_FILE is empty in {whose}, which counts as not set."), false)
            }
            Some(file) => Place {
                sentence: format!("{}, in {whose}.", found("BACKUP_KEY_FILE names", file)),
                used: file.is_file(),
                warning: others_may_read(file),
            },
        }
    }

    fn default_place(&self) -> Place {
        let file = self.default_file();
        let shown = file.display();
        match (file.is_file(), self.configured()) {
            (false, _) if file.symlink_metadata().is_ok() => {
                place(format!("{shown} is there, but it is no file that can be read."), false)
            }
            (false, _) => place(format!("There is no {shown}."), false),
            (true, true) => place(format!("{shown} is there, but counts only where nothing else is given."), false),
            (true, false) => {
                let sentence = format!("{shown} is there, and its passphrase is used.");
                Place { sentence, used: true, warning: others_may_read(&file) }
            }
        }
    }

    /// What lies in an `.env` that nobody loads looks as if it were set.
    fn dotenv(&self) -> Option<Place> {
        let file = self.root.join(".env");
        let text = file.is_file().then(|| durable::read_small(&file, LONGEST).ok()).flatten().map(Zeroizing::new)?;
        let lines: Vec<&str> = std::str::from_utf8(&text).unwrap_or_default().lines().collect();
        let unheard = [
            ("BACKUP_PASSPHRASE", self.environment.passphrase.is_none()),
            ("BACKUP_KEY_FILE", self.environment.key_file.is_none()),
        ];
        let (name, _) =
            unheard.into_iter().find(|(name, unset)| *unset && lines.iter().any(|line| sets(line, name)))?;
        let who = match self.environment.of {
            Whose::App => "the app's process does not have it: it is not loaded, or only after this call",
            Whose::Command => "this command does not have it",
        };
        let sentence = format!(
            "{} has a line {name}=…, but Lifeboat does not read this file, and {who}. Put the passphrase into \
             {PASSPHRASE_FILE} instead, or load the file (`node --env-file=.env`).",
            file.display()
        );
        Some(place(sentence, false))
    }
}

fn place(sentence: impl Into<String>, used: bool) -> Place {
    Place { sentence: sentence.into(), used, warning: None }
}

fn variable(environment: &Environment) -> Place {
    let whose = environment.of.place();
    let (state, used) = match &environment.passphrase {
        None => ("is not set in", false),
        Some(text) if text.expose().is_empty() => {
            return place(format!("BACKUP_PASSPHRASE is empty in {whose}, which counts as not set."), false);
        }
        Some(text) if super::passphrase::is_blank(text) => ("is set, but to nothing that can be seen, in", true),
        Some(_) => ("is set in", true),
    };
    place(format!("BACKUP_PASSPHRASE {state} {whose}."), used)
}

fn found(what: &str, file: &Path) -> String {
    let state = match file.metadata() {
        Ok(_) => "",
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => ", which does not exist",
        Err(_) => ", which this user may not look at",
    };
    format!("{what} {}{state}", file.display())
}

/// `BACKUP_PASSPHRASE=…`, also after `export`, with blanks around it.
fn sets(line: &str, name: &str) -> bool {
    let line = line.trim_start_matches('\u{feff}').trim_start();
    let line = line.strip_prefix("export").filter(|rest| rest.starts_with(char::is_whitespace)).unwrap_or(line);
    line.trim_start().strip_prefix(name).is_some_and(|rest| rest.trim_start().starts_with('='))
}

/// The text of a passphrase file, without the end of its line.
fn read(file: &Path) -> Result<Secret> {
    let refuse = |why: String| Error::Config { message: format!("The passphrase file {} {why}", file.display()) };
    let bytes = durable::read_small(file, LONGEST).map(Zeroizing::new).map_err(|error| match error {
        Error::Io { source, .. } if source.kind() == std::io::ErrorKind::PermissionDenied => {
            refuse(format!("cannot be read: {source}. It must belong to the user that the app runs as (`chown`)."))
        }
        Error::Io { source, .. } => refuse(format!("cannot be read: {source}.")),
        other => other,
    })?;
    let text =
        std::str::from_utf8(&bytes).map_err(|_| refuse("is not text in UTF-8. Save it again as such.".into()))?;
    let secret = Secret::new(text.trim_end_matches(['\r', '\n']));
    if super::passphrase::canonical(&secret).expose().is_empty() {
        return Err(refuse("is empty. Put the passphrase into it, or remove it.".into()));
    }
    Ok(secret)
}

#[cfg(unix)]
fn others_may_read(file: &Path) -> Option<String> {
    use std::os::unix::fs::PermissionsExt;
    let mode = file.metadata().ok().filter(std::fs::Metadata::is_file)?.permissions().mode();
    let who = match (mode & 0o007, mode & 0o077) {
        (1.., _) => "Anybody on this machine",
        (0, 1..) => "Its whole group",
        _ => return None,
    };
    Some(format!("{who} can read {file}: `chmod 600 {file}`.", file = file.display()))
}

#[cfg(not(unix))]
fn others_may_read(_file: &Path) -> Option<String> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_sets_a_variable_is_told_from_one_that_only_names_it() {
        for line in ["X=1", " X = 1", "export X=1", "export\tX=", "\u{feff}X='a b'", "X="] {
            assert!(sets(line, "X"), "{line:?}");
        }
        for line in ["# X=1", "XY=1", "AX=1", "exportX=1", "X", "echo $X=", ""] {
            assert!(!sets(line, "X"), "{line:?}");
        }
    }
}
