//! The planner: takes the items of a backup one by one, looks at what is there now, and writes down what is to be done.

use std::collections::HashSet;
use std::io;
use std::path::{Path, PathBuf};

use super::ChangePlan;
use super::links::Groups;
use crate::backup::still_stands;
use crate::capture::databases::SIDES;
use crate::capture::mounts;
use crate::capture::stat::{FileKind, Stat, open_file};
use crate::capture::walk::WalkEntry;
use crate::error::IoContext;
use crate::marriage::marker;
use crate::path::RelPath;
use crate::report::{Category, ItemType, RestoreOptions};
use crate::restore::afterwards::Placed;
use crate::restore::metadata::Meta;
use crate::restore::nature::Nature;
use crate::restore::session::Sessions;
use crate::restore::workspace::WORKSPACE;
use crate::vault::item::Item;
use crate::vault::reader::ChunkReader;
use crate::vault::{durable, place};
use crate::{Config, Control, Error, Result, owner, vault};

/// What a path of the root is, while the plan is made.
#[derive(Clone, Copy)]
pub(super) enum Here {
    /// A folder, on that device.
    Folder(u64),
    /// It will be made.
    Coming,
}

pub(super) struct Planner<'a> {
    pub(super) config: &'a Config,
    pub(super) control: &'a Control,
    pub(super) owner: Option<(u32, u32)>,
    pub(super) plan: ChangePlan,
    /// The folders above the path at hand, the root first.
    pub(super) known: Vec<(RelPath, Here)>,
    /// Where something is mounted.
    pub(super) mounts: HashSet<RelPath>,
    /// Categories whose items that the backup does not have go.
    pub(super) mirror: HashSet<Category>,
    pub(super) mirror_met: HashSet<Category>,
    /// Names of one file.
    pub(super) groups: Groups,
    /// Paths of those categories that the backup has.
    pub(super) mirrored: HashSet<RelPath>,
    /// Those that are left alone; none, until they were looked at.
    pub(super) sessions: Sessions<'a>,
    /// The backup that the items come from.
    pub(super) backup: String,
    /// For how databases begin.
    pub(super) headers: ChunkReader,
    /// Items that are called like a file beside a database.
    pub(super) sides_met: HashSet<RelPath>,
    /// What lies beside databases that look unchanged and are none that SQLite can read.
    pub(super) unmet_sides: Vec<RelPath>,
    /// What lies where a database comes to lie beside it.
    pub(super) strangers: Vec<RelPath>,
}

