//! One operation at a time, by a lock of the operating system that dies with its holder: it can never be stale.
//!
//! The file's content only says who holds it and how far it is, for the message that others get; the lock itself is what
//! counts. A lock belongs to a file and not to its name: somebody who removes or replaces the file lets a second writer in.
//! So the file behind the descriptor is compared with the one behind the name, once it is locked and before each step that
//! cannot be taken back ([`Control::hold`]).

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use super::durable;
use crate::error::IoContext;
use crate::mutex::lock as locked;
use crate::report::{Progress, Running};
use crate::seal::random;
use crate::{Control, Error, Result, space};

pub const FILE: &str = "lock";
const POLL: Duration = Duration::from_millis(20);
/// Whoever only looks whether the lock is held has it for a moment itself: not a reason to be busy.
const GRACE: Duration = Duration::from_millis(100);

/// What is written into the file, filled up with spaces: each time the same block, also on a full disk.
const LENGTH: usize = 1024;
/// The system's `EBADF`: a lock that the way in which the file was opened does not allow.
const NOT_FOR_WRITING: i32 = 9;
/// How often it says how far it is.
const TELL: Duration = Duration::from_secs(1);

/// The locks that this process holds, by the folder of the vault, each with a number that no other one has had.
static TENURES: Mutex<BTreeMap<PathBuf, i64>> = Mutex::new(BTreeMap::new());

/// A number for the time during which this process holds the lock of a vault; `None` where it does not. What was compared with
/// the folder in this time is still so: nobody else changes it.
pub fn tenure(vault: &Path) -> Option<i64> {
    locked(&TENURES).get(vault).copied()
}

/// Held as long as it lives.
pub struct Lock {
    file: File,
    path: PathBuf,
    vault: PathBuf,
    holder: Running,
}

impl Drop for Lock {
    fn drop(&mut self) {
        locked(&TENURES).remove(&self.vault);
        // Closing alone is not enough where a child process is just being started: it has a copy of the descriptor
        // until it runs its own program.
        let _ = self.file.unlock();
    }
}

impl Lock {
    /// Takes the vault's lock for `operation`, or fails with `E_BUSY`, or waits if `wait`.
    pub fn acquire(vault: &Path, operation: &str, wait: bool, control: &Control) -> Result<Lock> {
        super::refuse_links(vault)?;
        let path = vault.join(FILE);
        let mut file = open(vault, &path).at("opening", &path)?;
        let started = Instant::now();
        loop {
            match lock_alone(&file) {
                Ok(()) if is_still_at(&file, &path) => break,
                // Another file has taken its place before it was locked.
                Ok(()) => {
                    control.check()?;
                    file = open(vault, &path).at("opening", &path)?;
                }
                Err(TryLockError::WouldBlock) if wait || started.elapsed() < GRACE => {
                    control.check()?;
                    std::thread::sleep(POLL);
                }
                Err(TryLockError::WouldBlock) => return Err(busy(vault)),
                Err(TryLockError::Error(error)) => return Err(Error::io("locking", &path, error)),
            }
        }
        let holder = Running {
            operation: operation.to_owned(),
            pid: std::process::id(),
            since: jiff::Timestamp::now().as_millisecond(),
            progress: None,
        };
        // Only a courtesy to others: where it cannot be written the lock is held all the same.
        let _ = file.set_len(LENGTH as u64);
        let lock = Lock { file, path, vault: vault.to_path_buf(), holder };
        locked(&TENURES).insert(lock.vault.clone(), i64::from_le_bytes(random()?));
        let _ = write(&lock.file, &lock.holder);
        Ok(lock)
    }

    /// The same operation, which also tells others how far it is, and stops where the lock is not the vault's any more.
    pub fn told(&self, control: &Control) -> Control {
        let Ok(file) = self.file.try_clone() else { return control.clone() };
        let control = self.guarding(&file, control);
        let (holder, last) = (self.holder.clone(), Mutex::new(Instant::now()));
        control.watched_by(move |progress| {
            let mut last = locked(&last);
            if last.elapsed() >= TELL {
                *last = Instant::now();
                let progress = Some(Progress { path: None, ..progress.clone() });
                let _ = write(&file, &Running { progress, ..holder.clone() });
            }
        })
    }

