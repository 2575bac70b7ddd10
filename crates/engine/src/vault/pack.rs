//! Packs: immutable objects that hold many sealed chunks. The bytes are those of `docs/format.md`.
//!
//! A pack's id is random and is its name and its salt, so every pack has a key of its own and the ordinal of a chunk
//! is a nonce that cannot repeat. The index at its end makes a pack complete by itself: the catalog can always be
//! rebuilt from packs.

use std::fmt;
use std::fs::File;
use std::path::{Path, PathBuf};

use super::durable;
use crate::chunk::{ChunkId, MAX_CHUNK};
use crate::error::IoContext;
use crate::seal::{Cipher, Keys, TAG, counter_nonce};
use crate::{Error, Result};

const MAGIC: &[u8; 6] = b"LBPACK";
const MAJOR: u8 = 1;
const MINOR: u8 = 0;
pub const HEADER: usize = 40;
pub const FOOTER: usize = 24;
/// The bytes of a pack that holds nothing.
pub const LEAST: u64 = (HEADER + TAG + FOOTER) as u64;
const ENTRY: usize = 40;
/// A pack is closed at about this many bytes; it never holds more chunks than fit an index of 40 MB.
const MAX_ENTRIES: u32 = 1_000_000;
const INDEX_NONCE: [u8; 12] = [0xff; 12];

#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PackId(pub [u8; 32]);

impl PackId {
    pub fn parse(text: &str) -> Option<PackId> {
        let mut id = [0; 32];
        hex::decode_to_slice(text, &mut id).ok()?;
        // Upper-case digits would give one pack two names.
        (hex::encode(id) == text).then_some(PackId(id))
    }

    /// The object's path inside the vault.
    pub fn object(&self) -> String {
        let id = self.to_string();
        format!("packs/{}/{id}", &id[..2])
    }

    /// The pack that has this path inside the vault.
    pub fn of_object(object: &str) -> Option<PackId> {
        PackId::parse(object.rsplit('/').next()?).filter(|id| id.object() == object)
    }

    pub fn path(&self, vault: &Path) -> PathBuf {
        vault.join(self.object())
    }

    fn chunk_aad(&self) -> String {
        format!("lifeboat chunk {self}")
    }

    fn index_aad(&self) -> String {
        format!("lifeboat index {self}")
    }
}

impl fmt::Display for PackId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for PackId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PackId({self})")
    }
}

/// One chunk of a pack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PackEntry {
    pub id: ChunkId,
    /// Which one it is, from 0: its nonce.
    pub ordinal: u32,
    /// Where its sealed bytes start in the file.
    pub offset: u64,
    /// Length of its sealed bytes, tag included.
    pub sealed: u32,
    /// Length of its plaintext.
    pub plain: u32,
}

/// Seals and opens the parts of one pack.
pub struct PackCipher {
    pub id: PackId,
    cipher: Cipher,
    chunk_aad: String,
}

impl PackCipher {
    pub fn new(keys: &Keys, id: PackId) -> PackCipher {
        PackCipher { id, cipher: keys.pack(&id.0), chunk_aad: id.chunk_aad() }
    }

    pub fn seal_chunk(&self, ordinal: u32, member: &mut Vec<u8>) {
        self.cipher.seal(counter_nonce(ordinal), self.chunk_aad.as_bytes(), member);
    }

