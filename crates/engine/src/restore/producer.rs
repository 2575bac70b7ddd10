//! Hands out a backup's items in path order: folders are made at once, files go to the writing threads.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use crossbeam_channel::{SendTimeoutError, Sender};

use super::consumer::{Job, LargeFile, wrong_length};
use super::stage::{Shared, make_folder};
use crate::capture::rules::Selection;
use crate::chunk::ChunkId;
use crate::error::IoContext;
use crate::path::RelPath;
use crate::report::ItemType;
use crate::vault::durable;
use crate::vault::item::{Content, Item};
use crate::vault::list::{self, ListReader};
use crate::vault::reader::Reader;
use crate::{Error, Result};

/// Bundles whose files are being collected at once.
const OPEN_BUNDLES: usize = 16;
/// Files of one bundle that are handed over at once.
const BATCH: usize = 1024;

/// Walks the item list, makes the folders, and hands out the files.
pub struct Producer<'a> {
    pub folder: &'a Path,
    pub selection: Selection,
    pub jobs: Sender<Job>,
    pub shared: &'a Shared<'a>,
    pub lists: Reader,
    /// Files collected by bundle, the least recently begun first.
    pub bundles: Vec<(ChunkId, Vec<(PathBuf, Item)>)>,
    /// The folder that the last file went into: it need not be made again.
    pub parent: PathBuf,
    pub links: bool,
}

impl Producer<'_> {
    pub fn run(&mut self, list: ListReader<'_>) -> Result<()> {
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
