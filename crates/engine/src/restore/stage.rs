//! Writing a backup's items into fresh folders: many threads, each file created new, checked by hash as it is written.
//!
//! Folders and files first, then links, then the folders' own times and modes from the inside out, then one sync of
//! the whole file system. Memory holds a few files' chunks and one chunk of the item list, whatever the backup's size.

use std::collections::HashSet;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use crossbeam_channel::bounded;

use super::attributes::finish_folder;
use super::consumer::ItemWriter;
use super::links::RestoredLinks;
use super::metadata;
use super::producer::Producer;
use super::source::{SelectedBackup, is_loss};
use super::unset::Unset;
use crate::error::IoContext;
use crate::mutex::lock;
use crate::path::RelPath;
use crate::report::{ItemType, Progress, RestorePlan, Warning};
use crate::throttle::Throttle;
use crate::vault::Vault;
use crate::vault::item::Item;
use crate::vault::list::ListReader;
use crate::vault::reader::ChunkReader;
use crate::{Control, Error, Result};

/// Where staged items go.
pub trait StagingPlaces: Sync {
    fn place(&self, path: &RelPath) -> PathBuf;
    /// The folders that all places lie in.
    fn folders(&self) -> Vec<PathBuf>;
}

/// Everything below one folder.
impl StagingPlaces for PathBuf {
    fn place(&self, path: &RelPath) -> PathBuf {
        path.under(self)
    }

    fn folders(&self) -> Vec<PathBuf> {
        vec![self.clone()]
    }
}

/// What is staged, and how.
pub struct StagingOrder<'a> {
    pub source: &'a SelectedBackup,
    pub places: &'a dyn StagingPlaces,
    /// Who owns everything, instead of whoever did.
    pub owner: Option<(u32, u32)>,
    /// What is whole is written, and the rest noted.
    pub salvage: bool,
    /// Something may be there already: what has the right content stays.
    pub reuse: bool,
    /// The totals, for the progress.
    pub plan: &'a RestorePlan,
    /// Where it is noted what could not be given back.
    pub unset: &'a Unset,
}

impl StagingOrder<'_> {
    /// The items that are taken, in path order or the other way round.
    pub fn taken<'r>(&'r self, list: ListReader<'r>) -> impl Iterator<Item = Result<(RelPath, Item)>> + 'r {
        list.filter_map(|item| {
            let found = item.and_then(|item| Ok((item.rel_path()?, item)));
            match found {
                Ok((path, mut item)) => self.source.wanted.takes(&path, &item).then(|| {
                    if let Some(owner) = self.owner {
                        item.give_to(owner);
                    }
                    Ok((path, item))
                }),
                // The survey noted it.
                Err(error) if self.salvage && is_loss(&error) => None,
                Err(error) => Some(Err(error)),
            }
        })
    }
}

pub struct Stage<'a> {
    order: StagingOrder<'a>,
    reader: ChunkReader,
    threads: usize,
    shared: StagingShared<'a>,
}

/// What the threads share.
pub struct StagingShared<'a> {
    control: &'a Control,
    plan: &'a RestorePlan,
    pub unset: &'a Unset,
    /// What could not be given back, where that is no failure.
    lost: Option<Mutex<Vec<Warning>>>,
    failed: AtomicBool,
    failure: Mutex<Option<Error>>,
    files: AtomicU64,
    bytes: AtomicU64,
    throttle: Throttle,
}

