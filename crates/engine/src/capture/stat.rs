//! What the file system says about a path, the same on every system.

use std::fs::{File, Metadata, OpenOptions};
use std::io;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use crate::report::ItemType;
use crate::vault::item::{FileIdentity, Item, Time};

/// Time stamps this close to the moment of reading prove nothing: file systems tick in up to 2 s (FAT), and a second
/// write within a tick leaves no trace.
const TICK: Duration = Duration::from_secs(2);
/// The tick of nearly all of them, with a little more.
const HOT: Duration = Duration::from_millis(20);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FileKind {
    File,
    Dir,
    Symlink,
    /// A socket, pipe or device: never taken.
    Other,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Stat {
    pub kind: FileKind,
    pub size: u64,
    pub mtime: Time,
    pub ctime: Time,
    pub ino: u64,
    pub dev: u64,
    /// Permission bits.
    pub mode: u32,
    pub uid: u32,
    pub gid: u32,
    /// Names that the file has.
    pub nlink: u64,
    /// Bytes that it takes on the disk.
    pub allocated: u64,
}

/// Without what it takes on the disk: a file system decides on that some time after it was written.
impl PartialEq for Stat {
    fn eq(&self, other: &Stat) -> bool {
        let key = |stat: &Stat| {
            let of_file = (stat.kind, stat.size, stat.mtime, stat.ctime, stat.ino, stat.dev);
            (of_file, stat.mode, stat.uid, stat.gid, stat.nlink)
        };
        key(self) == key(other)
    }
}

impl Eq for Stat {}

impl Stat {
    /// Of the path itself, not of what a link leads to.
    pub fn of(path: &Path) -> io::Result<Stat> {
        std::fs::symlink_metadata(path).map(|metadata| Stat::from(&metadata))
    }

    pub fn of_file(file: &File) -> io::Result<Stat> {
        file.metadata().map(|metadata| Stat::from(&metadata))
    }

    /// Is the content certainly the one that `item` was stored from?
    pub fn is_unchanged_from(&self, item: &Item) -> bool {
        !item.racy
            && item.kind == ItemType::File
            && self.size == item.size
            && self.mtime == item.mtime
            && Some(self.ctime) == item.ctime
            && Some(self.ino) == item.ino
    }

    /// Did it change so shortly before `reading` that the next backup must not trust its time stamps?
    pub fn is_racy(&self, reading: SystemTime) -> bool {
        let limit = reading.checked_sub(TICK).unwrap_or(UNIX_EPOCH);
        let limit = limit.duration_since(UNIX_EPOCH).unwrap_or_default();
        let limit = (limit.as_secs() as i64, limit.subsec_nanos());
        self.mtime >= limit || self.ctime >= limit
    }

    /// For how long nobody wrote to it.
    pub fn age(&self, now: SystemTime) -> Duration {
        let modified = UNIX_EPOCH + Duration::new(self.mtime.0.max(0) as u64, self.mtime.1);
        now.duration_since(modified).unwrap_or_default()
    }

    /// Was it written so shortly before `now` that a second write may hide behind the same time stamp?
    pub fn is_hot(&self, now: SystemTime) -> bool {
        self.age(now) < HOT
    }

    /// Bytes that its content takes on the disk: without holes.
    pub fn on_disk(&self) -> u64 {
        self.size.min(self.allocated)
    }

    /// Says of an item whether its file has other names.
    pub fn identify(&self, item: &mut Item) {
        item.hardlink = None;
        item.identity = (self.nlink > 1).then_some(FileIdentity { dev: self.dev, ino: self.ino, names: self.nlink });
    }

    /// Copies what is not content into an item.
    pub fn describe(&self, item: &mut Item) {
        (item.mode, item.uid, item.gid, item.mtime) = (self.mode, self.uid, self.gid, self.mtime);
        if self.kind == FileKind::File {
            (item.ctime, item.ino) = (Some(self.ctime), Some(self.ino));
            self.identify(item);
        }
    }
}

#[cfg(unix)]
impl From<&Metadata> for Stat {
    fn from(metadata: &Metadata) -> Stat {
        use std::os::unix::fs::MetadataExt;
        Stat {
            kind: kind(metadata),
            size: metadata.size(),
            mtime: (metadata.mtime(), metadata.mtime_nsec() as u32),
            ctime: (metadata.ctime(), metadata.ctime_nsec() as u32),
            ino: metadata.ino(),
            dev: metadata.dev(),
            mode: metadata.mode() & 0o7777,
            uid: metadata.uid(),
            gid: metadata.gid(),
            nlink: metadata.nlink(),
            allocated: metadata.blocks().saturating_mul(512),
        }
    }
}

#[cfg(unix)]
impl From<&rustix::fs::Stat> for Stat {
    // The types of these fields differ from one system to another.
    #[allow(clippy::unnecessary_cast, clippy::useless_conversion)]
    fn from(stat: &rustix::fs::Stat) -> Stat {
        use rustix::fs::FileType;
        Stat {
            kind: match FileType::from_raw_mode(stat.st_mode) {
                FileType::RegularFile => FileKind::File,
                FileType::Directory => FileKind::Dir,
                FileType::Symlink => FileKind::Symlink,
                _ => FileKind::Other,
            },
            size: stat.st_size as u64,
            mtime: (stat.st_mtime as i64, stat.st_mtime_nsec as u32),
            ctime: (stat.st_ctime as i64, stat.st_ctime_nsec as u32),
            ino: stat.st_ino as u64,
            dev: stat.st_dev as u64,
            mode: stat.st_mode as u32 & 0o7777,
            uid: stat.st_uid,
            gid: stat.st_gid,
            nlink: stat.st_nlink as u64,
            allocated: (stat.st_blocks as u64).saturating_mul(512),
        }
    }
}

#[cfg(not(unix))]
impl From<&Metadata> for Stat {
    fn from(metadata: &Metadata) -> Stat {
        let time = |time: io::Result<SystemTime>| {
            let since = time.ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok()).unwrap_or_default();
            (since.as_secs() as i64, since.subsec_nanos())
        };
        Stat {
            kind: kind(metadata),
            size: metadata.len(),
            mtime: time(metadata.modified()),
            ctime: time(metadata.created()),
            ino: 0,
            dev: 0,
            mode: if metadata.permissions().readonly() { 0o444 } else { 0o644 },
            uid: 0,
            gid: 0,
            nlink: 1,
            allocated: metadata.len(),
        }
    }
}

