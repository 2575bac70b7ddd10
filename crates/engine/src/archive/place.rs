//! Putting a new file in its place: whole or not at all, and never over another one unasked.
//!
//! On Linux the file has no name until it is whole, so that a kill leaves nothing behind. Where another file is replaced,
//! and elsewhere, and on file systems that cannot do that, it is a temporary file beside its place for a moment or for all
//! the time. Its writer holds a lock on it, which dies with the writer: what nobody holds, the next one removes.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use crate::error::IoContext;
use crate::vault::durable;
use crate::{Error, Result};

/// A file on its way to `path`, readable by its owner alone.
pub struct NewFile {
    path: PathBuf,
    overwrite: bool,
    file: UnfinishedFile,
}

enum UnfinishedFile {
    #[cfg(target_os = "linux")]
    Nameless(File),
    Named(NamedTempFile),
}

/// Could a file be put there, in the folder or under the name that `path` is? Asked before anything is read for it.
pub fn check(path: &Path, overwrite: bool) -> Result<()> {
    let names_folder =
        path.as_os_str().as_encoded_bytes().last().is_some_and(|last| std::path::is_separator(*last as char));
    let folder = match path.is_dir() || names_folder {
        true => path,
        false => folder_of(path),
    };
    is_there(folder)?;
    if folder != path && !overwrite && path.symlink_metadata().is_ok() {
        return Err(exists(path));
    }
    tempfile::tempfile_in(folder).at("writing in", folder).map(drop)
}

fn is_there(folder: &Path) -> Result<()> {
    let what = match folder.metadata() {
        Ok(metadata) if metadata.is_dir() => return Ok(()),
        Ok(_) => "is not a folder. Choose another place",
        Err(error) if error.kind() == std::io::ErrorKind::NotADirectory => "is not a folder. Choose another place",
        Err(_) => "does not exist. Is the disk mounted? Make it (mkdir -p), or choose another",
    };
    Err(Error::Config { message: format!("The folder {} {what}.", folder.display()) })
}

impl NewFile {
    pub fn create(path: &Path, overwrite: bool) -> Result<NewFile> {
        let folder = folder_of(path);
        if !overwrite && path.symlink_metadata().is_ok() {
            return Err(exists(path));
        }
        is_there(folder)?;
        let beside = beside(path);
        clear(folder, &beside)?;
        let file = match nameless(folder) {
            Some(file) => file,
            None => UnfinishedFile::Named(
                tempfile::Builder::new().prefix(&beside).tempfile_in(folder).at("writing in", folder)?,
            ),
        };
        let new = NewFile { path: path.to_path_buf(), overwrite, file };
        // Where there are no locks, what a kill leaves is taken for somebody's who still writes, and stays.
        let _ = new.file().lock();
        Ok(new)
    }

    pub fn file(&self) -> &File {
        match &self.file {
            #[cfg(target_os = "linux")]
            UnfinishedFile::Nameless(file) => file,
            UnfinishedFile::Named(file) => file.as_file(),
        }
    }

