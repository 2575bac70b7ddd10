//! Walking the root: every path that is taken, in path order, one folder in memory at a time; and what is left out, with
//! the reason. Links are taken as links, but for those that lead out of the root and are to be followed.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

pub use super::databases::is_database;
use super::databases::{self, Listed};
use super::left::{Left, Why};
use super::links::{self, Lead};
use super::ours::Ours;
use super::rules::{Class, Rules};
use super::stat::{Kind, Stat};
use crate::config::Config;
use crate::path::RelPath;
use crate::report::Category;
use crate::{Error, Result};

/// A path that is taken.
#[derive(Clone, Debug)]
pub struct Entry {
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

impl Entry {
    /// The place of a file that belongs to this one by its name: `-wal`, `-journal`.
    pub fn beside(&self, suffix: &str) -> PathBuf {
        databases::beside(&self.absolute, suffix)
    }
}

/// Whoever takes the entries.
pub trait Visitor {
    /// Files, folders (before what is in them) and links, in path order.
    fn entry(&mut self, entry: Entry) -> Result<()>;
    /// A folder that belongs together, such as a WhatsApp session: the visitor reads it itself.
    fn set(&mut self, folder: Entry) -> Result<()>;
    /// Something is left out; or, of a link that is taken as a link, what is behind it.
    fn left(&mut self, left: Left) -> Result<()>;
}

/// Something in them is taken: the folders above it are, too.
fn announce(pending: &mut Vec<Entry>, visitor: &mut impl Visitor) -> Result<()> {
    pending.drain(..).try_for_each(|folder| visitor.entry(folder))
}

/// What is in a folder that belongs together.
pub struct Set {
    /// In path order, the folder itself first.
    pub entries: Vec<Entry>,
    pub left: Vec<Left>,
}

/// So many links may lie behind one another, each in what the one before led to.
const FOLLOWED: usize = 4;

/// How the walk came to a folder.
#[derive(Clone)]
struct Way {
    /// The folders from the root on, by device and inode.
    folders: Vec<(u64, u64)>,
    /// The real paths of the root, and of what was followed to.
    walked: Vec<PathBuf>,
    /// The default `exclude` leaves this out, but for what `include` names.
    remaking: Option<&'static str>,
}

/// What becomes of a path.
enum Look {
    Gone,
    Left(Left),
    Taken(Box<Found>),
}

struct Found {
    path: RelPath,
    absolute: PathBuf,
    stat: Stat,
    /// `None`: a folder that nothing names, though something in it may be named.
    class: Option<Class>,
    /// Of a folder: what is in it, and the way there.
    inner: Option<(Listing, Way)>,
    /// A link that is taken as a link: what is behind it is not.
    behind: Option<Left>,
}

impl Found {
    fn entry(self, is_set: bool) -> Entry {
        let is_set = is_set && self.stat.kind == Kind::File;
        let class = self.class.unwrap_or(Class { category: Category::Data, by_default: false });
        let Class { category, by_default } = class;
        Entry { path: self.path, absolute: self.absolute, stat: self.stat, category, by_default, is_set }
    }
}

type Listing = Vec<(RelPath, PathBuf)>;

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

    pub fn run(&self, visitor: &mut impl Visitor) -> Result<()> {
        let root = RelPath::root();
        match self.listing(&root, self.root) {
            Ok(listing) => self.folder(listing, &self.start(self.root), &mut Vec::new(), visitor),
            Err(error) => Err(Error::Source {
                message: format!("The folder {} cannot be backed up: {error}.", self.root.display()),
                source: Some(error),
            }),
        }
    }

    /// What a path is to its owner, whether or not it is taken, with what lies at `absolute` instead.
    pub fn entry(&self, path: &RelPath, absolute: &Path, stat: Stat) -> Entry {
        let class = self.rules.class(path).unwrap_or(Class { category: Category::Data, by_default: false });
        let Class { category, by_default } = class;
        let is_set = stat.kind == Kind::File && databases::looks_like_one(path, absolute);
        Entry { path: path.clone(), absolute: absolute.to_path_buf(), stat, category, by_default, is_set }
    }

