//! Which hosts are there: processes of the app that have loaded Lifeboat and done something with it.
//!
//! Each holds a lock on a file of its own in the vault's `hosts/`, and says in it what it can do. The lock dies with the
//! process, so a host that was killed is gone at once, and nothing has to be tidied up to know it. So every other process
//! knows whether the app runs, who makes the backups, in which time zone, and who reads again what a restore has replaced.
//!
//! ```text
//! hosts/
//!   <id>.json          what one host says of itself; locked as long as it lives
//!   bell               written anew where hosts should look into the logbook: see `bell.rs`
//!   still-<token>      locked while files are swapped: see `stillness.rs`
//!   still-<token>.<id> a host that holds still meanwhile
//! ```

pub mod bell;
pub mod stillness;

pub use bell::ring;

use std::collections::BTreeMap;
use std::fs::{self, File, TryLockError};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::error::IoContext;
use crate::seal::random;
use crate::vault::durable;
use crate::{Error, Result, owner};

/// The folder's name in the vault.
pub const FOLDER: &str = "hosts";
const SUFFIX: &str = ".json";
/// Random bytes of what a host is known by.
const ID: usize = 6;
/// A temporary file that is younger may be one that somebody is just making.
const YOUNG: Duration = Duration::from_secs(60);
/// What a host says is a few lines.
const MAX: u64 = 64 << 10;

/// What a host says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Host {
    /// What it is known by. One process may have several, one for each engine.
    pub id: String,
    /// The same for all that one process says.
    pub process: String,
    pub pid: u32,
    /// Milliseconds since the epoch.
    pub since: i64,
    /// What was started: `index.js`.
    pub name: String,
    /// Its time zone, by its IANA name.
    pub zone: String,
    /// Since when its scheduler runs, in milliseconds since the epoch.
    pub scheduler: Option<i64>,
    /// It has applied what waited for this start, before it opened anything, and does so at each start.
    pub applies: bool,
    /// Somebody in it listens to `restore:reload`.
    pub reloads: bool,
    /// It can be asked to start again.
    pub restarts: bool,
}

impl Host {
    /// For people: `index.js (process 4711)`.
    pub fn display(&self) -> String {
        let name = if self.name.is_empty() { "node" } else { &self.name };
        format!("{name} (process {})", self.pid)
    }

    /// Is it an app, which keeps things in memory, and no script that only asks for something?
    pub fn is_app(&self) -> bool {
        self.applies || self.reloads || self.scheduler.is_some()
    }
}

/// The hosts that are there, each process once, with all that it can do; in the order in which they came. Never waits.
pub fn processes(vault: &Path) -> Vec<Host> {
    let mut found: BTreeMap<String, Host> = BTreeMap::new();
    for host in hosts(vault) {
        match found.get_mut(&host.process) {
            None => drop(found.insert(host.process.clone(), host)),
            Some(known) => {
                known.scheduler = known.scheduler.into_iter().chain(host.scheduler).min();
                known.applies |= host.applies;
                known.reloads |= host.reloads;
                known.restarts |= host.restarts;
            }
        }
    }
    let mut found: Vec<Host> = found.into_values().collect();
    found.sort_by_key(|host| (host.since, host.pid));
    found
}

/// All that hosts say, an engine each. Never waits.
pub fn hosts(vault: &Path) -> Vec<Host> {
    let paths = durable::list(&vault.join(FOLDER)).unwrap_or_default();
    let mut hosts: Vec<Host> = paths.iter().filter_map(|path| alive(path)).collect();
    hosts.sort_by_key(|host| (host.since, host.pid));
    hosts
}

/// What a file says, if its host lives.
fn alive(path: &Path) -> Option<Host> {
    let id = path.file_name()?.to_str()?.strip_suffix(SUFFIX)?;
    match File::open(path).ok()?.try_lock_shared() {
        Err(TryLockError::WouldBlock) => {}
        // Nobody holds it: what it says was of a host that has gone.
        _ => return None,
    }
    let host: Host = serde_json::from_slice(&durable::read_small(path, MAX).ok()?).ok()?;
    (host.id == id).then_some(host)
}

