//! The vault: where backups live. Immutable sealed objects in a folder, as `docs/format.md` describes them.
//!
//! A vault is opened by a key; everything in it is found by name and trusted only once it authenticates. What writes
//! holds the [`lock::Lock`]; what reads never waits for it.

pub mod attribute;
pub mod catalog;
pub mod checked_json;
mod create;
pub mod database;
pub mod description;
pub mod durable;
pub mod elsewhere;
pub mod find;
pub mod item;
pub mod last_restore;
pub mod layout;
mod links;
pub mod list;
mod listing;
pub mod lock;
pub mod lost;
pub mod mark;
pub mod name;
pub mod needs;
pub mod pack;
mod pins;
pub mod place;
pub mod reader;
mod resolve;
pub mod root_folder;
pub mod shelf;
pub mod snapshot;
pub mod strangers;
pub mod sweep;
pub mod tally;
mod usage;
pub mod writer;

pub use links::refuse_links;
pub use listing::{add_those_elsewhere, list_packs, list_snapshots};
pub use pins::{ACCEPTED, is_accepted};
pub use usage::{Usage, usage};

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use crate::chunk::ChunkerParams;
use crate::error::IoContext;
use crate::report::{BackupInfo, ListFilter};
use crate::seal::Keys;
use crate::seal::keyring::{self, Credentials};
use crate::secret::MasterKey;
use crate::{Error, Result};

use catalog::Catalog;
use description::Description;
use elsewhere::Elsewhere;
use name::BackupName;
use pack::PackId;
use reader::ChunkReader;
use snapshot::Snapshot;

/// An opened vault. Cheap to clone.
#[derive(Clone)]
pub struct Vault {
    inner: Arc<Inner>,
    /// Where readers look for what is not here.
    elsewhere: Option<Arc<dyn Elsewhere>>,
}

struct Inner {
    dir: PathBuf,
    id: [u8; 16],
    key_check: String,
    master: MasterKey,
    by_passphrase: bool,
    keys: Arc<Keys>,
    chunker: ChunkerParams,
    /// Not even SQLite may write beside its catalog.
    untouched: bool,
}

impl Vault {
    /// The same vault in another folder, such as one with what of it lies elsewhere.
    pub fn in_folder(&self, dir: &Path) -> Vault {
        let Inner { id, key_check, master, by_passphrase, keys, chunker, .. } = &*self.inner;
        let inner = Inner {
            dir: dir.to_path_buf(),
            id: *id,
            key_check: key_check.clone(),
            master: master.clone(),
            by_passphrase: *by_passphrase,
            keys: keys.clone(),
            chunker: chunker.clone(),
            untouched: false,
        };
        Vault { inner: Arc::new(inner), elsewhere: None }
    }

    /// Is there a vault in this folder?
    pub fn exists(dir: &Path) -> bool {
        dir.join(description::FILE).is_file()
    }

    pub fn open(dir: &Path, credentials: &Credentials) -> Result<Vault> {
        refuse_links(dir)?;
        let description = Description::read(dir)?;
        let id = description.id()?;
        let unlocked = keyring::unlock(&dir.join("keys"), &id, &description.key_check, credentials)?;
        Ok(Vault {
            inner: Arc::new(Inner {
                dir: dir.to_path_buf(),
                id,
                key_check: description.key_check,
                keys: Arc::new(Keys::derive(&unlocked.master, &id)),
                master: unlocked.master,
                by_passphrase: unlocked.by_passphrase,
                chunker: description.chunker,
                untouched: false,
            }),
            elsewhere: None,
        })
    }

    /// For readers: what is missing or damaged here is taken from there.
    pub fn with_elsewhere(&self, elsewhere: Arc<dyn Elsewhere>) -> Vault {
        Vault { inner: self.inner.clone(), elsewhere: Some(elsewhere) }
    }

    /// The vault as it lies in its folder: for whatever writes.
    pub fn here(&self) -> Vault {
        Vault { inner: self.inner.clone(), elsewhere: None }
    }

    pub fn elsewhere(&self) -> Option<&Arc<dyn Elsewhere>> {
        self.elsewhere.as_ref()
    }

