//! May a restore in place do what its plan says? Asked of the system before anything is written, also by a dry run.
//!
//! A rename needs the folder, not the file: a folder that may not be written, a disk that is mounted read-only, what somebody
//! has made immutable, and the files of others in a folder like `/tmp`. Where only the file may be written, its content is
//! replaced in place.

use std::collections::HashMap;
use std::io;
use std::path::Path;

use super::plan::ChangePlan;
use crate::capture::databases::{WAL, beside};
use crate::capture::stat::{Purpose, may};
use crate::path::RelPath;
use crate::report::RestoreMode;
use crate::{Error, Result};

/// `E_RESTORE` names the first place that cannot be changed, and what mends it.
pub fn check(plan: &ChangePlan, mode: RestoreMode, root: &Path) -> Result<()> {
    if plan.is_empty() {
        return Ok(());
    }
    let mut folders = AskedFolders { root, known: HashMap::new() };
    // What is staged lies in these.
    for folder in plan.areas.iter().cloned().chain([RelPath::root()]) {
        folders.may_change(&folder)?;
    }
    for path in plan.comes_or_goes() {
        refuse_fixed(path, &path.under(root))?;
        folders.may_change_around(path)?;
    }
    for path in plan.replaces() {
        let place = path.under(root);
        refuse_fixed(path, &place)?;
        if let Err(around) = folders.may_change_around(path) {
            may_write_file(&place).map_err(|_| around)?;
        }
    }
    for database in plan.databases.iter().filter(|_| mode == RestoreMode::Live) {
        let place = database.path.under(root);
        may_write_file(&place).or_else(|error| refuse(&database.path, &place, &error))?;
        // SQLite makes its journal beside it.
        if !beside(&place, WAL).exists() {
            folders.may_change_around(&database.path)?;
        }
    }
    Ok(())
}

/// What of the root could not even be looked at, with what mends it.
pub fn unreadable(error: Error, root: &Path) -> Error {
    match error {
        Error::Io { path, source, .. }
            if source.kind() == io::ErrorKind::PermissionDenied && path.starts_with(root) =>
        {
            Error::Source {
                message: format!(
                    "{} cannot be read, so it is not known what a restore would replace: {source}. Nothing was changed. \
                     Restore as the user that the app runs as, or let this user read it (chown, chmod).",
                    path.display()
                ),
                source: Some(source),
            }
        }
        other => other,
    }
}

/// Folders that were asked about: thousands of files may be in one.
struct AskedFolders<'a> {
    root: &'a Path,
    known: HashMap<RelPath, Option<String>>,
}

impl AskedFolders<'_> {
    /// May what is in the folder of `path` be renamed?
    fn may_change_around(&mut self, path: &RelPath) -> Result<()> {
        let folder = path.parent().unwrap_or_else(RelPath::root);
        self.may_change(&folder)?;
        refuse_of_others(path, &path.under(self.root))
    }

    fn may_change(&mut self, folder: &RelPath) -> Result<()> {
        let root = self.root;
        let found = self.known.entry(folder.clone()).or_insert_with(|| {
            let place = folder.under(root);
            // What is still to be made lies in a folder that is there.
            let asked = if place.is_dir() {
                let may = || may(&place, Purpose::Write).or_else(|error| refuse(folder, &place, &error));
                refuse_fixed(folder, &place).and_then(|()| may())
            } else {
                Ok(())
            };
            asked.err().map(|error| error.to_string())
        });
        found.clone().map_or(Ok(()), |message| Err(Error::Restore { message }))
    }
}

fn refuse(path: &RelPath, place: &Path, error: &io::Error) -> Result<()> {
    let mend = match error.kind() {
        io::ErrorKind::ReadOnlyFilesystem => {
            "Its disk is mounted read-only: mount it for writing (mount -o remount,rw)"
        }
        _ => "Let this user write there (chown, chmod), or run it as one who may",
    };
    let name = if path.as_bytes().is_empty() { place.display().to_string() } else { path.display() };
    Err(Error::Restore {
        message: format!("{name:?} cannot be written: {error}. {mend}, then restore again. Nothing was changed."),
    })
}

#[cfg(unix)]
fn may_write_file(place: &Path) -> io::Result<()> {
    use rustix::fs::{Access, AtFlags, CWD, accessat};
    Ok(accessat(CWD, place, Access::WRITE_OK | Access::READ_OK, AtFlags::EACCESS)?)
}

#[cfg(not(unix))]
fn may_write_file(_place: &Path) -> io::Result<()> {
    Ok(())
}

/// `chattr +i` and `+a`: not even root renames such a file, or anything in such a folder.
#[cfg(target_os = "linux")]
fn refuse_fixed(path: &RelPath, place: &Path) -> Result<()> {
    use rustix::fs::{AtFlags, CWD, StatxAttributes, StatxFlags, statx};
    let flags = AtFlags::SYMLINK_NOFOLLOW | AtFlags::NO_AUTOMOUNT;
    let Ok(found) = statx(CWD, place, flags, StatxFlags::empty()) else { return Ok(()) };
    let fixed = StatxAttributes::IMMUTABLE | StatxAttributes::APPEND;
    if !found.stx_attributes.intersects(fixed) {
        return Ok(());
    }
    Err(Error::Restore {
        message: format!(
            "{:?} was made unchangeable (chattr +i or +a). Let it be changed (chattr -i -a), then restore again. Nothing was \
             changed.",
            path.display()
        ),
    })
}

#[cfg(not(target_os = "linux"))]
fn refuse_fixed(_path: &RelPath, _place: &Path) -> Result<()> {
    Ok(())
}

/// In a folder with the sticky bit one may rename only what is one's own.
#[cfg(unix)]
fn refuse_of_others(path: &RelPath, place: &Path) -> Result<()> {
    use std::os::unix::fs::MetadataExt;
    let us = rustix::process::geteuid();
    let (Ok(file), Some(Ok(folder))) = (place.symlink_metadata(), place.parent().map(Path::symlink_metadata)) else {
        return Ok(());
    };
    let is_sticky = folder.mode() & 0o1000 != 0;
    if us.is_root() || !is_sticky || [file.uid(), folder.uid()].contains(&us.as_raw()) {
        return Ok(());
    }
    refuse(path, place, &io::Error::from(io::ErrorKind::PermissionDenied))
}

#[cfg(not(unix))]
fn refuse_of_others(_path: &RelPath, _place: &Path) -> Result<()> {
    Ok(())
}