impl Planner<'_> {
    /// Takes an item into the plan. True: its content has to be staged.
    pub(super) fn item(&mut self, path: &RelPath, item: &Item) -> Result<bool> {
        self.control.check()?;
        let live = path.under(&self.config.root);
        let is_way = |live: &Path| live.is_symlink() && place::real(live, &self.config.root) == self.config.backup_dir;
        let is_vaults =
            item.kind != ItemType::File && (live == self.config.backup_dir || is_way(&live)) && live.is_dir();
        if is_vaults || *path == RelPath::root().join(marker::FILE.as_ref()) {
            // Of a time when the vault lay elsewhere, and this folder was the app's, or when the way to the vault was taken for
            // a link of the app: what it is now is the vault's to say. And which vault belongs to this root, no backup knows.
            self.parent(path)?;
            self.plan.report.unchanged += 1;
            return Ok(false);
        }
        self.refuse_ours(path)?;
        if self.mirror.contains(&item.category) {
            self.mirror_met.insert(item.category);
            self.mirrored.insert(path.clone());
        }
        if item.category == Category::Session && self.sessions.keeps(path) {
            self.keep(path, item)?;
            return Ok(false);
        }
        if SIDES.iter().any(|side| path.as_bytes().ends_with(side.as_bytes())) {
            self.sides_met.insert(path.clone());
        }
        let mut item = item.clone();
        (item.uid, item.gid) = self.owner.unwrap_or((item.uid, item.gid));
        let parent = self.parent(path)?;
        let stat = match parent {
            Here::Coming => None,
            Here::Folder(_) => stat(&live)?,
        };
        match item.kind {
            ItemType::Dir => self.folder(path, &item, stat),
            ItemType::File => self.file(path, &item, stat, live),
            ItemType::Symlink => self.link(path, &item, stat, live),
        }
    }

    /// The vault and our own folder are not for a backup to change.
    pub(super) fn refuse_ours(&self, path: &RelPath) -> Result<()> {
        let live = path.under(&self.config.root);
        let in_vault = live.strip_prefix(&self.config.backup_dir).ok().and_then(|inner| inner.components().next());
        let ours = in_vault.is_some_and(|inner| place::is_ours(inner.as_os_str()))
            || live == self.config.backup_dir
            || path.as_bytes().split(|byte| *byte == b'/').any(|name| name == WORKSPACE.as_bytes());
        if ours {
            return Err(Error::UnsafePath { path: path.display(), reason: "it lies in a folder of Lifeboat's own" });
        }
        Ok(())
    }

    /// What the folder of `path` is. It is made where it does not exist; a restore never writes through a link.
    pub(super) fn parent(&mut self, path: &RelPath) -> Result<Here> {
        while self.known.last().is_some_and(|(folder, _)| !path.starts_with(folder) || path == folder) {
            self.known.pop();
        }
        let mut below = self.known.last().map_or(0, |(folder, _)| folder.as_bytes().len());
        // `known` always holds the root.
        let mut here = self.known.last().map_or(Here::Coming, |(_, here)| *here);
        while let Some(folder) = path.ancestor_below(below) {
            below = folder.as_bytes().len();
            here = match here {
                Here::Coming => self.make_folder(&folder, None),
                Here::Folder(_) => match stat(&folder.under(&self.config.root))? {
                    None => self.make_folder(&folder, None),
                    Some(stat) if stat.kind == FileKind::Dir => self.stays(&folder, &stat, None),
                    Some(_) => {
                        return Err(Error::Restore {
                            message: format!(
                                "{:?} cannot be restored: {:?} is no folder here, and the restore neither writes through \
                                 links nor replaces what it was not asked for. Restore {:?}, too, or use another folder \
                                 (--to DIR).",
                                path.display(),
                                folder.display(),
                                folder.display()
                            ),
                        });
                    }
                },
            };
            self.known.push((folder, here));
        }
        Ok(here)
    }

    /// A folder that is there and stays; putting something into it changes its time, which an undo sets back.
    pub(super) fn stays(&mut self, path: &RelPath, stat: &Stat, meta: Option<Meta>) -> Here {
        let around = self.known.last().map(|(_, here)| *here);
        let is_mount = self.mounts.contains(path) || matches!(around, Some(Here::Folder(dev)) if dev != stat.dev);
        if !path.as_bytes().is_empty() && is_mount && !self.plan.areas.contains(path) {
            self.plan.areas.push(path.clone());
        }
        self.plan.describes.entry(path.clone()).or_insert((Some(Meta::of(stat)), meta));
        Here::Folder(stat.dev)
    }

    pub(super) fn folder(&mut self, path: &RelPath, item: &Item, stat: Option<Stat>) -> Result<bool> {
        let here = match stat {
            Some(stat) if stat.kind == FileKind::Dir => {
                let (differs, meta) = self.besides(path, item, &path.under(&self.config.root));
                match differs || meta.differs_from(&Meta::of(&stat)) {
                    true => self.plan.report.replace.push(path.display()),
                    false => self.plan.report.unchanged += 1,
                }
                self.stays(path, &stat, Some(meta))
            }
            Some(stat) => {
                self.goes(path, &stat)?;
                self.no_longer_a_link(path, &stat);
                self.plan.report.replace.push(path.display());
                let meta = self.made(path, item);
                self.make_folder(path, Some(meta))
            }
            None => {
                self.plan.report.create.push(path.display());
                let meta = self.made(path, item);
                self.make_folder(path, Some(meta))
            }
        };
        self.known.push((path.clone(), here));
        Ok(false)
    }

    pub(super) fn file(&mut self, path: &RelPath, item: &Item, stat: Option<Stat>, live: PathBuf) -> Result<bool> {
        let is_there = stat.is_some_and(|stat| stat.kind == FileKind::File);
        let sides_there = self.sides_there(path, item, stat)?;
        if let Some(stat) = stat.filter(|_| is_there) {
            let (category, by_default) = (item.category, false);
            let entry =
                WalkEntry { path: path.clone(), absolute: live.clone(), stat, category, by_default, is_set: false };
            if is_same(item, &entry, sides_there.is_empty())? {
                self.groups.add(path, item, Some(&stat));
                return Ok(self.same(path, item, &stat, sides_there));
            }
            self.plan.replaced.insert(path.clone());
        } else if let Some(stat) = stat {
            self.goes(path, &stat)?;
            self.no_longer_a_link(path, &stat);
        }
        let report = &mut self.plan.report;
        let list = if stat.is_some() { &mut report.replace } else { &mut report.create };
        list.push(path.display());
        let bytes = item.sides.iter().fold(item.on_disk(), |sum, side| sum.saturating_add(side.size));
        report.bytes = report.bytes.saturating_add(bytes);
        self.weigh(path, bytes);
        self.groups.add(path, item, None);
        // What lies there now decides how it is replaced, and not only what it was when it was backed up.
        let nature = if item.db.is_some() && !is_there { Nature::Database } else { Nature::of(&live) };
        let mut sides = if item.db.is_some() || nature.is_database() { self.sides(path)? } else { Vec::new() };
        let mut brings = Vec::new();
        for side in &item.sides {
            let place = beside(path, &side.suffix)?;
            let replaces = sides_there.contains(&place);
            // What is put where nothing was must not look like something to be removed, when it is all done again.
            match item.db.is_some() && is_there {
                true => brings.push(place),
                false => {
                    sides.retain(|side| *side != place || replaces);
                    self.plan.puts.push((place, replaces));
                }
            }
        }
        if item.db.is_none() {
            self.may_be_in_memory(path, item.category);
            self.plan.placed.push(Placed::of(path, item));
        }
        if !(is_there && nature.is_database()) {
            self.tell_strangers(&sides)?;
        }
        self.put_file(path, item, stat.filter(|_| is_there), nature, sides, brings)?;
        Ok(true)
    }

    /// Its content is the same; what it is besides may not be.
    pub(super) fn same(&mut self, path: &RelPath, item: &Item, stat: &Stat, sides_there: Vec<RelPath>) -> bool {
        if item.db.is_some() || !sides_there.is_empty() {
            self.watch(path, item);
            self.plan.unchanged.push(path.clone());
        }
        if item.db.is_none() {
            self.unmet_sides.extend(sides_there);
        }
        let live = path.under(&self.config.root);
        let (was, (differs, meta)) = (Meta::of(stat), self.besides(path, item, &live));
        if differs || meta.differs_from(&was) {
            self.plan.report.replace.push(path.display());
            self.plan.describes.insert(path.clone(), (Some(was), Some(meta)));
        } else {
            self.plan.report.unchanged += 1;
        }
        false
    }

    pub(super) fn link(&mut self, path: &RelPath, item: &Item, stat: Option<Stat>, live: PathBuf) -> Result<bool> {
        let replaces = match stat {
            Some(stat) if stat.kind == FileKind::Symlink => {
                if link_target(&live) == Some(item.link_target()?) {
                    self.plan.report.unchanged += 1;
                    return Ok(false);
                }
                self.link_goes(path);
                self.plan.replaced.insert(path.clone());
                true
            }
            Some(stat) => {
                self.goes(path, &stat)?;
                false
            }
            None => false,
        };
        let report = &mut self.plan.report;
        let list = if stat.is_some() { &mut report.replace } else { &mut report.create };
        list.push(path.display());
        self.weigh(path, 0);
        self.plan.puts.push((path.clone(), replaces));
        self.may_be_in_memory(path, item.category);
        Ok(true)
    }

    /// A photo is read when it is looked at; of anything else an app may hold what it read at its start.
    pub(super) fn may_be_in_memory(&mut self, path: &RelPath, category: Category) {
        if category != Category::Media {
            self.plan.in_memory.get_or_insert_with(|| path.clone());
        }
    }
}