impl<'a> Stage<'a> {
    pub fn new(vault: &Vault, order: StagingOrder<'a>, threads: usize, control: &'a Control) -> Result<Stage<'a>> {
        let shared = StagingShared::new(control, order.plan, order.unset, order.salvage);
        Ok(Stage { order, reader: vault.reader()?, threads, shared })
    }

    /// Returns what a salvage lost.
    pub fn run(mut self) -> Result<Vec<Warning>> {
        let symlinks = self.write_files()?;
        if symlinks {
            self.make_links()?;
        }
        self.finish_folders()?;
        for folder in self.order.places.folders() {
            sync_tree(&folder)?;
        }
        Ok(self.shared.lost.map(|lost| lost.into_inner().unwrap_or_else(PoisonError::into_inner)).unwrap_or_default())
    }

    /// Makes all folders and files, and the other names of files. True if there are symbolic links to be made.
    fn write_files(&mut self) -> Result<bool> {
        let (jobs_in, jobs) = bounded(self.threads * 4);
        let (bundles_in, bundles) = bounded(self.threads * 4);
        let readers: Vec<ChunkReader> = (0..self.threads).map(|_| self.reader.another()).collect();
        let (shared, order) = (&self.shared, &self.order);
        let mut producer = Producer {
            places: order.places,
            reuse: order.reuse,
            jobs: jobs_in,
            bundle_jobs: bundles_in,
            shared,
            lists: self.reader.another(),
            bundles: Vec::new(),
            parent: PathBuf::new(),
            symlinks: false,
            links: RestoredLinks::default(),
        };
        let items = order.taken(ListReader::forwards(&mut self.reader, &order.source.snapshot.list));
        let produced = std::thread::scope(|scope| {
            for (number, reader) in readers.into_iter().enumerate() {
                // Making thousands of files in one folder is the file system's work, one after the other: half of the
                // threads go on with large files.
                let queues = if number % 2 == 0 { vec![bundles.clone(), jobs.clone()] } else { vec![jobs.clone()] };
                scope.spawn(move || ItemWriter::new(reader, shared).run(queues));
            }
            drop((jobs, bundles));
            let produced = producer.run(items);
            let found = (producer.symlinks, std::mem::take(&mut producer.links.others));
            // The queue ends here; the scope waits for the threads.
            drop(producer);
            produced.map(|()| found)
        });
        let (symlinks, others) = match self.shared.failure() {
            Some(error) => return Err(error),
            None => produced?,
        };
        let mut consumer = ItemWriter::new(self.reader.another(), &self.shared);
        let mut apart = HashSet::new();
        for other in others {
            self.shared.check()?;
            other.make_folder()?;
            match other.make(self.order.reuse, self.order.unset)? {
                true => self.shared.wrote(1, other.bytes),
                false => drop(apart.insert(other.path)),
            }
        }
        if !apart.is_empty() {
            for item in order.taken(ListReader::forwards(&mut self.reader, &order.source.snapshot.list)) {
                let (path, item) = item?;
                if apart.contains(&path) {
                    consumer.whole(&order.places.place(&path), &item)?;
                }
            }
        }
        Ok(symlinks)
    }

    fn make_links(&mut self) -> Result<()> {
        for item in self.order.taken(ListReader::forwards(&mut self.reader, &self.order.source.snapshot.list)) {
            let (path, item) = item?;
            if item.kind == ItemType::Symlink {
                let place = self.order.places.place(&path);
                if let Some(parent) = place.parent() {
                    make_folder(parent)?;
                }
                if self.order.reuse && place.is_symlink() {
                    fs::remove_file(&place).at("removing", &place)?;
                }
                metadata::make_link(&item.link_target()?, &place).map_err(|error| creating(&path, &place, error))?;
                metadata::apply_to_link(&place, &item)?;
            }
        }
        Ok(())
    }

    /// Modes and times of the folders: last, because writing into a folder changes its time and may need its mode.
    fn finish_folders(&mut self) -> Result<()> {
        for item in self.order.taken(ListReader::backwards(&mut self.reader, &self.order.source.snapshot.list)) {
            let (path, item) = item?;
            if item.kind == ItemType::Dir {
                finish_folder(&self.order.places.place(&path), &item, self.order.unset)?;
            }
        }
        // The folders that nobody asked for, and that what was asked for lies in.
        for (path, item) in self.order.source.above.iter().rev() {
            let mut item = item.clone();
            (item.uid, item.gid) = self.order.owner.unwrap_or((item.uid, item.gid));
            let place = self.order.places.place(path);
            // In place, only what changes is staged.
            if place.is_dir() {
                finish_folder(&place, &item, self.order.unset)?;
            }
        }
        Ok(())
    }
}

impl<'a> StagingShared<'a> {
    pub fn new(control: &'a Control, plan: &'a RestorePlan, unset: &'a Unset, salvage: bool) -> StagingShared<'a> {
        StagingShared {
            control,
            plan,
            unset,
            lost: salvage.then(Mutex::default),
            failed: AtomicBool::new(false),
            failure: Mutex::default(),
            files: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            throttle: Throttle::at_once(),
        }
    }

    pub fn fail(&self, error: Error) {
        lock(&self.failure).get_or_insert(error);
        self.failed.store(true, Ordering::Release);
    }

    pub fn failure(&self) -> Option<Error> {
        lock(&self.failure).take()
    }

    pub fn check(&self) -> Result<()> {
        self.control.check()?;
        if self.failed.load(Ordering::Acquire) { Err(Error::Aborted) } else { Ok(()) }
    }

    /// Notes what a salvage cannot give back, and takes away what was written of it; any other restore fails.
    pub fn lose(&self, item: &Item, place: &Path, error: Error) -> Result<()> {
        match &self.lost {
            Some(lost) if is_loss(&error) => {
                let _ = fs::remove_file(place);
                lock(lost).push(Warning { path: item.display_path().to_owned(), message: error.to_string() });
                Ok(())
            }
            _ => Err(error),
        }
    }

    pub fn wrote(&self, files: u64, bytes: u64) {
        let files = self.files.fetch_add(files, Ordering::Relaxed) + files;
        let bytes = self.bytes.fetch_add(bytes, Ordering::Relaxed) + bytes;
        if self.throttle.is_due() {
            self.control.report(&Progress {
                phase: "restoring".into(),
                items: files,
                total_items: Some((self.plan.create.len() + self.plan.replace.len()) as u64),
                bytes,
                total_bytes: Some(self.plan.bytes),
                ..Progress::default()
            });
        }
    }
}

/// Nothing but we ourselves could have put something there: two items want the same place.
pub fn creating(path: &RelPath, place: &Path, error: std::io::Error) -> Error {
    match error.kind() {
        std::io::ErrorKind::AlreadyExists | std::io::ErrorKind::NotADirectory => {
            Error::UnsafePath { path: path.display(), reason: "another item has the same place on this file system" }
        }
        _ => Error::io("creating", place, error),
    }
}

pub fn make_folder(place: &Path) -> Result<()> {
    fs::create_dir_all(place).at("making the folder", place)
}

/// Makes everything that was staged last.
#[cfg(target_os = "linux")]
pub fn sync_tree(folder: &Path) -> Result<()> {
    let dir = File::open(folder).at("syncing", folder)?;
    rustix::fs::syncfs(&dir).map_err(std::io::Error::from).at("syncing", folder)
}

/// Without `syncfs`, each file and folder by itself.
#[cfg(not(target_os = "linux"))]
pub fn sync_tree(folder: &Path) -> Result<()> {
    for path in crate::vault::durable::list(folder)? {
        let metadata = fs::symlink_metadata(&path).at("syncing", &path)?;
        if metadata.is_dir() {
            sync_tree(&path)?;
        } else if metadata.is_file() {
            File::open(&path).and_then(|file| file.sync_all()).at("syncing", &path)?;
        }
    }
    crate::vault::durable::sync_dir(folder)
}
