//! The key files in `keys/`: the master key, wrapped once for each passphrase and key file that opens the vault.
//!
//! Changing a passphrase rewrites one small file; the data stays as it is. A wrong passphrase and a wrong key file
//! give the same answer, and nothing tells which part was wrong.

use std::fs;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::places::Places;
use super::{Cipher, hkdf, passphrase, random};
use crate::config::PASSPHRASE_FILE;
use crate::error::IoContext;
use crate::secret::{MasterKey, Secret};
use crate::vault::checked_json;
use crate::vault::durable;
use crate::{Error, Result};

/// What may open a vault.
#[derive(Clone, Debug, Default)]
pub struct Credentials {
    /// As it was given.
    pub passphrase: Option<Secret>,
    /// The 32 bytes of a key file.
    pub key_file: Option<MasterKey>,
    /// The master key itself, from a host that has opened the vault before.
    pub master: Option<MasterKey>,
    /// Where these were looked for, for an error.
    pub places: Places,
}

#[derive(Serialize, Deserialize)]
struct KeyFile {
    id: String,
    /// The vault's id: where `vault.json` is lost, it is still here.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    vault: String,
    kind: String,
    created: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    kdf: Option<Kdf>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    nonce: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    wrapped: Option<String>,
    /// Only in a vault that is not encrypted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    master: Option<MasterKey>,
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "name")]
enum Kdf {
    #[serde(rename = "scrypt")]
    Scrypt { n: u64, r: u32, p: u32, salt: String },
    #[serde(rename = "hkdf-sha256")]
    Hkdf { salt: String },
}

/// What scrypt is to cost (RFC 7914).
#[derive(Clone, Copy)]
pub struct Cost {
    pub log_n: u8,
    pub r: u32,
    pub p: u32,
}

impl Cost {
    /// N = 2^17, r = 8, p = 1: 128 MiB, about 0.4 s, and `recover.mjs` has it in Node.
    pub const OURS: Cost = Cost { log_n: 17, r: 8, p: 1 };

    /// What asks for more than this was not written by us: it would only eat the memory.
    pub fn is_sane(self) -> bool {
        let in_bounds = (1..=20).contains(&self.log_n) && (1..=16).contains(&self.r) && (1..=4).contains(&self.p);
        // RFC 7914: N < 2^(128 * r / 8).
        in_bounds && u32::from(self.log_n) < 16 * self.r
    }
}

/// The master key, opened by whatever of `credentials` fits.
pub struct Unlocked {
    pub master: MasterKey,
    /// It cost a key derivation, so it is worth keeping.
    pub by_passphrase: bool,
}

/// Opens the vault whose key files lie in `dir`.
///
/// `check` is the vault's [`key_check`]: a master key that does not give it belongs to another vault.
pub fn unlock(dir: &Path, vault_id: &[u8; 16], check: &str, credentials: &Credentials) -> Result<Unlocked> {
    let fits = |master: &MasterKey| key_check(master, vault_id) == check;
    let mut damaged = None;
    let mut files = Vec::new();
    for path in durable::list(dir)? {
        let Some(name) = path.file_name().and_then(|name| name.to_str()).filter(|name| name.ends_with(".json")) else {
            continue;
        };
        let object = format!("keys/{name}");
        let bytes = durable::read_small(&path, checked_json::MAX_LEN)?;
        match checked_json::from_bytes::<KeyFile>(&object, &bytes) {
            Ok(file) if object == format!("keys/{}.json", file.id) => files.push(file),
            Ok(_) => damaged = Some(Error::corrupt(object, "it has another key's name")),
            Err(error) => damaged = Some(error),
        }
    }
    let open = files.iter().filter(|file| file.kind == "none").filter_map(|file| file.master.as_ref());
    if let Some(master) = open.chain(&credentials.master).find(|master| fits(master)) {
        return Ok(Unlocked { master: master.clone(), by_passphrase: false });
    }
    // The cheap way first: a key file costs nothing, a passphrase 0.4 s.
    for file in &files {
        let (Some(key), Some(Kdf::Hkdf { salt })) = (&credentials.key_file, &file.kdf) else { continue };
        let wrapping = hkdf(key.expose(), &decode(&file.id, salt)?, "lifeboat v1 wrap");
        if let Some(master) = unwrap(file, &wrapping, vault_id)?.filter(fits) {
            return Ok(Unlocked { master, by_passphrase: false });
        }
    }
    let forms = credentials.passphrase.as_ref().map(passphrase::forms).unwrap_or_default();
    for (passphrase, file) in forms.iter().flat_map(|form| files.iter().map(move |file| (form, file))) {
        let Some(Kdf::Scrypt { n, r, p, salt }) = &file.kdf else { continue };
        let cost = Cost { log_n: n.checked_ilog2().unwrap_or(0) as u8, r: *r, p: *p };
        if !n.is_power_of_two() || !cost.is_sane() {
            return Err(Error::Format { message: format!("keys/{}.json asks for an absurd key derivation.", file.id) });
        }
        let wrapping = derive(passphrase, &decode(&file.id, salt)?, cost)?;
        if let Some(master) = unwrap(file, &wrapping, vault_id)?.filter(fits) {
            return Ok(Unlocked { master, by_passphrase: true });
        }
    }
    if let Some(error) = damaged {
        return Err(error);
    }
    if files.is_empty() {
        return Err(Error::corrupt("keys", "there is no key file in it"));
    }
    let places = credentials.places.told();
    Err(Error::Passphrase {
        hint: match (&credentials.passphrase, &credentials.key_file) {
            (None, None) => format!(
                "it is encrypted, and neither a passphrase nor a key file was given. Set BACKUP_PASSPHRASE or \
                 BACKUP_KEY_FILE, or put the passphrase into {PASSPHRASE_FILE}.{places}"
            ),
            _ => format!("the passphrase or key file does not fit.{places}"),
        },
    })
}

