//! Names of one file, of which a restore has replaced some: whoever takes it back gets these as names of the file that kept
//! the others, and not as files of their own. The file that is there is not touched, and it is one only where it has the
//! content still that all the names had.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};

use super::planner::{Planner, is_same, stat};
use crate::capture::stat::{FileKind, Stat};
use crate::capture::walk::WalkEntry;
use crate::compare::Fingerprint;
use crate::error::IoContext;
use crate::path::RelPath;
use crate::report::{Category, ItemType};
use crate::restore::metadata::{make_link, may_chown};
use crate::restore::source::SelectedBackup;
use crate::vault::item::Item;
use crate::vault::list::ListReader;
use crate::{Error, Result, vault};

/// A link that comes into the root, and that no backup has.
pub enum NewLink {
    /// Where it leads.
    Symbolic(Vec<u8>),
    /// Another name of the file that lies there.
    Hard { file: PathBuf, identity: (u64, u64) },
}

impl NewLink {
    pub fn make(&self, place: &Path) -> Result<()> {
        match self {
            NewLink::Symbolic(target) => make_link(target, place).at("making the link", place),
            NewLink::Hard { file, identity } => {
                fs::hard_link(file, place).at("making another name of", file)?;
                // Its app may have put another file there.
                let made = Stat::of(place).at("reading", place)?;
                if (made.dev, made.ino) == *identity {
                    return Ok(());
                }
                fs::remove_file(place).at("removing", place)?;
                Err(Error::Restore {
                    message: format!(
                        "{} was replaced while the restore looked at it. Nothing was changed; ask again.",
                        file.display()
                    ),
                })
            }
        }
    }
}

/// What comes back, and had other names that may not have been touched.
#[derive(Default)]
pub struct Torn(HashMap<u64, Vec<(RelPath, Category, Fingerprint)>>);

impl Torn {
    pub fn note(&mut self, path: &RelPath, item: &Item) {
        if let Some(number) = item.hardlink.filter(|_| is_plain(item)) {
            self.0.entry(number).or_default().push((path.clone(), item.category, Fingerprint::of(item)));
        }
    }
}

/// A database is changed through SQLite, whatever its names are.
fn is_plain(item: &Item) -> bool {
    item.kind == ItemType::File && item.db.is_none() && item.sides.is_empty()
}

impl Planner<'_> {
    /// Looks for the files that names of `torn` belong to. What is joined need not be staged.
    pub(super) fn join_again(
        &mut self,
        vault: &vault::Vault,
        source: &SelectedBackup,
        mut torn: Torn,
        staged: &mut HashSet<RelPath>,
    ) -> Result<()> {
        if torn.0.is_empty() {
            return Ok(());
        }
        let mut reader = vault.reader()?;
        for item in ListReader::forwards(&mut reader, &source.snapshot.list) {
            let item = item?;
            let Some(number) = item.hardlink.filter(|number| torn.0.contains_key(number) && is_plain(&item)) else {
                continue;
            };
            self.control.check()?;
            let path = item.rel_path()?;
            let is_touched = self.plan.replaced.contains(&path) || staged.contains(&path);
            if let Some(there) = self.untouched(&path, &item)?.filter(|_| !is_touched) {
                for (name, category, content) in torn.0.remove(&number).unwrap_or_default() {
                    if content.is_same(&Fingerprint::of(&item)) {
                        self.join(&name, category, &path, there, staged)?;
                    }
                }
            }
        }
        Ok(())
    }

    /// The file at `path`, where it is as the item says.
    fn untouched(&self, path: &RelPath, item: &Item) -> Result<Option<Stat>> {
        let absolute = path.under(&self.config.root);
        let Some(there) = stat(&absolute)?.filter(|stat| stat.kind == FileKind::File && Some(stat.ino) == item.ino)
        else {
            return Ok(None);
        };
        let (path, category) = (path.clone(), item.category);
        let entry = WalkEntry { path, absolute, stat: there, category, by_default: false, is_set: false };
        Ok(is_same(item, &entry, true)?.then_some(there))
    }

    /// Makes `name` a name of the file at `path`.
    fn join(
        &mut self,
        name: &RelPath,
        category: Category,
        path: &RelPath,
        there: Stat,
        staged: &mut HashSet<RelPath>,
    ) -> Result<()> {
        let identity = (there.dev, there.ino);
        let live = name.under(&self.config.root);
        let here = stat(&live)?;
        if here.is_some_and(|here| (here.dev, here.ino) == identity) || !self.can_be_linked(name, path, there) {
            return Ok(());
        }
        if !staged.remove(name) {
            // Its content is the same, and was to stay.
            self.plan.attributes.remove(name);
            if self.plan.describes.remove(name).is_none() {
                self.plan.report.unchanged -= 1;
                self.plan.report.replace.push(name.display());
            }
            self.plan.replaced.insert(name.clone());
            self.may_be_in_memory(name, category);
            self.plan.puts.push((name.clone(), true));
        }
        let file = path.under(&self.config.root);
        self.plan.new_links.insert(name.clone(), NewLink::Hard { file, identity });
        Ok(())
    }

    /// A link stays on its file system.
    fn can_be_linked(&self, name: &RelPath, path: &RelPath, there: Stat) -> bool {
        let area = |path: &RelPath| self.plan.areas.iter().filter(|area| path.starts_with(area)).max().cloned();
        may_link(there) && area(name) == area(path)
    }
}

/// Some systems let nobody make another name of somebody else's file.
#[cfg(unix)]
fn may_link(file: Stat) -> bool {
    may_chown() || file.uid == rustix::process::geteuid().as_raw()
}

#[cfg(not(unix))]
fn may_link(_: Stat) -> bool {
    true
}
