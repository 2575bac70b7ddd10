//! What a file is besides its content: owner, mode, time; and making links.
//!
//! Ownership is given back where this user may do so (root); elsewhere the files belong to whoever restores.

use std::fs::{File, FileTimes};
use std::io;
use std::path::Path;
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

use crate::Result;
use crate::capture::stat::Stat;
use crate::error::IoContext;
use crate::vault::item::{Item, Time};

fn system_time(time: Time) -> SystemTime {
    let nanos = Duration::from_nanos(u64::from(time.1.min(999_999_999)));
    let seconds = Duration::from_secs(time.0.unsigned_abs());
    let whole = if time.0 >= 0 {
        SystemTime::UNIX_EPOCH.checked_add(seconds)
    } else {
        SystemTime::UNIX_EPOCH.checked_sub(seconds)
    };
    // A time that this system cannot express came from nobody's file.
    whole.and_then(|whole| whole.checked_add(nanos)).unwrap_or(SystemTime::UNIX_EPOCH)
}

pub fn set_time(file: &File, time: Time) -> io::Result<()> {
    file.set_times(FileTimes::new().set_modified(system_time(time)))
}

/// What a file or folder is besides its content, as a journal keeps it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Meta {
    pub mode: u32,
    pub uid: u32,
    pub gid: u32,
    pub mtime: Time,
}

impl Meta {
    pub fn of_item(item: &Item) -> Meta {
        Meta { mode: item.mode & 0o7777, uid: item.uid, gid: item.gid, mtime: item.mtime }
    }

    pub fn of(stat: &Stat) -> Meta {
        Meta { mode: stat.mode, uid: stat.uid, gid: stat.gid, mtime: stat.mtime }
    }

    /// Is there anything here that this user could and should change?
    pub fn differs_from(&self, other: &Meta) -> bool {
        #[cfg(unix)]
        return (self.mode, self.mtime) != (other.mode, other.mtime)
            || (may_chown() && (self.uid, self.gid) != (other.uid, other.gid));
        #[cfg(not(unix))]
        return self.mtime != other.mtime;
    }

    /// Gives it to the file or folder `place`, as far as it differs; a link is left alone. What this user may not set, or
    /// this file system does not have, stays as it is: the answer says what, and why.
    #[cfg(unix)]
    pub fn apply(&self, place: &Path) -> Result<Option<RefusedMetadata>> {
        use std::os::unix::fs::{PermissionsExt, chown};

        use rustix::fs::{AtFlags, CWD, Timespec, Timestamps, utimensat};
        // Through a handle: a link that takes its place meanwhile leads nowhere.
        let Some(handle) = Handle::open(place).at("describing", place)? else { return Ok(None) };
        let now = Meta::of(&handle.stat);
        let mut refused = None;
        let mut set = |what: &'static str, action: &'static str, done: io::Result<()>| match done {
            Err(error) if is_refusal(&error) => {
                refused.get_or_insert(RefusedMetadata { what, why: error.to_string() });
                Ok(())
            }
            done => done.at(action, place),
        };
        let gives = (self.uid, self.gid) != (now.uid, now.gid);
        if gives {
            set("owner", "setting the owner of", chown(&handle.path, Some(self.uid), Some(self.gid)))?;
        }
        // A change of the owner clears set-uid bits.
        if gives || self.mode != now.mode {
            set(
                "mode",
                "setting the mode of",
                std::fs::set_permissions(&handle.path, PermissionsExt::from_mode(self.mode)),
            )?;
        }
        if self.mtime != now.mtime {
            // What the system cannot express came from nobody's file.
            let seconds = self.mtime.0.clamp(-(1 << 40), 1 << 40);
            let time = Timespec { tv_sec: seconds, tv_nsec: self.mtime.1.min(999_999_999).into() };
            let times = Timestamps { last_access: time, last_modification: time };
            set(
                "time",
                "setting the time of",
                utimensat(CWD, &handle.path, &times, AtFlags::empty()).map_err(io::Error::from),
            )?;
        }
        Ok(refused)
    }

