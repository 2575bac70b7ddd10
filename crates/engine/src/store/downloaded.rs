//! A vault that somebody has downloaded by a service's own web page, in pieces: with folders around it or with none at all, zips
//! unpacked side by side, files that are called `x(1)` or `x (2)` because there was one already, hidden files beside.
//!
//! Each object is found by its name wherever it lies. Where several files may be it, there are as many stores, and whoever reads
//! decides which of them is right. Only reads.

use std::collections::{BTreeMap, HashMap};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{Body, Course, Fault, Kind, Result, Store, Stored};
use crate::vault::layout::{ACCEPTED, KEYS, PINS};
use crate::vault::name::BackupName;
use crate::vault::pack::PackId;
use crate::vault::{description, durable};

/// No download is deeper, or larger.
const DEEPEST: usize = 10;
const MOST: usize = 1 << 20;
/// So many files may be one object.
const TWINS: usize = 8;
/// What a browser lays behind a name that has no ending.
const ENDINGS: [&str; 3] = [".bin", ".txt", ".dms"];
/// What browsers call a file that they are not done with.
const UNFINISHED: [&str; 5] = [".crdownload", ".part", ".partial", ".download", ".opdownload"];
/// So many names are told.
const TOLD: usize = 3;

/// What lies in a folder, and below it.
pub struct Download {
    folder: PathBuf,
    objects: HashMap<String, Vec<PathBuf>>,
    /// The vaults that are described there: each id with the folders that its description lies in.
    pub vaults: BTreeMap<String, Vec<PathBuf>>,
    unfinished: Vec<String>,
    zips: Vec<String>,
}

impl Download {
    pub fn look(folder: &Path) -> Download {
        let mut found = Download {
            folder: folder.to_path_buf(),
            objects: HashMap::new(),
            vaults: BTreeMap::new(),
            unfinished: Vec::new(),
            zips: Vec::new(),
        };
        found.walk(folder, DEEPEST, &mut 0);
        // A browser's first try may have ended in the middle of it: what is not whole describes nothing.
        let described = found.objects.remove(description::FILE).unwrap_or_default();
        for path in described {
            let bytes = durable::read_small(&path, description::MAX_LEN).unwrap_or_default();
            let Ok(id) = description::id_in(&bytes) else { continue };
            found.vaults.entry(id).or_default().extend(path.parent().map(Path::to_path_buf));
            found.objects.entry(description::FILE.into()).or_default().push(path);
        }
        found
    }

