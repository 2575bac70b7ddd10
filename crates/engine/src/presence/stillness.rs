//! Hosts that hold still while files are swapped under them, and read them again before they do anything else.
//!
//! An app that has a file in memory may write it at any moment. If it did so between the swap and its listener, the listener
//! would read what the app itself has just written, and all would seem well. So the restore asks first: a host that takes
//! the event stops the one thread in which an app's JavaScript runs, says that it does, and goes on when the files are
//! there: by calling its listeners, in the same turn. It waits for a lock, so a restore that is killed lets it go at once;
//! and never for long.

use std::collections::BTreeSet;
use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::{FOLDER, give_to_owner};
use crate::error::IoContext;
use crate::seal::random;
use crate::vault::durable;
use crate::{Error, Result};

pub(super) const PREFIX: &str = "still-";
/// Random bytes of a token.
pub(super) const TOKEN: usize = 8;
const POLL: Duration = Duration::from_millis(2);
/// What a host writes into its own file once its listeners have read all of it in the same turn.
const READ: &[u8] = b"read";
/// And where they could not.
const FAILED: &[u8] = b"failed";

/// The restore's end: as long as this lives, hosts that were told its token hold still.
pub struct Stillness {
    path: PathBuf,
    token: String,
    file: File,
    /// Who held still before anything was swapped.
    still: BTreeSet<String>,
}

impl Stillness {
    pub fn begin(vault: &Path) -> Result<Stillness> {
        let token = hex::encode(random::<TOKEN>()?);
        let path = place(vault, &token);
        let file = durable::create_new(&path)?;
        match file.try_lock() {
            Ok(()) => {
                give_to_owner(&file, vault);
                Ok(Stillness { path, token, file, still: BTreeSet::new() })
            }
            Err(TryLockError::Error(error)) => Err(Error::io("locking", path, error)),
            Err(TryLockError::WouldBlock) => Err(Error::internal("a new file is locked by somebody else")),
        }
    }

    pub fn token(&self) -> &str {
        &self.token
    }

    /// Waits until these hosts hold still; for those that do not come, no longer than `patience`.
    pub fn wait_for(&mut self, ids: &[&str], patience: Duration) {
        let until = Instant::now() + patience;
        loop {
            let still = ids.iter().filter(|id| mark(&self.path, id).exists()).map(|id| id.to_string());
            self.still = still.collect();
            if self.still.len() == ids.len() || Instant::now() >= until {
                return;
            }
            std::thread::sleep(POLL);
        }
    }

    /// The files are in place: the hosts go on.
    pub fn end(self) -> Stilled {
        let _ = self.file.unlock();
        Stilled { path: self.path.clone(), still: self.still }
    }
}

/// What became of the hosts that held still. Dropped, it tidies up.
pub struct Stilled {
    path: PathBuf,
    still: BTreeSet<String>,
}

impl Stilled {
    /// The host held still when the files were swapped, and has read everything before anything else of it ran. One that came
    /// later may have written in between.
    pub fn has_read(&self, id: &str) -> bool {
        self.still.contains(id) && fs::read(mark(&self.path, id)).is_ok_and(|text| text == READ)
    }

    /// A listener of the host threw, or rejected.
    pub fn has_failed(&self, id: &str) -> bool {
        fs::read(mark(&self.path, id)).is_ok_and(|text| text == FAILED)
    }
}

impl Drop for Stilled {
    fn drop(&mut self) {
        let (folder, name) = (self.path.parent(), self.path.file_name().unwrap_or_default().to_string_lossy());
        for path in folder.and_then(|folder| durable::list(folder).ok()).unwrap_or_default() {
            if path.file_name().is_some_and(|other| other.to_string_lossy().starts_with(&*name)) {
                let _ = fs::remove_file(path);
            }
        }
    }
}

/// The host's end: says that it holds still, and returns when the files are there. False: that took longer than `patience`.
/// What a token was of that is over returns at once.
pub fn hold(vault: &Path, token: &str, id: &str, patience: Duration) -> Result<bool> {
    let path = place(vault, token);
    let Some(file) = open(&path)? else { return Ok(true) };
    if file.try_lock_shared().is_ok() {
        return Ok(true);
    }
    durable::create_new(&mark(&path, id))?;
    let until = Instant::now() + patience;
    loop {
        match file.try_lock_shared() {
            Ok(()) => return Ok(true),
            Err(TryLockError::WouldBlock) if Instant::now() < until => std::thread::sleep(POLL),
            Err(TryLockError::WouldBlock) => return Ok(false),
            Err(TryLockError::Error(error)) => return Err(Error::io("locking", path, error)),
        }
    }
}

/// The host's end: what its listeners came to.
pub fn tell(vault: &Path, token: &str, id: &str, has_read: bool) {
    let place = place(vault, token);
    let mark = mark(&place, id);
    // Only where somebody still wants to know.
    if place.exists()
        && let Ok(file) = File::options().write(true).create(true).truncate(false).open(mark)
    {
        let _ = durable::write_at(&file, if has_read { READ } else { FAILED }, 0);
    }
}

fn open(path: &Path) -> Result<Option<File>> {
    match File::open(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        file => file.at("opening", path).map(Some),
    }
}

/// A token comes from an event, and must not lead anywhere else.
fn place(vault: &Path, token: &str) -> PathBuf {
    let token: String = token.chars().filter(char::is_ascii_hexdigit).collect();
    vault.join(FOLDER).join(format!("{PREFIX}{token}"))
}

fn mark(path: &Path, id: &str) -> PathBuf {
    path.with_extension(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(20);

    #[test]
    fn a_host_holds_still_until_the_files_are_there_and_says_what_came_of_it() {
        let vault = tempfile::tempdir().unwrap();
        fs::create_dir(vault.path().join(FOLDER)).unwrap();
        let mut still = Stillness::begin(vault.path()).unwrap();
        let (place, token) = (vault.path().to_path_buf(), still.token().to_owned());
        let file = vault.path().join("file");
        fs::write(&file, "old").unwrap();
        let host = {
            let file = file.clone();
            std::thread::spawn(move || {
                assert!(hold(&place, &token, "a-1", LONG).unwrap());
                let seen = fs::read_to_string(file).unwrap();
                tell(&place, &token, "a-1", true);
                seen
            })
        };
        still.wait_for(&["a-1"], LONG);
        fs::write(&file, "new").unwrap();
        let stilled = still.end();
        assert_eq!(host.join().unwrap(), "new");
        assert!(stilled.has_read("a-1") && !stilled.has_failed("a-1") && !stilled.has_read("b"));
        drop(stilled);
        assert!(durable::names(&vault.path().join(FOLDER)).unwrap().is_empty());
    }

    #[test]
    fn nobody_waits_for_who_does_not_come_nor_holds_still_for_ever() {
        let vault = tempfile::tempdir().unwrap();
        fs::create_dir(vault.path().join(FOLDER)).unwrap();
        let mut still = Stillness::begin(vault.path()).unwrap();
        still.wait_for(&["gone"], Duration::from_millis(20));
        assert!(!hold(vault.path(), still.token(), "a", Duration::from_millis(20)).unwrap());
        assert!(hold(vault.path(), "0123", "a", LONG).unwrap(), "of a restore that is over");
        assert!(hold(vault.path(), "../../etc/passwd", "a", LONG).unwrap());
        let token = still.token().to_owned();
        // As if the restore had been killed.
        drop(still);
        assert!(hold(vault.path(), &token, "a", LONG).unwrap());
    }
}
