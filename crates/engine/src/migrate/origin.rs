//! What `--from` names: a vault, a folder that holds one, or an archive.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::remote::Remote;
use super::settings::Settings;
use crate::config::DEFAULT_FILE;
use crate::config::cloud::Target;
use crate::error::IoContext;
use crate::store::Opener;
use crate::store::downloaded::{Download, is_renamed, is_zip_name};
use crate::vault::{Vault, description, durable, place};
use crate::{Control, Error, Result};

/// A configuration is a page of text.
const MAX_SETTINGS: u64 = 1 << 20;
/// How many archives an error names.
const SHOWN: usize = 5;

/// Where everything comes from; absolute, and it exists.
pub enum Origin {
    /// A vault's folder.
    Vault(PathBuf),
    /// An archive: one backup in one file.
    Archive(PathBuf),
    /// A target, or what was downloaded from one.
    Remote(Remote),
}

/// What was named.
#[derive(Clone, Copy)]
pub enum From<'a> {
    Path(&'a Path),
    Target(&'a Target),
}

impl Origin {
    /// `vault`: of a target or a download that has several vaults, the id of the one that is meant.
    pub fn find(from: From<'_>, vault: Option<&str>, opener: &dyn Opener, control: &Control) -> Result<Origin> {
        match from {
            From::Path(path) => Origin::at(path, vault, control),
            From::Target(target) => Remote::of_target(opener, target, vault, control).map(Origin::Remote),
        }
    }

    fn at(from: &Path, vault: Option<&str>, control: &Control) -> Result<Origin> {
        let from = std::path::absolute(from).at("using", from)?;
        let metadata = match std::fs::metadata(&from) {
            Ok(metadata) => metadata,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(Error::NotFound { message: format!("There is nothing at {}.", from.display()) });
            }
            Err(error) => return Err(Error::io("reading", from, error)),
        };
        let from = from.canonicalize().at("reading", &from)?;
        if metadata.is_file() {
            let is_description = from.file_name().is_some_and(|name| name == description::FILE);
            return match from.parent().filter(|_| is_description) {
                Some(vault) => Ok(Origin::Vault(vault.to_path_buf())),
                None if is_zip_name(&from) => Err(zipped(&from)),
                None => Ok(Origin::Archive(from)),
            };
        }
        let places = places(&from);
        let is_meant = |place: &Path| vault.is_none_or(|vault| id_of(place).is_some_and(|id| id == vault));
        if let Some(place) = places.iter().find(|place| Vault::exists(place) && is_tidy(place) && is_meant(place)) {
            return Ok(Origin::Vault(place.canonicalize().at("reading", place)?));
        }
        if let Some(remote) = Remote::downloaded(&from, vault, control)? {
            return Ok(Origin::Remote(remote));
        }
        // What is damaged is told when it is opened.
        if let Some(place) = places.iter().find(|place| Vault::exists(place) && vault.is_none()) {
            return Ok(Origin::Vault(place.clone()));
        }
        if let Some(remains) = places.iter().find(|place| place.join("packs").is_dir()) {
            return Err(Error::corrupt(
                description::FILE,
                format!(
                    "{} contains a vault without it. Get that file from another copy of the vault: it is the same in \
                     all of them",
                    remains.display()
                ),
            ));
        }
        Err(nothing_in(&from, settings(&from).absolute_vault())?)
    }

    pub fn path(&self) -> &Path {
        match self {
            Origin::Vault(path) | Origin::Archive(path) => path,
            Origin::Remote(remote) => remote.path(),
        }
    }

    /// What it is called in a report.
    pub fn said(&self) -> PathBuf {
        match self {
            Origin::Remote(remote) => PathBuf::from(&remote.name),
            other => other.path().to_path_buf(),
        }
    }
}

/// No browser had to find another name for a pack or a record, because it had one of that name already.
fn is_tidy(vault: &Path) -> bool {
    let has_twin = |folder: &Path| {
        durable::names(folder).unwrap_or_default().iter().any(|name| name.to_str().is_some_and(is_renamed))
    };
    let is_description =
        |name: &OsString| name.to_str().is_some_and(|name| name.starts_with("vault") && is_renamed(name));
    let packs = durable::list(&vault.join("packs")).unwrap_or_default();
    !packs.iter().any(|folder| has_twin(folder))
        && !["packs", "snapshots", "keys"].iter().any(|one| has_twin(&vault.join(one)))
        && !durable::names(vault).unwrap_or_default().iter().any(is_description)
        // One flat folder of all files.
        && ["packs", "keys"].iter().all(|part| vault.join(part).is_dir())
}

/// The id of the vault in this folder, if its description is whole.
fn id_of(vault: &Path) -> Option<String> {
    let bytes = durable::read_small(&vault.join(description::FILE), description::MAX_LEN).ok()?;
    description::id_in(&bytes).ok()
}

fn zipped(file: &Path) -> Error {
    Error::NotFound {
        message: format!(
            "{} is a zip file, which cannot be read directly. Unpack it, and all its other parts (-001, -002, …), \
             into one folder, and name that folder.",
            file.display()
        ),
    }
}

/// Where a vault may lie if somebody names this folder: itself, or as a root's.
fn places(folder: &Path) -> Vec<PathBuf> {
    let settings = settings(folder);
    let configured = settings.vault_of(folder, &folder.display().to_string());
    let mut places = vec![folder.to_path_buf(), configured];
    // The folder lay elsewhere when this was written: some end of the path may still be right.
    if let Some(absolute) = settings.absolute_vault() {
        let parts: Vec<_> = absolute.iter().skip(1).collect();
        places.extend((1..parts.len()).map(|from| folder.join(parts[from..].iter().collect::<PathBuf>())));
    }
    places.push(folder.join("backups"));
    places.iter().map(|named| place::of(named)).collect()
}

fn settings(root: &Path) -> Settings {
    let text = durable::read_small(&root.join(DEFAULT_FILE), MAX_SETTINGS);
    text.ok().and_then(|text| Settings::parse(&text)).unwrap_or_default()
}

/// `elsewhere`: where its configuration says that the vault lies. On this machine that may be another app's.
fn nothing_in(folder: &Path, elsewhere: Option<&Path>) -> Result<Error> {
    let archives: Vec<String> = durable::list(folder)?
        .iter()
        .filter_map(|path| path.file_name()?.to_str())
        .filter(|name| name.ends_with(".tar.gz") || name.ends_with(".tar.gz.sealed"))
        .map(str::to_owned)
        .collect();
    let hint = match (archives.as_slice(), elsewhere) {
        ([], Some(vault)) => format!("Its configuration says that the vault is {}: name that.", vault.display()),
        ([], None) => {
            "Name the folder that holds vault.json, a copy of the old root, or an archive (.tar.gz, .tar.gz.sealed)."
                .to_owned()
        }
        (some, _) => format!("It contains archives: name one of them, {}.", some[..some.len().min(SHOWN)].join(", ")),
    };
    Ok(Error::NotFound {
        message: format!(
            "There is no vault in {}: neither vault.json nor backups/vault.json. {hint}{}",
            folder.display(),
            Download::look(folder).hint()
        ),
    })
}
