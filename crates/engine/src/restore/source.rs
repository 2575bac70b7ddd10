//! Where a restore takes its items from, and the checks that every item passes before anything is written.
//!
//! What a snapshot says is not trusted: paths must be relative, in order and there once, nothing may lie below
//! something that is no folder, and no link may lead out of the root.

use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};

use crate::capture::databases::database_of;
use crate::capture::selection::Selection;
use crate::path::RelPath;
use crate::report::{BackupRef, BackupType, ItemType, RestoreOptions, Warning};
use crate::vault::Vault;
use crate::vault::find::Finder;
use crate::vault::item::{Content, Item, JournalMode};
use crate::vault::list::{self, ListReader};
use crate::vault::name::BackupName;
use crate::vault::reader::ChunkReader;
use crate::vault::snapshot::{self, Snapshot};
use crate::vault::tally::Tally;
use crate::{Error, Result};

/// One backup, and what of it is wanted.
pub struct SelectedBackup {
    pub name: BackupName,
    pub snapshot: Snapshot,
    pub wanted: WantedItems,
    /// The folders that nobody asked for, and that what is taken lies in: they may have to be made.
    pub above: BTreeMap<RelPath, Item>,
}

/// Which items are taken.
pub struct WantedItems {
    choice: ItemChoice,
    /// Taken from elsewhere, or lost.
    except: HashSet<RelPath>,
}

enum ItemChoice {
    Selected(Selection),
    Paths(HashSet<RelPath>),
}

impl WantedItems {
    pub fn selected(items: &[String], vault: &Vault, snapshot: &Snapshot) -> Result<WantedItems> {
        Ok(WantedItems { choice: ItemChoice::Selected(selection(items, vault, snapshot)?), except: HashSet::new() })
    }

    pub fn paths(paths: HashSet<RelPath>) -> WantedItems {
        WantedItems { choice: ItemChoice::Paths(paths), except: HashSet::new() }
    }

    pub fn takes(&self, path: &RelPath, item: &Item) -> bool {
        let chosen = match &self.choice {
            ItemChoice::Selected(selection) => selection.takes(path, item.category),
            ItemChoice::Paths(paths) => paths.contains(path),
        };
        chosen && !self.except.contains(path)
    }

    /// From now on these paths and no others.
    pub fn narrow_to(&mut self, paths: HashSet<RelPath>) {
        self.choice = ItemChoice::Paths(paths);
    }

    /// What words have been taken for; to be asked when everything was seen.
    pub fn remarks(&self) -> Vec<Warning> {
        match &self.choice {
            ItemChoice::Selected(selection) => selection.remarks(),
            ItemChoice::Paths(_) => Vec::new(),
        }
    }

    fn missed(&self) -> Vec<&str> {
        match &self.choice {
            ItemChoice::Selected(selection) => selection.missed(),
            ItemChoice::Paths(_) => Vec::new(),
        }
    }
}

/// What of a backup the words mean.
pub fn selection(items: &[String], vault: &Vault, snapshot: &Snapshot) -> Result<Selection> {
    let find = |path: &RelPath| match Finder::new(vault.reader()?, path.clone()).find(&snapshot.list) {
        // Whoever reads the whole list comes to the damage, and knows what it is to them.
        Err(error) if is_loss(&error) => Ok(None),
        found => found,
    };
    Selection::new(items, |path| {
        if let Some(item) = find(path)? {
            return Ok(Some((path.clone(), item.kind)));
        }
        let Some(base) = database_of(path) else { return Ok(None) };
        let has_side = |item: &Item| item.sides.iter().any(|side| path.as_bytes().ends_with(side.suffix.as_bytes()));
        Ok(find(&base)?.filter(|item| has_side(item)).map(|item| (base, item.kind)))
    })
}

/// What every item list is read with.
pub struct ListAccess<'a> {
    pub vault: &'a Vault,
    /// May this link be restored although it leads out of the root?
    pub allows: &'a dyn Fn(&RelPath, &[u8]) -> bool,
    /// Where a salvage notes what it cannot give back; for anything else the first such error ends the restore.
    pub lost: Option<&'a mut Vec<Warning>>,
}

