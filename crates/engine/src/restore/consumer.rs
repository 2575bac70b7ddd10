//! Writes files from their chunks. What is written is compared with the hash that the backup names.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crossbeam_channel::{Receiver, Select};
use sha2::{Digest, Sha256};

use super::attributes::finish_file;
use super::sparse::{self, ZeroChunks};
use super::stage::{StagingShared, creating};
use super::unset::Unset;
use crate::chunk::ChunkId;
use crate::error::IoContext;
use crate::vault::durable;
use crate::vault::item::{Content, Item};
use crate::vault::list;
use crate::vault::reader::ChunkReader;
use crate::{Error, Result};

pub enum WriteJob {
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
pub struct LargeFile {
    pub path: PathBuf,
    pub file: File,
    pub item: Item,
    pub parts: AtomicUsize,
}

/// One thread that writes files.
pub struct ItemWriter<'a> {
    reader: ChunkReader,
    shared: &'a StagingShared<'a>,
    zeros: ZeroChunks,
}

impl<'a> ItemWriter<'a> {
    pub fn new(reader: ChunkReader, shared: &'a StagingShared<'a>) -> ItemWriter<'a> {
        ItemWriter { reader, shared, zeros: ZeroChunks::default() }
    }

    /// Works until all the queues have ended.
    pub fn run(mut self, mut queues: Vec<Receiver<WriteJob>>) {
        while !queues.is_empty() {
            let (queue, job) = next(&queues);
            let Some(job) = job else {
                queues.remove(queue);
                continue;
            };
            // After a failure the queues are only emptied.
            if let Err(error) = self.shared.check().and_then(|()| self.job(job)) {
                self.shared.fail(error);
            }
        }
    }

    /// Writes a file, whatever its content is.
    pub fn whole(&mut self, place: &Path, item: &Item) -> Result<()> {
        let written = match item.content() {
            Content::Bundle(id, _) => self.reader.get(id).and_then(|bundle| self.small(&bundle, place, item)),
            Content::Lists(lists) => lists
                .iter()
                .try_fold(Vec::new(), |mut all, id| {
                    all.extend(list::ids(&self.reader.get(*id)?)?);
                    Ok(all)
                })
                .and_then(|ids| self.file(place, item, &ids, item.size, item.sha256.as_deref())),
            _ => self.file_and_sides(place, item),
        };
        written.or_else(|error| self.shared.lose(item, place, error))
    }

    fn job(&mut self, job: WriteJob) -> Result<()> {
        match job {
            WriteJob::Bundle(id, files) => {
                let bundle = match self.reader.get(id) {
                    Ok(bundle) => bundle,
                    Err(error) => {
                        let detail = error.to_string();
                        let mut error = Some(error);
                        return files.iter().try_for_each(|(place, item)| {
                            let error = error.take().unwrap_or_else(|| Error::corrupt("packs", &detail));
                            self.shared.lose(item, place, error)
                        });
                    }
                };
                let (count, mut bytes) = (files.len() as u64, 0);
                for (place, item) in files {
                    self.small(&bundle, &place, &item).or_else(|error| self.shared.lose(&item, &place, error))?;
                    bytes += item.size;
                }
                self.shared.wrote(count, bytes);
                Ok(())
            }
            WriteJob::File(place, item) => {
                self.file_and_sides(&place, &item).or_else(|error| self.shared.lose(&item, &place, error))
            }
            WriteJob::Part { file, ids, offset } => self.part(&file, &ids, offset),
        }
    }

    /// Writes a small file out of its bundle.
    fn small(&self, bundle: &[u8], place: &Path, item: &Item) -> Result<()> {
        let Content::Bundle(_, offset) = item.content() else { return Ok(()) };
        let end = offset.checked_add(item.size).filter(|end| *end <= bundle.len() as u64);
        let end = end.ok_or_else(|| wrong_length(item))?;
        let content = &bundle[offset as usize..end as usize];
        if item.sha256.as_ref().is_some_and(|sha256| *sha256 != hex::encode(Sha256::digest(content))) {
            return Err(wrong_hash(item));
        }
        let file = create(place, item)?;
        sparse::write_all(&file, content).at("writing", place)?;
        finish_file(&file, place, item, self.shared.unset)
    }

    fn file_and_sides(&mut self, place: &Path, item: &Item) -> Result<()> {
        self.file(place, item, &item.chunks, item.size, item.sha256.as_deref())?;
        for side in &item.sides {
            let mut beside = place.to_path_buf().into_os_string();
            beside.push(item.side_suffix(side)?);
            self.file(Path::new(&beside), &item.of_side(side), &side.chunks, side.size, None)?;
        }
        Ok(())
    }

    /// Writes a file from its chunks, one after the other.
    fn file(&mut self, place: &Path, item: &Item, chunks: &[ChunkId], size: u64, sha256: Option<&str>) -> Result<()> {
        let file = create(place, item)?;
        let mut hasher = Sha256::new();
        let (mut done, mut end) = (0, 0);
        for id in chunks {
            self.shared.check()?;
            let length = self.reader.expect(*id)?;
            // Without a hash to compare there is nothing to do for what is all zeros.
            if sha256.is_none() && self.zeros.has(*id, length, &self.reader) {
                done += u64::from(length);
                continue;
            }
            let chunk = self.reader.get(*id)?;
            hasher.update(&chunk);
            end = end.max(sparse::write(&file, &chunk, done).at("writing", place)?);
            done += chunk.len() as u64;
        }
        if done != size {
            return Err(wrong_length(item));
        }
        if end < size {
            file.set_len(size).at("writing", place)?;
        }
        if sha256.is_some_and(|sha256| sha256 != hex::encode(hasher.finalize())) {
            return Err(wrong_hash(item));
        }
        finish_file(&file, place, item, self.shared.unset)?;
        self.shared.wrote(1, size);
        Ok(())
    }

    fn part(&mut self, large: &LargeFile, ids: &[ChunkId], offset: u64) -> Result<()> {
        let written = self.write_part(large, ids, offset);
        let last = large.parts.fetch_sub(1, Ordering::AcqRel) == 1;
        let done = match written {
            Ok(bytes) => {
                self.shared.wrote(u64::from(last), bytes);
                if last { finish(large, self.shared.unset) } else { Ok(()) }
            }
            Err(error) => Err(error),
        };
        done.or_else(|error| self.shared.lose(&large.item, &large.path, error))
    }

    /// The bytes that were written.
    fn write_part(&mut self, large: &LargeFile, ids: &[ChunkId], mut offset: u64) -> Result<u64> {
        let start = offset;
        for run in ids.chunk_by(|a, b| a == b) {
            self.shared.check()?;
            // The file has its length already: what is all zeros can stay a hole, however long that is.
            let length = self.reader.expect(run[0])?;
            if self.zeros.has(run[0], length, &self.reader) {
                offset += u64::from(length) * run.len() as u64;
                continue;
            }
            let chunk = self.reader.get(run[0])?;
            for _ in run {
                sparse::write(&large.file, &chunk, offset).at("writing", &large.path)?;
                offset += u64::from(length);
            }
        }
        Ok(offset - start)
    }
}

/// Every chunk was checked by its id; this checks that they were put together right, from what was written.
fn finish(large: &LargeFile, unset: &Unset) -> Result<()> {
    if let Some(sha256) = &large.item.sha256
        && *sha256 != durable::sha256(&large.file).at("reading back", &large.path)?
    {
        return Err(wrong_hash(&large.item));
    }
    finish_file(&large.file, &large.path, &large.item, unset)
}

/// The next job of whichever queue has one, or which queue has ended.
fn next(queues: &[Receiver<WriteJob>]) -> (usize, Option<WriteJob>) {
    let mut select = Select::new();
    for queue in queues {
        select.recv(queue);
    }
    let ready = select.select();
    let queue = ready.index();
    (queue, ready.recv(&queues[queue]).ok())
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

pub fn wrong_length(item: &Item) -> Error {
    Error::corrupt("packs", format!("the content of {:?} has another length than the backup says", item.display_path()))
}

fn wrong_hash(item: &Item) -> Error {
    Error::corrupt("packs", format!("the content of {:?} has another hash than the backup says", item.display_path()))
}
