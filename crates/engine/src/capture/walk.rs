//! Walking the root: every path that is taken, in path order, one folder in memory at a time.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::rules::Rules;
use super::sqlite;
use super::stat::{Kind, Stat, open_file};
use crate::path::RelPath;
use crate::report::Category;
use crate::{Error, Result};

/// A path that is taken.
#[derive(Clone, Debug)]
pub struct Entry {
    pub path: RelPath,
    pub absolute: PathBuf,
    pub stat: Stat,
    pub category: Category,
}

impl Entry {
    /// The place of a file that belongs to this one by its name: `-wal`, `-journal`.
    pub fn beside(&self, suffix: &str) -> PathBuf {
        let mut path = self.absolute.clone().into_os_string();
        path.push(suffix);
        path.into()
    }
}

/// Whoever takes the entries.
pub trait Visitor {
    /// Files, folders (before what is in them) and links, in path order.
    fn entry(&mut self, entry: Entry) -> Result<()>;
    /// A folder that belongs together, such as a WhatsApp session: the visitor reads it itself.
    fn set(&mut self, folder: Entry) -> Result<()>;
    /// Something could not be read, and is left out.
    fn unreadable(&mut self, path: &RelPath, error: &io::Error) -> Result<()>;
}

/// Something in them is taken: the folders above it are, too.
fn announce(pending: &mut Vec<Entry>, visitor: &mut impl Visitor) -> Result<()> {
    pending.drain(..).try_for_each(|folder| visitor.entry(folder))
}

/// What is in a folder that belongs together.
pub struct Set {
    /// In path order, the folder itself first.
    pub entries: Vec<Entry>,
    pub unreadable: Vec<(RelPath, io::Error)>,
}

/// What vanished is no fault.
fn note(unreadable: &mut Vec<(RelPath, io::Error)>, path: RelPath, error: io::Error) {
    if error.kind() != io::ErrorKind::NotFound {
        unreadable.push((path, error));
    }
}

/// One walk over a root.
pub struct Walk<'a> {
    root: &'a Path,
    rules: &'a Rules,
    /// The vault's folder: a backup does not contain itself.
    vault: &'a Path,
    vault_inode: Option<(u64, u64)>,
}