    /// fsync, the name, fsync of the folder.
    pub fn finish(self) -> Result<()> {
        let path = &self.path;
        self.file().sync_all().at("writing", path)?;
        match self.file {
            #[cfg(target_os = "linux")]
            UnfinishedFile::Nameless(file) => name(&file, path, self.overwrite)?,
            UnfinishedFile::Named(file) if self.overwrite => {
                file.persist(path).map_err(|error| Error::io("writing", path, error.error))?;
            }
            UnfinishedFile::Named(file) => persist_new(file, path)?,
        }
        durable::sync_dir(folder_of(path))
    }
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// How temporary files of this path begin. Not with its name, which may have the greatest length that there is.
fn beside(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default().as_encoded_bytes();
    format!("{}{}-", durable::TEMPORARY, &blake3::hash(name).to_hex()[..16])
}

/// Removes what writers of the same path have left that were killed.
fn clear(folder: &Path, beside: &str) -> Result<()> {
    for name in durable::names(folder)?.iter().filter(|name| name.to_string_lossy().starts_with(beside)) {
        let leftover = folder.join(name);
        // For writing, because NFS locks it alone for nobody else.
        if File::options().read(true).write(true).open(&leftover).is_ok_and(|file| file.try_lock().is_ok()) {
            fs::remove_file(&leftover).at("removing", &leftover)?;
        }
    }
    Ok(())
}

fn exists(path: &Path) -> Error {
    Error::Config {
        message: format!(
            "{} exists already. Choose another name, or replace it (--overwrite, `overwrite: true`).",
            path.display()
        ),
    }
}

fn taken(path: &Path, error: std::io::Error) -> Error {
    match error.kind() {
        std::io::ErrorKind::AlreadyExists => exists(path),
        _ => Error::io("writing", path, error),
    }
}

#[cfg(target_os = "linux")]
fn nameless(folder: &Path) -> Option<UnfinishedFile> {
    use rustix::fs::{Mode, OFlags};
    // Without /proc it could never get its name.
    Path::new("/proc/self/fd").is_dir().then_some(())?;
    let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
    let file = rustix::fs::open(folder, flags, Mode::RUSR | Mode::WUSR).ok()?;
    Some(UnfinishedFile::Nameless(File::from(file)))
}

#[cfg(not(target_os = "linux"))]
fn nameless(_folder: &Path) -> Option<UnfinishedFile> {
    None
}

/// Gives a file its name where nobody has it. exFAT and much of FUSE have neither hard links nor a rename that does not
/// replace; there an empty file keeps the place for the moment until it is replaced.
fn persist_new(file: NamedTempFile, path: &Path) -> Result<()> {
    let failed = match file.persist_noclobber(path) {
        Ok(_) => return Ok(()),
        Err(failed) if failed.error.kind() == std::io::ErrorKind::AlreadyExists => {
            return Err(taken(path, failed.error));
        }
        Err(failed) => failed,
    };
    File::create_new(path).map_err(|error| taken(path, error))?;
    failed.file.persist(path).map(drop).map_err(|error| {
        let _ = fs::remove_file(path);
        Error::io("writing", path, error.error)
    })
}

#[cfg(target_os = "linux")]
fn name(file: &File, path: &Path, overwrite: bool) -> Result<()> {
    use std::io::Seek;
    use std::os::fd::AsRawFd;

    use rustix::fs::{AtFlags, CWD, linkat};
    let link = |to: &Path| {
        let from = format!("/proc/self/fd/{}", file.as_raw_fd());
        linkat(CWD, from, CWD, to, AtFlags::SYMLINK_FOLLOW).map_err(std::io::Error::from)
    };
    match link(path) {
        // Only a rename replaces, and only what has a name can be renamed.
        Err(error) if overwrite && error.kind() == std::io::ErrorKind::AlreadyExists => {
            let folder = folder_of(path);
            let temporary = tempfile::Builder::new().prefix(&beside(path)).make_in(folder, |place| link(place));
            let temporary = temporary.at("writing in", folder)?;
            temporary.into_temp_path().persist(path).map_err(|error| Error::io("writing", path, error.error))
        }
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Err(taken(path, error)),
        // There are no second names here, so what has no first one never gets one: it is copied.
        Err(_) => {
            let folder = folder_of(path);
            let mut copy =
                tempfile::Builder::new().prefix(&beside(path)).tempfile_in(folder).at("writing in", folder)?;
            let copied = (&mut &*file).rewind().and_then(|()| std::io::copy(&mut &*file, &mut copy));
            copied.and_then(|_| copy.as_file().sync_all()).at("writing", path)?;
            match overwrite {
                true => copy.persist(path).map(drop).map_err(|error| Error::io("writing", path, error.error)),
                false => persist_new(copy, path),
            }
        }
        Ok(()) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn what_a_killed_writer_left_goes_and_what_another_one_writes_stays() {
        let folder = tempfile::tempdir().unwrap();
        let place = |name: &str| folder.path().join(name);
        let [dead, alive, other] = [("x.tar.gz", "1"), ("x.tar.gz", "2"), ("y.tar.gz", "1")]
            .map(|(name, n)| place(&format!("{}{n}", beside(Path::new(name)))));
        [&dead, &alive, &other].into_iter().for_each(|path| fs::write(path, b"half").unwrap());
        let held = File::open(&alive).unwrap();
        held.lock().unwrap();
        NewFile::create(&place("x.tar.gz"), false).unwrap().finish().unwrap();
        assert_eq!([&dead, &alive, &other].map(|path| path.exists()), [false, true, true]);
        // A folder of the longest names has room for it, too.
        NewFile::create(&place(&"n".repeat(255)), true).unwrap().finish().unwrap();
        NewFile::create(&place(&"n".repeat(255)), true).unwrap().finish().unwrap();
    }

    #[test]
    fn a_file_appears_whole_or_not_at_all_and_replaces_only_when_asked() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x");
        let write = |text: &str, overwrite| -> Result<()> {
            let new = NewFile::create(&path, overwrite)?;
            (&mut new.file()).write_all(text.as_bytes()).unwrap();
            new.finish()
        };
        let names = || fs::read_dir(folder.path()).unwrap().count();
        drop(NewFile::create(&path, false).unwrap());
        assert_eq!(names(), 0);
        let late = NewFile::create(&path, false).unwrap();
        write("one", false).unwrap();
        assert_eq!(late.finish().unwrap_err().code(), "E_CONFIG", "somebody else was faster");
        assert_eq!(write("two", false).unwrap_err().code(), "E_CONFIG");
        assert_eq!(fs::read(&path).unwrap(), b"one");
        write("two", true).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"two");
        assert_eq!(names(), 1);
        #[cfg(unix)]
        {
            use std::os::unix::fs::MetadataExt;
            assert_eq!(path.metadata().unwrap().mode() & 0o777, 0o600);
        }
    }
}