    /// Not even a cache may be written in its folder.
    pub fn is_untouched(&self) -> bool {
        self.inner.untouched
    }

    /// As [`Vault::open`], for a vault that is only read from, and may be somebody's last copy: nothing is written to
    /// its folder, and nothing there but packs, snapshots and keys is believed.
    pub fn open_untouched(dir: &Path, credentials: &Credentials) -> Result<Vault> {
        let mut vault = Vault::open(dir, credentials)?;
        if let Some(inner) = Arc::get_mut(&mut vault.inner) {
            inner.untouched = true;
        }
        Ok(vault)
    }

    /// Does it take a passphrase or a key file to open this vault?
    pub fn is_encrypted(&self) -> bool {
        let keys = self.dir().join("keys");
        keyring::unlock(&keys, &self.inner.id, &self.inner.key_check, &Credentials::default()).is_err()
    }

    pub fn dir(&self) -> &Path {
        &self.inner.dir
    }

    /// What tells this vault from any other.
    pub fn id(&self) -> String {
        hex::encode(self.inner.id)
    }

    pub fn keys(&self) -> &Arc<Keys> {
        &self.inner.keys
    }

    pub fn chunker(&self) -> &ChunkerParams {
        &self.inner.chunker
    }

    /// The master key, where opening the vault cost a key derivation.
    pub fn costly_key(&self) -> Option<MasterKey> {
        self.inner.by_passphrase.then(|| self.inner.master.clone())
    }

    /// Every pack in the folder with its size.
    pub fn list_packs(&self) -> Result<Vec<(PackId, u64)>> {
        list_packs(self.dir())
    }

    /// The names of all snapshots in the folder, oldest first.
    pub fn list_snapshots(&self) -> Result<Vec<BackupName>> {
        list_snapshots(self.dir())
    }

    /// Can this backup be read, here or elsewhere? The other places are asked where nobody knows of it.
    fn has(&self, name: &BackupName) -> Result<bool> {
        let object = format!("snapshots/{name}");
        if self.dir().join(&object).exists() {
            return Ok(true);
        }
        let Some(elsewhere) = &self.elsewhere else { return Ok(false) };
        if elsewhere.holders(&object).is_empty() {
            elsewhere.look()?;
        }
        Ok(!elsewhere.holders(&object).is_empty())
    }

    /// Opens the catalog for writing, in line with the folder. The caller holds the lock.
    pub fn catalog_for_writing(&self) -> Result<(Catalog, Vec<Error>)> {
        let attempt = || {
            let mut catalog = Catalog::open(self.dir())?;
            catalog.reconcile(self).map(|found| (catalog, found))
        };
        match attempt() {
            // Damage that shows only inside, or a bad sector: throw it away, and build it from the vault.
            Err(Error::Corrupt { .. } | Error::Io { .. }) => {
                Catalog::remove(self.dir())?;
                attempt()
            }
            other => other,
        }
    }

    /// A catalog for reading, without a lock: the one on disk where it knows the folder as it is, else one in memory.
    pub fn catalog_for_reading(&self) -> Result<Catalog> {
        let in_line = || self.catalog_on_disk().filter(|catalog| catalog.is_in_line(self));
        if let Some(catalog) = in_line() {
            return Ok(catalog);
        }
        // Whoever holds the lock need not compare it again and again.
        if lock::tenure(self.dir()).is_some() && !self.inner.untouched && self.catalog_for_writing().is_ok() {
            return in_line().map_or_else(|| self.catalog_compared(), Ok);
        }
        self.catalog_compared()
    }

    /// As [`Vault::catalog_for_reading`], whatever was found out before.
    fn catalog_compared(&self) -> Result<Catalog> {
        if let Some(catalog) = self.catalog_on_disk() {
            let mut on_disk = self.list_packs()?;
            on_disk.sort();
            if catalog.all_packs().is_ok_and(|known| known == on_disk) {
                return Ok(catalog);
            }
        }
        let mut catalog = Catalog::temporary()?;
        catalog.reconcile_packs(self)?;
        Ok(catalog)
    }

