//! Writing a backup's items into a fresh folder: many threads, each file created new, checked by hash as it is written.
//!
//! Folders and files first, then links, then the folders' own times and modes from the inside out, then one sync of
//! the whole file system. Memory holds a few files' chunks and one chunk of the item list, whatever the backup's size.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, SendTimeoutError, Sender, bounded};
use sha2::{Digest, Sha256};

use super::metadata;
use crate::capture::rules::Selection;
use crate::chunk::ChunkId;
use crate::error::IoContext;
use crate::path::RelPath;
use crate::report::{ItemType, Progress, RestorePlan};
use crate::vault::Vault;
use crate::vault::durable;
use crate::vault::item::{Content, Item};
use crate::vault::list::{self, ListReader};
use crate::vault::reader::Reader;
use crate::vault::snapshot::Snapshot;
use crate::vault::writer::lock;
use crate::{Control, Error, Result};

/// Bundles whose files are being collected at once.
const OPEN_BUNDLES: usize = 16;
/// Files of one bundle that are handed over at once.
const BATCH: usize = 1024;
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
struct Shared<'a> {
    control: &'a Control,
    failed: AtomicBool,
    failure: Mutex<Option<Error>>,
    files: AtomicU64,
    bytes: AtomicU64,
    reported: Mutex<Instant>,
}

enum Job {
    /// Small files out of one bundle.
    Bundle(ChunkId, Vec<(PathBuf, Item)>),
    File(PathBuf, Box<Item>),
    /// A run of a large file's chunks, with the place of the first.
    Part {
        file: Arc<LargeFile>,
        ids: Vec<ChunkId>,
        offset: u64,
    },
}

/// A file that several threads write. Whoever finishes the last part checks it.
struct LargeFile {
    path: PathBuf,
    file: File,
    item: Item,
    parts: AtomicUsize,
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
    fn fail(&self, error: Error) {
        lock(&self.failure).get_or_insert(error);
        self.failed.store(true, Ordering::Release);
    }

    fn failure(&self) -> Option<Error> {
        lock(&self.failure).take()
    }

    fn check(&self) -> Result<()> {
        self.control.check()?;
        if self.failed.load(Ordering::Acquire) { Err(Error::Aborted) } else { Ok(()) }
    }

    fn wrote(&self, files: u64, bytes: u64, plan: &RestorePlan) {
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

/// Walks the item list, makes the folders, and hands out the files.
struct Producer<'a> {
    folder: &'a Path,
    selection: Selection,
    jobs: Sender<Job>,
    shared: &'a Shared<'a>,
    lists: Reader,
    /// Files collected by bundle, the least recently begun first.
    bundles: Vec<(ChunkId, Vec<(PathBuf, Item)>)>,
    /// The folder that the last file went into: it need not be made again.
    parent: PathBuf,
    links: bool,
}

impl Producer<'_> {
    fn run(&mut self, list: ListReader<'_>) -> Result<()> {
        for item in list {
            self.shared.check()?;
            let item = item?;
            let path = item.rel_path()?;
            if self.selection.takes(&path, item.category) {
                self.item(&path, item)?;
            }
        }
        for (id, files) in std::mem::take(&mut self.bundles) {
            self.send(Job::Bundle(id, files))?;
        }
        Ok(())
    }

    fn item(&mut self, path: &RelPath, item: Item) -> Result<()> {
        let place = path.under(self.folder);
        match item.kind {
            ItemType::Dir => return make_folder(&place),
            ItemType::Symlink => {
                self.links = true;
                return Ok(());
            }
            ItemType::File => {}
        }
        if let Some(parent) = place.parent().filter(|parent| *parent != self.parent) {
            make_folder(parent)?;
            self.parent = parent.to_path_buf();
        }
        match item.content() {
            Content::Bundle(id, _) => self.collect(id, place, item),
            Content::Lists(_) => self.split(place, item),
            _ => self.send(Job::File(place, Box::new(item))),
        }
    }