impl<'a> Walk<'a> {
    pub fn new(root: &'a Path, rules: &'a Rules, vault: &'a Path) -> Walk<'a> {
        let vault_inode = Stat::of(vault).ok().map(|stat| (stat.dev, stat.ino));
        Walk { root, rules, vault, vault_inode }
    }

    pub fn run(&self, visitor: &mut impl Visitor) -> Result<()> {
        let root = RelPath::root();
        match self.listing(&root, self.root) {
            Ok(listing) => self.folder(listing, &mut Vec::new(), visitor),
            Err(error) => Err(Error::Source {
                message: format!("The folder {} cannot be backed up: {error}.", self.root.display()),
                source: Some(error),
            }),
        }
    }

    /// What a path is to its owner, whether or not it is taken.
    pub fn category(&self, path: &RelPath) -> Category {
        self.rules.category(path).unwrap_or(Category::Data)
    }

    /// `pending`: folders above whose own entry waits for something in them to be taken.
    fn folder(
        &self,
        listing: Vec<(RelPath, PathBuf)>,
        pending: &mut Vec<Entry>,
        visitor: &mut impl Visitor,
    ) -> Result<()> {
        for (path, absolute) in self.without_sides(listing) {
            let stat = match Stat::of(&absolute) {
                Ok(stat) => stat,
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => {
                    visitor.unreadable(&path, &error)?;
                    continue;
                }
            };
            let is_dir = stat.kind == Kind::Dir;
            if stat.kind == Kind::Other || self.rules.is_excluded(&path, is_dir) || self.is_vault(&absolute, &stat) {
                continue;
            }
            let category = self.rules.category(&path);
            if !is_dir {
                if let Some(category) = category {
                    announce(pending, visitor)?;
                    visitor.entry(Entry { path, absolute, stat, category })?;
                }
                continue;
            }
            let inner = match self.listing(&path, &absolute) {
                Ok(inner) => inner,
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => {
                    visitor.unreadable(&path, &error)?;
                    continue;
                }
            };
            let folder = Entry { path, absolute, stat, category: category.unwrap_or(Category::Data) };
            if category == Some(Category::Session) && inner.iter().any(|(_, path)| path.is_file()) {
                announce(pending, visitor)?;
                visitor.set(folder)?;
                continue;
            }
            let waiting = pending.len();
            match category {
                Some(_) => {
                    announce(pending, visitor)?;
                    visitor.entry(folder)?;
                }
                None => pending.push(folder),
            }
            self.folder(inner, pending, visitor)?;
            pending.truncate(waiting);
        }
        Ok(())
    }

    /// What is in a folder, sorted.
    fn listing(&self, path: &RelPath, absolute: &Path) -> io::Result<Vec<(RelPath, PathBuf)>> {
        let mut inner = Vec::new();
        for entry in fs::read_dir(absolute)? {
            let name = entry?.file_name();
            inner.push((path.join(&name), absolute.join(&name)));
        }
        inner.sort_unstable_by(|a, b| a.0.as_bytes().cmp(b.0.as_bytes()));
        Ok(inner)
    }

    /// Everything below a folder that belongs together. What vanishes meanwhile is left out: the caller asks again
    /// until two answers agree.
    pub fn set(&self, folder: &Entry) -> Set {
        let mut found = vec![folder.clone()];
        let mut unreadable = Vec::new();
        let mut folders = vec![(folder.path.clone(), self.listing(&folder.path, &folder.absolute))];
        while let Some((folder, listing)) = folders.pop() {
            let listing = listing.unwrap_or_else(|error| {
                note(&mut unreadable, folder, error);
                Vec::new()
            });
            for (path, absolute) in self.without_sides(listing) {
                let stat = match Stat::of(&absolute) {
                    Ok(stat) => stat,
                    Err(error) => {
                        note(&mut unreadable, path, error);
                        continue;
                    }
                };
                let is_dir = stat.kind == Kind::Dir;
                if stat.kind == Kind::Other || self.rules.is_excluded(&path, is_dir) || self.is_vault(&absolute, &stat)
                {
                    continue;
                }
                let Some(category) = self.rules.category(&path) else { continue };
                if is_dir {
                    folders.push((path.clone(), self.listing(&path, &absolute)));
                }
                found.push(Entry { path, absolute, stat, category });
            }
        }
        found.sort_unstable_by(|a, b| a.path.cmp(&b.path));
        Set { entries: found, unreadable }
    }

    /// Without the `-wal`, `-shm` and `-journal` files of databases: their content is captured with the database.
    fn without_sides(&self, listing: Vec<(RelPath, PathBuf)>) -> Vec<(RelPath, PathBuf)> {
        let is_side = |at: usize| {
            let path = &listing[at].1;
            let base = SIDES.iter().find_map(|suffix| strip_suffix(path, suffix));
            base.is_some_and(|base| {
                // The name before the suffix sorts before it, so a search in what came before is enough.
                listing[..at].binary_search_by(|(_, other)| other.as_os_str().cmp(base.as_os_str())).is_ok()
                    && is_database(&base)
            })
        };
        let sides: Vec<bool> = (0..listing.len()).map(is_side).collect();
        listing.into_iter().zip(sides).filter(|(_, side)| !side).map(|(entry, _)| entry).collect()
    }

    fn is_vault(&self, path: &Path, stat: &Stat) -> bool {
        // By inode where there are such: the vault may be reached by another name.
        stat.kind == Kind::Dir
            && (path == self.vault || (stat.ino != 0 && self.vault_inode == Some((stat.dev, stat.ino))))
    }
}

/// What SQLite adds to a database's name for the files that belong to it. They are never items of their own.
const SIDES: [&str; 3] = ["-journal", "-shm", "-wal"];

fn strip_suffix(path: &Path, suffix: &str) -> Option<PathBuf> {
    let name = path.file_name()?.as_encoded_bytes().strip_suffix(suffix.as_bytes())?;
    if name.is_empty() {
        return None;
    }
    // SAFETY: the bytes are those of a valid OsStr, cut before an ASCII suffix.
    let name = unsafe { std::ffi::OsStr::from_encoded_bytes_unchecked(name) };
    Some(path.with_file_name(name))
}

fn is_database(path: &Path) -> bool {
    let mut magic = [0; 16];
    open_file(path).is_ok_and(|(file, _)| {
        crate::vault::durable::read_at(&file, &mut magic, 0).is_ok() && sqlite::is_database(&magic)
    })
}
