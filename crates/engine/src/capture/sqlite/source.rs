//! A database file opened for plain reading, and how to tell whether somebody wrote to it.
//!
//! The descriptor lives from before the first lock until after the last: dropping it drops every lock of this process
//! on the file. So a [`DatabaseFile`] is made first and dropped last, and connections borrow it.

use std::fs::{File, Metadata, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::claim::FileClaim;
use super::header::{DatabaseHeader, HEADER};
use super::{Attempt, BLOCK, Trouble};
use crate::Error;
use crate::capture::databases::{JOURNAL, beside};

#[derive(Debug)]
pub(super) struct DatabaseFile {
    pub path: PathBuf,
    pub file: File,
    /// As it was when it was opened.
    pub stamp: Stamp,
    /// Any write since then has left another stamp.
    pub rested: bool,
    // After `file`: fields are dropped in this order, and the claim must outlive the descriptor.
    _claim: Option<FileClaim>,
}

impl DatabaseFile {
    pub fn open(path: &Path) -> Attempt<DatabaseFile> {
        // The claim comes before the descriptor: already a failed attempt would close one.
        let there = std::fs::symlink_metadata(path).map_err(|error| trouble(path, error))?;
        if !there.is_file() {
            let message = format!("{} is not a regular file.", path.display());
            return Err(Error::Source { message, source: None }.into());
        }
        let there = Stamp::of(&there);
        let claim = cfg!(unix).then(|| FileClaim::wait(there.file()));
        let file = open_plainly(path).map_err(|error| trouble(path, error))?;
        let stamp = Stamp::of(&file.metadata().map_err(|error| trouble(path, error))?);
        let source =
            DatabaseFile { path: path.to_path_buf(), file, stamp, rested: stamp.unsettled().is_zero(), _claim: claim };
        if stamp.file() != there.file() {
            return Err(replaced());
        }
        Ok(source)
    }

    pub fn stamp_now(&self) -> Attempt<Stamp> {
        Ok(Stamp::of(&self.file.metadata().map_err(|error| trouble(&self.path, error))?))
    }

    /// `Moved` if the path no longer leads to this file.
    pub fn check_place(&self) -> Attempt<()> {
        let there = std::fs::symlink_metadata(&self.path).map_err(|error| trouble(&self.path, error))?;
        if Stamp::of(&there).file() == self.stamp.file() { Ok(()) } else { Err(replaced()) }
    }

    pub fn header(&self) -> Attempt<DatabaseHeader> {
        let mut bytes = [0; HEADER];
        let length = self.read_at(&mut bytes, 0)?;
        DatabaseHeader::parse(&bytes[..length]).map_err(Trouble::Unreadable)
    }

    /// Fills `buffer` as far as the file goes.
    pub fn read_at(&self, buffer: &mut [u8], offset: u64) -> Attempt<usize> {
        read_at(&self.file, buffer, offset).map_err(|error| trouble(&self.path, error))
    }

    /// The block with this index of a file of `size` bytes; shorter if the file has become so.
    pub fn block(&self, index: u64, size: u64) -> Attempt<Vec<u8>> {
        let offset = index * BLOCK as u64;
        let mut block = vec![0; size.saturating_sub(offset).min(BLOCK as u64) as usize];
        let length = self.read_at(&mut block, offset)?;
        block.truncate(length);
        Ok(block)
    }
}

fn replaced() -> Trouble {
    Trouble::Moved(io::Error::new(io::ErrorKind::NotFound, "another file took its place"))
}

/// A failure to reach a file of the root: it is gone, or it cannot be read.
pub(super) fn trouble(path: &Path, error: io::Error) -> Trouble {
    match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => Trouble::Moved(error),
        _ => {
            let message = format!("{} cannot be read: {error}.", path.display());
            Error::Source { message, source: Some(error) }.into()
        }
    }
}

/// There is none, or there cannot be: the name of the database is so long that no companion's name fits.
pub(super) fn is_not_there(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::InvalidFilename)
}

/// Bytes in a companion; 0 if there is none.
pub(super) fn content_of(path: &Path, suffix: &str) -> Attempt<u64> {
    let path = beside(path, suffix);
    match std::fs::symlink_metadata(&path) {
        Ok(metadata) => Ok(metadata.len()),
        Err(error) if is_not_there(&error) => Ok(0),
        Err(error) => Err(trouble(&path, error)),
    }
}

/// Whether the rollback journal holds a transaction. Its header is zeroed, or the file cut to nothing or deleted, at
/// the instant of a commit.
pub(super) fn journal_in_use(path: &Path) -> Attempt<bool> {
    let path = beside(path, JOURNAL);
    let mut first = [0];
    match open_plainly(&path).and_then(|file| read_at(&file, &mut first, 0)) {
        Ok(length) => Ok(length > 0 && first[0] != 0),
        Err(error) if is_not_there(&error) => Ok(false),
        Err(error) => Err(trouble(&path, error)),
    }
}

/// Opens without following a link, and without hanging on a pipe.
pub fn open_plainly(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::custom_flags(&mut options, libc::O_NOFOLLOW | libc::O_NONBLOCK);
    options.open(path)
}

pub(super) fn read_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        #[cfg(unix)]
        let read = std::os::unix::fs::FileExt::read_at(file, &mut buffer[filled..], offset + filled as u64);
        #[cfg(windows)]
        let read = std::os::windows::fs::FileExt::seek_read(file, &mut buffer[filled..], offset + filled as u64);
        match read {
            Ok(0) => break,
            Ok(length) => filled += length,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => (),
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

/// What tells one state of a file from another without reading it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    device: u64,
    inode: u64,
    pub size: u64,
    modified: Option<SystemTime>,
    changed: (i64, i64),
}

impl Stamp {
    #[cfg(unix)]
    pub fn of(metadata: &Metadata) -> Stamp {
        use std::os::unix::fs::MetadataExt;
        Stamp {
            device: metadata.dev(),
            inode: metadata.ino(),
            size: metadata.len(),
            modified: metadata.modified().ok(),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }

    #[cfg(not(unix))]
    pub fn of(metadata: &Metadata) -> Stamp {
        Stamp { device: 0, inode: 0, size: metadata.len(), modified: metadata.modified().ok(), changed: (0, 0) }
    }

    pub fn file(&self) -> (u64, u64) {
        (self.device, self.inode)
    }

    /// How long to wait until any later write is sure to leave another stamp: zero if it has been so all along.
    /// A write within the same tick of the filesystem's clock as the one before would not show. The tick is that of the
    /// kernel (up to 10 ms) on most, and 2 s on FAT, which shows in times without a fraction.
    pub fn unsettled(&self) -> Duration {
        let changed = match self.changed {
            (0, 0) => self.modified.unwrap_or(SystemTime::UNIX_EPOCH),
            (seconds, nanoseconds) => {
                SystemTime::UNIX_EPOCH + Duration::new(seconds.max(0) as u64, nanoseconds.clamp(0, 999_999_999) as u32)
            }
        };
        let fraction = changed.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.subsec_nanos());
        let tick = if fraction == 0 { Duration::from_secs(2) } else { Duration::from_millis(50) };
        // A time in the future says nothing: the clock was set back.
        let age = SystemTime::now().duration_since(changed).unwrap_or(Duration::ZERO);
        tick.saturating_sub(age)
    }
}
