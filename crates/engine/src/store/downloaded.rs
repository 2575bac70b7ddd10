//! A vault that somebody has downloaded by a service's own web page, in pieces: with folders around it, zips unpacked side by side,
//! files that are called `x(1)` or `x (2)` because there was one already, hidden files beside.
//!
//! Each object is found by its name wherever it lies. Where several files may be it, there are as many stores, and whoever reads
//! decides which of them is right. Only reads.

use std::collections::HashMap;
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

pub struct Downloaded {
    folder: PathBuf,
    which: usize,
    found: Arc<HashMap<String, Vec<PathBuf>>>,
}

impl Downloaded {
    /// What is in this folder, and below it. Empty: nothing of a vault is.
    pub fn find(folder: &Path) -> Vec<Downloaded> {
        let mut found = HashMap::<String, Vec<PathBuf>>::new();
        let mut seen = 0;
        walk(folder, DEEPEST, &mut seen, &mut |object, path| {
            let twins = found.entry(object).or_default();
            if twins.len() < TWINS {
                twins.push(path);
            }
        });
        let many = found.values().map(Vec::len).max().unwrap_or(0);
        let found = Arc::new(found);
        (0..many).map(|which| Downloaded { folder: folder.to_path_buf(), which, found: found.clone() }).collect()
    }

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

fn walk(folder: &Path, depth: usize, seen: &mut usize, each: &mut dyn FnMut(String, PathBuf)) {
    let mut entries = durable::list(folder).unwrap_or_default();
    entries.retain(|path| !path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b".")));
    for path in entries {
        *seen += 1;
        let Ok(metadata) = fs::symlink_metadata(&path) else { continue };
        if *seen > MOST {
            return;
        }
        if metadata.is_dir() && depth > 0 {
            walk(&path, depth - 1, seen, each);
        } else if metadata.is_file()
            && let Some(object) = object(&path)
        {
            each(object, path);
        }
    }
}

/// The object that a file of this name may be.
fn object(path: &Path) -> Option<String> {
    let name = plain(path.file_name()?.to_str()?);
    let folder = plain(path.parent()?.file_name()?.to_str()?);
    if let Some(id) = PackId::parse(&name) {
        return Some(id.object());
    }
    if name.parse::<BackupName>().is_ok() {
        let folder = if [PINS, ACCEPTED].contains(&folder.as_str()) { folder.as_str() } else { "snapshots" };
        return Some(format!("{folder}/{name}"));
    }
    match name.as_str() {
        description::FILE => Some(name),
        _ if folder == KEYS && name.ends_with(".json") => Some(format!("{KEYS}/{name}")),
        _ => None,
    }
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
            ("x/photo(1).jpg".into(), None),
            (format!("x/{id}()"), None),
        ] {
            assert_eq!(object(&Path::new("/d").join(&path)), expected, "{path}");
        }
    }
}