/// The ids of the vaults that the key files in this folder say they open: where `vault.json` is lost. Nothing proves them.
pub fn vaults_of(dir: &Path) -> Vec<String> {
    let read = |path: &std::path::PathBuf| {
        let bytes = durable::read_small(path, checked_json::MAX_LEN).ok()?;
        let file = checked_json::from_bytes::<KeyFile>("keys", &bytes).ok()?;
        Some(file.vault).filter(|vault| !vault.is_empty())
    };
    let mut ids: Vec<String> = durable::list(dir).unwrap_or_default().iter().filter_map(read).collect();
    ids.sort();
    ids.dedup();
    ids
}

/// Which of the key files in this folder are damaged, and how.
pub fn damaged(dir: &Path) -> Result<Vec<(String, String)>> {
    let mut damaged = Vec::new();
    let paths: Vec<_> =
        durable::list(dir)?.into_iter().filter(|path| path.extension() == Some("json".as_ref())).collect();
    for path in &paths {
        let object = format!("keys/{}", path.file_name().unwrap_or_default().to_string_lossy());
        let read = durable::read_small(path, checked_json::MAX_LEN);
        match read.and_then(|bytes| checked_json::from_bytes::<KeyFile>(&object, &bytes)) {
            Ok(_) => {}
            Err(Error::Corrupt { detail, .. }) => damaged.push((object, detail)),
            Err(Error::Io { source, .. }) => damaged.push((object, format!("it cannot be read: {source}"))),
            Err(error) => damaged.push((object, error.to_string())),
        }
    }
    if paths.is_empty() {
        damaged.push(("keys".into(), "there is no key file in it, without which nobody opens the vault".into()));
    }
    Ok(damaged)
}

/// Tells whether a master key is this vault's, and nothing about the key. Written in `vault.json`.
pub fn key_check(master: &MasterKey, vault_id: &[u8; 16]) -> String {
    hex::encode(&hkdf(master.expose(), vault_id, "lifeboat v1 check")[..16])
}

/// Adds a key file to `dir` for each of `credentials`; `encryption: false` stores the master key in the clear.
pub fn add(
    dir: &Path,
    vault_id: &[u8; 16],
    master: &MasterKey,
    credentials: &Credentials,
    encryption: bool,
) -> Result<()> {
    if !encryption {
        return write(dir, KeyFile { kind: "none".into(), master: Some(master.clone()), ..KeyFile::new(vault_id)? });
    }
    if let Some(passphrase) = &credentials.passphrase {
        let passphrase = &passphrase::for_sealing(passphrase)?;
        let salt = random::<32>()?;
        let cost = Cost::OURS;
        let wrapping = derive(passphrase, &salt, cost)?;
        let kdf = Kdf::Scrypt { n: 1 << cost.log_n, r: cost.r, p: cost.p, salt: BASE64.encode(salt) };
        write(
            dir,
            wrap(
                KeyFile { kind: "passphrase".into(), kdf: Some(kdf), ..KeyFile::new(vault_id)? },
                &wrapping,
                vault_id,
                master,
            )?,
        )?;
    }
    if let Some(key) = &credentials.key_file {
        let salt = random::<32>()?;
        let wrapping = hkdf(key.expose(), &salt, "lifeboat v1 wrap");
        let kdf = Kdf::Hkdf { salt: BASE64.encode(salt) };
        write(
            dir,
            wrap(
                KeyFile { kind: "keyfile".into(), kdf: Some(kdf), ..KeyFile::new(vault_id)? },
                &wrapping,
                vault_id,
                master,
            )?,
        )?;
    }
    Ok(())
}

