//! Hands out a backup's items in path order: folders are made at once, files go to the writing threads.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use crossbeam_channel::{SendTimeoutError, Sender};

use super::attributes::finish_file;
use super::check::has_content;
use super::consumer::{LargeFile, WriteJob, wrong_length};
use super::links::RestoredLinks;
use super::stage::{StagingPlaces, StagingShared, make_folder};
use super::unset::Unset;
use crate::capture::stat::open_file;
use crate::chunk::ChunkId;
use crate::error::IoContext;
use crate::path::RelPath;
use crate::report::ItemType;
use crate::vault::durable;
use crate::vault::item::{Content, Item};
use crate::vault::list;
use crate::vault::reader::ChunkReader;
use crate::{Error, Result};

/// Bundles whose files are being collected at once.
const OPEN_BUNDLES: usize = 16;
/// Files of one bundle that are handed over at once.
const BATCH: usize = 1024;

/// Walks the item list, makes the folders, and hands out the files.
pub struct Producer<'a> {
    pub places: &'a dyn StagingPlaces,
    /// What is there already with the right content stays.
    pub reuse: bool,
    pub jobs: Sender<WriteJob>,
    /// For bundles, which are a thousand files in one folder: only some of the threads wait for that folder.
    pub bundle_jobs: Sender<WriteJob>,
    pub shared: &'a StagingShared<'a>,
    pub lists: ChunkReader,
    /// Files collected by bundle, the least recently begun first.
    pub bundles: Vec<(ChunkId, Vec<(PathBuf, Item)>)>,
    /// The folder that the last file went into: it need not be made again.
    pub parent: PathBuf,
    pub symlinks: bool,
    /// Names of files that have others.
    pub links: RestoredLinks,
}

impl Producer<'_> {
    pub fn run(&mut self, items: impl Iterator<Item = Result<(RelPath, Item)>>) -> Result<()> {
        for item in items {
            self.shared.check()?;
            let (path, item) = item?;
            self.item(&path, item)?;
        }
        for (id, files) in std::mem::take(&mut self.bundles) {
            self.send(WriteJob::Bundle(id, files))?;
        }
        Ok(())
    }

    fn item(&mut self, path: &RelPath, item: Item) -> Result<()> {
        let place = self.places.place(path);
        match item.kind {
            ItemType::Dir => return make_folder(&place),
            ItemType::Symlink => {
                self.symlinks = true;
                return Ok(());
            }
            ItemType::File => {}
        }
        let Some(item) = self.links.take(path, &place, item) else { return Ok(()) };
        if let Some(parent) = place.parent().filter(|parent| *parent != self.parent) {
            make_folder(parent)?;
            self.parent = parent.to_path_buf();
        }
        if self.reuse && place.symlink_metadata().is_ok() {
            if is_staged(&place, &item, &mut self.lists, self.shared.unset)? {
                return Ok(());
            }
            remove_with_sides(&place, &item)?;
        }
        match item.content() {
            Content::Bundle(id, _) => self.collect(id, place, item),
            Content::Lists(_) => {
                let (shared, at) = (self.shared, (place.clone(), item.clone()));
                self.split(place, item).or_else(|error| shared.lose(&at.1, &at.0, error))
            }
            _ => self.send(WriteJob::File(place, Box::new(item))),
        }
    }

    fn collect(&mut self, id: ChunkId, place: PathBuf, item: Item) -> Result<()> {
        let at = match self.bundles.iter().position(|(open, _)| *open == id) {
            Some(at) => at,
            None => {
                if self.bundles.len() == OPEN_BUNDLES {
                    let (id, files) = self.bundles.remove(0);
                    self.send(WriteJob::Bundle(id, files))?;
                }
                self.bundles.push((id, Vec::new()));
                self.bundles.len() - 1
            }
        };
        self.bundles[at].1.push((place, item));
        if self.bundles[at].1.len() == BATCH {
            let (id, files) = self.bundles.remove(at);
            self.send(WriteJob::Bundle(id, files))?;
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
        let mut offset = 0_u64;
        for id in lists {
            let ids = list::ids(&self.lists.get(id)?)?;
            let start = offset;
            // A hole is one chunk again and again.
            for run in ids.chunk_by(|a, b| a == b) {
                offset = offset.saturating_add(u64::from(self.lists.expect(run[0])?).saturating_mul(run.len() as u64));
            }
            if offset > file.item.size {
                return Err(wrong_length(&file.item));
            }
            self.send(WriteJob::Part { file: file.clone(), ids, offset: start })?;
        }
        if offset == file.item.size { Ok(()) } else { Err(wrong_length(&file.item)) }
    }

    fn send(&self, job: WriteJob) -> Result<()> {
        let queue = if matches!(job, WriteJob::Bundle(..)) { &self.bundle_jobs } else { &self.jobs };
        let mut job = job;
        loop {
            self.shared.check()?;
            match queue.send_timeout(job, Duration::from_millis(50)) {
                Ok(()) => return Ok(()),
                Err(SendTimeoutError::Timeout(back)) => job = back,
                Err(SendTimeoutError::Disconnected(_)) => return Err(Error::Aborted),
            }
        }
    }
}

/// Is this file here already, from an earlier attempt?
fn is_staged(place: &Path, item: &Item, reader: &mut ChunkReader, unset: &Unset) -> Result<bool> {
    let Ok((file, stat)) = open_file(place) else { return Ok(false) };
    let same = item.sides.is_empty() && stat.size == item.size && has_content(&file, place, item, reader)?;
    if same {
        finish_file(&file, place, item, unset)?;
    }
    Ok(same)
}

fn remove_with_sides(place: &Path, item: &Item) -> Result<()> {
    std::fs::remove_file(place).at("removing", place)?;
    for side in &item.sides {
        let mut beside = place.to_path_buf().into_os_string();
        beside.push(item.side_suffix(side)?);
        match std::fs::remove_file(&beside) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(Error::io("removing", PathBuf::from(beside), error));
            }
            _ => {}
        }
    }
    Ok(())
}
