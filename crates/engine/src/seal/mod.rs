//! Encryption: which key seals what, and how. AES-256-GCM everywhere, keys by HKDF-SHA256.
//!
//! Every object has a key of its own (HKDF with a random salt), so a nonce can be a plain counter and never repeats.
//! What an object is and how it is called is its associated data: an object that was moved or renamed does not open.
//! `docs/format.md` is the specification; the names of keys and labels here are the ones there.

pub mod keyring;
pub mod passphrase;
pub mod passphrase_file;
pub mod places;

use aes_gcm::aead::{AeadInOut, KeyInit};
use aes_gcm::{Aes256Gcm, Nonce, Tag};
use hkdf::Hkdf;
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::secret::MasterKey;

/// Bytes that sealing adds.
pub const TAG: usize = 16;

/// What does not open: wrong key, wrong place, or changed bytes. Deliberately says no more.
#[derive(Debug, PartialEq, Eq)]
pub struct Unauthentic;

/// The sub-keys of one vault, derived once from its master key.
pub struct Keys {
    /// Keys the BLAKE3 of chunk ids.
    pub ids: Zeroizing<[u8; 32]>,
    /// Seeds the content-defined chunker, so that chunk sizes tell nothing about known content.
    pub chunker_seed: u64,
    /// Keys what the catalog remembers of item lists. Raised with what [`crate::vault::item::Item`] can need: what an older
    /// version remembered is then not believed.
    pub needs: Zeroizing<[u8; 32]>,
    packs: Zeroizing<[u8; 32]>,
    snapshots: Zeroizing<[u8; 32]>,
}

impl Keys {
    pub fn derive(master: &MasterKey, vault_id: &[u8; 16]) -> Keys {
        let sub = |purpose: &str| hkdf(master.expose(), vault_id, &format!("lifeboat v1 {purpose}"));
        let chunker = sub("chunker");
        let mut seed = [0; 8];
        seed.copy_from_slice(&chunker[..8]);
        Keys {
            ids: sub("ids"),
            chunker_seed: u64::from_le_bytes(seed),
            needs: sub("needs 1"),
            packs: sub("packs"),
            snapshots: sub("snapshots"),
        }
    }

    /// The cipher of one pack: its id is the salt.
    pub fn pack(&self, pack_id: &[u8; 32]) -> Cipher {
        Cipher::new(&hkdf(&*self.packs, pack_id, "lifeboat v1 pack"))
    }

    /// The cipher of one snapshot.
    pub fn snapshot(&self, salt: &[u8; 32]) -> Cipher {
        Cipher::new(&hkdf(&*self.snapshots, salt, "lifeboat v1 snapshot"))
    }
}

/// HKDF-SHA256 with 32 bytes of output (RFC 5869).
pub fn hkdf(ikm: &[u8], salt: &[u8], info: &str) -> Zeroizing<[u8; 32]> {
    let mut out = Zeroizing::new([0; 32]);
    Hkdf::<Sha256>::new(Some(salt), ikm)
        .expand(info.as_bytes(), &mut *out)
        .expect("32 bytes are a valid length for HKDF-SHA256");
    out
}

/// AES-256-GCM under one key.
pub struct Cipher(Aes256Gcm);

impl Cipher {
    pub fn new(key: &[u8; 32]) -> Cipher {
        Cipher(Aes256Gcm::new(key.into()))
    }

    /// Encrypts `buffer` in place and appends the tag.
    pub fn seal(&self, nonce: [u8; 12], aad: &[u8], buffer: &mut Vec<u8>) {
        let tag = self
            .0
            .encrypt_inout_detached(&Nonce::from(nonce), aad, buffer.as_mut_slice().into())
            .expect("a chunk is far below the limit of AES-GCM");
        buffer.extend_from_slice(&tag);
    }

    /// Decrypts `sealed` in place and returns the plaintext in front of the tag.
    pub fn open<'a>(&self, nonce: [u8; 12], aad: &[u8], sealed: &'a mut [u8]) -> Result<&'a mut [u8], Unauthentic> {
        let at = sealed.len().checked_sub(TAG).ok_or(Unauthentic)?;
        let (body, tag) = sealed.split_at_mut(at);
        let tag = Tag::try_from(&*tag).map_err(|_| Unauthentic)?;
        self.0.decrypt_inout_detached(&Nonce::from(nonce), aad, (&mut *body).into(), &tag).map_err(|_| Unauthentic)?;
        Ok(body)
    }
}

/// The nonce of the n-th chunk of a pack: a big-endian counter.
pub fn counter_nonce(ordinal: u32) -> [u8; 12] {
    let mut nonce = [0; 12];
    nonce[8..].copy_from_slice(&ordinal.to_be_bytes());
    nonce
}

/// Random bytes from the operating system.
pub fn random<const N: usize>() -> crate::Result<[u8; N]> {
    use rand::TryRng;
    let mut bytes = [0; N];
    rand::rngs::SysRng
        .try_fill_bytes(&mut bytes)
        .map_err(|error| crate::Error::internal(format!("the operating system gave no random bytes: {error}")))?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hkdf_matches_rfc_5869_test_case_1() {
        let salt: Vec<u8> = (0..=0x0c).collect();
        let info: Vec<u8> = (0xf0..=0xf9).collect();
        let mut out = [0; 42];
        Hkdf::<Sha256>::new(Some(&salt), &[0x0b; 22]).expand(&info, &mut out).unwrap();
        assert_eq!(hex::encode(&out[..16]), "3cb25f25faacd57a90434f64d0362f2a");
    }

    #[test]
    fn what_was_sealed_opens_only_with_its_key_nonce_and_associated_data() {
        let cipher = Cipher::new(&[7; 32]);
        let mut sealed = b"the data comes back".to_vec();
        cipher.seal(counter_nonce(3), b"chunk a", &mut sealed);
        assert_eq!(cipher.open(counter_nonce(3), b"chunk a", &mut sealed.clone()).unwrap(), b"the data comes back");
        assert!(cipher.open(counter_nonce(4), b"chunk a", &mut sealed.clone()).is_err());
        assert!(cipher.open(counter_nonce(3), b"chunk b", &mut sealed.clone()).is_err());
        assert!(Cipher::new(&[8; 32]).open(counter_nonce(3), b"chunk a", &mut sealed.clone()).is_err());
        for bit in 0..sealed.len() * 8 {
            let mut flipped = sealed.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(cipher.open(counter_nonce(3), b"chunk a", &mut flipped).is_err(), "bit {bit}");
        }
    }

    #[test]
    fn too_short_to_hold_a_tag_is_unauthentic() {
        assert_eq!(Cipher::new(&[7; 32]).open([0; 12], b"", &mut [0; 15]), Err(Unauthentic));
    }
}
