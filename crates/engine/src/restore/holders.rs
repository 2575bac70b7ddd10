//! Which other processes have a file open: the one that lies there, or the one that lay there.
//!
//! Linux tells: `/proc/<pid>/fd` names every open file of a process, also one that was deleted or replaced since. Whoever
//! holds such a file writes on where nobody finds it, so it is looked for by its name, and a database that was moved away by
//! the inode that a backup has seen. What may not be looked at is not taken for nothing: [`Holders::complete`] says whether an
//! empty answer means that nobody has it open. One look at all processes answers for any number of paths, in milliseconds.

#[cfg(target_os = "linux")]
mod lease;
#[cfg(target_os = "linux")]
mod proc;

use std::path::{Path, PathBuf};

/// What SQLite may have beside a database, after the database itself.
pub use crate::capture::databases::WITH_SIDES as PARTS;

/// A file that somebody may have open.
#[derive(Clone, Debug)]
pub struct PossiblyOpen {
    pub path: PathBuf,
    /// The files beside it belong to it.
    pub is_database: bool,
    /// The inode that it had when it was backed up: under that it may be open, wherever it was moved to.
    pub ino: Option<u64>,
}

impl PossiblyOpen {
    pub fn database(path: &Path) -> PossiblyOpen {
        PossiblyOpen { path: path.to_path_buf(), is_database: true, ino: None }
    }
}

/// What a process has open of what was asked about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hold {
    /// The file that lies there.
    Here,
    /// The database that lies there, but of the files beside it one that does not lie there any more.
    Torn,
    /// A file that lay there: its name is gone, or leads to another one now.
    Astray,
}

#[derive(Clone, Debug)]
pub struct Holder {
    /// The path that was asked about, also where it is a side file of it that is open.
    pub path: PathBuf,
    pub pid: u32,
    pub name: String,
    pub hold: Hold,
    /// It may write to it.
    pub writes: bool,
    pub files: Vec<OpenFile>,
}

/// One open file of a holder.
#[derive(Clone, Debug)]
pub struct OpenFile {
    /// Which of [`PARTS`] it is.
    pub part: &'static str,
    /// It can be reached through this, whatever has become of its name.
    pub through: PathBuf,
    /// It lies at its path.
    pub is_here: bool,
    identity: (u64, u64),
}

impl Holder {
    /// For people: `process 4711 (node)`.
    pub fn who(&self) -> String {
        format!("process {} ({})", self.pid, self.name)
    }

    /// The path, as people know it.
    pub fn what(&self, root: &Path) -> String {
        self.path.strip_prefix(root).unwrap_or(&self.path).display().to_string()
    }

    /// The beginning of a sentence.
    pub fn sentence(&self, root: &Path) -> String {
        let (who, what) = (self.who(), self.what(root));
        match self.hold {
            Hold::Here => format!("{what} is open in {who}"),
            Hold::Torn => {
                format!("{what} is open in {who}, and a file beside it, which it uses, was deleted or replaced")
            }
            Hold::Astray => format!("{who} has a {what} open that was deleted, moved or replaced"),
        }
    }

    /// Has it still the very files open that it had?
    pub fn still_holds(&self) -> bool {
        #[cfg(target_os = "linux")]
        return self.files.iter().any(|file| proc::identity(&file.through) == Some(file.identity));
        #[cfg(not(target_os = "linux"))]
        return false;
    }
}

pub struct Holders {
    pub holders: Vec<Holder>,
    /// Everybody who could have it open could be looked at.
    pub complete: bool,
}

impl Holders {
    /// The first who has the file open that lies there. Who has one open that lay there before uses another one.
    pub fn user(&self) -> Option<&Holder> {
        self.holders.iter().find(|holder| holder.hold != Hold::Astray)
    }
}

/// Who has these databases, or their `-wal`, `-shm` or `-journal`, open, also under names that are gone; this process aside.
/// `None`: this system does not tell.
pub fn holders(paths: &[PathBuf]) -> Option<Holders> {
    of(&paths.iter().map(|path| PossiblyOpen::database(path)).collect::<Vec<_>>())
}

/// The same for any files.
#[cfg(target_os = "linux")]
pub fn of(asked: &[PossiblyOpen]) -> Option<Holders> {
    proc::holders(asked)
}

/// Has anybody else this file open, also who cannot be looked at? `None`: it cannot be told. Not while this process has it open
/// through SQLite.
pub fn is_open_elsewhere(path: &Path) -> Option<bool> {
    #[cfg(target_os = "linux")]
    return lease::is_open_elsewhere(path);
    #[cfg(not(target_os = "linux"))]
    return path.file_name().and(None);
}

/// Another process that works in this root: it has a file of it open, or is a program of Node that was started in it.
/// `vault`: what lies in there does not count. Ours and those that started us are none.
#[cfg(target_os = "linux")]
pub fn app_in(root: &Path, vault: &Path) -> Option<Holder> {
    proc::app_in(root, vault)
}

/// Databases of this root that processes have open although they have no name any more: what is written to them is in no
/// backup. `vault`: what lies in there does not count.
#[cfg(target_os = "linux")]
pub fn nameless_databases(root: &Path, vault: &Path) -> Vec<Holder> {
    proc::nameless_databases(root, vault)
}

#[cfg(not(target_os = "linux"))]
pub fn of(_asked: &[PossiblyOpen]) -> Option<Holders> {
    None
}

#[cfg(not(target_os = "linux"))]
pub fn app_in(_root: &Path, _vault: &Path) -> Option<Holder> {
    None
}

#[cfg(not(target_os = "linux"))]
pub fn nameless_databases(_root: &Path, _vault: &Path) -> Vec<Holder> {
    Vec::new()
}