impl<'a> Planner<'a> {
    pub(super) fn new(
        vault: &vault::Vault,
        config: &'a Config,
        options: &'a RestoreOptions,
        control: &'a Control,
    ) -> Result<Planner<'a>> {
        let root_stat = stat_of_root(config)?;
        Ok(Planner {
            config,
            control,
            owner: owner::of(options)?,
            plan: ChangePlan::default(),
            known: vec![(RelPath::root(), Here::Folder(root_stat.dev))],
            mounts: mounts::below(&config.root),
            mirrored: HashSet::new(),
            mirror: options.mirror.iter().copied().collect(),
            mirror_met: HashSet::new(),
            groups: Groups::default(),
            sessions: Sessions::none(config, options),
            backup: String::new(),
            headers: vault.reader()?,
            sides_met: HashSet::new(),
            unmet_sides: Vec::new(),
            strangers: Vec::new(),
        })
    }
}

/// Has the live file the content of the item, for sure?
pub(super) fn is_same(item: &Item, entry: &WalkEntry, alone: bool) -> Result<bool> {
    if still_stands(item, entry) {
        return Ok(true);
    }
    if entry.stat.size != item.size || entry.stat.mtime != item.mtime || !item.sides.is_empty() || !alone {
        return Ok(false);
    }
    let Some(sha256) = &item.sha256 else { return Ok(false) };
    let (file, _) = match open_file(&entry.absolute) {
        // Its app has just put another one in its place.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        opened => opened.at("reading", &entry.absolute)?,
    };
    Ok(*sha256 == durable::sha256(&file).at("reading", &entry.absolute)?)
}

/// What a link leads to is the root.
pub(super) fn stat_of_root(config: &Config) -> Result<Stat> {
    std::fs::metadata(&config.root).map(|root| Stat::from(&root)).at("reading", &config.root)
}

pub(super) fn stat(path: &Path) -> Result<Option<Stat>> {
    match Stat::of(path) {
        Ok(stat) => Ok(Some(stat)),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(None),
        Err(error) => Err(Error::io("reading", path, error)),
    }
}

pub(super) fn link_target(path: &Path) -> Option<Vec<u8>> {
    Some(std::fs::read_link(path).ok()?.into_os_string().into_encoded_bytes())
}

/// The path of a file beside a database.
pub(super) fn beside(path: &RelPath, suffix: &str) -> Result<RelPath> {
    if !SIDES.contains(&suffix) {
        return Err(Error::UnsafePath {
            path: format!("{}{suffix}", path.display()),
            reason: "no database has such a file",
        });
    }
    RelPath::parse(&[path.as_bytes(), suffix.as_bytes()].concat())
}