    fn start(&self, folder: &Path) -> Way {
        let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_path_buf());
        let mut way = Way { folders: Vec::new(), walked: vec![real(self.root)], remaking: None };
        if !folder.starts_with(self.root) {
            way.walked.push(real(folder));
        }
        let entered = [self.root, folder].into_iter().filter_map(|folder| fs::metadata(folder).ok());
        way.folders.extend(entered.map(|metadata| identity(&Stat::from(&metadata))));
        way
    }

    /// `pending`: folders above whose own entry waits for something in them to be taken.
    fn folder(&self, listing: Listing, way: &Way, pending: &mut Vec<Entry>, visitor: &mut impl Visitor) -> Result<()> {
        for Listed { path, absolute, is_set } in databases::listed(listing, |path| self.takes(path, way)) {
            let mut found = match self.look(path, absolute, way) {
                Look::Gone => continue,
                Look::Left(left) => {
                    visitor.left(left)?;
                    continue;
                }
                Look::Taken(found) => found,
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
            if class.is_some_and(|class| class.category == Category::Session)
                && inner.iter().any(|(_, path)| path.is_file())
            {
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

    /// Do the rules take this file?
    fn takes(&self, path: &RelPath, way: &Way) -> bool {
        let is_named = self.rules.class(path).is_some() && (way.remaking.is_none() || self.rules.is_included(path));
        is_named && !self.rules.is_excluded(path)
    }

    /// Decides on one path.
    fn look(&self, path: RelPath, absolute: PathBuf, way: &Way) -> Look {
        let left = |path: RelPath, absolute: PathBuf, why: Why| Look::Left(Left { path, absolute, why });
        let unreadable = |path: RelPath, absolute: PathBuf, error: io::Error| match error.kind() {
            io::ErrorKind::NotFound => Look::Gone,
            _ => Look::Left(Left { path, absolute, why: Why::Unreadable(error) }),
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
        if stat.kind == Kind::Other {
            return left(path, absolute, Why::Special);
        }
        let mut class = self.rules.class(&path);
        if way.remaking.is_some() && !self.rules.is_included(&path) {
            class = None;
        }
        let mut found = Found { path, absolute, stat, class, inner: None, behind: None };
        let mut followed = None;
        // Sources may name what is behind a link, and not the link: `data/**`.
        let is_named =
            |found: &Found| found.class.is_some() || self.rules.class(&found.path.join("x".as_ref())).is_some();
        if found.stat.kind == Kind::Symlink && is_named(&found) {
            match self.link(&mut found, way) {
                Ok(to) => followed = to,
                Err(why) => return left(found.path, found.absolute, why),
            }
            if found.class.is_none()
                && let Some(behind) = found.behind.take()
            {
                return Look::Left(behind);
            }
        }
        if found.stat.kind != Kind::Dir {
            return match (found.class, way.remaking) {
                (Some(_), _) => Look::Taken(Box::new(found)),
                (None, Some(how)) => left(found.path, found.absolute, Why::Default(how)),
                (None, None) => left(found.path, found.absolute, Why::NotNamed),
            };
        }
        if way.folders.contains(&identity(&found.stat)) && found.stat.ino != 0 {
            return left(found.path, found.absolute, Why::Loop);
        }
        let listing = match self.listing(&found.path, &found.absolute) {
            Ok(listing) => listing,
            Err(error) => return unreadable(found.path, found.absolute, error),
        };
        let mut way = way.clone();
        way.walked.extend(followed);
        if self.rules.is_included(&found.path) {
            way.remaking = None;
        }
        if let Some(how) = self.rules.remaking(&found.path, &found.absolute, &listing) {
            if !self.rules.includes_some() {
                return left(found.path, found.absolute, Why::Default(how));
            }
            (way.remaking, found.class) = (Some(how), None);
        }
        way.folders.push(identity(&found.stat));
        found.inner = Some((listing, way));
        Look::Taken(Box::new(found))
    }

    /// Follows a link, and says where to; or notes what is behind it. `Err`: it is not taken either way.
    fn link(&self, found: &mut Found, way: &Way) -> Result<Option<PathBuf>, Why> {
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
                if stat.kind == Kind::Other {
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

    /// What is in a folder, sorted.
    fn listing(&self, path: &RelPath, absolute: &Path) -> io::Result<Listing> {
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
        let mut set = Set { entries: vec![folder.clone()], left: Vec::new() };
        let mut folders = Vec::new();
        match self.listing(&folder.path, &folder.absolute) {
            Ok(listing) => folders.push((listing, self.start(&folder.absolute))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => set.left.push(Left {
                path: folder.path.clone(),
                absolute: folder.absolute.clone(),
                why: Why::Unreadable(error),
            }),
        }
        while let Some((listing, way)) = folders.pop() {
            for Listed { path, absolute, is_set } in databases::listed(listing, |path| self.takes(path, &way)) {
                match self.look(path, absolute, &way) {
                    Look::Gone => {}
                    Look::Left(left) => set.left.push(left),
                    Look::Taken(mut found) => {
                        set.left.extend(found.behind.take());
                        folders.extend(found.inner.take());
                        if found.class.is_some() {
                            set.entries.push(found.entry(is_set));
                        }
                    }
                }
            }
        }
        set.entries.sort_unstable_by(|a, b| a.path.cmp(&b.path));
        set
    }
}

fn identity(stat: &Stat) -> (u64, u64) {
    (stat.dev, stat.ino)
}
