//! What a backup would take, and what it would not, and why. Nothing is written, not even a vault, and no key is needed.
//!
//! The memory does not grow with the root: folders are told apart two levels deep, and less deep where there are too many;
//! of what is left out the largest are named, and the rest is counted.

use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::path::Path;
use std::time::Instant;

use super::useless;
use crate::capture::left::{Left, Why};
use crate::capture::mounts;
use crate::capture::rules::Rules;
use crate::capture::stat::{FileKind, Purpose, Stat, may};
use crate::capture::walk::{Walk, WalkEntry, WalkVisitor};
use crate::path::RelPath;
use crate::report::{
    Category, CategoryTotals, LeftReason, Preview, PreviewFolder, PreviewLeft, PreviewUseless, Progress,
};
use crate::{Config, Control, Result};

/// So many rows of a kind.
const ROWS: usize = 1000;
/// So many items are counted in one thing that is left out.
const COUNTED: u64 = 1_000_000;
/// So many behind a link: it may lead to all of the disk.
const BEHIND: u64 = 50_000;
/// How deep folders are told apart.
const LEVELS: usize = 2;
const TELL_EVERY: u64 = 512;

/// Looks at the root as a backup would.
pub fn preview(config: &Config, control: &Control) -> Result<Preview> {
    let started = Instant::now();
    let rules = Rules::new(config)?;
    let walk = Walk::new(config, &rules, &config.backup_dir);
    let mut viewer = Viewer {
        walk: &walk,
        control,
        levels: LEVELS,
        taken: BTreeMap::new(),
        useless: BTreeMap::new(),
        left: Leftovers::default(),
        mounts: mounts::below(&config.root),
        sum: Preview { root: config.root.clone(), ..Preview::default() },
    };
    walk.run(&mut viewer)?;
    let Viewer { taken, useless, left, mut sum, .. } = viewer;
    let taken = taken.into_iter();
    sum.taken = taken
        .map(|((path, category), totals)| PreviewFolder { path, category, items: totals.items, size: totals.size })
        .collect();
    sum.taken.sort_by(|a, b| (b.size, b.items, &a.path).cmp(&(a.size, a.items, &b.path)));
    sum.useless = useless.into_values().collect();
    sum.useless.sort_by(|a, b| (b.size, b.items, &a.path).cmp(&(a.size, a.items, &b.path)));
    sum.left = left.finish();
    sum.duration_ms = started.elapsed().as_millis() as u64;
    Ok(sum)
}

struct Viewer<'a> {
    walk: &'a Walk<'a>,
    control: &'a Control,
    levels: usize,
    taken: BTreeMap<(String, Category), CategoryTotals>,
    useless: BTreeMap<String, PreviewUseless>,
    left: Leftovers,
    mounts: HashSet<RelPath>,
    sum: Preview,
}

impl WalkVisitor for Viewer<'_> {
    fn entry(&mut self, entry: WalkEntry) -> Result<()> {
        self.control.check()?;
        if entry.stat.kind == FileKind::File
            && let Err(error) = may(&entry.absolute, Purpose::Read)
        {
            return match error.kind() {
                // It vanished.
                std::io::ErrorKind::NotFound => Ok(()),
                _ => self.left(Left { path: entry.path, absolute: entry.absolute, why: Why::Unreadable(error) }),
            };
        }
        let size = if entry.stat.kind == FileKind::File { entry.stat.size } else { 0 };
        let category = entry.looked_into();
        self.sum.notes.extend(mounts::note(&self.mounts, &entry.path));
        self.sum.items += 1;
        self.sum.size += size;
        add(self.sum.categories.entry(category).or_default(), 1, size);
        let is_dir = entry.stat.kind == FileKind::Dir;
        let folder = folder(&entry.path, is_dir, self.levels);
        add(self.taken.entry((folder, category)).or_default(), 1, size);
        while self.taken.len() > ROWS && self.levels > 0 {
            self.collapse();
        }
        if let Some((path, why)) = useless::why(&entry.path, is_dir)
            && (self.useless.len() < ROWS || self.useless.contains_key(&path))
        {
            let row = PreviewUseless { path: path.clone(), why: why.into(), items: 0, size: 0 };
            let row = self.useless.entry(path).or_insert(row);
            (row.items, row.size) = (row.items + 1, row.size + size);
        }
        if self.sum.items.is_multiple_of(TELL_EVERY) {
            self.control.report(&Progress {
                phase: "looking".into(),
                items: self.sum.items,
                bytes: self.sum.size,
                path: Some(entry.path.display()),
                ..Progress::default()
            });
        }
        Ok(())
    }

    fn set(&mut self, folder: WalkEntry) -> Result<()> {
        let walk = self.walk;
        walk.set(&folder, self)
    }

    fn left(&mut self, left: Left) -> Result<()> {
        let size = self.measure(&left)?;
        self.left.add(left, size);
        Ok(())
    }
}

