//! Snapshots: the immutable sealed record that says what one backup is made of. Its existence is the backup.

use std::collections::BTreeMap;
use std::fs::{File, TryLockError};
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::name::BackupName;
use super::pack::newer;
use super::root_folder::RootFolder;
use super::{Vault, durable};
use crate::chunk::ChunkId;
use crate::error::IoContext;
use crate::report::{BackupInfo, BackupType, Category, CategoryTotals, Suspicion, Warning};
use crate::seal::{Keys, random};
use crate::{Error, Result};

pub(super) const MAGIC: &[u8; 6] = b"LBSNAP";
const MAJOR: u8 = 1;
const MINOR: u8 = 2;
const HEADER: usize = 8 + 32;
/// A snapshot names the chunks of its item list: 64 MiB of them describe a billion items.
pub const MAX_LEN: u64 = 64 << 20;
const BAD_EVERYWHERE: &str = "it is not here, and no other place has it whole";

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Snapshot {
    pub backup: String,
    #[serde(rename = "type")]
    pub kind: BackupType,
    /// When it began, milliseconds since the epoch.
    pub timestamp: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// The engine's version.
    pub engine: String,
    pub root: String,
    pub full: bool,
    pub degraded: bool,
    /// The id of the root; absent where an earlier Lifeboat made the backup, or where it was imported.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub root_id: Option<String>,
    /// What spoke against it when it was made; somebody may have accepted it since.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suspicious: Option<Suspicion>,
    /// A digest of what said which files are taken; absent where an earlier Lifeboat made the backup, or where it was imported.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub selection: Option<String>,
    /// Smaller scheduled types that were due at the same time.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub covers: Vec<BackupType>,
    pub items: u64,
    pub changed: u64,
    pub removed: u64,
    /// Bytes that this backup added in packs.
    pub size: u64,
    pub total_size: u64,
    pub categories: BTreeMap<Category, CategoryTotals>,
    #[serde(default)]
    pub warnings: Vec<Warning>,
    pub list: ItemList,
    /// The root folder itself; absent where an earlier Lifeboat made the backup.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub root_folder: Option<RootFolder>,
    /// Where it was read from: as long as this is open, nobody prunes the backup.
    #[serde(skip)]
    pub lease: Option<Lease>,
}

/// A shared lock on the file of a snapshot, which dies with its holder.
#[derive(Clone, Debug)]
pub struct Lease {
    _file: Arc<File>,
}

/// Where the item list is.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct ItemList {
    pub chunks: Vec<ChunkId>,
    /// Bytes of the whole list.
    pub size: u64,
    /// Its items tell their extended attributes: one without any has none.
    #[serde(default)]
    pub attributes: bool,
}

impl Snapshot {
    pub fn info(&self) -> BackupInfo {
        BackupInfo {
            backup: self.backup.clone(),
            kind: self.kind,
            timestamp: self.timestamp,
            note: self.note.clone(),
            size: self.size,
            total_size: self.total_size,
            items: self.items,
            categories: self.categories.clone(),
            full: self.full,
            degraded: self.degraded,
            covers: self.covers.clone(),
            suspicious: self.suspicious.clone(),
            pinned: false,
            verified_at: None,
            location: vec!["local".into()],
            cloud: "off".into(),
        }
    }

    /// Removes the backup of that name, unless somebody reads it: false. From then on it does not exist.
    pub fn remove(vault: &Vault, name: &BackupName) -> Result<bool> {
        let path = vault.dir().join("snapshots").join(name.as_str());
        // For writing, where that may be: on NFS no other descriptor can be locked against readers.
        let opened = File::options().read(true).write(true).open(&path).or_else(|_| File::open(&path));
        let file = match opened {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(true),
            other => other.at("reading", &path)?,
        };
        if matches!(file.try_lock(), Err(TryLockError::WouldBlock)) {
            return Ok(false);
        }
        // The lock is held until it is gone: whoever opens it meanwhile finds no backup.
        std::fs::remove_file(&path).at("removing", &path)?;
        durable::sync_dir(&vault.dir().join("snapshots"))?;
        Ok(true)
    }

