//! The vault: where backups live. Immutable sealed objects in a folder, as `docs/format.md` describes them.
//!
//! A vault is opened by a key; everything in it is found by name and trusted only once it authenticates. What writes
//! holds the [`lock::Lock`]; what reads never waits for it.

pub mod attribute;
pub mod catalog;
pub mod checked_json;
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
pub mod lock;
pub mod lost;
pub mod mark;
pub mod name;
pub mod needs;
pub mod pack;
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
pub use usage::{Usage, usage};

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use crate::chunk::ChunkerParams;
use crate::config::PASSPHRASE_FILE;
use crate::error::IoContext;
use crate::report::{BackupInfo, ListFilter};
use crate::seal::keyring::{self, Credentials};
use crate::seal::{Keys, passphrase, random};
use crate::secret::MasterKey;
use crate::{Control, Error, Result};

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

/// The folder with a file for each suspicious backup that somebody has accepted.
pub const ACCEPTED: &str = "accepted";

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

    /// Makes a vault in `dir`, which must be empty or not exist, and opens it. Of two at the same time, one makes it.
    ///
    /// `vault.json` comes last: without it there is no vault.
    pub fn create(dir: &Path, credentials: &Credentials, encryption: bool) -> Result<Vault> {
        if encryption && credentials.passphrase.is_none() && credentials.key_file.is_none() {
            return Err(Error::Passphrase {
                hint: format!(
                    "a new vault needs a passphrase or a key file. `lifeboat init` makes a passphrase file, \
                     {PASSPHRASE_FILE}; or set BACKUP_PASSPHRASE, or make a key file with `lifeboat init --key-file \
                     FILE`. Keep a copy somewhere that is not this server. (`encryption: false` makes a vault without.){}",
                    credentials.places.told()
                ),
            });
        }
        // Before anything is made.
        if let Some(passphrase) = credentials.passphrase.as_ref().filter(|_| encryption) {
            passphrase::for_sealing(passphrase)?;
        }
        durable::make_folder(dir)?;
        // Another process may be making it at this moment: then what lies there is a vault's.
        description::refuse_foreign(dir).or_else(|error| if Vault::exists(dir) { Ok(()) } else { Err(error) })?;
        restrict(dir)?;
        let _lock = lock::Lock::acquire(dir, "INIT", true, &Control::silent())?;
        if Vault::exists(dir) {
            return Vault::open(dir, credentials);
        }
        for folder in ["keys", "packs", "snapshots", "tmp"] {
            durable::make_folder(&dir.join(folder))?;
        }
        // A creation that was cut off left keys of a master key that nothing was ever sealed with.
        for leftover in durable::list(&dir.join("keys"))? {
            fs::remove_file(&leftover).at("removing", &leftover)?;
        }
        let id = random::<16>()?;
        let master = MasterKey::new(random()?);
        keyring::add(&dir.join("keys"), &id, &master, credentials, encryption)?;
        Vault::write_pages(dir)?;
        Description::new(&id, keyring::key_check(&master, &id)).write(dir)?;
        if let Some(parent) = dir.parent() {
            durable::sync_parent(parent)?;
        }
        let mut vault = Vault::open(dir, &Credentials { master: Some(master), ..Credentials::default() })?;
        // Whoever made it with a passphrase would have to derive the key again for the next operation.
        if let Some(inner) = Arc::get_mut(&mut vault.inner) {
            inner.by_passphrase = encryption && credentials.passphrase.is_some() && credentials.key_file.is_none();
        }
        Ok(vault)
    }

    /// What is in each vault for people who have nothing else.
    pub fn write_pages(dir: &Path) -> Result<()> {
        let contents = [RECOVER_PAGE, RECOVER_SCRIPT, FORMAT_PAGE];
        layout::PAGES
            .iter()
            .zip(contents)
            .try_for_each(|(name, text)| durable::write_private(&dir.join(name), text.as_bytes()))
    }

    /// Lets `credentials` open this vault too, each of them that does not yet.
    pub fn add_credentials(&self, credentials: &Credentials) -> Result<()> {
        let keys = self.dir().join("keys");
        let opens = |alone: Credentials| match keyring::unlock(&keys, &self.inner.id, &self.inner.key_check, &alone) {
            Ok(_) => Ok(true),
            Err(Error::Passphrase { .. }) => Ok(false),
            Err(error) => Err(error),
        };
        let mut new = Credentials { master: None, ..credentials.clone() };
        if opens(Credentials { passphrase: new.passphrase.clone(), ..Credentials::default() })? {
            new.passphrase = None;
        }
        if opens(Credentials { key_file: new.key_file.clone(), ..Credentials::default() })? {
            new.key_file = None;
        }
        keyring::add(&keys, &self.inner.id, &self.inner.master, &new, true)
    }

    /// Could anybody open this vault?
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

    /// The names of all backups that can be read, oldest first: with those that are known to be elsewhere.
    pub fn names(&self) -> Result<Vec<BackupName>> {
        let mut names = self.list_snapshots()?;
        if let Some(elsewhere) = &self.elsewhere {
            names.extend(elsewhere.backups());
            sort(&mut names);
            names.dedup();
        }
        Ok(names)
    }

    /// The same, after asking the other places where one has never told what it has, or nobody knows of any backup.
    pub fn names_or_look(&self) -> Result<Vec<BackupName>> {
        let names = self.names()?;
        let Some(elsewhere) = &self.elsewhere else { return Ok(names) };
        if !names.is_empty() && elsewhere.is_told() {
            return Ok(names);
        }
        match elsewhere.look() {
            // A place that cannot be reached is no reason not to take what is here.
            Err(error) if names.is_empty() => Err(error),
            _ => self.names(),
        }
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

    /// The same without asking anybody: of a backup that is only elsewhere, and of which nothing is remembered, the name alone.
    pub fn backups_known(&self, filter: &ListFilter) -> Result<Vec<BackupInfo>> {
        let mut infos = self.here().backups(filter)?;
        if let Some(elsewhere) = &self.elsewhere {
            let known = |name: &BackupName| elsewhere.info(name).or_else(|| Some(BackupInfo::of_name(name)));
            let holders = |object: &str| elsewhere.holders(object);
            add_those_elsewhere(self.dir(), &mut infos, filter, elsewhere.backups(), holders, known)?;
        }
        Ok(infos)
    }

    /// Keeps a backup until it is unpinned, whatever the rules say.
    pub fn pin(&self, name: &BackupName) -> Result<()> {
        let pins = self.dir().join("pins");
        durable::make_folder(&pins)?;
        durable::write_private(&pins.join(name.as_str()), b"")?;
        durable::sync_dir(self.dir())?;
        if self.dir().join("snapshots").join(name.as_str()).exists() {
            return Ok(());
        }
        // Pruned at this moment.
        self.unpin(name)?;
        Err(self.no_such_backup(name.as_str()))
    }

    pub fn is_pinned(&self, backup: &str) -> bool {
        self.dir().join("pins").join(backup).exists()
    }

    /// Is it suspicious, and nobody has accepted it?
    pub fn doubts(&self, snapshot: &Snapshot) -> bool {
        let mark = format!("{ACCEPTED}/{}", snapshot.backup);
        let is_accepted_elsewhere =
            || self.elsewhere.as_ref().is_some_and(|elsewhere| !elsewhere.holders(&mark).is_empty());
        snapshot.suspicious.is_some() && !is_accepted(self.dir(), &snapshot.backup) && !is_accepted_elsewhere()
    }

    /// Somebody says that a suspicious backup is right.
    pub fn accept(&self, name: &BackupName) -> Result<()> {
        let folder = self.dir().join(ACCEPTED);
        durable::make_folder(&folder)?;
        durable::write_private(&folder.join(name.as_str()), b"")?;
        durable::sync_dir(self.dir())
    }

    /// The backup is gone: nothing is left of what was said about it.
    pub fn forget_acceptance(&self, backup: &str) -> Result<()> {
        forget(&self.dir().join(ACCEPTED).join(backup))
    }

    /// Leaves a backup to the rules again.
    pub fn unpin(&self, name: &BackupName) -> Result<()> {
        forget(&self.dir().join("pins").join(name.as_str()))
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

/// Adds to a list of the backups here those that are elsewhere, and says of each where it is. `names` are there, `holders` says
/// which places have an object, `read` what is known of one.
pub fn add_those_elsewhere(
    dir: &Path,
    infos: &mut Vec<BackupInfo>,
    filter: &ListFilter,
    names: Vec<BackupName>,
    holders: impl Fn(&str) -> Vec<String>,
    mut read: impl FnMut(&BackupName) -> Option<BackupInfo>,
) -> Result<()> {
    // Those that a limit has cut off are older than any that stays.
    let here: HashSet<String> = infos.iter().map(|info| info.backup.clone()).collect();
    let pins = pins(dir)?;
    for name in names {
        if here.contains(name.as_str()) || !filter.takes(name.kind(), name.millis()) {
            continue;
        }
        let Some(mut info) = read(&name) else { continue };
        let has_mark = |folder: &str| !holders(&format!("{folder}/{name}")).is_empty();
        info.pinned = pins.contains(name.as_str()) || has_mark(layout::PINS);
        let is_accepted = is_accepted(dir, name.as_str()) || has_mark(ACCEPTED);
        info.suspicious = info.suspicious.filter(|_| !is_accepted);
        info.location.clear();
        infos.push(info);
    }
    for info in infos.iter_mut() {
        info.location.extend(holders(&format!("snapshots/{}", info.backup)));
    }
    infos.sort_by(|a, b| (b.timestamp, &b.backup).cmp(&(a.timestamp, &a.backup)));
    infos.truncate(filter.limit.unwrap_or(usize::MAX));
    Ok(())
}

/// Has somebody said that this backup is right? Asked of the folder, as a pin is.
pub fn is_accepted(dir: &Path, backup: &str) -> bool {
    dir.join(ACCEPTED).join(backup).exists()
}

fn forget(mark: &Path) -> Result<()> {
    match fs::remove_file(mark) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(Error::io("removing", mark, error)),
        _ => Ok(()),
    }
}

/// The names of the backups that are pinned. Asked of the folder: a pin is a file.
fn pins(dir: &Path) -> Result<HashSet<String>> {
    let pins = durable::names(&dir.join("pins"))?;
    Ok(pins.into_iter().filter_map(|name| name.into_string().ok()).collect())
}

/// The names of all snapshots in a vault's folder, oldest first. Needs no key.
pub fn list_snapshots(dir: &Path) -> Result<Vec<BackupName>> {
    let names = durable::names(&dir.join("snapshots"))?;
    let mut names: Vec<BackupName> = names.iter().filter_map(|name| name.to_str()?.parse().ok()).collect();
    sort(&mut names);
    Ok(names)
}

/// Every pack in a vault's folder with its size. Needs no key.
pub fn list_packs(dir: &Path) -> Result<Vec<(PackId, u64)>> {
    let mut packs = Vec::new();
    for folder in durable::list(&dir.join("packs"))? {
        for path in durable::list(&folder)? {
            let id = path.file_name().and_then(|name| name.to_str()).and_then(PackId::parse);
            let Some(id) = id.filter(|id| id.path(dir) == path) else { continue };
            match fs::metadata(&path) {
                // Pruned at this moment, beside a reader.
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                metadata => packs.push((id, metadata.at("reading", &path)?.len())),
            }
        }
    }
    Ok(packs)
}

fn sort(names: &mut [BackupName]) {
    names.sort_unstable_by(|a, b| (a.millis(), a.as_str()).cmp(&(b.millis(), b.as_str())));
}

const RECOVER_SCRIPT: &str = include_str!("recover/recover.mjs");
const RECOVER_PAGE: &str = include_str!("recover/RECOVER.md");
const FORMAT_PAGE: &str = include_str!("../../../../docs/format.md");

/// Nobody but the owner looks into a vault.
fn restrict(dir: &Path) -> Result<()> {
    #[cfg(unix)]
    fs::set_permissions(dir, std::os::unix::fs::PermissionsExt::from_mode(0o700)).at("restricting", dir)?;
    #[cfg(not(unix))]
    let _ = dir;
    Ok(())
}
