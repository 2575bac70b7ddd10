//! Objects as files below a folder: a mounted disk, or another machine's.
//!
//! A name that is not a plain relative path is refused. An object is written beside, synced and renamed; so what has its name
//! is whole. The folder itself must be there: a disk that is not mounted is an error, and never filled by mistake.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use super::{Body, Course, Fault, Kind, Result, Store, Stored};
use crate::path::RelPath;
use crate::vault::durable;
use crate::{Error, error::IoContext};

/// Bytes that are read and written at a time.
const STRETCH: u64 = 1 << 20;

pub struct FolderStore {
    name: String,
    dir: PathBuf,
}

impl FolderStore {
    pub fn new(name: &str, dir: &Path) -> FolderStore {
        FolderStore { name: name.into(), dir: dir.to_path_buf() }
    }

    fn path(&self, object: &str) -> Result<PathBuf> {
        match RelPath::parse(object.as_bytes()) {
            Ok(_) => Ok(self.dir.join(object)),
            Err(_) => Err(Fault::new(Kind::Refused, &self.name, format!("{object:?} is no name of an object."))),
        }
    }

    fn fault(&self, error: Error) -> Fault {
        let kind = match &error {
            Error::NoSpace { .. } => Kind::Full,
            Error::Io { source, .. } if source.kind() == std::io::ErrorKind::PermissionDenied => Kind::Denied,
            Error::Io { source, .. } if source.kind() == std::io::ErrorKind::NotFound => Kind::Missing,
            Error::Io { .. } => Kind::Transient { after: None },
            _ => Kind::Refused,
        };
        Fault::new(kind, &self.name, error.to_string())
    }

    fn refuse_missing(&self) -> Result<()> {
        if self.dir.is_dir() {
            return Ok(());
        }
        let message = format!(
            "The folder {} is not there. Is its disk mounted? Mount it, or make the folder, and try again.",
            self.dir.display()
        );
        Err(Fault::new(Kind::Transient { after: None }, &self.name, message))
    }

    /// Everything is written into one folder that nothing is listed from.
    fn beside(&self, path: &Path) -> Result<tempfile::NamedTempFile> {
        self.refuse_missing()?;
        let folder = path.parent().unwrap_or(&self.dir);
        durable::make_folder(folder).map_err(|error| self.fault(error))?;
        durable::temporary_in(folder).map_err(|error| self.fault(error))
    }

    fn stored(&self, object: &str, metadata: &fs::Metadata) -> Stored {
        let written = metadata.modified().ok().and_then(|time| jiff::Timestamp::try_from(time).ok());
        Stored {
            object: object.into(),
            size: metadata.len(),
            written: written.map(|time| time.as_millisecond()),
            ..Stored::default()
        }
    }

    fn walk(&self, folder: &Path, prefix: &str, visit: &mut dyn FnMut(Stored)) -> Result<(), Error> {
        for path in durable::list(folder)? {
            let Some(object) = path.strip_prefix(&self.dir).ok().and_then(Path::to_str) else { continue };
            let metadata = match fs::symlink_metadata(&path) {
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
                metadata => metadata.at("reading", &path)?,
            };
            let name = path.file_name().unwrap_or_default().as_encoded_bytes();
            if metadata.is_dir() {
                // Only where names below it can begin with the prefix.
                let below = format!("{object}/");
                if below.starts_with(prefix) || prefix.starts_with(&below) {
                    self.walk(&path, prefix, visit)?;
                }
            } else if metadata.is_file() && object.starts_with(prefix) && !durable::is_temporary(name) {
                visit(self.stored(object, &metadata));
            }
        }
        Ok(())
    }
}

/// Do two folders lie on one disk, as far as can be told?
pub fn are_on_one_disk(one: &Path, other: &Path) -> bool {
    disk(one).is_some_and(|disk_of_one| Some(disk_of_one) == disk(other))
}

#[cfg(unix)]
fn disk(folder: &Path) -> Option<u64> {
    use std::os::unix::fs::MetadataExt;
    folder.metadata().ok().map(|metadata| metadata.dev())
}

/// The letter of the drive, or the share.
#[cfg(not(unix))]
fn disk(folder: &Path) -> Option<std::ffi::OsString> {
    let real = folder.canonicalize().ok()?;
    real.components().next().map(|first| first.as_os_str().to_ascii_lowercase())
}

