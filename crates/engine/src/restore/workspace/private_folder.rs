//! A folder that only our own user may look into, and what is refused in its place.

use std::fs::{self, File};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::look;
use crate::capture::stat::{FileKind, Stat};
use crate::error::IoContext;
use crate::{Error, Result};

/// A folder that only our user may look into.
pub(super) struct PrivateFolder {
    pub(super) path: PathBuf,
    /// What the path leads through, where it must not depend on a name.
    pub(super) handle: Option<File>,
}

impl PrivateFolder {
    /// `Err`: somebody else's, by the number of their user.
    pub(super) fn open(root: &Path, place: &Path) -> Result<std::result::Result<PrivateFolder, u32>> {
        #[cfg(unix)]
        {
            use rustix::fs::{CWD, Mode, OFlags, openat};
            use std::os::fd::AsRawFd;
            use std::os::unix::fs::MetadataExt;
            let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            let handle = match openat(CWD, place, flags, Mode::empty()) {
                // Where we may not even look, it is not ours.
                Err(rustix::io::Errno::ACCESS) => return Ok(Err(Stat::of(place).at("opening", place)?.uid)),
                opened => File::from(opened.map_err(std::io::Error::from).at("opening", place)?),
            };
            let stat = Stat::of_file(&handle).at("opening", place)?;
            let us = rustix::process::geteuid();
            // A file system without modes has none to look at; there only root has anything to fear.
            if stat.uid != us.as_raw() || (us.is_root() && stat.mode & 0o077 != 0) {
                return Ok(Err(stat.uid));
            }
            let through = PathBuf::from(format!("/proc/self/fd/{}", handle.as_raw_fd()));
            // Who may write to the folder around it can give its name to another one.
            let around = fs::metadata(place.parent().unwrap_or(root)).at("looking at", root)?;
            let is_shared = us.is_root() && (around.uid() != 0 || around.mode() & 0o022 != 0);
            let folder = match is_shared && through.exists() {
                true => PrivateFolder { path: through, handle: Some(handle) },
                false => PrivateFolder { path: place.to_path_buf(), handle: None },
            };
            Ok(Ok(folder))
        }
        #[cfg(not(unix))]
        {
            let _ = root;
            Ok(Ok(PrivateFolder { path: place.to_path_buf(), handle: None }))
        }
    }

    /// Makes it, or takes one of ours that is there.
    pub(super) fn make(root: &Path, place: &Path) -> Result<PrivateFolder> {
        let mut builder = fs::DirBuilder::new();
        // What is replaced may be secret: nobody else looks into it, from its first moment.
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        match builder.create(place) {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::AlreadyExists => refuse_other_things(place)?,
            Err(error) => return Err(Error::io("making the folder", place, error)),
        }
        PrivateFolder::open(root, place)?.map_err(|uid| foreign(place, uid))
    }
}

/// A file or link of that name is none of ours.
fn refuse_other_things(place: &Path) -> Result<()> {
    match look(place)? {
        Some(stat) if stat.kind != FileKind::Dir => Err(Error::Restore {
            message: format!(
                "{} is in the way: Lifeboat makes a folder of that name for each restore. Move it out of the root, then restore \
                 again.",
                place.display()
            ),
        }),
        _ => Ok(()),
    }
}

pub(super) fn foreign(place: &Path, uid: u32) -> Error {
    Error::Restore {
        message: format!(
            "{} belongs to the user {uid}, or others may look into it, so it is not believed: whoever may write to the root \
             could have made it. If a restore of theirs was cut off or waits, run Lifeboat as that user; else remove the folder.",
            place.display()
        ),
    }
}