/// Is this the name of something in the folder that we have put there?
pub fn is_host(name: &str) -> bool {
    let is_id = |id: &str| id.split_once('-').is_some_and(|(pid, rest)| is_number(pid) && is_hex(rest, ID));
    let is_stillness = |rest: &str| is_hex(rest.split('.').next().unwrap_or_default(), stillness::TOKEN);
    name == bell::NAME
        || name.strip_suffix(SUFFIX).is_some_and(is_id)
        || name.starts_with(durable::TEMPORARY)
        || name.strip_prefix(stillness::PREFIX).is_some_and(is_stillness)
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_hex(text: &str, bytes: usize) -> bool {
    text.len() == 2 * bytes && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// What root makes among the hosts is for the bot's user, too.
fn give_to_owner(file: &File, vault: &Path) {
    if let Some(ids) = owner::of_folder_of_another(&vault.join(FOLDER)) {
        let _ = owner::give_open(file, ids);
    }
}

/// A host's own place among the hosts: held until this is dropped.
pub struct Presence {
    folder: PathBuf,
    said: Host,
    file: File,
    /// The vault's folder, where it was not there before.
    made: Option<PathBuf>,
}

impl Presence {
    /// Enters the vault's folder, which is made where it is not there yet. What lies above it is not made: where that is
    /// missing, a disk may not be mounted.
    pub fn enter(vault: &Path, host: Host) -> Result<Presence> {
        let folder = vault.join(FOLDER);
        if !host.is_app() && !vault.is_dir() {
            // Who only asks for something makes nothing.
            return Err(Error::NotFound { message: format!("There is no folder {}.", vault.display()) });
        }
        let made = make_private(vault)?;
        make_private(&folder)?;
        remove_dead(&folder);
        let file = say(&folder, &host)?;
        Ok(Presence { folder, said: host, file, made: made.then(|| vault.to_path_buf()) })
    }

    /// Does it say the same already, in this vault?
    pub fn says(&self, vault: &Path, host: &Host) -> bool {
        self.folder == vault.join(FOLDER) && self.said == *host && self.is_there()
    }

    /// Is it still the file that others find? The folder may have been removed or replaced.
    fn is_there(&self) -> bool {
        #[cfg(unix)]
        {
            use std::os::unix::fs::MetadataExt;
            let inode = |metadata: fs::Metadata| (metadata.dev(), metadata.ino());
            let here = self.file.metadata().map(inode).ok();
            here.is_some() && fs::metadata(path(&self.folder, &self.said.id)).map(inode).ok() == here
        }
        #[cfg(not(unix))]
        path(&self.folder, &self.said.id).exists()
    }
}

impl Drop for Presence {
    fn drop(&mut self) {
        if self.is_there() {
            let _ = fs::remove_file(path(&self.folder, &self.said.id));
        }
        let _ = self.file.unlock();
        // Where the vault turned out to lie elsewhere, nothing is left of the first guess.
        let _ = fs::remove_dir(&self.folder);
        let _ = self.made.as_ref().map(fs::remove_dir);
    }
}

fn path(folder: &Path, id: &str) -> PathBuf {
    folder.join(format!("{id}{SUFFIX}"))
}

/// Writes what a host says into a locked file, and only then gives it its name: whoever finds it finds it locked.
fn say(folder: &Path, host: &Host) -> Result<File> {
    let text = serde_json::to_vec(host).map_err(|error| Error::internal(error.to_string()))?;
    let mut temporary = durable::temporary_in(folder)?;
    temporary.as_file().try_lock().map_err(|error| match error {
        TryLockError::Error(error) => Error::io("locking", temporary.path(), error),
        TryLockError::WouldBlock => Error::internal("a new file is locked by somebody else"),
    })?;
    temporary.write_all(&text).at("writing", folder)?;
    let path = path(folder, &host.id);
    temporary.persist(&path).map_err(|error| Error::io("writing", &path, error.error))
}

/// What is left of hosts that were killed. Only what nobody holds goes, while it is held here.
fn remove_dead(folder: &Path) {
    for path in durable::list(folder).unwrap_or_default() {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let age = || fs::metadata(&path).and_then(|metadata| metadata.modified()).ok()?.elapsed().ok();
        if name.starts_with(durable::TEMPORARY) && age().is_none_or(|age| age < YOUNG) {
            continue;
        }
        // What a host says while files are swapped goes with the lock on that.
        let held = if name.starts_with(stillness::PREFIX) { path.with_extension("") } else { path.clone() };
        if name != bell::NAME
            && is_host(&name)
            // For writing, because NFS locks it alone for nobody else.
            && let Ok(file) = File::options().read(true).write(true).open(if held.exists() { &held } else { &path })
            && file.try_lock().is_ok()
        {
            let _ = fs::remove_file(&path);
        }
    }
}

/// As a vault's folders are: nobody else looks in. False: it was there.
fn make_private(folder: &Path) -> Result<bool> {
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    match builder.create(folder) {
        Ok(()) => {
            durable::give(folder);
            Ok(true)
        }
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(Error::io("making the folder", folder, error)),
    }
}

/// What a new host is known by.
pub fn new_id() -> Result<String> {
    Ok(format!("{}-{}", std::process::id(), hex::encode(random::<ID>()?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn app(id: &str) -> Host {
        Host { applies: true, ..host(id, "p") }
    }

    fn host(id: &str, process: &str) -> Host {
        Host { id: id.into(), process: process.into(), pid: 1, since: 5, ..Host::default() }
    }

    #[test]
    fn a_host_is_seen_as_long_as_it_lives() {
        let dir = tempfile::tempdir().unwrap();
        let vault = dir.path().join("backups");
        assert!(
            Presence::enter(&vault, host("4-0123456789ab", "p")).is_err() && !vault.exists(),
            "a script makes nothing"
        );
        let one = Presence::enter(&vault, app("1-0123456789ab")).unwrap();
        assert_eq!(hosts(&vault), [app("1-0123456789ab")]);
        drop(one);
        assert!(hosts(&vault).is_empty());
        assert!(!vault.exists(), "nothing is left of it");
        fs::create_dir(&vault).unwrap();
        drop(Presence::enter(&vault, host("1-0123456789ab", "p")).unwrap());
        assert!(vault.exists(), "it was somebody's");
    }

    #[test]
    fn what_lies_above_the_vault_is_not_made() {
        let dir = tempfile::tempdir().unwrap();
        assert!(Presence::enter(&dir.path().join("not mounted/backups"), app("1-0123456789ab")).is_err());
        assert!(!dir.path().join("not mounted").exists());
    }

    #[test]
    fn a_host_that_was_killed_is_gone_whatever_it_left() {
        let vault = tempfile::tempdir().unwrap();
        let one = Presence::enter(vault.path(), host("1-0123456789ab", "p")).unwrap();
        let text = fs::read(vault.path().join("hosts/1-0123456789ab.json")).unwrap();
        fs::write(vault.path().join("hosts/9-0123456789ab.json"), text).unwrap();
        fs::write(vault.path().join("hosts/8-0123456789ab.json"), "{").unwrap();
        assert_eq!(hosts(vault.path()).len(), 1);
        let _two = Presence::enter(vault.path(), host("2-0123456789ab", "q")).unwrap();
        assert_eq!(durable::names(&vault.path().join(FOLDER)).unwrap().len(), 2, "and it is tidied up");
        drop(one);
        assert_eq!(hosts(vault.path()), [host("2-0123456789ab", "q")]);
    }

    #[test]
    fn what_the_engines_of_one_process_can_do_counts_together() {
        let vault = tempfile::tempdir().unwrap();
        let listens = Host { reloads: true, ..host("1-0123456789ab", "p") };
        let schedules = Host { scheduler: Some(7), ..host("2-0123456789ab", "p") };
        let _held =
            [listens, schedules, host("3-0123456789ab", "q")].map(|host| Presence::enter(vault.path(), host).unwrap());
        let found = processes(vault.path());
        assert_eq!(found.len(), 2);
        assert!(found.iter().any(|host| host.reloads && host.scheduler == Some(7) && host.is_app()));
        assert!(found.iter().any(|host| host.process == "q" && !host.is_app()));
    }

    #[test]
    fn a_folder_that_was_replaced_is_entered_again() {
        let vault = tempfile::tempdir().unwrap();
        let one = Presence::enter(vault.path(), host("1-0123456789ab", "p")).unwrap();
        assert!(one.says(vault.path(), &host("1-0123456789ab", "p")));
        fs::remove_dir_all(vault.path().join(FOLDER)).unwrap();
        assert!(!one.says(vault.path(), &host("1-0123456789ab", "p")));
        assert!(!one.says(&vault.path().join("elsewhere"), &host("1-0123456789ab", "p")));
    }
}