impl Store for FolderStore {
    fn put(&self, object: &str, body: &dyn Body, course: &dyn Course) -> Result<Stored> {
        let path = self.path(object)?;
        let mut file = self.beside(&path)?;
        let mut offset = 0;
        while offset < body.size() {
            let length = STRETCH.min(body.size() - offset);
            course.send(length)?;
            let read = body.read(offset, length as usize).at("reading", object);
            let written = read.and_then(|bytes| file.write_all(&bytes).at("writing", &path));
            written.map_err(|error| self.fault(error))?;
            offset += length;
        }
        durable::persist(file, &path).map_err(|error| self.fault(error))?;
        self.head(object)?.ok_or_else(|| Fault::missing(&self.name, object))
    }

    fn put_if_absent(&self, object: &str, bytes: &[u8]) -> Result<bool> {
        let path = self.path(object)?;
        let mut file = self.beside(&path)?;
        let written = file.write_all(bytes).and_then(|()| file.as_file().sync_all()).at("writing", &path);
        written.map_err(|error| self.fault(error))?;
        match file.persist_noclobber(&path) {
            Ok(_) => durable::sync_dir(path.parent().unwrap_or(&self.dir)).map(|()| true),
            Err(error) if error.error.kind() == std::io::ErrorKind::AlreadyExists => Ok(false),
            Err(error) => Err(Error::io("writing", &path, error.error)),
        }
        .map_err(|error| self.fault(error))
    }

    fn get(&self, object: &str, offset: u64, length: usize) -> Result<Vec<u8>> {
        let path = self.path(object)?;
        self.refuse_missing()?;
        let mut bytes = vec![0; length];
        let read = File::open(&path).and_then(|file| durable::read_at(&file, &mut bytes, offset));
        match read {
            Ok(()) => Ok(bytes),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Err(Fault::missing(&self.name, object)),
            Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof || durable::is_bad_sector(&error) => {
                Err(Fault::new(Kind::Damaged, &self.name, format!("{object} cannot be read to its end.")))
            }
            Err(error) => Err(self.fault(Error::io("reading", path, error))),
        }
    }

    fn head(&self, object: &str) -> Result<Option<Stored>> {
        let path = self.path(object)?;
        self.refuse_missing()?;
        match fs::symlink_metadata(&path) {
            Ok(metadata) => Ok(metadata.is_file().then(|| self.stored(object, &metadata))),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(self.fault(Error::io("reading", path, error))),
        }
    }

    fn list(&self, prefix: &str, visit: &mut dyn FnMut(Stored)) -> Result<()> {
        self.refuse_missing()?;
        self.walk(&self.dir, prefix, visit).map_err(|error| self.fault(error))
    }

    fn delete(&self, object: &str) -> Result<()> {
        let path = self.path(object)?;
        self.refuse_missing()?;
        match fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(self.fault(Error::io("removing", path, error)))
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Straight, conformance};

    #[test]
    fn a_folder_is_a_store() {
        let folder = tempfile::tempdir().unwrap();
        conformance::check(&FolderStore::new("disk", folder.path()));
    }

    #[test]
    fn a_disk_that_is_not_mounted_is_never_filled_by_mistake() {
        let folder = tempfile::tempdir().unwrap();
        let store = FolderStore::new("disk", &folder.path().join("mnt"));
        let fault = store.put("vault.json", &b"{}".to_vec(), &Straight).unwrap_err();
        assert!(fault.is_transient() && fault.message.contains("mounted"), "{fault}");
        assert!(store.head("vault.json").is_err() && store.list("", &mut |_| ()).is_err());
        assert!(!folder.path().join("mnt").exists());
    }

    #[test]
    fn no_name_leads_out_of_the_folder() {
        let folder = tempfile::tempdir().unwrap();
        let store = FolderStore::new("disk", folder.path());
        for name in ["../outside", "/etc/passwd", "packs/../../outside", "", "a//b", "a/./b"] {
            assert!(store.put(name, &b"x".to_vec(), &Straight).is_err(), "{name:?}");
            assert!(store.get(name, 0, 1).is_err() && store.delete(name).is_err(), "{name:?}");
        }
    }

    #[test]
    fn what_is_not_finished_is_not_listed() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("packs")).unwrap();
        fs::write(folder.path().join("packs/.lifeboat-a1B2c3"), b"half").unwrap();
        let store = FolderStore::new("disk", folder.path());
        store.list("", &mut |stored| panic!("{stored:?}")).unwrap();
    }
}
