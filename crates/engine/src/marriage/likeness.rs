//! Is a root that has lost its marker what the last backup saw? Told from names, sizes and times; nothing is opened.

use std::path::Path;

use super::record::MarriageRecord;
use crate::Result;
use crate::capture::stat::{FileKind, Stat};
use crate::report::{BackupType, ItemType};
use crate::vault::Vault;
use crate::vault::list::ListReader;
use crate::vault::snapshot::Snapshot;

/// In its own place it is enough that most of the names are there: an app rewrites its files. Elsewhere the place of
/// before has to be empty, and most files the very same, because two apps of a kind have the same names. Without a record nobody knows whose the vault is: then it is
/// whoever's asks, but for an empty folder in the place of the root.
pub fn is_familiar(vault: &Vault, root: &Path, record: Option<&MarriageRecord>) -> bool {
    let Some(last) = last(vault) else { return true };
    let in_place = record.map_or_else(|| Path::new(&last.root) == root, |record| record.is_of(root));
    if record.is_none() && !in_place {
        return true;
    }
    // Then this is another one, however alike they are.
    if record.is_some_and(|record| !in_place && is_inhabited(Path::new(&record.path))) {
        return false;
    }
    match compare(vault, &last, root) {
        Ok(found) if in_place => found.there * 2 >= found.items,
        Ok(found) => found.files > 0 && found.same * 2 >= found.files,
        // Of what cannot be read nobody knows.
        Err(_) => in_place,
    }
}

fn is_inhabited(folder: &Path) -> bool {
    folder.read_dir().is_ok_and(|mut entries| entries.next().is_some())
}

/// The newest backup that is none of what a restore replaced.
pub fn last(vault: &Vault) -> Option<Snapshot> {
    let names = vault.list_snapshots().ok()?;
    let mut names = names.iter().rev().filter(|name| name.kind() != BackupType::Safety);
    names.find_map(|name| Snapshot::read(vault, name).ok())
}

#[derive(Default)]
struct RootMatch {
    items: u64,
    there: u64,
    files: u64,
    /// With the size and the time that the backup has.
    same: u64,
}

fn compare(vault: &Vault, last: &Snapshot, root: &Path) -> Result<RootMatch> {
    let mut found = RootMatch::default();
    let mut reader = vault.reader()?;
    for item in ListReader::forwards(&mut reader, &last.list) {
        let item = item?;
        let stat = Stat::of(&item.rel_path()?.under(root)).ok();
        found.items += 1;
        found.there += u64::from(stat.is_some());
        if item.kind == ItemType::File {
            found.files += 1;
            let is_same =
                |stat: &Stat| stat.kind == FileKind::File && (stat.size, stat.mtime) == (item.size, item.mtime);
            found.same += u64::from(stat.as_ref().is_some_and(is_same));
        }
    }
    Ok(found)
}
