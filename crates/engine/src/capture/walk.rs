//! Walking the root: every path that is taken, in path order, one folder in memory at a time; and what is left out, with
//! the reason. Links are taken as links, but for those that lead out of the root and are to be followed.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::databases::{self, Belonging};
use super::left::{Left, Why};
use super::links::{self, Lead};
use super::ours::Ours;
use super::rules::{Class, Rules};
use super::stat::{FileKind, Stat};
use super::stores;
use crate::config::Config;
use crate::path::RelPath;
use crate::report::Category;
use crate::{Error, Result};

/// A path that is taken.
#[derive(Clone, Debug)]
pub struct WalkEntry {
    pub path: RelPath,
    /// Where it lies; behind a link that is followed, its real place.
    pub absolute: PathBuf,
    pub stat: Stat,
    pub category: Category,
    /// No rule knows it, and its content may tell more: see [`super::content`].
    pub by_default: bool,
    /// It looks like a database, whoever can read it: see [`super::databases`].
    pub is_set: bool,
}

impl WalkEntry {
    /// The place of a file that belongs to this one by its name: `-wal`, `-journal`.
    pub fn beside(&self, suffix: &str) -> PathBuf {
        databases::beside(&self.absolute, suffix)
    }
}

/// Whoever takes the entries.
pub trait WalkVisitor {
    /// Files, folders (before what is in them) and links, in path order.
    fn entry(&mut self, entry: WalkEntry) -> Result<()>;
    /// A folder that belongs together, such as a WhatsApp session: what is in it is walked by [`Walk::set`].
    fn set(&mut self, folder: WalkEntry) -> Result<()>;
    /// Something is left out; or, of a link that is taken as a link, what is behind it.
    fn left(&mut self, left: Left) -> Result<()>;
}

/// Something in them is taken: the folders above it are, too.
fn announce(pending: &mut Vec<WalkEntry>, visitor: &mut impl WalkVisitor) -> Result<()> {
    pending.drain(..).try_for_each(|folder| visitor.entry(folder))
}

/// A folder, and the names in it.
pub struct WalkedFolder {
    pub path: RelPath,
    pub absolute: PathBuf,
    /// Sorted.
    pub names: Vec<OsString>,
}

impl WalkedFolder {
    fn read(path: RelPath, absolute: PathBuf) -> io::Result<WalkedFolder> {
        let names = fs::read_dir(&absolute)?.map(|entry| Ok(entry?.file_name()));
        let mut names = names.collect::<io::Result<Vec<_>>>()?;
        names.sort_unstable_by(|a, b| a.as_encoded_bytes().cmp(b.as_encoded_bytes()));
        Ok(WalkedFolder { path, absolute, names })
    }

    pub fn has(&self, name: &OsString) -> bool {
        self.names.binary_search_by(|other| other.as_encoded_bytes().cmp(name.as_encoded_bytes())).is_ok()
    }
}

/// So many links may lie behind one another, each in what the one before led to.
const FOLLOWED: usize = 4;

/// How the walk came to a folder.
#[derive(Clone)]
struct FolderTrail {
    /// The folders from the root on, by device and inode.
    folders: Vec<(u64, u64)>,
    /// The real paths of the root, and of what was followed to.
    walked: Vec<PathBuf>,
    /// The default `exclude` leaves this out, but for what `include` names.
    remaking: Option<&'static str>,
    /// It is in a folder that belongs together, and so belongs to it.
    in_set: bool,
}

/// What becomes of a path.
enum PathDecision {
    Gone,
    Left(Left),
    Taken(Box<StatedPath>),
}

struct StatedPath {
    path: RelPath,
    absolute: PathBuf,
    stat: Stat,
    /// `None`: a folder that nothing names, though something in it may be named.
    class: Option<Class>,
    /// Of a folder: what is in it, and the way there.
    inner: Option<(WalkedFolder, FolderTrail)>,
    /// A link that is taken as a link: what is behind it is not.
    behind: Option<Left>,
}

impl StatedPath {
    fn entry(self, is_set: bool) -> WalkEntry {
        let is_set = is_set && self.stat.kind == FileKind::File;
        let class = self.class.unwrap_or(Class { category: Category::Data, by_default: false });
        let Class { category, by_default } = class;
        WalkEntry { path: self.path, absolute: self.absolute, stat: self.stat, category, by_default, is_set }
    }
}

/// One walk over a root.
pub struct Walk<'a> {
    root: &'a Path,
    rules: &'a Rules,
    ours: Ours,
}

