//! Proving that what was staged is on the disk, before any of it is put in place.
//!
//! It is the staged file that is proved: the same inode takes its place in the root, and from then on it is the app's, which
//! may write to it at once. The page cache is asked to forget the file first, so that it is the disk that is read.

use std::fs::File;
use std::path::Path;
use std::sync::Mutex;

use crossbeam_channel::bounded;

use super::source::SelectedBackup;
use super::sparse::ZeroChunks;
use super::stage::{StagingOrder, StagingPlaces, StagingShared};
use super::unset::Unset;
use super::workspace::Workspace;
use crate::capture::holes;
use crate::capture::stat::open_file;
use crate::chunk::ChunkId;
use crate::error::IoContext;
use crate::mutex::lock;
use crate::path::RelPath;
use crate::report::{ItemType, Progress, RestorePlan};
use crate::throttle::Throttle;
use crate::vault::item::{Content, Item};
use crate::vault::list::{self, ListReader};
use crate::vault::reader::ChunkReader;
use crate::vault::{Vault, durable};
use crate::{Control, Error, Result};

/// What is checked. It was staged, and synced.
pub struct StageCheck<'a> {
    pub vault: &'a Vault,
    pub workspace: &'a Workspace,
    pub source: &'a SelectedBackup,
    pub threads: usize,
    /// Bytes of all that was staged.
    pub total: u64,
    pub control: &'a Control,
}

impl StageCheck<'_> {
    /// Compares every file that was staged with what the backup says: by hash, on several threads.
    pub fn run(&self) -> Result<()> {
        let plan = RestorePlan::default();
        let unset = Unset::default();
        let shared = StagingShared::new(self.control, &plan, &unset, false);
        let progress = Progress { phase: "verifying".into(), total_bytes: Some(self.total), ..Progress::default() };
        let (far, throttle) = (Mutex::new(progress), Throttle::after_a_while());
        let order = StagingOrder {
            source: self.source,
            places: self.workspace,
            owner: None,
            salvage: false,
            reuse: false,
            plan: &plan,
            unset: &unset,
        };
        let mut reader = self.vault.reader()?;
        let readers: Vec<ChunkReader> = (0..self.threads).map(|_| reader.another()).collect();
        let (jobs_in, jobs) = bounded::<(RelPath, Item)>(self.threads * 16);
        let listed = std::thread::scope(|scope| {
            for mut reader in readers {
                let (jobs, shared, far, throttle) = (jobs.clone(), &shared, &far, &throttle);
                scope.spawn(move || {
                    for (path, item) in jobs {
                        if let Err(error) = shared.check().and_then(|()| self.item(&path, &item, &mut reader)) {
                            shared.fail(error);
                        }
                        let mut progress = lock(far);
                        (progress.items, progress.bytes) = (progress.items + 1, progress.bytes + item.size);
                        if throttle.is_due() {
                            self.control.report(&progress);
                        }
                    }
                });
            }
            drop(jobs);
            for found in order.taken(ListReader::forwards(&mut reader, &self.source.snapshot.list)) {
                let (path, item) = found?;
                // A closed channel means that all threads are gone; their error is told below.
                if item.kind == ItemType::File && jobs_in.send((path, item)).is_err() {
                    break;
                }
            }
            drop(jobs_in);
            Ok(())
        });
        match shared.failure() {
            Some(error) => Err(error),
            None => listed,
        }
    }

    fn item(&self, path: &RelPath, item: &Item, reader: &mut ChunkReader) -> Result<()> {
        let place = self.workspace.place(path);
        let (file, stat) = open_file(&place).at("reading back", &place)?;
        forget(&file);
        if stat.size == item.size && has_content(&file, &place, item, reader)? {
            return Ok(());
        }
        Err(Error::Restore {
            message: format!(
                "{:?} was read back with other content than was written. Is the disk healthy? Nothing was changed.",
                path.display()
            ),
        })
    }
}

/// Lets the page cache drop what is on the disk already.
#[cfg(target_os = "linux")]
fn forget(file: &File) {
    let _ = rustix::fs::fadvise(file, 0, None, rustix::fs::Advice::DontNeed);
}

#[cfg(not(target_os = "linux"))]
fn forget(_file: &File) {}

/// Has a file the content of an item? By its hash, or where the backup has none by the ids of its chunks.
pub fn has_content(file: &File, place: &Path, item: &Item, reader: &mut ChunkReader) -> Result<bool> {
    if let Some(sha256) = &item.sha256 {
        return Ok(*sha256 == durable::sha256(file).at("reading back", place)?);
    }
    let (mut offset, mut zeros) = (0, ZeroChunks::default());
    let mut same = |ids: &[ChunkId], reader: &ChunkReader| -> Result<bool> {
        for run in ids.chunk_by(|a, b| a == b) {
            let (id, length) = (run[0], reader.expect(run[0])?);
            let whole = u64::from(length) * run.len() as u64;
            let is_zero = zeros.has(id, length, reader);
            if is_zero && holes::is_hole(file, offset..offset + whole) {
                offset += whole;
                continue;
            }
            for _ in run {
                if !(is_zero && holes::is_hole(file, offset..offset + u64::from(length))) {
                    let mut bytes = vec![0; length as usize];
                    let read = durable::read_at(file, &mut bytes, offset);
                    if read.is_err() || reader.id_of(&bytes) != id {
                        return Ok(false);
                    }
                }
                offset += u64::from(length);
            }
        }
        Ok(true)
    };
    match item.content() {
        Content::Chunks(ids) => same(ids, reader),
        Content::Lists(lists) => {
            for list in lists {
                let ids = list::ids(&reader.get(*list)?)?;
                if !same(&ids, reader)? {
                    return Ok(false);
                }
            }
            Ok(true)
        }
        Content::Empty => Ok(item.size == 0),
        Content::Bundle(id, at) => {
            let bundle = reader.get(id)?;
            let mut bytes = vec![0; item.size as usize];
            let read = durable::read_at(file, &mut bytes, 0);
            Ok(read.is_ok() && bundle.get(at as usize..).is_some_and(|rest| rest.starts_with(&bytes)))
        }
    }
}