    fn catalog_on_disk(&self) -> Option<Catalog> {
        // Whoever opens a database in WAL mode makes files beside it, also to read.
        (!self.inner.untouched).then(|| Catalog::open_read_only(self.dir())).flatten()
    }

    pub fn reader(&self) -> Result<ChunkReader> {
        let catalog = Arc::new(Mutex::new(self.catalog_for_reading()?));
        Ok(ChunkReader::new(self.clone(), catalog).looking_elsewhere(self.elsewhere.clone()))
    }

    /// The backups that can be opened, newest first. What cannot is for a verification to tell.
    pub fn backups(&self, filter: &ListFilter) -> Result<Vec<BackupInfo>> {
        let read = |name: &BackupName| Some(Snapshot::read(self, name).ok()?.info());
        let mut infos = backups(self.dir(), self.catalog_on_disk(), filter, read)?;
        if let Some(elsewhere) = &self.elsewhere {
            let read =
                |name: &BackupName| elsewhere.info(name).or_else(|| Some(Snapshot::read(self, name).ok()?.info()));
            let holders = |object: &str| elsewhere.holders(object);
            add_those_elsewhere(self.dir(), &mut infos, filter, elsewhere.backups(), holders, read)?;
        }
        Ok(infos)
    }

    /// The names of the backups that are pinned.
    pub fn pins(&self) -> Result<HashSet<String>> {
        pins(self.dir())
    }

    /// Removes what an operation that was killed left behind. The caller holds the lock.
    pub fn clean_up(&self) -> Result<()> {
        refuse_links(self.dir())?;
        let tmp = self.dir().join("tmp");
        durable::make_folder(&tmp)?;
        for leftover in durable::list(&tmp)? {
            let removed = match leftover.is_dir() && !leftover.is_symlink() {
                true => durable::remove_tree(&leftover),
                false => fs::remove_file(&leftover).at("removing", &leftover),
            };
            match removed {
                // Root was killed in the middle of something. It is in nobody's way.
                Err(Error::Io { source, .. }) if source.kind() == std::io::ErrorKind::PermissionDenied => {}
                removed => removed?,
            }
        }
        for folder in ["", "keys", "snapshots", shelf::FOLDER] {
            for path in durable::list(&self.dir().join(folder))? {
                let name = path.file_name().unwrap_or_default().to_string_lossy();
                if durable::is_temporary(name.as_bytes()) {
                    match fs::remove_file(&path) {
                        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                        removed => removed.at("removing", &path)?,
                    }
                }
            }
        }
        Ok(())
    }
}

/// The backups in a vault's folder, newest first. `read` is asked for those that the catalog does not know: that takes a
/// key, and nothing else does.
pub fn backups(
    dir: &Path,
    catalog: Option<Catalog>,
    filter: &ListFilter,
    mut read: impl FnMut(&BackupName) -> Option<BackupInfo>,
) -> Result<Vec<BackupInfo>> {
    let known = catalog.and_then(|catalog| catalog.backups().ok()).unwrap_or_default();
    let pins = pins(dir)?;
    let info = |name: BackupName| {
        let known = known.get(name.as_str()).and_then(|text| serde_json::from_str::<BackupInfo>(text).ok());
        // A backup's name is that of its record; a catalog that says something else of it is damaged.
        let known = known.filter(|info| {
            (info.backup.as_str(), info.kind, info.timestamp) == (name.as_str(), name.kind(), name.millis())
        });
        let mut info = known.or_else(|| read(&name))?;
        info.pinned = pins.contains(name.as_str());
        info.suspicious = info.suspicious.filter(|_| !is_accepted(dir, name.as_str()));
        Some(info)
    };
    let mut names = list_snapshots(dir)?;
    names.retain(|name| filter.takes(name.kind(), name.millis()));
    Ok(names.into_iter().rev().filter_map(info).take(filter.limit.unwrap_or(usize::MAX)).collect())
}

/// The names of the backups that are pinned. Asked of the folder: a pin is a file.
fn pins(dir: &Path) -> Result<HashSet<String>> {
    let pins = durable::names(&dir.join("pins"))?;
    Ok(pins.into_iter().filter_map(|name| name.into_string().ok()).collect())
}