    fn walk(&mut self, folder: &Path, depth: usize, seen: &mut usize) {
        let mut entries = durable::list(folder).unwrap_or_default();
        entries.retain(|path| !path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b".")));
        for path in entries {
            *seen += 1;
            let Ok(metadata) = fs::symlink_metadata(&path) else { continue };
            if *seen > MOST {
                return;
            }
            let name = path.file_name().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
            if UNFINISHED.iter().any(|ending| name.ends_with(ending)) {
                self.unfinished.push(self.told(&path));
            } else if metadata.is_dir() && depth > 0 {
                self.walk(&path, depth - 1, seen);
            } else if metadata.is_file() && is_zip_name(&path) {
                self.zips.push(self.told(&path));
            } else if metadata.is_file()
                && let Some(object) = object(&path, metadata.len())
            {
                let twins = self.objects.entry(object).or_default();
                if twins.len() < TWINS {
                    twins.push(path);
                }
            }
        }
    }

    fn told(&self, path: &Path) -> String {
        path.strip_prefix(&self.folder).unwrap_or(path).display().to_string()
    }

    /// Two vaults whose files lie in one folder, so that nobody can tell which are whose.
    pub fn mixed(&self) -> Option<&Path> {
        let mut homes = HashMap::<&Path, &str>::new();
        let mut described = self.vaults.iter().flat_map(|(id, folders)| folders.iter().map(move |folder| (folder, id)));
        described.find_map(|(folder, id)| {
            let other = homes.insert(folder.as_path(), id.as_str()).is_some_and(|other| other != id);
            other.then_some(folder.as_path())
        })
    }

    /// Whose is a file? A target's folder is called by the id of its vault; else the folder tells that holds the description.
    fn owner(&self, path: &Path) -> Option<&str> {
        let mut below = path.ancestors().skip(1).take_while(|folder| folder.starts_with(&self.folder));
        below.find_map(|folder| {
            let name = folder.file_name().and_then(|name| name.to_str()).map(plain).unwrap_or_default();
            let of_folder =
                |(id, homes): &(&String, &Vec<PathBuf>)| **id == name || homes.iter().any(|home| home == folder);
            self.vaults.iter().find(of_folder).map(|(id, _)| id.as_str())
        })
    }

    /// How many backups of this vault lie there, and the newest.
    pub fn backups(&self, vault: &str) -> (usize, Option<BackupName>) {
        let of_it = |paths: &Vec<PathBuf>| paths.iter().any(|path| self.owner(path) == Some(vault));
        let records = self.objects.iter().filter(|(_, paths)| of_it(paths));
        let names: Vec<BackupName> =
            records.filter_map(|(object, _)| object.strip_prefix("snapshots/")?.parse().ok()).collect();
        (names.len(), names.into_iter().max_by_key(BackupName::millis))
    }

    /// This vault's files, without those that are known to be another one's.
    pub fn stores(&self, vault: &str) -> Vec<Downloaded> {
        let is_its = |path: &PathBuf| self.vaults.len() == 1 || self.owner(path).is_none_or(|owner| owner == vault);
        let its = |(object, paths): (&String, &Vec<PathBuf>)| {
            let mut paths: Vec<PathBuf> = paths.iter().filter(|path| is_its(path)).cloned().collect();
            // All that are whole say the same.
            paths.truncate(if object == description::FILE { 1 } else { TWINS });
            (object.clone(), paths)
        };
        let found: HashMap<String, Vec<PathBuf>> = self.objects.iter().map(its).collect();
        let many = found.values().map(Vec::len).max().unwrap_or(0);
        let found = Arc::new(found);
        (0..many).map(|which| Downloaded { folder: self.folder.clone(), which, found: found.clone() }).collect()
    }

    /// What may be the reason that something is missing, and what to do about it; empty where nothing looks like one.
    pub fn hint(&self) -> String {
        let mut hint = String::new();
        if !self.zips.is_empty() {
            hint += &format!(
                " There are zips in it ({}): unpack all of them, with all their parts, into this folder.",
                some(&self.zips)
            );
        }
        if !self.unfinished.is_empty() {
            hint += &format!(" Not all was downloaded to its end ({}): download that again.", some(&self.unfinished));
        }
        hint
    }
}

fn some(names: &[String]) -> String {
    let more = if names.len() > TOLD { ", …" } else { "" };
    format!("{}{more}", names[..names.len().min(TOLD)].join(", "))
}

pub fn is_zip_name(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("zip"))
}

/// Did a browser find another name for it, because there was one of that name already?
pub fn is_renamed(name: &str) -> bool {
    plain(name) != name
}

/// Some of what was downloaded: of each object one file.
pub struct Downloaded {
    folder: PathBuf,
    which: usize,
    found: Arc<HashMap<String, Vec<PathBuf>>>,
}

impl Downloaded {
    fn path(&self, object: &str) -> Option<&PathBuf> {
        self.found.get(object)?.get(self.which)
    }

    fn stored(&self, object: &str) -> Option<Stored> {
        let size = fs::metadata(self.path(object)?).ok()?.len();
        Some(Stored { object: object.into(), size, ..Stored::default() })
    }

    fn refused<T>(&self) -> Result<T> {
        Err(Fault::new(Kind::Denied, &self.folder.display().to_string(), "What was downloaded is only read from."))
    }
}

