//! Secrets: values that are wiped when dropped and that no `Debug`, log or error can print.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use zeroize::{Zeroize, ZeroizeOnDrop};

/// A passphrase. Serialised only towards the worker, through a pipe.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct Secret(String);

impl Secret {
    pub fn new(text: impl Into<String>) -> Secret {
        Secret(text.into())
    }

    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Secret, D::Error> {
        // What is there instead may be a secret, too.
        String::deserialize(deserializer).map(Secret).map_err(|_| serde::de::Error::custom("it must be a string"))
    }
}

/// The vault's master key: 256 random bits that every other key is derived from.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct MasterKey([u8; 32]);

impl MasterKey {
    pub fn new(bytes: [u8; 32]) -> MasterKey {
        MasterKey(bytes)
    }

    pub fn expose(&self) -> &[u8; 32] {
        &self.0
    }
}

impl std::fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("MasterKey(…)")
    }
}

impl Serialize for MasterKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut text = hex::encode(self.0);
        let outcome = serializer.serialize_str(&text);
        text.zeroize();
        outcome
    }
}

impl<'de> Deserialize<'de> for MasterKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<MasterKey, D::Error> {
        let mut text = String::deserialize(deserializer)?;
        let mut bytes = [0; 32];
        let outcome = hex::decode_to_slice(&text, &mut bytes);
        text.zeroize();
        outcome.map_err(|_| serde::de::Error::custom("a master key is 64 hex digits"))?;
        Ok(MasterKey(bytes))
    }
}