    /// Seals and writes it, durably. From here on, the backup exists.
    pub fn write(&self, vault: &Path, keys: &Keys) -> Result<u64> {
        let salt = random::<32>()?;
        let mut body = serde_json::to_vec(self).map_err(|error| Error::internal(error.to_string()))?;
        keys.snapshot(&salt).seal([0; 12], aad(MAJOR, MINOR, &self.backup).as_bytes(), &mut body);
        let mut bytes = Vec::with_capacity(HEADER + body.len());
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(&[MAJOR, MINOR]);
        bytes.extend_from_slice(&salt);
        bytes.extend_from_slice(&body);
        durable::write_private(&vault.join("snapshots").join(&self.backup), &bytes)?;
        Ok(bytes.len() as u64)
    }

    /// Opens and checks the snapshot of that name. One that is missing or damaged here is taken from elsewhere.
    pub fn read(vault: &Vault, name: &BackupName) -> Result<Snapshot> {
        let read = Snapshot::read_here(vault, name);
        let Some(elsewhere) = vault.elsewhere() else { return read };
        let error = match read {
            Err(error @ (Error::NotFound { .. } | Error::Corrupt { .. })) => error,
            other => return other,
        };
        let (mut found, mut refused) = (None, None);
        let is_taken = elsewhere.whole(&object(name), MAX_LEN, &mut |mut bytes| {
            match Snapshot::open(vault.keys(), name, &mut bytes) {
                Ok(snapshot) => found = Some(snapshot),
                // Of a newer Lifeboat: another place has the same.
                Err(error @ Error::Format { .. }) => refused = Some(error),
                Err(_) => {}
            }
            found.is_some()
        });
        match (found, refused, is_taken) {
            (Some(snapshot), ..) => {
                elsewhere.remember(&snapshot.info());
                Ok(snapshot)
            }
            (None, Some(refused), _) => Err(refused),
            (None, None, Err(error)) => Err(error),
            // It is known to be somewhere, and nowhere whole.
            (None, None, Ok(_)) if !elsewhere.holders(&object(name)).is_empty() => Err(damaged(name, BAD_EVERYWHERE)),
            (None, None, Ok(_)) => Err(error),
        }
    }

    fn read_here(vault: &Vault, name: &BackupName) -> Result<Snapshot> {
        let path = vault.dir().join(object(name));
        let file = match File::open(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(vault.no_such_backup(name.as_str()));
            }
            other => other.at("reading", &path)?,
        };
        // It is being removed at this moment, or was between the two lines.
        if matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)) || !path.exists() {
            return Err(vault.no_such_backup(name.as_str()));
        }
        let mut bytes = Vec::new();
        (&file).take(MAX_LEN + 1).read_to_end(&mut bytes).at("reading", &path)?;
        let mut snapshot = Snapshot::open(vault.keys(), name, &mut bytes)?;
        snapshot.lease = Some(Lease { _file: Arc::new(file) });
        Ok(snapshot)
    }

    /// What the sealed bytes of the snapshot of that name say.
    pub fn open(keys: &Keys, name: &BackupName, bytes: &mut [u8]) -> Result<Snapshot> {
        if bytes.len() as u64 > MAX_LEN {
            return Err(damaged(name, "it is far too large"));
        }
        if bytes.len() < HEADER || bytes[..6] != *MAGIC {
            return Err(damaged(name, "it does not look like a snapshot"));
        }
        let (header, body) = bytes.split_at_mut(HEADER);
        let mut salt = [0; 32];
        salt.copy_from_slice(&header[8..]);
        let opened = keys.snapshot(&salt).open([0; 12], aad(MAJOR, header[7], name.as_str()).as_bytes(), body);
        if header[6] != MAJOR {
            // What opens under our rules was written by them: then only its version byte is damaged.
            return Err(match opened {
                Ok(_) => damaged(name, "its version is damaged"),
                Err(_) => newer(&object(name), header[6]),
            });
        }
        let plain = opened.map_err(|_| damaged(name, "it does not authenticate"))?;
        let snapshot: Snapshot = serde_json::from_slice(plain)
            .map_err(|error| Error::Format { message: format!("{} is not understood: {error}.", object(name)) })?;
        if snapshot.backup != name.as_str() {
            return Err(damaged(name, "it is another backup's"));
        }
        Ok(snapshot)
    }
}

/// The object's path inside the vault.
pub fn object(name: &BackupName) -> String {
    format!("snapshots/{name}")
}

fn damaged(name: &BackupName, detail: &str) -> Error {
    Error::Corrupt { object: object(name), detail: detail.into(), backups: vec![name.to_string()] }
}

fn aad(major: u8, minor: u8, name: &str) -> String {
    format!("lifeboat snapshot {major}.{minor} {name}")
}