/// The object that a file of this name and size may be.
fn object(path: &Path, size: u64) -> Option<String> {
    let name = plain(path.file_name()?.to_str()?);
    let folder = plain(path.parent()?.file_name()?.to_str()?);
    if let Some(id) = PackId::parse(&name) {
        return Some(id.object());
    }
    if name.parse::<BackupName>().is_ok() {
        return match [PINS, ACCEPTED].contains(&folder.as_str()) {
            true => Some(format!("{folder}/{name}")),
            // Without its folder nobody knows what an empty file marks.
            false => (size > 0).then(|| format!("snapshots/{name}")),
        };
    }
    match name.as_str() {
        description::FILE => Some(name),
        _ => is_key(&name, &folder).then(|| format!("{KEYS}/{name}")),
    }
}

/// In its folder, or called as one.
fn is_key(name: &str, folder: &str) -> bool {
    let is_id = |id: &str| folder == KEYS || id.len() == 16 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    name.strip_suffix(".json").is_some_and(is_id)
}

/// The name without what tells it from another one of the same name.
fn plain(name: &str) -> String {
    let name = ENDINGS.iter().find_map(|ending| name.strip_suffix(ending)).unwrap_or(name);
    let (stem, ending) = match name.strip_suffix(".json") {
        Some(stem) => (stem, ".json"),
        None => (name, ""),
    };
    let number = stem.strip_suffix(')').and_then(|rest| rest.rsplit_once('('));
    let stem = match number {
        Some((stem, number)) if !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()) => {
            stem.trim_end()
        }
        _ => stem,
    };
    format!("{stem}{ending}")
}

impl Store for Downloaded {
    fn put(&self, _object: &str, _body: &dyn Body, _course: &dyn Course) -> Result<Stored> {
        self.refused()
    }

    fn put_if_absent(&self, _object: &str, _bytes: &[u8]) -> Result<bool> {
        self.refused()
    }

    fn get(&self, object: &str, offset: u64, length: usize) -> Result<Vec<u8>> {
        let name = self.folder.display().to_string();
        let Some(path) = self.path(object) else { return Err(Fault::missing(&name, object)) };
        let mut bytes = vec![0; length];
        match File::open(path).and_then(|file| durable::read_at(&file, &mut bytes, offset)) {
            Ok(()) => Ok(bytes),
            Err(error) => Err(Fault::new(Kind::Damaged, &name, format!("{} cannot be read: {error}.", path.display()))),
        }
    }

    fn head(&self, object: &str) -> Result<Option<Stored>> {
        Ok(self.stored(object))
    }

    fn list(&self, prefix: &str, visit: &mut dyn FnMut(Stored)) -> Result<()> {
        let mine = self.found.keys().filter(|object| object.starts_with(prefix));
        mine.filter_map(|object| self.stored(object)).for_each(visit);
        Ok(())
    }

    fn delete(&self, _object: &str) -> Result<()> {
        self.refused()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_known_whatever_a_browser_made_of_it() {
        let id = "ab".repeat(32);
        let backup = "backup_DAILY_2026-11-23T02-00-00-000Z";
        for (path, expected) in [
            (format!("x/packs/ab/{id}"), Some(format!("packs/ab/{id}"))),
            (format!("{id} (1)"), Some(format!("packs/ab/{id}"))),
            (format!("x/{id}(12).bin"), Some(format!("packs/ab/{id}"))),
            (format!("snapshots(1)/{backup}(2)"), Some(format!("snapshots/{backup}"))),
            (format!("x/pins/{backup}"), Some(format!("pins/{backup}"))),
            ("x/vault(1).json".into(), Some("vault.json".into())),
            ("x/keys (2)/0f.json".into(), Some("keys/0f.json".into())),
            ("x/0f.json".into(), None),
            ("x/0123456789abcdef (1).json".into(), Some("keys/0123456789abcdef.json".into())),
            ("x/desktop.ini".into(), None),
            (format!("x/{id}.crdownload"), None),
            ("x/photo(1).jpg".into(), None),
            (format!("x/{id}()"), None),
        ] {
            assert_eq!(object(&Path::new("/d").join(&path), 1), expected, "{path}");
        }
    }
}