    /// The gzip member inside `sealed`, decrypted in place. `None`: it is not what was written.
    pub fn open_chunk<'a>(&self, ordinal: u32, sealed: &'a mut [u8]) -> Option<&'a mut [u8]> {
        self.cipher.open(counter_nonce(ordinal), self.chunk_aad.as_bytes(), sealed).ok()
    }

    pub fn header(&self) -> [u8; HEADER] {
        let mut header = [0; HEADER];
        header[..6].copy_from_slice(MAGIC);
        header[6..8].copy_from_slice(&[MAJOR, MINOR]);
        header[8..].copy_from_slice(&self.id.0);
        header
    }

    /// Index and footer: everything after the last chunk, which ends at `end`.
    pub fn tail(&self, entries: &[PackEntry], end: u64) -> Vec<u8> {
        let mut tail = Vec::with_capacity(entries.len() * ENTRY + TAG + FOOTER);
        for entry in entries {
            tail.extend_from_slice(&entry.id.0);
            tail.extend_from_slice(&entry.sealed.to_le_bytes());
            tail.extend_from_slice(&entry.plain.to_le_bytes());
        }
        self.cipher.seal(INDEX_NONCE, self.id.index_aad().as_bytes(), &mut tail);
        let index_len = tail.len() as u32;
        let total = end + u64::from(index_len) + FOOTER as u64;
        tail.extend_from_slice(&index_len.to_le_bytes());
        tail.extend_from_slice(&(entries.len() as u32).to_le_bytes());
        tail.extend_from_slice(&total.to_le_bytes());
        tail.extend_from_slice(MAGIC);
        tail.extend_from_slice(&[MAJOR, MINOR]);
        tail
    }

    /// Reads and checks header, footer and index of the pack in `file`.
    pub fn read_index(&self, file: &File) -> Result<Vec<PackEntry>> {
        let object = self.id.object();
        let damaged = |detail: &str| Error::corrupt(&object, detail);
        let length = file.metadata().at("reading", &object)?.len();
        if length < LEAST {
            return Err(damaged("it is cut off"));
        }
        let mut header = [0; HEADER];
        durable::read_at(file, &mut header, 0).at("reading", &object)?;
        let mut footer = [0; FOOTER];
        durable::read_at(file, &mut footer, length - FOOTER as u64).at("reading", &object)?;
        if header[..6] != *MAGIC || footer[16..22] != *MAGIC {
            return Err(damaged("it does not look like a pack"));
        }
        if header[6] != MAJOR || footer[22] != MAJOR {
            // A version is written twice: only where both agree is it a version, and not damage.
            return Err(if header[6] == footer[22] {
                newer(&object, header[6])
            } else {
                damaged("its version is damaged")
            });
        }
        if header[8..] != self.id.0 || header[7] != footer[23] {
            return Err(damaged("its header is not its own"));
        }
        let index_len = self.index_length(&footer, length)?;
        let mut sealed = vec![0; index_len];
        durable::read_at(file, &mut sealed, length - (FOOTER + index_len) as u64).at("reading", &object)?;
        self.open_index(sealed, length)
    }

    /// The length of the sealed index that a footer states, in a pack of `length` bytes.
    pub fn index_length(&self, footer: &[u8; FOOTER], length: u64) -> Result<usize> {
        let damaged = |detail: &str| Error::corrupt(self.id.object(), detail);
        if footer[16..22] != *MAGIC {
            return Err(damaged("it does not look like a pack"));
        }
        if footer[22] != MAJOR {
            return Err(newer(&self.id.object(), footer[22]));
        }
        let word = |at: usize| u32::from_le_bytes([footer[at], footer[at + 1], footer[at + 2], footer[at + 3]]);
        let (index_len, count) = (word(0) as usize, word(4));
        let total = u64::from(word(8)) | u64::from(word(12)) << 32;
        if total != length || count > MAX_ENTRIES || index_len != count as usize * ENTRY + TAG {
            return Err(damaged("its footer does not fit its length"));
        }
        match length.checked_sub((FOOTER + index_len) as u64) {
            Some(at) if at >= HEADER as u64 => Ok(index_len),
            _ => Err(damaged("its index does not fit its length")),
        }
    }

    /// What the sealed index of a pack of `length` bytes says, authenticated.
    pub fn open_index(&self, mut sealed: Vec<u8>, length: u64) -> Result<Vec<PackEntry>> {
        let damaged = |detail: &str| Error::corrupt(self.id.object(), detail);
        let index_at = length.saturating_sub((FOOTER + sealed.len()) as u64);
        let plain = self
            .cipher
            .open(INDEX_NONCE, self.id.index_aad().as_bytes(), &mut sealed)
            .map_err(|_| damaged("its index does not authenticate"))?;
        let mut entries = Vec::with_capacity(plain.len() / ENTRY);
        let mut offset = HEADER as u64;
        for (ordinal, bytes) in plain.chunks_exact(ENTRY).enumerate() {
            let word = |at: usize| u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
            let mut id = [0; 32];
            id.copy_from_slice(&bytes[..32]);
            let (sealed, plain) = (word(32), word(36));
            if plain as usize > MAX_CHUNK || sealed as usize > MAX_CHUNK + MAX_CHUNK / 64 + 1024 {
                return Err(damaged("its index states a chunk larger than any"));
            }
            entries.push(PackEntry { id: ChunkId(id), ordinal: ordinal as u32, offset, sealed, plain });
            offset += u64::from(sealed);
        }
        if offset != index_at {
            return Err(damaged("its chunks do not fill it"));
        }
        Ok(entries)
    }
}

/// An object of a newer major version is not damaged: it only needs a newer Lifeboat.
pub fn newer(object: &str, major: u8) -> Error {
    Error::Format {
        message: format!(
            "{object} has format version {major}, this Lifeboat reads version {MAJOR}. Use a newer Lifeboat."
        ),
    }
}