impl Viewer<'_> {
    /// Folders are told apart one level less deep.
    fn collapse(&mut self) {
        self.levels -= 1;
        for ((path, category), totals) in std::mem::take(&mut self.taken) {
            let path = match RelPath::parse(path.as_bytes()) {
                Ok(path) => folder(&path, true, self.levels),
                Err(_) => path,
            };
            add(self.taken.entry((path, category)).or_default(), totals.items, totals.size);
        }
    }

    /// How much there is of what is left out.
    fn measure(&self, left: &Left) -> Result<FolderSize> {
        let most = match left.why {
            // What is where the app is not is not what a backup would take.
            Why::System(_) | Why::Dangling | Why::Loop => return Ok(FolderSize { items: 1, ..FolderSize::default() }),
            Why::LeadsOut(_) => BEHIND,
            _ => COUNTED,
        };
        let mut size = FolderSize::default();
        let behind = match &left.why {
            Why::LeadsOut(to) => to,
            _ => &left.absolute,
        };
        let mut folders = Vec::new();
        size.add(behind, &mut folders);
        while let Some(folder) = folders.pop() {
            self.control.check()?;
            for inner in fs::read_dir(folder).into_iter().flatten().flatten() {
                if size.items >= most {
                    size.more = true;
                    return Ok(size);
                }
                size.add(&inner.path(), &mut folders);
            }
        }
        Ok(size)
    }
}

#[derive(Clone, Copy, Default)]
struct FolderSize {
    items: u64,
    bytes: u64,
    more: bool,
}

impl FolderSize {
    /// Links are not followed, so this ends.
    fn add(&mut self, path: &Path, folders: &mut Vec<std::path::PathBuf>) {
        self.items += 1;
        match Stat::of(path) {
            Ok(stat) if stat.kind == FileKind::Dir => folders.push(path.to_path_buf()),
            Ok(stat) if stat.kind == FileKind::File => self.bytes += stat.size,
            _ => {}
        }
    }
}

/// What is left out: a row for each folder, link and what is lost, and one for all other files of a folder.
#[derive(Default)]
struct Leftovers {
    rows: BTreeMap<(LeftReason, String, String), PreviewLeft>,
}

impl Leftovers {
    fn add(&mut self, left: Left, size: FolderSize) {
        let is_one = left.why.is_loss() || left.absolute.is_dir() || !matches!(left.why, Why::Excluded | Why::NotNamed);
        let path = if is_one { left.path.display() } else { folder(&left.path, false, LEVELS) };
        let row = PreviewLeft {
            path,
            reason: reason(&left.why),
            why: left.why.sentence(),
            lost: left.why.is_loss(),
            mend: left.why.remedy(&left.path),
            items: size.items,
            size: size.bytes,
            more: size.more,
        };
        self.put(row);
        if self.rows.len() > 2 * ROWS {
            let rows = std::mem::take(self).finish();
            rows.into_iter().for_each(|row| self.put(row));
        }
    }

    fn put(&mut self, row: PreviewLeft) {
        match self.rows.entry((row.reason, row.path.clone(), row.why.clone())) {
            std::collections::btree_map::Entry::Vacant(place) => drop(place.insert(row)),
            std::collections::btree_map::Entry::Occupied(mut known) => {
                let known = known.get_mut();
                (known.items, known.size) = (known.items + row.items, known.size + row.size);
                known.more |= row.more;
            }
        }
    }

    /// The largest first; what is lost before everything else, since it is what one has to know.
    fn finish(mut self) -> Vec<PreviewLeft> {
        let order = |a: &PreviewLeft, b: &PreviewLeft| {
            (b.lost, b.size, b.items, &a.path).cmp(&(a.lost, a.size, a.items, &b.path))
        };
        let mut rows: Vec<PreviewLeft> = std::mem::take(&mut self.rows).into_values().collect();
        rows.sort_by(order);
        for small in rows.split_off(rows.len().min(ROWS)) {
            let (why, mend) = ("These are smaller ones, counted together.".to_string(), None);
            self.put(PreviewLeft { path: String::new(), why, mend, ..small });
        }
        rows.extend(self.rows.into_values());
        rows
    }
}

fn reason(why: &Why) -> LeftReason {
    match why {
        Why::Ours(_) => LeftReason::Ours,
        Why::Default(_) => LeftReason::Default,
        Why::Excluded => LeftReason::Exclude,
        Why::NotNamed => LeftReason::Sources,
        Why::Special => LeftReason::Special,
        Why::Unreadable(_) => LeftReason::Unreadable,
        Why::LeadsOut(_) | Why::System(_) | Why::Dangling | Why::Unmounted | Why::Loop => LeftReason::Link,
    }
}

/// The folder that a path is counted under.
fn folder(path: &RelPath, is_dir: bool, levels: usize) -> String {
    let folder = if is_dir { Some(path.clone()) } else { path.parent() };
    let folder = folder.map_or_else(String::new, |folder| folder.display());
    let parts: Vec<&str> = folder.split('/').take(levels).filter(|part| !part.is_empty()).collect();
    if parts.is_empty() { ".".into() } else { parts.join("/") }
}

fn add(totals: &mut CategoryTotals, items: u64, size: u64) {
    totals.items += items;
    totals.size += size;
}