    /// Windows sets a folder's time only through a handle that `std` does not give; the time of making stays.
    #[cfg(not(unix))]
    pub fn apply(&self, place: &Path) -> Result<Option<RefusedMetadata>> {
        match File::options().write(true).open(place) {
            Ok(file) => file.set_modified(system_time(self.mtime)).at("setting the time of", place).map(|()| None),
            Err(_) => Ok(None),
        }
    }
}

/// What of a file or folder may not be set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefusedMetadata {
    pub what: &'static str,
    pub why: String,
}

/// A file or folder itself, whatever its name leads to later.
#[cfg(unix)]
struct Handle {
    _open: File,
    /// Leads to it by its handle, where the system has such paths.
    path: std::path::PathBuf,
    stat: Stat,
}

#[cfg(unix)]
impl Handle {
    /// `None`: a link.
    fn open(place: &Path) -> io::Result<Option<Handle>> {
        use rustix::fs::{Mode, OFlags, open};
        #[cfg(target_os = "linux")]
        let access = OFlags::PATH;
        #[cfg(not(target_os = "linux"))]
        let access = OFlags::RDONLY | OFlags::NONBLOCK;
        let opened = File::from(match open(place, access | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty()) {
            Err(rustix::io::Errno::LOOP) => return Ok(None),
            opened => opened?,
        });
        let stat = Stat::of_file(&opened)?;
        let mut path = std::path::PathBuf::from(format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&opened)));
        if !cfg!(target_os = "linux") || !path.exists() {
            path = place.to_path_buf();
        }
        Ok((stat.kind != crate::capture::stat::FileKind::Symlink).then_some(Handle { _open: opened, path, stat }))
    }
}

/// A link's own owner and time, as far as this system lets them be set: the link itself is what matters.
pub fn apply_to_link(place: &Path, item: &Item) -> Result<()> {
    #[cfg(unix)]
    {
        if may_chown() {
            let owned = std::os::unix::fs::lchown(place, Some(item.uid), Some(item.gid));
            if_possible(owned).at("setting the owner of", place)?;
        }
        let time = rustix::fs::Timespec { tv_sec: item.mtime.0, tv_nsec: item.mtime.1.into() };
        let times = rustix::fs::Timestamps { last_access: time, last_modification: time };
        let timed = rustix::fs::utimensat(rustix::fs::CWD, place, &times, rustix::fs::AtFlags::SYMLINK_NOFOLLOW);
        if_possible(timed.map_err(io::Error::from)).at("setting the time of", place)?;
    }
    #[cfg(not(unix))]
    let _ = (place, item);
    Ok(())
}

/// What may not be set stays as it is.
#[cfg(unix)]
fn if_possible(result: io::Result<()>) -> io::Result<()> {
    result.or_else(|error| if is_refusal(&error) { Ok(()) } else { Err(error) })
}

/// This user may not set it, or this file system does not have it: a user that a container does not know is `EINVAL`. Any
/// other error means that the disk is in trouble.
pub fn is_refusal(error: &io::Error) -> bool {
    use io::ErrorKind::{InvalidInput, PermissionDenied, ReadOnlyFilesystem, Unsupported};
    matches!(error.kind(), InvalidInput | PermissionDenied | ReadOnlyFilesystem | Unsupported)
}

#[cfg(unix)]
pub fn may_chown() -> bool {
    rustix::process::geteuid().is_root()
}

#[cfg(unix)]
pub fn make_link(target: &[u8], place: &Path) -> io::Result<()> {
    use std::os::unix::ffi::OsStrExt;
    std::os::unix::fs::symlink(std::ffi::OsStr::from_bytes(target), place)
}

#[cfg(windows)]
pub fn make_link(target: &[u8], place: &Path) -> io::Result<()> {
    let target = String::from_utf8_lossy(target).replace('/', "\\");
    // Whether it leads to a folder is known only where that exists.
    if place.parent().is_some_and(|parent| parent.join(&target).is_dir()) {
        std::os::windows::fs::symlink_dir(target, place)
    } else {
        std::os::windows::fs::symlink_file(target, place)
    }
}