impl<'a> Walk<'a> {
    /// `vault`: a backup does not contain itself.
    pub fn new(config: &'a Config, rules: &'a Rules, vault: &Path) -> Walk<'a> {
        Walk { root: &config.root, rules, ours: Ours::new(config, vault) }
    }

    pub fn run(&self, visitor: &mut impl WalkVisitor) -> Result<()> {
        match WalkedFolder::read(RelPath::root(), self.root.to_path_buf()) {
            Ok(folder) => self.folder(folder, &self.start(self.root), &mut Vec::new(), visitor),
            Err(error) => Err(Error::Source {
                message: format!("The folder {} cannot be backed up: {error}.", self.root.display()),
                source: Some(error),
            }),
        }
    }

    /// What a path is to its owner, whether or not it is taken, with what lies at `absolute` instead.
    pub fn entry(&self, path: &RelPath, absolute: &Path, stat: Stat) -> WalkEntry {
        let class = self.rules.class(path).unwrap_or(Class { category: Category::Data, by_default: false });
        let Class { category, by_default } = class;
        let is_set = stat.kind == FileKind::File && databases::looks_like_one(path, absolute);
        WalkEntry { path: path.clone(), absolute: absolute.to_path_buf(), stat, category, by_default, is_set }
    }

    fn start(&self, folder: &Path) -> FolderTrail {
        let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_path_buf());
        let mut way = FolderTrail { folders: Vec::new(), walked: vec![real(self.root)], remaking: None, in_set: false };
        if !folder.starts_with(self.root) {
            way.walked.push(real(folder));
        }
        let entered = [self.root, folder].into_iter().filter_map(|folder| fs::metadata(folder).ok());
        way.folders.extend(entered.map(|metadata| identity(&Stat::from(&metadata))));
        way
    }

    /// `pending`: folders above whose own entry waits for something in them to be taken.
    fn folder(
        &self,
        folder: WalkedFolder,
        way: &FolderTrail,
        pending: &mut Vec<WalkEntry>,
        visitor: &mut impl WalkVisitor,
    ) -> Result<()> {
        let Belonging { sides, sets } = databases::belonging(&folder, |path| self.takes(path, way));
        let WalkedFolder { path: above, absolute: place, names } = folder;
        for name in names.into_iter().filter(|name| !sides.contains(name)) {
            let is_set = databases::is_named_as_one(Path::new(&name)) || sets.contains(&name);
            let (path, absolute) = (above.join(&name), place.join(&name));
            let mut found = match self.look(path, absolute, way) {
                PathDecision::Gone => continue,
                PathDecision::Left(left) => {
                    visitor.left(left)?;
                    continue;
                }
                PathDecision::Taken(found) => found,
            };
            let behind = found.behind.take();
            let inner = found.inner.take();
            let class = found.class;
            let Some((inner, way)) = inner else {
                announce(pending, visitor)?;
                visitor.entry(found.entry(is_set))?;
                behind.map_or(Ok(()), |left| visitor.left(left))?;
                continue;
            };
            let folder = found.entry(false);
            if !way.in_set && self.belongs_together(class, &inner) {
                announce(pending, visitor)?;
                visitor.set(folder)?;
                continue;
            }
            let waiting = pending.len();
            match class {
                Some(_) => {
                    announce(pending, visitor)?;
                    visitor.entry(folder)?;
                }
                None => pending.push(folder),
            }
            self.folder(inner, &way, pending, visitor)?;
            pending.truncate(waiting);
        }
        Ok(())
    }

    /// Must what is in this folder be of one moment?
    fn belongs_together(&self, class: Option<Class>, folder: &WalkedFolder) -> bool {
        let is_session = || {
            class.is_some_and(|class| class.category == Category::Session)
                && folder.names.iter().any(|name| folder.absolute.join(name).is_file())
        };
        class.is_some() && (self.rules.is_set(&folder.path) || stores::is_one(folder) || is_session())
    }

    /// Do the rules take this file?
    fn takes(&self, path: &RelPath, way: &FolderTrail) -> bool {
        let is_named = self.rules.class(path).is_some() && (way.remaking.is_none() || self.rules.is_included(path));
        is_named && !self.rules.is_excluded(path)
    }

    /// Decides on one path.
    fn look(&self, path: RelPath, absolute: PathBuf, way: &FolderTrail) -> PathDecision {
        let left = |path: RelPath, absolute: PathBuf, why: Why| PathDecision::Left(Left { path, absolute, why });
        let unreadable = |path: RelPath, absolute: PathBuf, error: io::Error| match error.kind() {
            io::ErrorKind::NotFound => PathDecision::Gone,
            _ => PathDecision::Left(Left { path, absolute, why: Why::Unreadable(error) }),
        };
        let stat = match Stat::of(&absolute) {
            Ok(stat) => stat,
            Err(error) => return unreadable(path, absolute, error),
        };
        if let Some(what) = self.ours.what(&path, &absolute, &stat) {
            return left(path, absolute, Why::Ours(what));
        }
        if self.rules.is_excluded(&path) {
            return left(path, absolute, Why::Excluded);
        }
        if stat.kind == FileKind::Other {
            return left(path, absolute, Why::Special);
        }
        let mut class = self.rules.class(&path);
        if way.remaking.is_some() && !self.rules.is_included(&path) {
            class = None;
        }
        let mut found = StatedPath { path, absolute, stat, class, inner: None, behind: None };
        let mut followed = None;
        // Sources may name what is behind a link, and not the link: `data/**`.
        let is_named =
            |found: &StatedPath| found.class.is_some() || self.rules.class(&found.path.join("x".as_ref())).is_some();
        if found.stat.kind == FileKind::Symlink && is_named(&found) {
            match self.link(&mut found, way) {
                Ok(to) => followed = to,
                Err(why) => return left(found.path, found.absolute, why),
            }
            if found.class.is_none()
                && let Some(behind) = found.behind.take()
            {
                return PathDecision::Left(behind);
            }
        }
        if found.stat.kind != FileKind::Dir {
            return match (found.class, way.remaking) {
                (Some(_), _) => PathDecision::Taken(Box::new(found)),
                (None, Some(how)) => left(found.path, found.absolute, Why::Default(how)),
                (None, None) => left(found.path, found.absolute, Why::NotNamed),
            };
        }
        if way.folders.contains(&identity(&found.stat)) && found.stat.ino != 0 {
            return left(found.path, found.absolute, Why::Loop);
        }
        let folder = match WalkedFolder::read(found.path.clone(), found.absolute.clone()) {
            Ok(folder) => folder,
            Err(error) => return unreadable(found.path, found.absolute, error),
        };
        let mut way = way.clone();
        way.walked.extend(followed);
        if self.rules.is_included(&found.path) {
            way.remaking = None;
        }
        if let Some(how) = self.rules.remaking(&folder) {
            if !self.rules.includes_some() {
                return left(found.path, found.absolute, Why::Default(how));
            }
            (way.remaking, found.class) = (Some(how), None);
        }
        way.folders.push(identity(&found.stat));
        found.inner = Some((folder, way));
        PathDecision::Taken(Box::new(found))
    }

    /// Follows a link, and says where to; or notes what is behind it. `Err`: it is not taken either way.
    fn link(&self, found: &mut StatedPath, way: &FolderTrail) -> Result<Option<PathBuf>, Why> {
        let lead = links::lead(&found.absolute, &way.walked);
        let follows = self.rules.follows(&found.path) && way.walked.len() <= FOLLOWED;
        let why = match lead {
            Lead::Inside => return Ok(None),
            Lead::Out(real) | Lead::System(real) if follows => {
                let stat = Stat::of(&real).map_err(Why::Unreadable)?;
                if let Some(what) = self.ours.what(&found.path, &real, &stat) {
                    return Err(Why::Ours(what));
                }
                if self.ours.is_in_vault(&real) {
                    return Err(Why::Ours("a link into a vault"));
                }
                if stat.kind == FileKind::Other {
                    return Err(Why::Special);
                }
                (found.absolute, found.stat) = (real.clone(), stat);
                return Ok(Some(real));
            }
            Lead::Out(real) => Why::LeadsOut(real),
            Lead::System(place) => Why::System(place),
            Lead::Nowhere if follows => Why::Unmounted,
            Lead::Nowhere => Why::Dangling,
            Lead::Unknown(kind) => Why::Unreadable(kind.into()),
        };
        found.behind = Some(Left { path: found.path.clone(), absolute: found.absolute.clone(), why });
        Ok(None)
    }

    /// Walks a folder that belongs together, itself first, in path order. What vanishes meanwhile is left out: the caller walks
    /// again until two walks agree.
    pub fn set(&self, folder: &WalkEntry, visitor: &mut impl WalkVisitor) -> Result<()> {
        let inner = match WalkedFolder::read(folder.path.clone(), folder.absolute.clone()) {
            Ok(inner) => inner,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => {
                let (path, absolute) = (folder.path.clone(), folder.absolute.clone());
                return visitor.left(Left { path, absolute, why: Why::Unreadable(error) });
            }
        };
        visitor.entry(folder.clone())?;
        let way = FolderTrail { in_set: true, ..self.start(&folder.absolute) };
        self.folder(inner, &way, &mut Vec::new(), visitor)
    }
}

fn identity(stat: &Stat) -> (u64, u64) {
    (stat.dev, stat.ino)
}
