//! The vault's half: `root`, a sealed record of the root that it belongs to. Whoever has no key can neither read nor forge it.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::seal::random;
use crate::vault::{Vault, durable};
use crate::{Error, Result};

/// Its name in the vault.
pub const FILE: &str = "root";
const MAGIC: &[u8; 8] = b"LBROOT\x01\x00";
const HEADER: usize = 8 + 32;
const LABEL: &[u8] = b"lifeboat v1 root";
const MAX_LEN: u64 = 64 << 10;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MarriageRecord {
    /// The root's id.
    pub root: String,
    /// Where it was last: for people, and to find a copy out.
    pub path: String,
    /// The root has the other half; false where it can only be read.
    pub has_marker: bool,
}

impl MarriageRecord {
    /// `None`: the vault was made before there were marriages, or just now.
    pub fn read(vault: &Vault) -> Result<Option<MarriageRecord>> {
        let file = vault.dir().join(FILE);
        if !file.exists() {
            return Ok(None);
        }
        let damaged = |detail: &str| Error::corrupt(FILE, detail);
        let mut bytes = durable::read_small(&file, MAX_LEN)?;
        if bytes.len() < HEADER || bytes[..8] != *MAGIC {
            return Err(damaged("it does not look like the record of a root"));
        }
        let (header, body) = bytes.split_at_mut(HEADER);
        let mut salt = [0; 32];
        salt.copy_from_slice(&header[8..]);
        let plain = vault.keys().snapshot(&salt).open([0; 12], LABEL, body);
        let plain = plain.map_err(|_| damaged("it does not authenticate"))?;
        serde_json::from_slice(plain).map(Some).map_err(|error| damaged(&format!("it is not understood ({error})")))
    }

    pub fn write(&self, vault: &Vault) -> Result<()> {
        let salt = random::<32>()?;
        let mut body = serde_json::to_vec(self).map_err(|error| Error::internal(error.to_string()))?;
        vault.keys().snapshot(&salt).seal([0; 12], LABEL, &mut body);
        durable::write_private(&vault.dir().join(FILE), &[MAGIC, salt.as_slice(), &body].concat())
    }

    /// Was the root in this place?
    pub fn is_of(&self, root: &Path) -> bool {
        self.path == said(root)
    }
}

/// A root's place as the record says it: by the name that it is called, because a deployment may let a link lead to another folder
/// each time.
pub fn said(root: &Path) -> String {
    root.display().to_string()
}

/// By two names, as a mount has it.
pub fn is_same_folder(a: &Path, b: &Path) -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        let identity = |path: &Path| path.metadata().map(|metadata| (metadata.dev(), metadata.ino())).ok();
        identity(a).is_some() && identity(a) == identity(b)
    }
    #[cfg(not(unix))]
    return a.canonicalize().is_ok_and(|a| b.canonicalize().is_ok_and(|b| a == b));
}
