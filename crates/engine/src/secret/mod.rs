//! Secrets: values that are wiped when dropped, that no `Debug`, log or error can print, and that no core holds (see [`hidden`]).

mod hidden;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use zeroize::{Zeroize, Zeroizing};

use hidden::Hidden;

/// A passphrase, a token. Serialised only towards the worker, through a pipe, and into files that are nobody else's to read.
#[derive(Clone)]
pub struct Secret(Hidden);

impl Secret {
    /// A text that is handed over is wiped.
    pub fn new(text: impl Into<String>) -> Secret {
        let text = Zeroizing::new(text.into());
        Secret(Hidden::copy_of(text.as_bytes()))
    }

    pub fn expose(&self) -> &str {
        // It was made of a text.
        std::str::from_utf8(self.0.bytes()).unwrap_or_default()
    }
}

impl PartialEq for Secret {
    fn eq(&self, other: &Secret) -> bool {
        self.0.bytes() == other.0.bytes()
    }
}

impl Eq for Secret {}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.expose())
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Secret, D::Error> {
        // What is there instead may be a secret, too.
        String::deserialize(deserializer).map(Secret::new).map_err(|_| serde::de::Error::custom("it must be a string"))
    }
}

/// The vault's master key: 256 random bits that every other key is derived from.
#[derive(Clone)]
pub struct MasterKey(Hidden);

impl MasterKey {
    pub fn new(mut bytes: [u8; 32]) -> MasterKey {
        let key = MasterKey(Hidden::copy_of(&bytes));
        bytes.zeroize();
        key
    }

    pub fn expose(&self) -> &[u8; 32] {
        // It was made of so many.
        self.0.bytes().try_into().unwrap_or(&[0; 32])
    }
}

impl PartialEq for MasterKey {
    fn eq(&self, other: &MasterKey) -> bool {
        self.0.bytes() == other.0.bytes()
    }
}

impl Eq for MasterKey {}

impl std::fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("MasterKey(…)")
    }
}

impl Serialize for MasterKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut text = hex::encode(self.expose());
        let outcome = serializer.serialize_str(&text);
        text.zeroize();
        outcome
    }
}

impl<'de> Deserialize<'de> for MasterKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<MasterKey, D::Error> {
        let mut text = String::deserialize(deserializer)?;
        let mut bytes = Zeroizing::new([0; 32]);
        let outcome = hex::decode_to_slice(&text, &mut *bytes);
        text.zeroize();
        outcome.map_err(|_| serde::de::Error::custom("a master key is 64 hex digits"))?;
        Ok(MasterKey::new(*bytes))
    }
}