    fn collect(&mut self, id: ChunkId, place: PathBuf, item: Item) -> Result<()> {
        let at = match self.bundles.iter().position(|(open, _)| *open == id) {
            Some(at) => at,
            None => {
                if self.bundles.len() == OPEN_BUNDLES {
                    let (id, files) = self.bundles.remove(0);
                    self.send(Job::Bundle(id, files))?;
                }
                self.bundles.push((id, Vec::new()));
                self.bundles.len() - 1
            }
        };
        self.bundles[at].1.push((place, item));
        if self.bundles[at].1.len() == BATCH {
            let (id, files) = self.bundles.remove(at);
            self.send(Job::Bundle(id, files))?;
        }
        Ok(())
    }

    /// A large file goes to several threads, a list of its chunks each.
    fn split(&mut self, place: PathBuf, item: Item) -> Result<()> {
        let file = durable::create_new(&place)?;
        file.set_len(item.size).at("writing", &place)?;
        let lists = item.lists.clone();
        let parts = AtomicUsize::new(lists.len());
        let file = Arc::new(LargeFile { path: place, file, item, parts });
        let mut offset = 0;
        for id in lists {
            let ids = list::ids(&self.lists.get(id)?)?;
            let start = offset;
            for id in &ids {
                offset += u64::from(self.lists.expect(*id)?);
            }
            if offset > file.item.size {
                return Err(wrong_length(&file.item));
            }
            self.send(Job::Part { file: file.clone(), ids, offset: start })?;
        }
        if offset == file.item.size { Ok(()) } else { Err(wrong_length(&file.item)) }
    }

    fn send(&self, job: Job) -> Result<()> {
        let mut job = job;
        loop {
            self.shared.check()?;
            match self.jobs.send_timeout(job, Duration::from_millis(50)) {
                Ok(()) => return Ok(()),
                Err(SendTimeoutError::Timeout(back)) => job = back,
                Err(SendTimeoutError::Disconnected(_)) => return Err(Error::Aborted),
            }
        }
    }
}

/// One thread that writes files.
struct Consumer<'a> {
    reader: Reader,
    shared: &'a Shared<'a>,
    plan: &'a RestorePlan,
}

