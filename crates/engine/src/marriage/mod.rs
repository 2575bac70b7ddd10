//! The marriage of a root and its vault: each names the other, so that neither is mistaken for another one.
//!
//! The vault has a sealed [`record`] of its root, the root a small [`marker`] with the vaults that it is kept in. Two roots with
//! one vault would prune each other's backups; the empty folder of a disk that is not mounted would pass for the root, and for
//! the vault. The first backup marries, and so do `init`, `migrate` and `adopt`; every later one looks, under the lock.
//!
//! The law against which a refusal is judged: never become a reason for having no backups. A half that was lost is made anew
//! where the other half, or the root itself, says enough.

mod likeness;
pub mod marker;
pub mod record;

use std::path::Path;

use crate::report::Warning;
use crate::seal::random;
use crate::vault::{Vault, place};
use crate::{Config, Error, Result};

use marker::RootMarker;
use record::MarriageRecord;

/// Is this root the one whose vault this is? Marries them where neither knows another. Returns what is to be said. The caller
/// holds the vault's lock.
pub fn settle(vault: &Vault, config: &Config) -> Result<Option<Warning>> {
    let couple = Couple::of(vault, config);
    match (&couple.record, &couple.marker) {
        (Some(record), Some(marker)) if record.root != marker.root => Err(couple.is_anothers(record)),
        (Some(record), Some(_)) => match couple.twin(record) {
            Some(twin) => Err(couple.is_copy(&twin)),
            None => couple.keep(&record.root).map(|()| None),
        },
        (Some(record), None) => match likeness::is_familiar(vault, &config.root, Some(record)) {
            true => couple.keep(&record.root).map(|()| couple.note(record)),
            false if record.is_of(&config.root) => Err(couple.is_strange()),
            false => Err(couple.is_anothers(record)),
        },
        (None, Some(marker)) if marker.place_of(&vault.id()).is_none() && marker.has_vault_at(&couple.place()) => {
            Err(couple.is_replaced())
        }
        // The vault is new to it, or has lost its half.
        (None, Some(marker)) => couple.keep(&marker.root).map(|()| None),
        // Made before there were marriages, or just now.
        (None, None) if likeness::is_familiar(vault, &config.root, None) => couple.keep(&new_root()?).map(|()| None),
        (None, None) => Err(couple.is_strange()),
    }
}

/// Marries them whatever was before. The caller holds the vault's lock.
pub fn adopt(vault: &Vault, config: &Config) -> Result<()> {
    let couple = Couple::of(vault, config);
    let is_copy = couple.record.as_ref().is_some_and(|record| couple.twin(record).is_some());
    match couple.marker.as_ref().filter(|_| !is_copy) {
        Some(marker) => couple.keep(&marker.root),
        None => couple.keep(&new_root()?),
    }
}

/// The root that was here has a vault in this place, and there is none: before a new one is made.
pub fn refuse_missing_vault(config: &Config) -> Result<()> {
    let dir = &config.backup_dir;
    // What is left of a vault is told by whoever opens or makes one.
    let Some(marker) = RootMarker::read(&config.root).filter(|_| !place::holds_vault(dir)) else { return Ok(()) };
    if !marker.has_vault_at(&marker::place(&config.root, dir)) {
        return Ok(());
    }
    let new = match config.way_back() {
        Some(way) => format!("{way} To begin a new one, `lifeboat init`"),
        None => "If it is gone for good, `lifeboat init` makes a new one".into(),
    };
    Err(Error::Vault {
        message: format!(
            "The vault of this root was in {}, and it is not there. Is its disk mounted? Mount it, or put the vault back. \
             {new}; to have it elsewhere, name the place (`backupDir`, --vault DIR).",
            dir.display()
        ),
    })
}

/// Is this vault where its root has it, and no copy of it elsewhere?
pub fn is_in_its_place(vault: &Vault, config: &Config) -> bool {
    let marker = RootMarker::read(&config.root);
    marker.is_some_and(|marker| marker.place_of(&vault.id()) == Some(&marker::place(&config.root, vault.dir())))
}

/// For what would remove backups of another root by the rules of this one.
pub fn refuse_another(vault: &Vault, config: &Config) -> Result<()> {
    let couple = Couple::of(vault, config);
    match (&couple.record, &couple.marker) {
        (Some(record), Some(marker)) if record.root != marker.root => Err(couple.is_anothers(record)),
        (Some(record), None) if !record.is_of(&config.root) => Err(couple.is_anothers(record)),
        (Some(record), Some(_)) => couple.twin(record).map_or(Ok(()), |twin| Err(couple.is_copy(&twin))),
        _ => Ok(()),
    }
}

