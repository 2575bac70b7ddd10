//! Small JSON files that know when they were damaged: `vault.json` and `keys/*.json`.
//!
//! The field `sha256` is the hash of the file's own bytes with its 64 digits replaced by zeros.

use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};

use crate::{Error, Result};

const FIELD: &str = "\"sha256\": \"";
const ZEROS: &str = "0000000000000000000000000000000000000000000000000000000000000000";
/// No such file is anywhere near as large; a larger one is not ours.
pub const MAX_LEN: u64 = 64 * 1024;

/// Pretty JSON with its checksum as the last field.
pub fn to_bytes(value: &impl Serialize) -> Result<Vec<u8>> {
    let mut value = serde_json::to_value(value).map_err(|error| Error::internal(error.to_string()))?;
    value["sha256"] = ZEROS.into();
    let text = serde_json::to_string_pretty(&value).map_err(|error| Error::internal(error.to_string()))? + "\n";
    let digest = hex::encode(Sha256::digest(text.as_bytes()));
    Ok(text.replacen(ZEROS, &digest, 1).into_bytes())
}

/// Parses what [`to_bytes`] wrote. `object` is the path in the vault, for the error.
pub fn from_bytes<T: DeserializeOwned>(object: &str, bytes: &[u8]) -> Result<T> {
    let damaged = |detail: &str| Error::corrupt(object, detail);
    let text = std::str::from_utf8(bytes).map_err(|_| damaged("it is not UTF-8"))?;
    let at = text.find(FIELD).ok_or_else(|| damaged("it has no checksum"))? + FIELD.len();
    let stated = text.get(at..at + 64).ok_or_else(|| damaged("its checksum is cut off"))?;
    let mut hasher = Sha256::new();
    hasher.update(&bytes[..at]);
    hasher.update(ZEROS);
    hasher.update(&bytes[at + 64..]);
    if hex::encode(hasher.finalize()) != stated {
        return Err(damaged("its checksum does not fit its content"));
    }
    serde_json::from_str(text)
        .map_err(|error| Error::Format { message: format!("{object} is not understood: {error}.") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_flipped_bit_is_noticed() {
        let bytes = to_bytes(&serde_json::json!({ "id": "ab", "n": 1 })).unwrap();
        assert!(from_bytes::<serde_json::Value>("vault.json", &bytes).is_ok());
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            let error = from_bytes::<serde_json::Value>("vault.json", &flipped).unwrap_err();
            assert_eq!(error.code(), "E_CORRUPT", "bit {bit}");
        }
    }
}