impl Consumer<'_> {
    fn run(mut self, jobs: Receiver<Job>) {
        for job in jobs {
            // After a failure the queue is only emptied.
            if let Err(error) = self.shared.check().and_then(|()| self.job(job)) {
                self.shared.fail(error);
            }
        }
    }

    fn job(&mut self, job: Job) -> Result<()> {
        match job {
            Job::Bundle(id, files) => {
                let bundle = self.reader.get(id)?;
                let (count, mut bytes) = (files.len() as u64, 0);
                for (place, item) in files {
                    let Content::Bundle(_, offset) = item.content() else { continue };
                    let end = offset.checked_add(item.size).filter(|end| *end <= bundle.len() as u64);
                    let end = end.ok_or_else(|| wrong_length(&item))?;
                    let content = &bundle[offset as usize..end as usize];
                    if item.sha256.as_ref().is_some_and(|sha256| *sha256 != hex::encode(Sha256::digest(content))) {
                        return Err(wrong_hash(&item));
                    }
                    let file = create(&place, &item)?;
                    durable::write_at(&file, content, 0).at("writing", &place)?;
                    metadata::apply_to_file(&file, &place, &item)?;
                    bytes += item.size;
                }
                self.shared.wrote(count, bytes, self.plan);
                Ok(())
            }
            Job::File(place, item) => {
                self.file(&place, &item, &item.chunks, item.size, item.sha256.as_deref())?;
                for side in &item.sides {
                    let mut beside = place.clone().into_os_string();
                    beside.push(side_suffix(&side.suffix, &item)?);
                    self.file(Path::new(&beside), &item, &side.chunks, side.size, None)?;
                }
                Ok(())
            }
            Job::Part { file, ids, offset } => self.part(&file, &ids, offset),
        }
    }

    /// Writes a file from its chunks, one after the other.
    fn file(&mut self, place: &Path, item: &Item, chunks: &[ChunkId], size: u64, sha256: Option<&str>) -> Result<()> {
        let file = create(place, item)?;
        let mut hasher = Sha256::new();
        let mut done = 0;
        for id in chunks {
            let chunk = self.reader.get(*id)?;
            hasher.update(&chunk);
            durable::write_at(&file, &chunk, done).at("writing", place)?;
            done += chunk.len() as u64;
            self.shared.check()?;
        }
        if done != size {
            return Err(wrong_length(item));
        }
        if sha256.is_some_and(|sha256| sha256 != hex::encode(hasher.finalize())) {
            return Err(wrong_hash(item));
        }
        metadata::apply_to_file(&file, place, item)?;
        self.shared.wrote(1, size, self.plan);
        Ok(())
    }

    fn part(&mut self, large: &LargeFile, ids: &[ChunkId], mut offset: u64) -> Result<()> {
        let start = offset;
        for id in ids {
            let chunk = self.reader.get(*id)?;
            // The file has its length already: what is all zeros can stay a hole.
            if !is_zero(&chunk) {
                durable::write_at(&large.file, &chunk, offset).at("writing", &large.path)?;
            }
            offset += chunk.len() as u64;
            self.shared.check()?;
        }
        let last = large.parts.fetch_sub(1, Ordering::AcqRel) == 1;
        if last {
            // Every chunk was checked by its id; this checks that they were put together right, from what was written.
            if let Some(sha256) = &large.item.sha256
                && *sha256 != durable::sha256(&large.file).at("reading back", &large.path)?
            {
                return Err(wrong_hash(&large.item));
            }
            metadata::apply_to_file(&large.file, &large.path, &large.item)?;
        }
        self.shared.wrote(u64::from(last), offset - start, self.plan);
        Ok(())
    }
}

fn is_zero(bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| *byte == 0)
}

/// The suffix of a file that belongs to a raw database; it comes from the snapshot and is not trusted.
fn side_suffix<'a>(suffix: &'a str, item: &Item) -> Result<&'a str> {
    if crate::capture::walk::SIDES.contains(&suffix) {
        Ok(suffix)
    } else {
        Err(Error::UnsafePath {
            path: format!("{}{suffix}", item.display_path()),
            reason: "no database has such a file",
        })
    }
}

fn create(place: &Path, item: &Item) -> Result<File> {
    durable::create_new(place).map_err(|error| match error {
        Error::Io { source, .. } => creating_item(item, place, source),
        other => other,
    })
}

fn creating_item(item: &Item, place: &Path, error: std::io::Error) -> Error {
    match item.rel_path() {
        Ok(path) => creating(&path, place, error),
        Err(refused) => refused,
    }
}

/// Nothing but we ourselves could have put something there: two items want the same place.
fn creating(path: &RelPath, place: &Path, error: std::io::Error) -> Error {
    match error.kind() {
        std::io::ErrorKind::AlreadyExists | std::io::ErrorKind::NotADirectory => {
            Error::UnsafePath { path: path.display(), reason: "another item has the same place on this file system" }
        }
        _ => Error::io("creating", place, error),
    }
}

fn make_folder(place: &Path) -> Result<()> {
    fs::create_dir_all(place).at("making the folder", place)
}

fn wrong_length(item: &Item) -> Error {
    Error::corrupt("packs", format!("the content of {:?} has another length than the backup says", item.display_path()))
}

fn wrong_hash(item: &Item) -> Error {
    Error::corrupt("packs", format!("the content of {:?} has another hash than the backup says", item.display_path()))
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
    for path in durable::list(folder)? {
        let metadata = fs::symlink_metadata(&path).at("syncing", &path)?;
        if metadata.is_dir() {
            sync_tree(&path)?;
        } else if metadata.is_file() {
            File::open(&path).and_then(|file| file.sync_all()).at("syncing", &path)?;
        }
    }
    durable::sync_dir(folder)
}
