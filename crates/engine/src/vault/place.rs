//! Where a vault lies: in the folder that is named, or in `lifeboat/` below it where that folder is somebody else's.
//!
//! An app may have a `backups/` of its own, with copies of its databases. A vault never mixes with them: it is made in
//! `backups/lifeboat/`, and whoever is given the outer folder finds it there. Nothing has to be remembered: the same look
//! at the folder gives the same answer before the vault is made and afterwards.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use super::name::BackupName;
use super::{catalog, description, durable, last_restore, layout, lock, shelf};
use crate::Result;
use crate::marriage::record;
use crate::presence;
use crate::watch::logbook;

/// The vault's folder in one that is somebody else's.
pub const INNER: &str = "lifeboat";

/// What is where at targets.
pub const LEDGER: &str = "replica.sqlite";
/// Whose turn it is to bring it there.
pub const TURN: &str = "replica.lock";
/// At a target: whose vault this is.
pub const ABOUT: &str = "about.json";
/// At a target: since when nothing needs which packs.
pub const UNNEEDED: &str = "unneeded.json";

/// What a vault is made of, besides its databases and what has a temporary name.
const NAMES: [&str; 16] = [
    description::FILE,
    "keys",
    "packs",
    "snapshots",
    shelf::FOLDER,
    "pins",
    "tmp",
    "journal",
    presence::FOLDER,
    lock::FILE,
    last_restore::FILE,
    record::FILE,
    super::ACCEPTED,
    TURN,
    ABOUT,
    UNNEEDED,
];
/// SQLite lays files beside a database: `logbook.sqlite-wal`.
const DATABASES: [&str; 4] = [catalog::FILE, logbook::FILE, LEDGER, super::elsewhere::FILE];
/// Nobody's: what a disk of its own has, and what keeps an empty folder in git.
const HARMLESS: [&str; 3] = ["lost+found", ".gitkeep", ".gitignore"];

/// Is this the name of something in a vault's folder that is the vault's own?
pub fn is_ours(name: &OsStr) -> bool {
    let Some(name) = name.to_str() else { return false };
    NAMES.contains(&name)
        || layout::PAGES.contains(&name)
        || name.starts_with(durable::TEMPORARY)
        || DATABASES.iter().any(|database| name.strip_prefix(database).is_some_and(is_beside))
}

/// The end of a database's own name, or of a file that belongs to it.
fn is_beside(rest: &str) -> bool {
    rest.is_empty() || rest.starts_with(['-', '.'])
}

/// The place itself, whatever links lead from the root to it; what is not there yet lies where it will be. How the root
/// itself is called stays.
pub fn real(dir: &Path, root: &Path) -> PathBuf {
    let real = |place: &Path| {
        let (there, real) = place.ancestors().find_map(|folder| Some((folder, folder.canonicalize().ok()?)))?;
        // Put together anew: to join nothing would leave a slash at the end.
        Some(real.join(place.strip_prefix(there).ok()?).components().collect::<PathBuf>())
    };
    let Some(place) = real(dir) else { return dir.to_path_buf() };
    let inner = real(root).and_then(|root| Some(place.strip_prefix(root).ok()?.to_path_buf()));
    inner.map_or(place, |inner| root.join(inner))
}

/// The vault's folder where `dir` is what somebody named for it.
pub fn of(dir: &Path) -> PathBuf {
    if holds_vault(dir) || dir.file_name() == Some(INNER.as_ref()) {
        return dir.to_path_buf();
    }
    let inner = dir.join(INNER);
    // A folder that cannot be listed is somebody's, and whoever opens it says why it cannot be used.
    if holds_vault(&inner) || foreign(dir).is_ok_and(|foreign| foreign.is_some()) { inner } else { dir.to_path_buf() }
}

/// A vault with all that makes one. A file of the name alone proves nothing: anybody may upload it.
pub fn is_whole(dir: &Path) -> bool {
    dir.join(description::FILE).is_file() && ["keys", "packs", "snapshots"].iter().all(|part| dir.join(part).is_dir())
}

/// A vault, or what is left of one that has lost its description: that is told, and nothing new takes its place.
pub fn holds_vault(dir: &Path) -> bool {
    let has = |folder, is_one: fn(&str) -> bool| {
        let names = durable::names(&dir.join(folder)).unwrap_or_default();
        names.iter().any(|name| name.to_str().is_some_and(is_one))
    };
    dir.join(description::FILE).is_file()
        || has("snapshots", |name| name.parse::<BackupName>().is_ok())
        || has("packs", |name| name.len() == 2 && is_hex(name))
}