impl ListAccess<'_> {
    /// Reads the whole item list of `source`, and hands over each item that is taken.
    pub fn run(
        &mut self,
        source: &mut SelectedBackup,
        mut each: impl FnMut(&RelPath, Item) -> Result<()>,
    ) -> Result<()> {
        let mut reader = self.vault.reader()?;
        let mut presence = reader.another();
        let mut order = ListOrder::default();
        let mut above: Vec<(RelPath, Item)> = Vec::new();
        let mut databases = HashSet::new();
        let (mut tally, mut is_whole) = (Tally::default(), true);
        let mut list = ListReader::forwards(&mut reader, &source.snapshot.list);
        while let Some(item) = list.next() {
            tally.list = list.size();
            if let Ok(item) = &item {
                tally.item(item);
            }
            let checked = item.and_then(|item| {
                let path = item.rel_path()?;
                order.check(&path, &item)?;
                Ok((path, item))
            });
            let (path, item) = match checked {
                Ok(found) => found,
                Err(error) => {
                    is_whole = false;
                    self.lose(String::new(), error)?;
                    continue;
                }
            };
            above.retain(|(folder, _)| path.starts_with(folder));
            // Older backups may have a log of another moment as a file of its own. SQLite would replay it.
            if database_of(&path).is_some_and(|database| databases.contains(&database)) {
                source.wanted.except.insert(path);
                continue;
            }
            if item.db.as_ref().is_some_and(|database| database.journal != JournalMode::Raw) {
                databases.insert(path.clone());
            }
            if !source.wanted.takes(&path, &item) {
                if item.kind == ItemType::Dir {
                    above.push((path, item));
                }
                continue;
            }
            // Older backups took the way to the vault for a link of the app.
            if item.kind == ItemType::Symlink && leads_to_vault(&path, &item, &source.snapshot, self.vault) {
                source.wanted.except.insert(path);
                continue;
            }
            match self.check(&path, &item, &mut presence) {
                Ok(()) => {
                    source.above.extend(above.drain(..));
                    each(&path, item)?;
                }
                Err(error) => {
                    self.lose(path.display(), error)?;
                    source.wanted.except.insert(path);
                }
            }
        }
        tally.list = list.size();
        if let Some(difference) = tally.difference(&source.snapshot).filter(|_| is_whole) {
            self.lose(String::new(), Error::corrupt(snapshot::object(&source.name), difference))?;
        }
        match source.wanted.missed().first() {
            Some(missed) => Err(not_found(missed, &source.snapshot, self.vault)?),
            None => Ok(()),
        }
    }

    fn check(&self, path: &RelPath, item: &Item, presence: &mut ChunkReader) -> Result<()> {
        item.check_sides()?;
        if item.kind == ItemType::Symlink {
            let target = item.link_target()?;
            if leads_out(path, &target) && !(self.allows)(path, &target) {
                return Err(Error::UnsafePath {
                    path: path.display(),
                    reason: "it is a link that leads out of the folder. If you trust it, ask for it: --allow-outside-links",
                });
            }
        }
        check_presence(item, presence)
    }

    fn lose(&mut self, path: String, error: Error) -> Result<()> {
        match &mut self.lost {
            Some(lost) if is_loss(&error) => {
                lost.push(Warning { path, message: error.to_string() });
                Ok(())
            }
            _ => Err(error),
        }
    }
}

/// Is this an error of what is stored, which a salvage passes over?
pub fn is_loss(error: &Error) -> bool {
    matches!(error, Error::Corrupt { .. } | Error::Format { .. } | Error::UnsafePath { .. })
}

/// The backups that a restore takes its items from: one, or with `per_item` for each item the newest that has it.
pub fn sources(vault: &Vault, backup: &BackupRef, options: &RestoreOptions) -> Result<Vec<SelectedBackup>> {
    let name = vault.resolve(backup)?;
    let newest = Snapshot::read(vault, &name)?;
    if !options.per_item {
        let wanted = WantedItems::selected(&options.items, vault, &newest)?;
        return Ok(vec![SelectedBackup { name, snapshot: newest, wanted, above: BTreeMap::new() }]);
    }
    let mut open: Vec<String> = options.items.clone();
    let mut found: Vec<SelectedBackup> = Vec::new();
    let mut names = vault.names()?;
    // What a restore replaced is taken by its name only.
    names.retain(|other| {
        other.millis() <= name.millis() && (other.kind() != BackupType::Safety || name.kind() == BackupType::Safety)
    });
    while let Some(name) = names.pop().filter(|_| !open.is_empty()) {
        // A backup that cannot be read has nothing to give: an older one may.
        let Ok(snapshot) = Snapshot::read(vault, &name) else { continue };
        let selection = selection(&open, vault, &snapshot)?;
        let mut reader = vault.reader()?;
        for item in ListReader::forwards(&mut reader, &snapshot.list) {
            let item = item?;
            selection.takes(&item.rel_path()?, item.category);
        }
        let missed: Vec<String> = selection.missed().into_iter().map(str::to_owned).collect();
        let met: Vec<String> = open.into_iter().filter(|item| !missed.contains(item)).collect();
        if !met.is_empty() {
            let wanted = WantedItems::selected(&met, vault, &snapshot)?;
            found.push(SelectedBackup { name, snapshot, wanted, above: BTreeMap::new() });
        }
        open = missed;
    }
    match open.first() {
        Some(missed) => Err(not_found(missed, &newest, vault)?),
        None => Ok(found),
    }
}

