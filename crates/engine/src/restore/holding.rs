//! Databases that are about to be swapped by rename are held: nobody gets a lock on them meanwhile.
//!
//! Between a look at who has a database open and the rename, an app may start. It would open the file that is about to
//! lose its name, and go on writing where nobody finds it. So the lock that SQLite itself takes for a commit is taken on
//! each of them first; then one looks who has them open; and after the rename one looks again: whoever has opened the
//! old file in between could neither read nor write it, and all is put back.
//!
//! What lies beside a database is part of it, and no rename moves two files at once. So its log is brought home first,
//! by SQLite, while nobody has it open.

use std::collections::HashSet;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rusqlite::{Connection, OpenFlags};

use super::holders::holders;
use super::live::{in_use, resolve};
use crate::capture::databases::{LOGS, beside, is_database};
use crate::capture::sqlite::uri;
use crate::capture::stat::{FileKind, Stat};
use crate::{Control, Error, Result};

const PAUSE: Duration = Duration::from_millis(20);
/// Whoever only looks at a file, or is just being started with a copy of our descriptors, is gone after a few looks.
const LOOKS: usize = 4;
/// So often a log may come again while it is brought home.
const MOST_LOGS: usize = 5;

/// The locks are held until this is dropped.
pub struct Holding {
    _locks: Vec<File>,
}

impl Holding {
    /// Locks each of the databases that is there. `E_RESTORE`: one is in use, and nothing was changed.
    pub fn take(databases: &[PathBuf], patience: Duration, control: &Control) -> Result<Holding> {
        // Whoever keeps one open is not waited for.
        refuse_holders(databases)?;
        let give_up = Instant::now() + patience;
        // Two names of one file are one database: our own lock would keep us from the second.
        let mut known = HashSet::new();
        let is_new_file = |path: &&PathBuf| {
            Stat::of(path)
                .is_ok_and(|stat| stat.kind == FileKind::File && (stat.ino == 0 || known.insert((stat.dev, stat.ino))))
        };
        let there: Vec<&PathBuf> = databases.iter().filter(is_new_file).collect();
        let locks = there.iter().map(|path| hold(path, give_up, control)).collect::<Result<Vec<_>>>()?;
        refuse_holders(databases)?;
        Ok(Holding { _locks: locks.into_iter().flatten().collect() })
    }
}

/// `E_RESTORE` where another process has one of them open.
pub fn refuse_holders(databases: &[PathBuf]) -> Result<()> {
    if databases.is_empty() {
        return Ok(());
    }
    for tries in 1.. {
        let Some(holder) = holders(databases).and_then(|found| found.user().cloned()) else { break };
        if tries == LOOKS {
            return Err(Error::InUse {
                message: format!(
                    "Process {} ({}) has opened {} while it was restored. Stop it, then try again.",
                    holder.pid,
                    holder.name,
                    holder.path.display()
                ),
            });
        }
        std::thread::sleep(PAUSE);
    }
    Ok(())
}

/// `None`: this system or this file has no such locks.
fn hold(path: &Path, give_up: Instant, control: &Control) -> Result<Option<File>> {
    for tries in 1.. {
        bring_home(path);
        // A file that may not be written to is locked by nobody who writes to it either.
        let mut options = File::options();
        options.read(true).write(true);
        // What has taken its place meanwhile is neither followed nor waited for.
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::custom_flags(&mut options, libc::O_NOFOLLOW | libc::O_NONBLOCK);
        let Ok(file) = options.open(path) else { return Ok(None) };
        loop {
            control.check()?;
            match lock(&file) {
                Locked::Yes => break,
                Locked::Impossible => return Ok(None),
                Locked::ByOthers if Instant::now() >= give_up => return Err(in_use(path)),
                Locked::ByOthers => std::thread::sleep(PAUSE),
            }
        }
        // Else somebody has written since, and it is done once more. A journal that a crash has left before it counted stays
        // where it is: it goes with its file.
        if tries == MOST_LOGS || !has_log(path) || !is_readable(path) {
            return Ok(Some(file));
        }
    }
    Ok(None)
}

fn has_log(path: &Path) -> bool {
    LOGS.iter().any(|suffix| Stat::of(&beside(path, suffix)).is_ok_and(|log| log.size > 0))
}

/// Is it a database that SQLite itself can bring in order?
fn is_readable(path: &Path) -> bool {
    is_database(path)
}

/// Lets SQLite put what is in a log, or left of a commit that a crash has cut off, into the file. What it cannot read is
/// moved as it is.
fn bring_home(path: &Path) {
    if !has_log(path) || !is_readable(path) {
        return;
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_URI
        | OpenFlags::SQLITE_OPEN_NO_MUTEX
        | OpenFlags::SQLITE_OPEN_NOFOLLOW;
    let opened = resolve(path).and_then(|path| uri(&path, "psow=1").map_err(Error::internal));
    let Some(connection) = opened.ok().and_then(|uri| Connection::open_with_flags(uri, flags).ok()) else { return };
    // Any of it may fail: then the log is still there, and is moved with its file.
    let _ = connection.busy_timeout(Duration::from_secs(1));
    let _ = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()));
    let _ = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
}

enum Locked {
    Yes,
    ByOthers,
    Impossible,
}

/// SQLite's exclusive lock: <https://www.sqlite.org/lockingv3.html>. It belongs to the open file and not to the process,
/// so nothing else that closes this file here gives it up.
#[cfg(target_os = "linux")]
fn lock(file: &File) -> Locked {
    use std::os::fd::AsRawFd;
    /// The byte that says that a lock is coming; behind it those of writers and readers.
    const PENDING: libc::off_t = 0x4000_0000;
    const READERS: libc::off_t = 510;
    // SAFETY: all bytes zero are a valid value of this plain structure of numbers.
    let mut range: libc::flock = unsafe { std::mem::zeroed() };
    range.l_type = libc::F_WRLCK as libc::c_short;
    range.l_whence = libc::SEEK_SET as libc::c_short;
    range.l_start = PENDING;
    range.l_len = 2 + READERS;
    // SAFETY: the descriptor is open, and the call only reads the structure.
    match unsafe { libc::fcntl(file.as_raw_fd(), libc::F_OFD_SETLK, &range) } {
        -1 => match std::io::Error::last_os_error().raw_os_error() {
            Some(libc::EAGAIN | libc::EACCES) => Locked::ByOthers,
            _ => Locked::Impossible,
        },
        _ => Locked::Yes,
    }
}

#[cfg(not(target_os = "linux"))]
fn lock(_file: &File) -> Locked {
    Locked::Impossible
}
