//! What changed from a backup to the live root. A file that looks as it did then is not read.

use std::fs::File;
use std::io;

use sha2::{Digest, Sha256};

use super::databases::{DatabaseComparer, Live};
use super::differences::{Differences, change};
use super::merge::Cursor;
use super::tables::Tables;
use super::{Ticker, same_content};
use crate::backup::{MetLinks, still_stands};
use crate::capture::attributes;
use crate::capture::databases::is_database;
use crate::capture::left::{Left, Why};
use crate::capture::rules::Rules;
use crate::capture::sqlite;
use crate::capture::stat::{FileKind, open_file};
use crate::capture::walk::{Walk, WalkEntry, WalkVisitor};
use crate::path::RelPath;
use crate::report::{ItemType, Warning};
use crate::vault::Vault;
use crate::vault::durable;
use crate::vault::item::{Item, JournalMode};
use crate::vault::snapshot::Snapshot;
use crate::{Config, Control, Result};

pub fn against(vault: &Vault, config: &Config, before: &Snapshot, control: &Control) -> Result<Differences> {
    sqlite::check_library()?;
    let rules = Rules::new(config)?;
    let walk = Walk::new(config, &rules, vault.dir());
    let reader = vault.reader()?;
    let mut comparison = Comparison {
        vault,
        walk: &walk,
        databases: DatabaseComparer::new(reader.another()),
        before: Cursor::new(reader, before),
        found: Differences::default(),
        unreadable: Vec::new(),
        links: MetLinks::default(),
        ticker: Ticker::new(control, Some(before.items)),
    };
    walk.run(&mut comparison)?;
    comparison.removed_before(None)?;
    Ok(comparison.found)
}

struct Comparison<'a> {
    vault: &'a Vault,
    walk: &'a Walk<'a>,
    databases: DatabaseComparer,
    before: Cursor,
    found: Differences,
    /// What could not be read: whether it is still there is not known.
    unreadable: Vec<RelPath>,
    links: MetLinks,
    ticker: Ticker<'a>,
}

/// What a path is now, beside what it was.
enum Now {
    /// Is the content the same?
    There(Box<Item>, bool),
    Gone,
    Unknown(String),
}

impl WalkVisitor for Comparison<'_> {
    fn entry(&mut self, mut entry: WalkEntry) -> Result<()> {
        self.removed_before(Some(&entry.path))?;
        self.ticker.item(&entry.path.display())?;
        let old = self.before.next_if(|path| *path == entry.path)?.map(|(_, item)| item);
        entry.category = match &old {
            Some(old) => entry.with_earlier(old.category),
            None => entry.looked_into(),
        };
        let mut tables = Tables::default();
        let now = match (entry.stat.kind, &old) {
            (FileKind::File, Some(old)) if old.kind == ItemType::File => self.file(&entry, old, &mut tables)?,
            _ => plain(&entry, old.as_ref()),
        };
        let now = match now {
            Now::There(mut new, same) => {
                // Two names that were read at two moments are told apart by what they hold, and that is no news of links.
                let _ = self.links.number(&mut new);
                Now::There(new, same)
            }
            other => other,
        };
        match (old, now) {
            (Some(old), Now::There(new, same)) => match change(&old, &new, same) {
                Some(mut change) => {
                    (change.tables, change.note) = tables;
                    self.found.changed.push(change);
                }
                None => self.found.unchanged += 1,
            },
            (None, Now::There(new, _)) => self.found.added.push(new.info()),
            (Some(old), Now::Gone) => self.found.removed.push(old.info()),
            (None, Now::Gone) => {}
            (_, Now::Unknown(message)) => self.warn(&entry.path, message),
        }
        Ok(())
    }

    fn set(&mut self, folder: WalkEntry) -> Result<()> {
        let walk = self.walk;
        walk.set(&folder, self)
    }

    fn left(&mut self, left: Left) -> Result<()> {
        // A link that leads out is compared as the link that it is.
        if let Why::Unreadable(_) = left.why {
            self.warn(&left.path, left.why.sentence());
            self.unreadable.push(left.path);
        }
        Ok(())
    }
}

