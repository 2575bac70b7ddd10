//! A place in the root, found without following links.
//!
//! Whoever may write to the root can put a link in the place of a folder between any two lines. So the folder is opened
//! first, beneath the root and through no link, and everything is done to a name in the folder that was opened. Where
//! root runs Lifeboat in somebody else's folder, nothing outside of it can be reached.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};

use crate::capture::stat::Stat;
use crate::path::RelPath;

/// A name in a folder of the root.
pub struct Spot {
    folder: system::Folder,
    name: OsString,
    /// For people.
    pub shown: PathBuf,
}

impl Spot {
    /// `None`: its folder is not there, or a link or a file is in the way.
    pub fn find(root: &Path, path: &RelPath) -> io::Result<Option<Spot>> {
        let shown = path.under(root);
        let name = match path.as_bytes() {
            // The root itself.
            [] => ".".into(),
            _ => shown.file_name().map(OsString::from).unwrap_or_default(),
        };
        match system::open(root, path.parent().as_ref()) {
            Ok(folder) => Ok(Some(Spot { folder, name, shown })),
            Err(error) if is_in_the_way(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// What is there; `None`: nothing.
    pub fn stat(&self) -> io::Result<Option<Stat>> {
        match self.folder.stat(&self.name) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            found => found.map(Some),
        }
    }

    /// Moves what is there to `to`, where nothing is.
    pub fn take(&self, to: &Path) -> io::Result<()> {
        self.folder.take(&self.name, to)
    }

    /// Moves `from` here. `AlreadyExists` where something is here.
    pub fn put(&self, from: &Path) -> io::Result<()> {
        self.folder.put(from, &self.name)
    }

    /// Moves `from` here, over what is here.
    pub fn put_over(&self, from: &Path) -> io::Result<()> {
        self.folder.put_over(from, &self.name)
    }

    /// Lets what is here and what is at `other` change places, at once. `Unsupported` where this file system cannot.
    pub fn exchange(&self, other: &Path) -> io::Result<()> {
        self.folder.exchange(&self.name, other)
    }

    /// Gives what is here a second name.
    pub fn link(&self, to: &Path) -> io::Result<()> {
        self.folder.link(&self.name, to)
    }

    pub fn make_folder(&self) -> io::Result<()> {
        self.folder.make_folder(&self.name)
    }

    /// Removes an empty folder.
    pub fn remove_folder(&self) -> io::Result<()> {
        self.folder.remove_folder(&self.name)
    }

    /// Opens the file that is here; a link is refused.
    pub fn open(&self, write: bool) -> io::Result<std::fs::File> {
        self.folder.open_file(&self.name, write)
    }

    /// A path for what can be done by path only. A name that became a link meanwhile is not followed by whoever asks not to.
    pub fn path(&self) -> PathBuf {
        self.folder.path(&self.name, &self.shown)
    }
}

/// Something other than a folder is on the way to a place, or nothing.
fn is_in_the_way(error: &io::Error) -> bool {
    #[cfg(unix)]
    let is_link = error.raw_os_error() == Some(libc::ELOOP);
    #[cfg(not(unix))]
    let is_link = false;
    is_link || matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

#[cfg(unix)]
mod system {
    use std::ffi::OsStr;
    use std::fs::File;
    use std::io;
    use std::os::fd::{AsRawFd, OwnedFd};
    use std::path::{Path, PathBuf};

    use rustix::fs::{AtFlags, CWD, Mode, OFlags};

    use crate::capture::stat::Stat;
    use crate::path::RelPath;

    pub struct Folder(OwnedFd);

    /// A folder of which only its place is wanted.
    const FOLDER: OFlags = OFlags::DIRECTORY.union(OFlags::CLOEXEC).union(OFlags::RDONLY);

    pub fn open(root: &Path, folder: Option<&RelPath>) -> io::Result<Folder> {
        // The root itself may be reached through links: its owner has named it so.
        let root = rustix::fs::openat(CWD, root, FOLDER, Mode::empty())?;
        let Some(folder) = folder else { return Ok(Folder(root)) };
        let folder = folder.under(Path::new(""));
        #[cfg(target_os = "linux")]
        {
            use rustix::fs::ResolveFlags;
            let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
            match rustix::fs::openat2(&root, &folder, FOLDER, Mode::empty(), resolve) {
                // A kernel before 5.6, or a container that forbids what it does not know.
                Err(rustix::io::Errno::NOSYS | rustix::io::Errno::PERM) => {}
                opened => return Ok(Folder(opened?)),
            }
        }
        let mut at = root;
        for component in &folder {
            at = rustix::fs::openat(&at, component, FOLDER | OFlags::NOFOLLOW, Mode::empty())?;
        }
        Ok(Folder(at))
    }

    impl Folder {
        pub fn stat(&self, name: &OsStr) -> io::Result<Stat> {
            Ok(Stat::from(&rustix::fs::statat(&self.0, name, AtFlags::SYMLINK_NOFOLLOW)?))
        }

        pub fn take(&self, name: &OsStr, to: &Path) -> io::Result<()> {
            // What lies at `to` is never written over: it is somebody's.
            no_replace(&self.0, name.as_ref(), &CWD, to)
        }

        pub fn put(&self, from: &Path, name: &OsStr) -> io::Result<()> {
            no_replace(&CWD, from, &self.0, name.as_ref())
        }

        pub fn put_over(&self, from: &Path, name: &OsStr) -> io::Result<()> {
            Ok(rustix::fs::renameat(CWD, from, &self.0, name)?)
        }

        #[cfg(target_os = "linux")]
        pub fn exchange(&self, name: &OsStr, other: &Path) -> io::Result<()> {
            let flags = rustix::fs::RenameFlags::EXCHANGE;
            rustix::fs::renameat_with(&self.0, name, CWD, other, flags).map_err(or_unsupported)
        }

        #[cfg(not(target_os = "linux"))]
        pub fn exchange(&self, _name: &OsStr, _other: &Path) -> io::Result<()> {
            Err(io::ErrorKind::Unsupported.into())
        }

        pub fn link(&self, name: &OsStr, to: &Path) -> io::Result<()> {
            Ok(rustix::fs::linkat(&self.0, name, CWD, to, AtFlags::empty())?)
        }

        pub fn make_folder(&self, name: &OsStr) -> io::Result<()> {
            Ok(rustix::fs::mkdirat(&self.0, name, Mode::from_raw_mode(0o777))?)
        }

        pub fn remove_folder(&self, name: &OsStr) -> io::Result<()> {
            Ok(rustix::fs::unlinkat(&self.0, name, AtFlags::REMOVEDIR)?)
        }

        pub fn open_file(&self, name: &OsStr, write: bool) -> io::Result<File> {
            let access = if write { OFlags::RDWR } else { OFlags::RDONLY };
            // A pipe does not keep us waiting.
            let flags = access | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
            Ok(File::from(rustix::fs::openat(&self.0, name, flags, Mode::empty())?))
        }

        pub fn path(&self, name: &OsStr, shown: &Path) -> PathBuf {
            let open = PathBuf::from(format!("/proc/self/fd/{}", self.0.as_raw_fd()));
            if cfg!(target_os = "linux") && open.exists() { open.join(name) } else { shown.to_path_buf() }
        }
    }

    #[cfg(target_os = "linux")]
    fn no_replace(
        from: &impl std::os::fd::AsFd,
        name: &Path,
        to: &impl std::os::fd::AsFd,
        new: &Path,
    ) -> io::Result<()> {
        match rustix::fs::renameat_with(from, name, to, new, rustix::fs::RenameFlags::NOREPLACE).map_err(or_unsupported)
        {
            Err(error) if error.kind() == io::ErrorKind::Unsupported => careful_rename(from, name, to, new),
            renamed => renamed,
        }
    }

    #[cfg(not(target_os = "linux"))]
    use careful_rename as no_replace;

    /// Where no rename refuses to write over something, it is looked for first.
    fn careful_rename(
        from: &impl std::os::fd::AsFd,
        name: &Path,
        to: &impl std::os::fd::AsFd,
        new: &Path,
    ) -> io::Result<()> {
        match rustix::fs::statat(to, new, AtFlags::SYMLINK_NOFOLLOW) {
            Err(rustix::io::Errno::NOENT) => Ok(rustix::fs::renameat(from, name, to, new)?),
            Err(error) => Err(error.into()),
            Ok(_) => Err(io::ErrorKind::AlreadyExists.into()),
        }
    }

    #[cfg(target_os = "linux")]
    fn or_unsupported(error: rustix::io::Errno) -> io::Error {
        use rustix::io::Errno;
        match error {
            Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP => io::ErrorKind::Unsupported.into(),
            other => other.into(),
        }
    }
}

/// Windows has no folder handles in `std`: each part of the way is looked at instead.
#[cfg(not(unix))]
mod system {
    use std::ffi::OsStr;
    use std::fs::{self, File};
    use std::io;
    use std::path::{Path, PathBuf};

    use crate::capture::stat::{FileKind, Stat};
    use crate::path::RelPath;

    pub struct Folder(PathBuf);

    pub fn open(root: &Path, folder: Option<&RelPath>) -> io::Result<Folder> {
        let mut at = root.to_path_buf();
        if let Some(folder) = folder {
            for component in &folder.under(Path::new("")) {
                at.push(component);
                if Stat::of(&at)?.kind != FileKind::Dir {
                    return Err(io::ErrorKind::NotADirectory.into());
                }
            }
        }
        Ok(Folder(at))
    }

    impl Folder {
        pub fn stat(&self, name: &OsStr) -> io::Result<Stat> {
            Stat::of(&self.0.join(name))
        }

        pub fn take(&self, name: &OsStr, to: &Path) -> io::Result<()> {
            careful_rename(&self.0.join(name), to)
        }

        pub fn put(&self, from: &Path, name: &OsStr) -> io::Result<()> {
            careful_rename(from, &self.0.join(name))
        }

        pub fn put_over(&self, from: &Path, name: &OsStr) -> io::Result<()> {
            fs::rename(from, self.0.join(name))
        }

        pub fn exchange(&self, _name: &OsStr, _other: &Path) -> io::Result<()> {
            Err(io::ErrorKind::Unsupported.into())
        }

        pub fn link(&self, name: &OsStr, to: &Path) -> io::Result<()> {
            fs::hard_link(self.0.join(name), to)
        }

        pub fn make_folder(&self, name: &OsStr) -> io::Result<()> {
            fs::create_dir(self.0.join(name))
        }

        pub fn remove_folder(&self, name: &OsStr) -> io::Result<()> {
            fs::remove_dir(self.0.join(name))
        }

        pub fn open_file(&self, name: &OsStr, write: bool) -> io::Result<File> {
            File::options().read(true).write(write).open(self.0.join(name))
        }

        pub fn path(&self, name: &OsStr, _shown: &Path) -> PathBuf {
            self.0.join(name)
        }
    }

    fn careful_rename(from: &Path, to: &Path) -> io::Result<()> {
        match fs::symlink_metadata(to) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => fs::rename(from, to),
            Err(error) => Err(error),
            Ok(_) => Err(io::ErrorKind::AlreadyExists.into()),
        }
    }
}
