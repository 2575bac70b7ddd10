//! What takes the last restore in place back: `last-restore`, a sealed record in the vault.
//!
//! It names what the restore made, and what it replaced or removed, by the true bytes of the paths; the content of that is
//! in the safety backup. The record is sealed before the restore changes anything and lies in its workspace, so that
//! whoever finishes a restore that was cut off can put it into the vault without a key. One restore is remembered: the
//! last.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::{Deserialize, Serialize};

use super::{Vault, durable};
use crate::path::RelPath;
use crate::seal::random;
use crate::{Error, Result};

/// Its name in the vault, and in the workspace of the restore.
pub const FILE: &str = "last-restore";
const MAGIC: &[u8; 8] = b"LBREST\x01\x00";
const HEADER: usize = 8 + 32;
const LABEL: &[u8] = b"lifeboat v1 last restore";
/// A path is a hundred bytes: this is ten million of them.
const MAX_LEN: u64 = 1 << 30;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LastRestore {
    /// The root that was restored.
    pub root: String,
    /// The backup that was restored, or whose restore was taken back.
    pub backup: String,
    /// When the restore was made, milliseconds since the epoch.
    pub at: i64,
    /// It took back a restore itself.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub was_undo: bool,
    /// What it replaced and removed is in there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub safety_backup: Option<String>,
    /// The owner, mode or attributes of the root folder itself were changed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_root_changed: bool,
    /// What was made where nothing had been, a folder before what is in it.
    pub created: Vec<RelPath>,
    /// What was replaced, changed or removed.
    pub lost: Vec<RelPath>,
    /// What restores before it have changed since the backup that the next one will be compared with: it is no loss.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub earlier: Vec<RelPath>,
    /// Links that were replaced or removed: a backup that follows a link does not have the link itself.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub links: Vec<Link>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    pub path: RelPath,
    /// Base64 of the bytes.
    to: String,
}

impl Link {
    pub fn new(path: RelPath, to: &[u8]) -> Link {
        Link { path, to: BASE64.encode(to) }
    }

    /// Where it led.
    pub fn target(&self) -> Result<Vec<u8>> {
        BASE64.decode(&self.to).map_err(|_| damaged("a link in it has no target"))
    }
}

impl LastRestore {
    /// Seals and writes it, durably.
    pub fn write(&self, vault: &Vault, file: &Path) -> Result<()> {
        let salt = random::<32>()?;
        let mut body = serde_json::to_vec(self).map_err(|error| Error::internal(error.to_string()))?;
        vault.keys().snapshot(&salt).seal([0; 12], LABEL, &mut body);
        durable::write_private(file, &[MAGIC, salt.as_slice(), &body].concat())
    }

    /// Puts a record that was sealed elsewhere into the vault in `dir`. Needs no key.
    pub fn publish(file: &Path, dir: &Path) -> Result<()> {
        if !file.exists() {
            return Ok(());
        }
        let place = dir.join(FILE);
        durable::write_private(&place, &durable::read_small(file, MAX_LEN)?)
    }

    /// All that it and those before it have changed.
    pub fn changed(self) -> impl Iterator<Item = RelPath> {
        self.created.into_iter().chain(self.lost).chain(self.earlier)
    }

    /// When its record came into the vault, which is when it was put in place; milliseconds since the epoch.
    pub fn put_at(vault: &Vault) -> Option<i64> {
        let changed = vault.dir().join(FILE).metadata().and_then(|metadata| metadata.modified()).ok()?;
        Some(changed.duration_since(std::time::UNIX_EPOCH).ok()?.as_millis() as i64)
    }

    /// The record of the last restore; `None`: none has left one here.
    pub fn read(vault: &Vault) -> Result<Option<LastRestore>> {
        LastRestore::open(vault, &vault.dir().join(FILE))
    }

    /// A record that was written to `file`.
    pub fn open(vault: &Vault, file: &Path) -> Result<Option<LastRestore>> {
        if !file.exists() {
            return Ok(None);
        }
        let mut bytes = durable::read_small(file, MAX_LEN)?;
        if bytes.len() < HEADER || bytes[..8] != *MAGIC {
            return Err(damaged("it does not look like one"));
        }
        let (header, body) = bytes.split_at_mut(HEADER);
        let mut salt = [0; 32];
        salt.copy_from_slice(&header[8..]);
        let plain = vault.keys().snapshot(&salt).open([0; 12], LABEL, body);
        let plain = plain.map_err(|_| damaged("it does not authenticate"))?;
        serde_json::from_slice(plain).map(Some).map_err(|error| damaged(&format!("it is not understood ({error})")))
    }
}

fn damaged(detail: &str) -> Error {
    Error::corrupt(FILE, detail)
}