impl Comparison<'_> {
    fn warn(&mut self, path: &RelPath, message: String) {
        self.found.warnings.push(Warning { path: path.display(), message });
    }

    /// Items that the walk has passed without meeting them.
    fn removed_before(&mut self, path: Option<&RelPath>) -> Result<()> {
        while let Some((gone, item)) = self.before.next_if(|earlier| path.is_none_or(|path| earlier < path))? {
            if !self.unreadable.iter().any(|folder| gone.starts_with(folder)) {
                self.found.removed.push(item.info());
            }
        }
        Ok(())
    }

    fn file(&mut self, entry: &WalkEntry, old: &Item, tables: &mut Tables) -> Result<Now> {
        let mut new = describe(entry, ItemType::File);
        new.size = entry.stat.size;
        if still_stands(old, entry) {
            new.size = old.size;
            new.sha256.clone_from(&old.sha256);
            return Ok(Now::There(Box::new(new), true));
        }
        let (file, stat) = match open_file(&entry.absolute) {
            Ok(opened) => opened,
            Err(error) => return Ok(failed(&error)),
        };
        let mut magic = [0; 16];
        let is_sqlite = durable::read_at(&file, &mut magic, 0).is_ok() && sqlite::is_database(&magic);
        let is_raw = old.db.as_ref().is_some_and(|db| db.journal == JournalMode::Raw);
        if (is_sqlite && old.db.is_some()) || is_raw {
            // Nobody else may have it open while it is captured.
            drop(file);
            return self.database(entry, old, new, tables);
        }
        if stat.size != old.size || old.sha256.is_none() {
            return Ok(Now::There(Box::new(new), false));
        }
        match self.sha256(&file, stat.size, &entry.path) {
            Ok(sha256) => new.sha256 = sha256?,
            Err(error) => return Ok(failed(&error)),
        }
        let same = new.sha256 == old.sha256;
        Ok(Now::There(Box::new(new), same))
    }

    fn database(&mut self, entry: &WalkEntry, old: &Item, mut new: Item, tables: &mut Tables) -> Result<Now> {
        if !is_database(&entry.absolute) {
            // SQLite cannot read it: as it lies, with the files that belong to it.
            let same = self.databases.is_same_raw(old, entry, &self.vault.keys().ids, &mut self.ticker)?;
            new.sha256 = old.sha256.clone().filter(|_| same);
            return Ok(Now::There(Box::new(new), same));
        }
        let mut image = match self.databases.capture(&entry.absolute, entry.stat.size, &self.ticker)? {
            Live::Image(image) => image,
            Live::Gone => return Ok(Now::Gone),
            Live::Unknown(message) => return Ok(Now::Unknown(message)),
            Live::Raw(reason) => {
                if self.databases.is_same_raw(old, entry, &self.vault.keys().ids, &mut self.ticker)? {
                    new.sha256.clone_from(&old.sha256);
                    return Ok(Now::There(Box::new(new), true));
                }
                tables.1 = Some(reason);
                return Ok(Now::There(Box::new(new), false));
            }
        };
        new.size = image.size;
        if self.databases.is_same(old, &image, &self.vault.keys().ids, &mut self.ticker)? {
            new.sha256.clone_from(&old.sha256);
            return Ok(Now::There(Box::new(new), true));
        }
        *tables = self.databases.live(old, &mut image, &mut self.ticker)?;
        Ok(Now::There(Box::new(new), false))
    }

    /// `None` where the file became shorter meanwhile. The outer error is the file's, the inner a cancellation.
    fn sha256(&mut self, file: &File, size: u64, path: &RelPath) -> io::Result<Result<Option<String>>> {
        let mut hasher = Sha256::new();
        let mut buffer = vec![0; (1 << 20).min(size as usize)];
        let mut offset = 0;
        while offset < size {
            if let Err(error) = self.ticker.still(&path.display()) {
                return Ok(Err(error));
            }
            let length = buffer.len().min((size - offset) as usize);
            match durable::read_at(file, &mut buffer[..length], offset) {
                Ok(()) => hasher.update(&buffer[..length]),
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(Ok(None)),
                Err(error) => return Err(error),
            }
            offset += length as u64;
        }
        Ok(Ok(Some(hex::encode(hasher.finalize()))))
    }
}

fn describe(entry: &WalkEntry, kind: ItemType) -> Item {
    let mut item = Item::new(&entry.path, kind, entry.category);
    entry.stat.describe(&mut item);
    item.xattrs = Some(match kind {
        ItemType::Symlink => Vec::new(),
        _ => attributes::of_place(&entry.absolute).attributes,
    });
    item
}

/// A folder, a link, or what was not there or another kind of thing before: nothing but a link's target is read.
fn plain(entry: &WalkEntry, old: Option<&Item>) -> Now {
    let mut new = match entry.stat.kind {
        FileKind::Dir => describe(entry, ItemType::Dir),
        FileKind::Symlink => describe(entry, ItemType::Symlink),
        _ => describe(entry, ItemType::File),
    };
    match new.kind {
        ItemType::File => new.size = entry.stat.size,
        ItemType::Dir => {}
        ItemType::Symlink => match std::fs::read_link(&entry.absolute) {
            Ok(target) => new.set_link(target.as_os_str().as_encoded_bytes()),
            Err(error) => return failed(&error),
        },
    }
    let same = old.is_some_and(|old| old.kind != ItemType::File && same_content(old, &new));
    Now::There(Box::new(new), same)
}

fn failed(error: &io::Error) -> Now {
    match error.kind() {
        io::ErrorKind::NotFound => Now::Gone,
        _ => Now::Unknown(format!("It cannot be read: {error}.")),
    }
}