impl SelectedBackup {
    /// Paths that another source gives.
    pub fn leave_out(&mut self, paths: &HashSet<RelPath>) {
        self.wanted.except.extend(paths.iter().cloned());
    }

    /// Damage names the backup that it hurts.
    pub fn blame(&self, error: Error) -> Error {
        match error {
            Error::Corrupt { object, detail, backups } if backups.is_empty() => {
                Error::Corrupt { object, detail, backups: vec![self.name.to_string()] }
            }
            other => other,
        }
    }
}

/// The order of an item list: what is not sorted and without repetition cannot have been written by us.
#[derive(Default)]
pub struct ListOrder {
    last: Option<RelPath>,
    /// The last item that is no folder: nothing can lie below it, and below a link it would be written elsewhere.
    leaf: Option<RelPath>,
}

impl ListOrder {
    pub fn check(&mut self, path: &RelPath, item: &Item) -> Result<()> {
        let refuse = |reason| Err(Error::UnsafePath { path: path.display(), reason });
        if self.last.as_ref().is_some_and(|last| last >= path) {
            return refuse("it is out of order or there twice");
        }
        if self.leaf.as_ref().is_some_and(|leaf| path.starts_with(leaf)) {
            return refuse("it lies below something that is not a folder");
        }
        if item.kind != ItemType::Dir {
            self.leaf = Some(path.clone());
        }
        self.last = Some(path.clone());
        Ok(())
    }
}

/// Does a link at `path` lead out of the root? A `..` is followed only at the start, where it is known to leave a real
/// folder: further on it would leave whatever another link leads to.
fn leads_out(path: &RelPath, target: &[u8]) -> bool {
    let is_separator = |byte: &u8| *byte == b'/' || (cfg!(windows) && *byte == b'\\');
    if target.first().is_some_and(is_separator) || (cfg!(windows) && target.contains(&b':')) {
        return true;
    }
    let mut depth = path.as_bytes().iter().filter(|byte| **byte == b'/').count();
    let mut descended = false;
    for component in target.split(is_separator) {
        match component {
            b"" | b"." => {}
            b".." if descended || depth == 0 => return true,
            b".." => depth -= 1,
            _ => descended = true,
        }
    }
    false
}

/// Is this the link by which the root reached the vault?
fn leads_to_vault(path: &RelPath, item: &Item, snapshot: &Snapshot, vault: &Vault) -> bool {
    let Ok(target) = item.link_target().map(os_path) else { return false };
    let folder = path.parent().unwrap_or_else(RelPath::root).under(Path::new(&snapshot.root));
    let led = folder.join(target).canonicalize().ok();
    led.is_some() && led == vault.dir().canonicalize().ok()
}

#[cfg(unix)]
fn os_path(bytes: Vec<u8>) -> PathBuf {
    use std::os::unix::ffi::OsStringExt;
    std::ffi::OsString::from_vec(bytes).into()
}

#[cfg(not(unix))]
fn os_path(bytes: Vec<u8>) -> PathBuf {
    String::from_utf8_lossy(&bytes).into_owned().into()
}

/// Is there a place for every chunk that the item needs?
fn check_presence(item: &Item, reader: &mut ChunkReader) -> Result<()> {
    for id in item.named_chunks() {
        reader.expect(id)?;
    }
    if let Content::Lists(lists) = item.content() {
        for list in lists {
            // A hole is one chunk again and again.
            for run in list::ids(&reader.get(*list)?)?.chunk_by(|a, b| a == b) {
                reader.expect(run[0])?;
            }
        }
    }
    Ok(())
}

/// `E_NOT_FOUND` with the nearest paths that the backup has.
pub fn not_found(wanted: &str, snapshot: &Snapshot, vault: &Vault) -> Result<Error> {
    let nearest = list::nearest(&mut vault.reader()?, &snapshot.list, wanted)?;
    let hint =
        if nearest.is_empty() { "It is empty.".into() } else { format!("The nearest are {}.", nearest.join(", ")) };
    Ok(Error::NotFound { message: format!("The backup {} has nothing that fits {wanted:?}. {hint}", snapshot.backup) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_that_stay_inside_are_told_from_those_that_do_not() {
        let out = |path: &str, target: &str| leads_out(&RelPath::parse(path.as_bytes()).unwrap(), target.as_bytes());
        for (path, target) in [("a", "b"), ("a/b", "../c"), ("a/b/c", "../../d/e"), ("a/b", ".."), ("a", "./b//c")] {
            assert!(!out(path, target), "{path} -> {target}");
        }
        for (path, target) in [("a", "/etc"), ("a", ".."), ("a", "../b"), ("a/b", "../../c"), ("a/b", "c/../../..")] {
            assert!(out(path, target), "{path} -> {target}");
        }
        // `b` may be a link to somewhere less deep.
        assert!(out("a/b/c/d", "b/../x"));
    }
}