fn kind(metadata: &Metadata) -> FileKind {
    let kind = metadata.file_type();
    if kind.is_file() {
        FileKind::File
    } else if kind.is_dir() {
        FileKind::Dir
    } else if kind.is_symlink() {
        FileKind::Symlink
    } else {
        FileKind::Other
    }
}

/// Opens a regular file for reading. A link or a pipe that took its place meanwhile is neither followed nor waited for.
pub fn open_file(path: &Path) -> io::Result<(File, Stat)> {
    let mut options = OpenOptions::new();
    options.read(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::custom_flags(&mut options, libc::O_NOFOLLOW | libc::O_NONBLOCK);
    let file = options.open(path)?;
    let stat = Stat::of_file(&file)?;
    if stat.kind != FileKind::File {
        return Err(io::Error::new(io::ErrorKind::NotFound, "it is no longer a regular file"));
    }
    Ok((file, stat))
}

/// What one wants of a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    Read,
    /// Of a folder: to make something in it.
    Write,
}

/// May this process do that? Asked of the system, without opening or writing anything.
#[cfg(unix)]
pub fn may(path: &Path, purpose: Purpose) -> io::Result<()> {
    use rustix::fs::{Access, AtFlags, CWD, accessat};
    let access = match purpose {
        Purpose::Read => Access::READ_OK,
        Purpose::Write => Access::WRITE_OK | Access::EXEC_OK,
    };
    Ok(accessat(CWD, path, access, AtFlags::EACCESS)?)
}

#[cfg(not(unix))]
pub fn may(path: &Path, _: Purpose) -> io::Result<()> {
    std::fs::symlink_metadata(path).map(drop)
}
