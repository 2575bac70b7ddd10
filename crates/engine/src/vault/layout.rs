//! The names of a vault's objects, and the order in which they may arrive anywhere else, so that what has arrived is always a
//! whole vault of fewer backups: what opens it first, and every pack before the snapshots that may name it.

use std::collections::HashSet;
use std::fs;
use std::path::Path;

pub use super::ACCEPTED;
use super::name::BackupName;
use super::pack::PackId;
use super::{Vault, description, durable, shelf};
use crate::Result;
use crate::error::IoContext;

/// Below this folder are the files that open a vault.
pub const KEYS: &str = "keys";
pub const PINS: &str = "pins";
pub const PAGES: [&str; 3] = ["RECOVER.md", "recover.mjs", "format.md"];

/// What an object is. Sorted by the order of arrival.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Part {
    /// A wrapped master key. Small, and may be replaced.
    Key,
    /// For people who have nothing but the vault.
    Page,
    /// `vault.json`: without it, it is no vault.
    Description,
    Pack,
    Snapshot,
    /// That a backup is pinned, or that somebody has accepted it: an empty file.
    Mark,
    /// A portable file of one whole backup. Everything in it is in packs, too.
    Archive,
}

impl Part {
    /// What has this name in a vault; `None` where nothing of ours has.
    pub fn of(object: &str) -> Option<Part> {
        if object == description::FILE {
            return Some(Part::Description);
        }
        if PAGES.contains(&object) {
            return Some(Part::Page);
        }
        let (folder, name) = object.split_once('/')?;
        match folder {
            "packs" => PackId::of_object(object).map(|_| Part::Pack),
            "snapshots" => name.parse::<BackupName>().ok().map(|_| Part::Snapshot),
            _ if name.is_empty() || name.starts_with('.') || name.contains(['/', '\\', '\0']) => None,
            KEYS => Some(Part::Key),
            PINS | ACCEPTED => name.parse::<BackupName>().ok().map(|_| Part::Mark),
            shelf::FOLDER => Some(Part::Archive),
            _ => None,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Object {
    pub part: Part,
    /// Its path inside the vault, with `/`.
    pub name: String,
    /// Bytes.
    pub size: u64,
}

/// Everything in the vault's folder that is worth copying, in the order in which it may arrive: no catalog, no lock, nothing
/// temporary. A backup that ends meanwhile is left out whole.
pub fn objects(vault: &Vault) -> Result<Vec<Object>> {
    objects_in(vault.dir())
}

/// The same of a vault's folder. Needs no key.
pub fn objects_in(vault: &Path) -> Result<Vec<Object>> {
    // The snapshots are listed before the packs that they name.
    let listed = super::list_snapshots(vault)?;
    let mut found = Vec::new();
    let mut add = |part, name: String, size| found.push(Object { part, name, size });
    for name in listed {
        if let Some(size) = size(vault, &format!("snapshots/{name}"))? {
            add(Part::Snapshot, format!("snapshots/{name}"), size);
        }
    }
    for (pack, size) in super::list_packs(vault)? {
        add(Part::Pack, pack.object(), size);
    }
    let within = |folder: &str| -> Result<Vec<String>> {
        let names = durable::names(&vault.join(folder))?;
        Ok(names.iter().filter_map(|name| Some(format!("{folder}/{}", name.to_str()?))).collect())
    };
    let mut others: Vec<String> = PAGES.iter().chain([&description::FILE]).map(ToString::to_string).collect();
    for folder in [KEYS, PINS, ACCEPTED, shelf::FOLDER] {
        others.extend(within(folder)?);
    }
    for name in others {
        let Some(part) = Part::of(&name) else { continue };
        if let Some(size) = size(vault, &name)? {
            add(part, name, size);
        }
    }
    found.sort_by(|a, b| (a.part, &a.name).cmp(&(b.part, &b.name)));
    debug_assert_eq!(found.len(), found.iter().map(|object| &object.name).collect::<HashSet<_>>().len());
    Ok(found)
}

/// `None`: it is no file, or has gone.
fn size(vault: &Path, object: &str) -> Result<Option<u64>> {
    let path = vault.join(object);
    match fs::metadata(&path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        metadata => {
            let metadata = metadata.at("reading", &path)?;
            Ok(metadata.is_file().then_some(metadata.len()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_ours_is_known_by_its_name_and_nothing_else_is() {
        let id = "ab".repeat(32);
        for (object, part) in [
            ("vault.json", Part::Description),
            ("keys/0f.json", Part::Key),
            ("RECOVER.md", Part::Page),
            ("format.md", Part::Page),
            (format!("packs/ab/{id}").as_str(), Part::Pack),
            ("snapshots/backup_DAILY_2026-11-23T02-00-00-000Z", Part::Snapshot),
            ("pins/backup_DAILY_2026-11-23T02-00-00-000Z", Part::Mark),
            ("accepted/backup_DAILY_2026-11-23T02-00-00-000Z", Part::Mark),
            ("archives/a.tar.gz", Part::Archive),
        ] {
            assert_eq!(Part::of(object), Some(part), "{object}");
        }
        let wrong_folder = format!("packs/cd/{id}");
        for foreign in [
            "",
            "/",
            "packs/",
            "photo.jpg",
            "keys/",
            "keys/a/b",
            "keys/.tmp",
            "keys/../vault.json",
            "snapshots/x",
            "pins/x",
            "vault.json/",
            "catalog.sqlite",
            "lock",
            "hosts/1",
            wrong_folder.as_str(),
        ] {
            assert_eq!(Part::of(foreign), None, "{foreign}");
        }
    }

    #[test]
    fn what_opens_it_comes_first_and_packs_before_snapshots() {
        let order = [Part::Key, Part::Page, Part::Description, Part::Pack, Part::Snapshot, Part::Mark, Part::Archive];
        assert!(order.is_sorted());
    }
}