/// The name of something in a folder without a vault that is somebody else's, if there is such. The beginnings of a vault
/// whose making was cut off are not; but a name alone proves nothing, and what is in it may be anybody's.
pub fn foreign(dir: &Path) -> Result<Option<String>> {
    let mut names = durable::names(dir)?;
    names.sort_unstable();
    for name in names {
        let text = name.to_string_lossy();
        // A file of such a name is somebody's.
        let inner = || match dir.join(&name).is_dir() {
            true => durable::names(&dir.join(&name)),
            false => Ok(vec![name.clone()]),
        };
        let is_harmless = match &*text {
            "keys" => inner()?.iter().all(|key| is_key(&key.to_string_lossy())),
            presence::FOLDER => inner()?.iter().all(|host| presence::is_host(&host.to_string_lossy())),
            "packs" | "snapshots" | "tmp" => inner()?.is_empty(),
            lock::FILE => true,
            other => {
                other == INNER
                    || layout::PAGES.contains(&other)
                    || other.starts_with(durable::TEMPORARY)
                    || HARMLESS.contains(&other)
            }
        };
        if !is_harmless {
            return Ok(Some(text.into_owned()));
        }
    }
    Ok(None)
}

/// The names of what lies in a vault's folder and is not the vault's.
pub fn beside(vault: &Path) -> Result<Vec<String>> {
    let mut names = durable::names(vault)?;
    names.retain(|name| !is_ours(name) && !HARMLESS.iter().any(|harmless| name.as_os_str() == *harmless));
    names.sort_unstable();
    Ok(names.iter().map(|name| name.to_string_lossy().into_owned()).collect())
}

fn is_key(name: &str) -> bool {
    name.starts_with(durable::TEMPORARY) || name.strip_suffix(".json").is_some_and(is_hex)
}

fn is_hex(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn a_folder_of_its_own_is_the_vault() {
        let dir = tempfile::tempdir().unwrap();
        let backups = dir.path().join("backups");
        assert_eq!(of(&backups), backups, "it is not there yet");
        fs::create_dir(&backups).unwrap();
        for ours in ["keys", "packs", "tmp", ".gitkeep", "lost+found"] {
            fs::create_dir(backups.join(ours)).unwrap();
            assert_eq!(of(&backups), backups, "{ours}");
        }
        for ours in ["lock", "recover.mjs", "format.md", "keys/0123456789abcdef.json", ".lifeboat-x1y2z3"] {
            fs::write(backups.join(ours), "").unwrap();
            assert_eq!(of(&backups), backups, "{ours}");
        }
    }

    #[test]
    fn in_somebody_elses_folder_it_has_one_below_before_it_is_made_and_afterwards() {
        let dir = tempfile::tempdir().unwrap();
        let (backups, inner) = (dir.path().join("backups"), dir.path().join("backups/lifeboat"));
        fs::create_dir(&backups).unwrap();
        fs::write(backups.join("database_2026-11-26.sqlite"), "a copy").unwrap();
        assert_eq!(of(&backups), inner);
        assert_eq!(of(&inner), inner);
        fs::create_dir(&inner).unwrap();
        fs::write(inner.join("vault.json"), "{}").unwrap();
        fs::remove_file(backups.join("database_2026-11-26.sqlite")).unwrap();
        assert_eq!(of(&backups), inner, "the copies went, the vault stays where it is");
        fs::write(inner.join("a note of the owner"), "").unwrap();
        assert_eq!(of(&inner), inner);
    }

    #[test]
    fn a_vault_stays_where_it_is_whatever_others_put_beside_it() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("vault.json"), "{}").unwrap();
        fs::write(dir.path().join("database.sqlite"), "").unwrap();
        assert_eq!(of(dir.path()), dir.path());
        // Without its description it is a damaged vault, and no place for a new one.
        fs::remove_file(dir.path().join("vault.json")).unwrap();
        fs::create_dir_all(dir.path().join("packs/a7")).unwrap();
        assert_eq!(of(dir.path()), dir.path());
    }

    #[test]
    fn a_name_of_ours_alone_makes_nothing_ours() {
        for theirs in ["tmp/photo.jpg", "snapshots/monday.tar", "keys/house.pem", "packs/lib.zip", "hosts/list.txt"] {
            let dir = tempfile::tempdir().unwrap();
            let file = dir.path().join(theirs);
            fs::create_dir(file.parent().unwrap()).unwrap();
            fs::write(file, "theirs").unwrap();
            assert_eq!(of(dir.path()), dir.path().join(INNER), "{theirs}");
        }
    }

    #[test]
    fn of_a_vaults_folder_only_what_is_ours_counts() {
        for ours in ["vault.json", "hosts", "catalog.sqlite", "logbook.sqlite-wal", "logbook.sqlite.damaged"] {
            assert!(is_ours(ours.as_ref()), "{ours}");
        }
        for theirs in ["database.sqlite", "catalog.sqlite2", "vault.json.bak", "lifeboat"] {
            assert!(!is_ours(theirs.as_ref()), "{theirs}");
        }
    }
}