impl KeyFile {
    fn new(vault_id: &[u8; 16]) -> Result<KeyFile> {
        Ok(KeyFile {
            id: hex::encode(random::<8>()?),
            vault: hex::encode(vault_id),
            kind: String::new(),
            created: jiff::Timestamp::now().as_millisecond(),
            kdf: None,
            nonce: None,
            wrapped: None,
            master: None,
        })
    }
}

fn write(dir: &Path, file: KeyFile) -> Result<()> {
    let path = dir.join(format!("{}.json", file.id));
    durable::write_private(&path, &checked_json::to_bytes(&file)?)
}

fn aad(vault_id: &[u8; 16], key_id: &str) -> String {
    format!("lifeboat key {} {key_id}", hex::encode(vault_id))
}

fn wrap(mut file: KeyFile, wrapping: &[u8; 32], vault_id: &[u8; 16], master: &MasterKey) -> Result<KeyFile> {
    let nonce = random::<12>()?;
    let mut wrapped = master.expose().to_vec();
    Cipher::new(wrapping).seal(nonce, aad(vault_id, &file.id).as_bytes(), &mut wrapped);
    file.nonce = Some(BASE64.encode(nonce));
    file.wrapped = Some(BASE64.encode(wrapped));
    Ok(file)
}

fn unwrap(file: &KeyFile, wrapping: &[u8; 32], vault_id: &[u8; 16]) -> Result<Option<MasterKey>> {
    let broken = || Error::Format { message: format!("keys/{}.json is not understood.", file.id) };
    let nonce = decode(&file.id, file.nonce.as_deref().ok_or_else(broken)?)?.try_into().map_err(|_| broken())?;
    let mut wrapped = Zeroizing::new(decode(&file.id, file.wrapped.as_deref().ok_or_else(broken)?)?);
    let opened = Cipher::new(wrapping).open(nonce, aad(vault_id, &file.id).as_bytes(), &mut wrapped);
    Ok(opened.ok().and_then(|master| <[u8; 32]>::try_from(&*master).ok()).map(MasterKey::new))
}

fn decode(id: &str, text: &str) -> Result<Vec<u8>> {
    BASE64.decode(text).map_err(|_| Error::Format { message: format!("keys/{id}.json holds bad base64.") })
}

/// 32 bytes from a passphrase, by scrypt.
pub fn derive(passphrase: &Secret, salt: &[u8], cost: Cost) -> Result<Zeroizing<[u8; 32]>> {
    let mut key = Zeroizing::new([0; 32]);
    let params = scrypt::Params::new(cost.log_n, cost.r, cost.p).map_err(|error| Error::internal(error.to_string()))?;
    scrypt::scrypt(passphrase.expose().as_bytes(), salt, &params, &mut *key)
        .map_err(|error| Error::internal(error.to_string()))?;
    Ok(key)
}

/// Reads a user's key file: exactly 32 bytes.
pub fn read_key_file(path: &Path) -> Result<MasterKey> {
    let unusable = |detail: String| Error::Config {
        message: format!(
            "The key file {} {detail}. It was made by `lifeboat init --key-file FILE` and must be kept as it is.",
            path.display()
        ),
    };
    let bytes = Zeroizing::new(fs::read(path).map_err(|error| unusable(format!("cannot be read: {error}")))?);
    let key: [u8; 32] =
        bytes.as_slice().try_into().map_err(|_| unusable(format!("has {} bytes instead of 32", bytes.len())))?;
    Ok(MasterKey::new(key))
}

/// Makes a user's key file: 32 random bytes, readable by nobody else.
pub fn make_key_file(path: &Path) -> Result<MasterKey> {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent).at("making the folder", parent)?;
    }
    let key = MasterKey::new(random()?);
    durable::write_private(path, key.expose())?;
    Ok(key)
}
