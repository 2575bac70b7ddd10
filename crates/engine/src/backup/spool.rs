//! What was found in a folder that belongs together, in path order, until the backup knows that it is of one moment: the
//! first in memory, the rest in a file without a name. So memory does not grow with the folder.

use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Seek, Write};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::capture::stat::Stat;
use crate::capture::walk::WalkEntry;
use crate::error::IoContext;
use crate::path::RelPath;
use crate::vault::item::Item;
use crate::{Error, Result};

/// So many are held in memory: the whole of most sessions.
const HELD: usize = 4096;

/// A file, folder or link, as it was read.
#[derive(Serialize, Deserialize)]
pub struct ReadPath {
    pub stat: Stat,
    pub item: Item,
    /// Other than in the backup before.
    pub changed: bool,
    /// Written moments before it was read: the time stamp may hide a second write.
    pub hot: bool,
    /// JSON that was caught half-written.
    pub torn: bool,
}

/// What became of one path.
pub enum FolderMember {
    Seen(Box<ReadPath>),
    /// A database, which has its own way to be of one moment; and what the backup before says of it.
    Database(Box<(WalkEntry, Option<Item>)>),
}

impl FolderMember {
    pub fn path(&self) -> Result<RelPath> {
        match self {
            FolderMember::Seen(seen) => seen.item.rel_path(),
            FolderMember::Database(database) => Ok(database.0.path.clone()),
        }
    }
}

/// A line of the file.
#[derive(Serialize, Deserialize)]
enum SpoolLine {
    Seen(Box<ReadPath>),
    /// One of those in memory.
    Database(usize),
}

/// Takes members in path order.
pub struct Spool {
    folder: PathBuf,
    held: Vec<FolderMember>,
    file: Option<BufWriter<File>>,
    databases: Vec<Option<FolderMember>>,
}

impl Spool {
    /// `folder`: where its file may lie.
    pub fn new(folder: PathBuf) -> Spool {
        Spool { folder, held: Vec::new(), file: None, databases: Vec::new() }
    }

    pub fn push(&mut self, member: FolderMember) -> Result<()> {
        if self.held.len() < HELD {
            self.held.push(member);
            return Ok(());
        }
        let line = match member {
            FolderMember::Seen(seen) => SpoolLine::Seen(seen),
            database => {
                self.databases.push(Some(database));
                SpoolLine::Database(self.databases.len() - 1)
            }
        };
        let file = match &mut self.file {
            Some(file) => file,
            None => {
                let file = tempfile::tempfile_in(&self.folder).at("writing in", &self.folder)?;
                self.file.insert(BufWriter::new(file))
            }
        };
        let line = serde_json::to_vec(&line).map_err(|error| Error::internal(error.to_string()))?;
        file.write_all(&line).and_then(|()| file.write_all(b"\n")).at("writing in", &self.folder)
    }

    /// What was put into it, from the first on.
    pub fn read(self) -> Result<FolderMembers> {
        let Spool { folder, held, file, databases } = self;
        let rewound = file.map(|file| -> io::Result<_> {
            let mut file = file.into_inner().map_err(io::IntoInnerError::into_error)?;
            file.rewind()?;
            Ok(BufReader::new(file))
        });
        let file = rewound.transpose().at("writing in", &folder)?;
        Ok(FolderMembers { folder, held: held.into_iter(), file, databases, next: None })
    }
}

/// The members of a folder, in path order.
pub struct FolderMembers {
    folder: PathBuf,
    held: std::vec::IntoIter<FolderMember>,
    file: Option<BufReader<File>>,
    databases: Vec<Option<FolderMember>>,
    next: Option<(RelPath, FolderMember)>,
}

impl FolderMembers {
    pub fn next(&mut self) -> Result<Option<FolderMember>> {
        if let Some((_, next)) = self.next.take() {
            return Ok(Some(next));
        }
        if let Some(held) = self.held.next() {
            return Ok(Some(held));
        }
        let Some(file) = &mut self.file else { return Ok(None) };
        let mut line = Vec::new();
        if file.read_until(b'\n', &mut line).at("reading in", &self.folder)? == 0 {
            return Ok(None);
        }
        match serde_json::from_slice(&line).map_err(|error| Error::internal(error.to_string()))? {
            SpoolLine::Seen(mut seen) => {
                // A line does not have these.
                seen.item.xattrs.get_or_insert_default();
                seen.stat.identify(&mut seen.item);
                Ok(Some(FolderMember::Seen(seen)))
            }
            SpoolLine::Database(at) => Ok(self.databases.get_mut(at).and_then(Option::take)),
        }
    }

    /// The next member, if its path is `wanted`.
    pub fn next_if(&mut self, wanted: impl Fn(&RelPath) -> bool) -> Result<Option<FolderMember>> {
        if self.next.is_none() {
            self.next = match self.next()? {
                None => return Ok(None),
                Some(member) => Some((member.path()?, member)),
            };
        }
        Ok(self.next.take_if(|(path, _)| wanted(path)).map(|(_, member)| member))
    }
}
