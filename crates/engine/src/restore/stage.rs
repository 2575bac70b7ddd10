//! Writing a backup's items into a fresh folder: many threads, each file created new, checked by hash as it is written.
//!
//! Folders and files first, then links, then the folders' own times and modes from the inside out, then one sync of
//! the whole file system. Memory holds a few files' chunks and one chunk of the item list, whatever the backup's size.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crossbeam_channel::bounded;

use super::consumer::Consumer;
use super::metadata;
use super::producer::Producer;
use crate::capture::rules::Selection;
use crate::error::IoContext;
use crate::path::RelPath;
use crate::report::{ItemType, Progress, RestorePlan};
use crate::vault::Vault;
use crate::vault::list::ListReader;
use crate::vault::reader::Reader;
use crate::vault::snapshot::Snapshot;
use crate::mutex::lock;
use crate::{Control, Error, Result};

const PROGRESS_EVERY: Duration = Duration::from_millis(100);

pub struct Stage<'a> {
    snapshot: &'a Snapshot,
    items: &'a [String],
    folder: &'a Path,
    plan: &'a RestorePlan,
    reader: Reader,
    threads: usize,
    shared: Shared<'a>,
}

/// What the threads share.
pub struct Shared<'a> {
    control: &'a Control,
    failed: AtomicBool,
    failure: Mutex<Option<Error>>,
    files: AtomicU64,
    bytes: AtomicU64,
    reported: Mutex<Instant>,
}

impl<'a> Stage<'a> {
    pub fn new(
        vault: &'a Vault,
        snapshot: &'a Snapshot,
        items: &'a [String],
        folder: &'a Path,
        plan: &'a RestorePlan,
        threads: usize,
        control: &'a Control,
    ) -> Result<Stage<'a>> {
        let shared = Shared {
            control,
            failed: AtomicBool::new(false),
            failure: Mutex::default(),
            files: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            reported: Mutex::new(Instant::now()),
        };
        Ok(Stage { snapshot, items, folder, plan, reader: vault.reader()?, threads, shared })
    }

    pub fn run(mut self) -> Result<()> {
        let links = self.write_files()?;
        if links {
            self.make_links()?;
        }
        self.finish_folders()?;
        sync_tree(self.folder)
    }

    /// Makes all folders and files. True if there are links to be made.
    fn write_files(&mut self) -> Result<bool> {
        let (jobs_in, jobs) = bounded(self.threads * 4);
        let readers: Vec<Reader> = (0..self.threads).map(|_| self.reader.another()).collect();
        let (shared, plan) = (&self.shared, self.plan);
        let mut producer = Producer {
            folder: self.folder,
            selection: Selection::new(self.items)?,
            jobs: jobs_in,
            shared,
            lists: self.reader.another(),
            bundles: Vec::new(),
            parent: PathBuf::new(),
            links: false,
        };
        let list = ListReader::forwards(&mut self.reader, &self.snapshot.list);
        let produced = std::thread::scope(|scope| {
            for reader in readers {
                let jobs = jobs.clone();
                scope.spawn(move || Consumer { reader, shared, plan }.run(jobs));
            }
            drop(jobs);
            let produced = producer.run(list);
            let links = producer.links;
            // The queue ends here; the scope waits for the threads.
            drop(producer);
            produced.map(|()| links)
        });
        match self.shared.failure() {
            Some(error) => Err(error),
            None => produced,
        }
    }

    fn make_links(&mut self) -> Result<()> {
        let mut selection = Selection::new(self.items)?;
        for item in ListReader::forwards(&mut self.reader, &self.snapshot.list) {
            let item = item?;
            let path = item.rel_path()?;
            if selection.takes(&path, item.category) && item.kind == ItemType::Symlink {
                let place = path.under(self.folder);
                if let Some(parent) = place.parent() {
                    make_folder(parent)?;
                }
                metadata::make_link(&item.link_target()?, &place).map_err(|error| creating(&path, &place, error))?;
                metadata::apply_to_link(&place, &item);
            }
        }
        Ok(())
    }

    /// Modes and times of the folders: last, because writing into a folder changes its time and may need its mode.
    fn finish_folders(&mut self) -> Result<()> {
        for item in ListReader::backwards(&mut self.reader, &self.snapshot.list) {
            let item = item?;
            if item.kind == ItemType::Dir {
                let place = item.rel_path()?.under(self.folder);
                if place.is_dir() {
                    metadata::apply_to_folder(&place, &item)?;
                }
            }
        }
        Ok(())
    }
}

impl Shared<'_> {
    pub fn fail(&self, error: Error) {
        lock(&self.failure).get_or_insert(error);
        self.failed.store(true, Ordering::Release);
    }

    fn failure(&self) -> Option<Error> {
        lock(&self.failure).take()
    }

    pub fn check(&self) -> Result<()> {
        self.control.check()?;
        if self.failed.load(Ordering::Acquire) { Err(Error::Aborted) } else { Ok(()) }
    }

    pub fn wrote(&self, files: u64, bytes: u64, plan: &RestorePlan) {
        let files = self.files.fetch_add(files, Ordering::Relaxed) + files;
        let bytes = self.bytes.fetch_add(bytes, Ordering::Relaxed) + bytes;
        let Ok(mut reported) = self.reported.try_lock() else { return };
        if reported.elapsed() >= PROGRESS_EVERY {
            *reported = Instant::now();
            self.control.report(&Progress {
                phase: "restoring".into(),
                items: files,
                total_items: Some(plan.create.len() as u64),
                bytes,
                total_bytes: Some(plan.bytes),
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
fn sync_tree(folder: &Path) -> Result<()> {
    let dir = File::open(folder).at("syncing", folder)?;
    rustix::fs::syncfs(&dir).map_err(std::io::Error::from).at("syncing", folder)
}

/// Without `syncfs`, each file and folder by itself.
#[cfg(not(target_os = "linux"))]
fn sync_tree(folder: &Path) -> Result<()> {
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