/// The id of the root that a vault belongs to, where it is known.
pub fn root_of(vault: &Vault) -> Option<String> {
    Some(MarriageRecord::read(vault).ok()??.root)
}

/// Whose the vault is by what its newest backup says, where that root is still there and says the same.
fn remembered(vault: &Vault) -> Option<MarriageRecord> {
    let last = likeness::last(vault)?;
    let (root, path) = (last.root_id?, last.root);
    let marker = RootMarker::read(Path::new(&path))?;
    (marker.root == root && marker.place_of(&vault.id()).is_some()).then_some(MarriageRecord {
        root,
        path,
        has_marker: true,
    })
}

fn new_root() -> Result<String> {
    Ok(hex::encode(random::<16>()?))
}

/// Both halves, as they are found.
struct Couple<'a> {
    vault: &'a Vault,
    root: &'a Path,
    /// One that was lost or is damaged is told from the newest backup, as far as the root of that says so, too.
    record: Option<MarriageRecord>,
    is_lost: bool,
    marker: Option<RootMarker>,
}

impl<'a> Couple<'a> {
    fn of(vault: &'a Vault, config: &'a Config) -> Couple<'a> {
        let (record, marker) = (MarriageRecord::read(vault).ok().flatten(), RootMarker::read(&config.root));
        let is_lost = record.is_none();
        Couple { vault, root: &config.root, record: record.or_else(|| remembered(vault)), is_lost, marker }
    }

    fn place(&self) -> String {
        marker::place(self.root, self.vault.dir())
    }

    /// Makes both halves say so; writes nothing where they do. A root that cannot be written to, or whose disk is full, is known
    /// by what is in it: that is no reason for no backup.
    fn keep(&self, root: &str) -> Result<()> {
        let vaults = self.marker.as_ref().map(|marker| marker.vaults.clone()).unwrap_or_default();
        let marker = RootMarker { root: root.into(), vaults }.with(&self.vault.id(), &self.place());
        let has_marker = self.marker.as_ref() == Some(&marker) || marker.write(self.root).is_ok();
        let record = MarriageRecord { root: root.into(), path: record::said(self.root), has_marker };
        if !self.is_lost && self.record.as_ref() == Some(&record) { Ok(()) } else { record.write(self.vault) }
    }

    /// Another folder that says that it is this root, with this vault: the one that the vault remembers, still there. A root that
    /// was copied with its vault in it has one of its own.
    fn twin(&self, record: &MarriageRecord) -> Option<String> {
        let other = Path::new(&record.path);
        if record.is_of(self.root) || record::is_same_folder(other, self.root) {
            return None;
        }
        let marker = RootMarker::read(other).filter(|marker| marker.root == record.root)?;
        let place = other.join(marker.place_of(&self.vault.id())?);
        record::is_same_folder(&place, self.vault.dir()).then(|| record.path.clone())
    }

    fn note(&self, record: &MarriageRecord) -> Option<Warning> {
        record.has_marker.then(|| Warning {
            path: marker::FILE.into(),
            message: "This file says which vault belongs to this root, and it was missing. The rest of the root is as \
             the last backup saw it, so the file was written again. Do not delete it (`git clean` does)."
                .into(),
        })
    }

    fn is_anothers(&self, record: &MarriageRecord) -> Error {
        Error::AnotherRoot {
            message: format!(
                "The vault {} belongs to another root, {}, and not to {}. Each root needs its own vault: name another \
                 place (`backupDir`, --vault DIR). If this root should have this vault from now on, run `lifeboat \
                 adopt`.",
                self.vault.dir().display(),
                record.path,
                self.root.display()
            ),
        }
    }

    fn is_copy(&self, twin: &str) -> Error {
        Error::AnotherRoot {
            message: format!(
                "{} is a copy of {twin}, which still exists and has the vault {}. A copy needs its own vault: name \
                 another place (`backupDir`, --vault DIR). If the copy should have this vault from now on, run \
                 `lifeboat adopt`.",
                self.root.display(),
                self.vault.dir().display()
            ),
        }
    }

    fn is_strange(&self) -> Error {
        Error::Vault {
            message: format!(
                "{} is not what the last backup saw: most of it is missing, and so is {}, the file that says which \
                 vault belongs to it. Is its disk mounted? If the data was lost, `lifeboat restore latest` restores \
                 it. If the root is right as it is, run `lifeboat adopt`.",
                self.root.display(),
                marker::FILE
            ),
        }
    }

    fn is_replaced(&self) -> Error {
        Error::Vault {
            message: format!(
                "The vault in {} is not the one that this root had there. Is another disk mounted? Put the right \
                 vault back, or run `lifeboat adopt` to use this one.",
                self.vault.dir().display()
            ),
        }
    }
}
