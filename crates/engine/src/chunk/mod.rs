//! Chunks: the runs of file content that are compressed, sealed, stored once and shared by backups.

pub mod cut;
pub mod gzip;

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// No chunk is larger; a reader refuses one that claims to be.
pub const MAX_CHUNK: usize = 16 * 1024 * 1024;

/// How files are cut. Written in `vault.json`, so that all backups of a vault cut alike.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChunkerParams {
    pub name: String,
    /// Files below this many bytes are laid together in bundles.
    pub small: usize,
    /// Content-defined chunks: smallest, wanted and largest size, bytes.
    pub min: usize,
    pub avg: usize,
    pub max: usize,
    /// A bundle of small files holds at most this many bytes.
    pub bundle: usize,
    /// SQLite databases are cut into blocks of this many bytes.
    pub block: usize,
}

impl Default for ChunkerParams {
    fn default() -> ChunkerParams {
        ChunkerParams {
            name: "fastcdc-2020".into(),
            small: 128 << 10,
            min: 128 << 10,
            avg: 512 << 10,
            max: 2 << 20,
            bundle: 1 << 20,
            block: 64 << 10,
        }
    }
}

impl ChunkerParams {
    /// Are these values that this engine can work with? They come from a file.
    pub fn is_sane(&self) -> bool {
        self.name == "fastcdc-2020"
            && (4 << 10..=1 << 20).contains(&self.min)
            && (self.min..=4 << 20).contains(&self.avg)
            && (self.avg..=MAX_CHUNK).contains(&self.max)
            && (1 << 10..=self.max).contains(&self.small)
            && (self.small..=MAX_CHUNK).contains(&self.bundle)
            && self.block == 64 << 10
    }
}

/// The keyed BLAKE3 of a chunk's plaintext: the same content has the same id, in this vault and in no other.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ChunkId(pub [u8; 32]);

impl ChunkId {
    pub fn of(key: &[u8; 32], plain: &[u8]) -> ChunkId {
        ChunkId(*blake3::keyed_hash(key, plain).as_bytes())
    }
}

impl fmt::Display for ChunkId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for ChunkId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ChunkId({self})")
    }
}

impl Serialize for ChunkId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut text = [0; 64];
        hex::encode_to_slice(self.0, &mut text).expect("64 digits hold 32 bytes");
        serializer.serialize_str(std::str::from_utf8(&text).expect("hex is ASCII"))
    }
}

impl<'de> Deserialize<'de> for ChunkId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<ChunkId, D::Error> {
        struct Visitor;
        impl serde::de::Visitor<'_> for Visitor {
            type Value = ChunkId;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("64 hex digits")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<ChunkId, E> {
                let mut id = [0; 32];
                hex::decode_to_slice(text, &mut id).map_err(|_| E::custom("a chunk id is 64 hex digits"))?;
                Ok(ChunkId(id))
            }
        }
        deserializer.deserialize_str(Visitor)
    }
}
