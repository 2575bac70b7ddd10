//! Reading back what a restore in place has put into the root, before it counts.

use std::fs::File;
use std::path::{Path, PathBuf};

use crossbeam_channel::bounded;

use super::source::Source;
use super::stage::{Order, Shared};
use crate::capture::stat::{Stat, open_file};
use crate::chunk::ChunkId;
use crate::error::IoContext;
use crate::path::RelPath;
use crate::report::{ItemType, RestorePlan};
use crate::vault::item::{Content, Item};
use crate::vault::list::{self, ListReader};
use crate::vault::reader::Reader;
use crate::vault::{Vault, durable};
use crate::{Control, Error, Result};

/// What is checked.
pub struct Check<'a> {
    pub vault: &'a Vault,
    pub root: &'a PathBuf,
    pub source: &'a Source,
    /// The app runs: what it has changed since is its own.
    pub live: bool,
    pub threads: usize,
}

impl Check<'_> {
    /// Compares every file that was put into the root with what the backup says: by hash, on several threads.
    pub fn run(&self) -> Result<()> {
        // From here on nothing is cancelled: the restore is finished, or undone.
        let (control, plan) = (Control::silent(), RestorePlan::default());
        let shared = Shared::new(&control, &plan, false);
        let order =
            Order { source: self.source, places: self.root, owner: None, salvage: false, reuse: false, plan: &plan };
        let mut reader = self.vault.reader()?;
        let readers: Vec<Reader> = (0..self.threads).map(|_| reader.another()).collect();
        let (jobs_in, jobs) = bounded::<(RelPath, Item)>(self.threads * 16);
        let listed = std::thread::scope(|scope| {
            for mut reader in readers {
                let (jobs, shared) = (jobs.clone(), &shared);
                scope.spawn(move || {
                    for (path, item) in jobs {
                        if let Err(error) = shared.check().and_then(|()| self.item(&path, &item, &mut reader)) {
                            shared.fail(error);
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

    fn item(&self, path: &RelPath, item: &Item, reader: &mut Reader) -> Result<()> {
        let place = path.under(self.root);
        let differs = || Error::Restore {
            message: format!("{:?} does not read back as it was restored. Is the disk sound?", path.display()),
        };
        let (file, stat) = match open_file(&place) {
            Ok(opened) => opened,
            Err(_) if self.live => return Ok(()),
            Err(error) => return Err(Error::io("reading back", place, error)),
        };
        // Databases go on being written, by their own rules.
        if self.live && (item.db.is_some() || stat.mtime != item.mtime) {
            return Ok(());
        }
        if stat.size != item.size || !has_content(&file, &place, item, reader)? {
            // Between the look and the reading the app may have begun to write.
            let now = Stat::of(&place).map(|now| now.mtime != item.mtime).unwrap_or(true);
            return if self.live && now { Ok(()) } else { Err(differs()) };
        }
        Ok(())
    }
}

/// Has a file the content of an item? By its hash, or where the backup has none by the ids of its chunks.
pub fn has_content(file: &File, place: &Path, item: &Item, reader: &mut Reader) -> Result<bool> {
    if let Some(sha256) = &item.sha256 {
        return Ok(*sha256 == durable::sha256(file).at("reading back", place)?);
    }
    let mut offset = 0;
    let mut same = |ids: &[ChunkId], reader: &Reader| -> Result<bool> {
        for id in ids {
            let mut bytes = vec![0; reader.expect(*id)? as usize];
            let read = durable::read_at(file, &mut bytes, offset);
            if read.is_err() || reader.id_of(&bytes) != *id {
                return Ok(false);
            }
            offset += bytes.len() as u64;
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