    fn guarding(&self, file: &File, control: &Control) -> Control {
        let Ok(file) = file.try_clone() else { return control.clone() };
        let path = self.path.clone();
        control.guarded_by(move || match is_still_at(&file, &path) {
            true => Ok(()),
            false => Err(lost(&path)),
        })
    }
}

fn lost(path: &Path) -> Error {
    let message = "it was removed or replaced while this operation held it, so another one may have written to the vault. \
                   This one has stopped before it changed anything more. Run it again, and leave that file alone: it is \
                   never stale";
    Error::io("holding the lock", path, std::io::Error::other(message))
}

/// Is the file that was opened still the one of that name? On a disk that is mounted read-only nobody can replace it.
fn is_still_at(file: &File, path: &Path) -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        let Ok(ours) = file.metadata() else { return false };
        match std::fs::metadata(path) {
            Ok(there) => (there.dev(), there.ino()) == (ours.dev(), ours.ino()),
            Err(error) => error.kind() == std::io::ErrorKind::NotFound && is_read_only(path),
        }
    }
    // There a file that is open is not removed.
    #[cfg(not(unix))]
    {
        let _ = (file, path);
        true
    }
}

#[cfg(unix)]
fn is_read_only(path: &Path) -> bool {
    let flags = path.parent().and_then(|folder| rustix::fs::statvfs(folder).ok()).map(|stat| stat.f_flag);
    flags.is_some_and(|flags| flags.contains(rustix::fs::StatVfsMountFlags::RDONLY))
}

/// NFS locks a file alone only for who may write to it. Where nobody can, as on a disk that is mounted read-only, a shared lock
/// is enough.
fn lock_alone(file: &File) -> Result<(), TryLockError> {
    match file.try_lock() {
        Err(TryLockError::Error(error)) if error.raw_os_error() == Some(NOT_FOR_WRITING) => file.try_lock_shared(),
        other => other,
    }
}

/// On a disk that is mounted read-only the lock is taken on what is there: a lock needs no writing.
fn open(vault: &Path, path: &Path) -> std::io::Result<File> {
    // The first one makes it, for the owner of the vault.
    if let Ok(file) = durable::create_new(path) {
        return Ok(file);
    }
    match OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path) {
        Err(error) if error.kind() == std::io::ErrorKind::ReadOnlyFilesystem => {
            File::open(path).or_else(|_| File::open(vault.join(super::description::FILE)))
        }
        opened => opened,
    }
}

fn write(file: &File, holder: &Running) -> std::io::Result<()> {
    let mut text = serde_json::to_vec(holder)?;
    text.resize(LENGTH, b' ');
    durable::write_at(file, &text, 0)
}

/// Who holds the lock now, if anybody. Never waits.
pub fn holder(vault: &Path) -> Option<Running> {
    let file = File::open(vault.join(FILE)).ok()?;
    match file.try_lock_shared() {
        Err(TryLockError::WouldBlock) => {}
        _ => return None,
    }
    let text = durable::read_small(&vault.join(FILE), 4 * LENGTH as u64).unwrap_or_default();
    Some(serde_json::from_slice(&text).unwrap_or_else(|_| unknown()))
}

fn unknown() -> Running {
    Running { operation: "Another operation".into(), pid: 0, since: 0, progress: None }
}

fn busy(vault: &Path) -> Error {
    let running = holder(vault).unwrap_or_else(unknown);
    let since = match running.since {
        0 => None,
        since => jiff::Timestamp::from_millisecond(since).ok(),
    };
    let since = since.map_or(String::new(), |time| time.strftime("%Y-%m-%d %H:%M:%S UTC").to_string());
    let progress = running.progress.as_ref().map_or(String::new(), how_far);
    Error::Busy { operation: running.operation, since, pid: running.pid, progress }
}

/// For people, as the middle of a sentence.
fn how_far(progress: &Progress) -> String {
    let part = match (progress.total_bytes, progress.total_items) {
        (Some(total), _) if total > 0 => format!("{} %", (progress.bytes.min(total) * 100) / total),
        (_, Some(total)) if total > 0 => format!("{} of {total} items", progress.items),
        _ => format!("{} items, {}", progress.items, space::said(progress.bytes)),
    };
    format!(", and is {}: {part}", progress.phase)
}
