//! `vault.json`: the public facts of a vault, and what may be made into one.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::{checked_json, durable, place};
use crate::chunk::ChunkerParams;
use crate::{Error, Result};

const MAJOR: u32 = 1;
const MINOR: u32 = 2;
/// Its path inside the vault.
pub const FILE: &str = "vault.json";
pub const MAX_LEN: u64 = checked_json::MAX_LEN;

/// The content of `vault.json`.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Description {
    format: String,
    version: VaultVersion,
    id: String,
    /// Which master key is this vault's: [`crate::seal::keyring::key_check`].
    pub key_check: String,
    created: i64,
    pub chunker: ChunkerParams,
}

#[derive(Serialize, Deserialize)]
struct VaultVersion {
    major: u32,
    minor: u32,
}

impl Description {
    /// Of a new vault, by the format and the chunker of this version.
    pub fn new(id: &[u8; 16], key_check: String) -> Description {
        Description {
            format: "lifeboat".into(),
            version: VaultVersion { major: MAJOR, minor: MINOR },
            id: hex::encode(id),
            key_check,
            created: jiff::Timestamp::now().as_millisecond(),
            chunker: ChunkerParams::default(),
        }
    }

    pub fn write(&self, dir: &Path) -> Result<()> {
        durable::write_private(&dir.join(FILE), &checked_json::to_bytes(self)?)
    }

    /// Refuses what this version cannot work with.
    pub fn read(dir: &Path) -> Result<Description> {
        let path = dir.join(FILE);
        if !path.is_file() {
            return Err(Error::NotFound {
                message: format!(
                    "There is no vault in {}. The first backup makes one, and so does `lifeboat init`; `lifeboat migrate --from COPY` \
                     brings back another server's.",
                    dir.display()
                ),
            });
        }
        Description::parse(&durable::read_small(&path, MAX_LEN)?)
    }

    fn parse(bytes: &[u8]) -> Result<Description> {
        let description: Description = checked_json::from_bytes(FILE, bytes)?;
        if description.format != "lifeboat" {
            return Err(Error::Format { message: "vault.json is not a Lifeboat vault's.".into() });
        }
        if description.version.major != MAJOR {
            return Err(Error::Format {
                message: format!(
                    "The vault has format version {}, this Lifeboat reads version {MAJOR}. Use a newer Lifeboat.",
                    description.version.major
                ),
            });
        }
        if !description.chunker.is_sane() {
            return Err(Error::Format { message: "vault.json asks for chunks that this Lifeboat cannot cut.".into() });
        }
        Ok(description)
    }

    /// The vault's id, which is part of every key.
    pub fn id(&self) -> Result<[u8; 16]> {
        let mut id = [0; 16];
        hex::decode_to_slice(&self.id, &mut id)
            .map_err(|_| Error::Format { message: "vault.json has an id that is not 32 hex digits.".into() })?;
        Ok(id)
    }
}

/// The id of the vault that these bytes of its `vault.json` tell, in hex.
pub fn id_in(bytes: &[u8]) -> Result<String> {
    Ok(hex::encode(Description::parse(bytes)?.id()?))
}

/// A vault is made in an empty folder only, or where an earlier creation was cut off: it never mixes with other files,
/// and never takes the place of a vault that has lost its description.
pub fn refuse_foreign(dir: &Path) -> Result<()> {
    if !durable::list(&dir.join("packs"))?.is_empty() || !durable::list(&dir.join("snapshots"))?.is_empty() {
        return Err(Error::corrupt(FILE, "it is missing, but there are packs or snapshots beside its place"));
    }
    match place::foreign(dir)? {
        None => Ok(()),
        Some(name) => Err(Error::Config {
            message: format!(
                "{} holds {name:?}, which is not a vault's. Move it away, or choose another folder as backupDir.",
                dir.display()
            ),
        }),
    }
}
