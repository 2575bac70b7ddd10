//! One function for each structure that is read from a disk, a pipe or a stranger. None of them may panic, hang, or take
//! memory that the input does not pay for; and no path that comes out of one may lead out of a folder.
//!
//! `fuzz/` runs them under libFuzzer, `main.rs` here runs them in CI.

use std::fs;
use std::path::Path;
use std::sync::OnceLock;

use lifeboat_engine::archive::{manifest, member, seal};
use lifeboat_engine::capture::rules;
use lifeboat_engine::capture::selection::Selection;
use lifeboat_engine::capture::sqlite::is_database;
use lifeboat_engine::chunk::gzip::Inflater;
use lifeboat_engine::config::Config;
use lifeboat_engine::path::RelPath;
use lifeboat_engine::report::{BackupRef, Category, RestoreOptions};
use lifeboat_engine::restore::journal::RestoreJournal;
use lifeboat_engine::seal::keyring::Credentials;
use lifeboat_engine::supervise::protocol::{Request, Signal, WorkerAnswer};
use lifeboat_engine::supervise::question;
use lifeboat_engine::vault::catalog::Catalog;
use lifeboat_engine::vault::item::Item;
use lifeboat_engine::vault::name::BackupName;
use lifeboat_engine::vault::pack::{PackCipher, PackEntry, PackId};
use lifeboat_engine::vault::snapshot::Snapshot;
use lifeboat_engine::vault::{Vault, list, lock};
use lifeboat_engine::{Error, restore};
use serde_json::Value;
use sha2::{Digest, Sha256};
use tempfile::TempDir;

pub type Target = fn(&[u8]);

/// All of them, by the name of their corpus.
pub const TARGETS: [(&str, Target); 17] = [
    ("archive_header", archive_header),
    ("archive_manifest", archive_manifest),
    ("archive_member", archive_member),
    ("catalog", catalog),
    ("config", config),
    ("description", description),
    ("gzip", gzip),
    ("item_list", item_list),
    ("journal", journal),
    ("key_file", key_file),
    ("lock_holder", lock_holder),
    ("names", names),
    ("pack", pack),
    ("pack_index", pack_index),
    ("protocol", protocol),
    ("snapshot", snapshot),
    ("sqlite_header", sqlite_header),
];

/// A vault whose objects are replaced, for what is only read from a folder.
fn vault() -> &'static (TempDir, Vault) {
    static VAULT: OnceLock<(TempDir, Vault)> = OnceLock::new();
    VAULT.get_or_init(|| {
        let dir = tempfile::tempdir().unwrap();
        let vault = Vault::create(dir.path(), &Credentials::default(), false).unwrap();
        (dir, vault)
    })
}

fn checked(path: &RelPath) {
    let path = path.under(Path::new("root"));
    assert!(path.starts_with("root") && !path.components().any(|part| part == std::path::Component::ParentDir));
}

/// JSON with the checksum that belongs to it: what a damaged disk cannot make, and an attacker can.
fn with_checksum(data: &[u8]) -> Option<Vec<u8>> {
    const FIELD: &str = "\"sha256\": \"";
    let mut value: Value = serde_json::from_slice(data).ok()?;
    value.as_object_mut()?.insert("sha256".into(), "0".repeat(64).into());
    let text = serde_json::to_string_pretty(&value).ok()? + "\n";
    let at = text.find(FIELD)? + FIELD.len();
    let digest = hex::encode(Sha256::digest(&text));
    Some([&text[..at], &digest, &text[at + 64..]].concat().into_bytes())
}

pub fn description(data: &[u8]) {
    let dir = tempfile::tempdir().unwrap();
    for bytes in [Some(data.to_vec()), with_checksum(data)].into_iter().flatten() {
        fs::write(dir.path().join("vault.json"), bytes).unwrap();
        let _ = Vault::open(dir.path(), &Credentials::default());
    }
}

pub fn key_file(data: &[u8]) {
    let (dir, vault) = vault();
    let keys = tempfile::tempdir().unwrap();
    fs::copy(dir.path().join("vault.json"), keys.path().join("vault.json")).unwrap();
    fs::create_dir(keys.path().join("keys")).unwrap();
    for bytes in [Some(data.to_vec()), with_checksum(data)].into_iter().flatten() {
        fs::write(keys.path().join("keys/1.json"), bytes).unwrap();
        // Only whoever has the master key may open it.
        if let Ok(opened) = Vault::open(keys.path(), &Credentials::default()) {
            assert_eq!(opened.id(), vault.id());
        }
    }
}

pub fn snapshot(data: &[u8]) {
    let (dir, vault) = vault();
    let name: BackupName = "backup_DAILY_2026-11-23T02-00-00-000Z".parse().unwrap();
    // As it lies on the disk, and as it is once it has been opened.
    fs::write(dir.path().join("snapshots").join(name.as_str()), data).unwrap();
    let _ = Snapshot::read(vault, &name);
    if let Ok(snapshot) = serde_json::from_slice::<Snapshot>(data) {
        let _ = serde_json::to_string(&snapshot.info());
        let mut reader = vault.reader().unwrap();
        assert!(list::ListReader::forwards(&mut reader, &snapshot.list).take(100).all(|item| item.is_err()));
    }
}

pub fn item_list(data: &[u8]) {
    let _ = list::ids(data);
    for item in list::parse(data, true).unwrap_or_default() {
        if let Ok(path) = item.rel_path() {
            checked(&path);
            let _ =
                Selection::new(&["*.json".into(), "media".into()], |_| Ok(None)).unwrap().takes(&path, item.category);
        }
        let _ = (item.link_target(), item.info(), item.content(), item.named_chunks().count());
        let again: Item = serde_json::from_slice(&serde_json::to_vec(&item).unwrap()).unwrap();
        assert_eq!(serde_json::to_vec(&again).unwrap(), serde_json::to_vec(&item).unwrap());
    }
}

pub fn pack(data: &[u8]) {
    let (dir, vault) = vault();
    let path = dir.path().join("tmp/fuzzed");
    fs::write(&path, data).unwrap();
    let cipher = PackCipher::new(vault.keys(), PackId([7; 32]));
    if let Ok(entries) = cipher.read_index(&fs::File::open(&path).unwrap()) {
        assert!(entries.iter().all(|entry| entry.offset + u64::from(entry.sealed) <= data.len() as u64));
    }
}

/// A pack that was sealed with the right key, and whose index says whatever it likes.
pub fn pack_index(data: &[u8]) {
    let (dir, vault) = vault();
    let cipher = PackCipher::new(vault.keys(), PackId([7; 32]));
    let word = |bytes: &[u8]| u32::from_le_bytes(bytes.try_into().unwrap());
    let (entries, chunks) = data.split_at(data.len() / 2);
    let entries: Vec<PackEntry> = (0..)
        .zip(entries.chunks_exact(40))
        .map(|(ordinal, bytes)| PackEntry {
            id: lifeboat_engine::chunk::ChunkId(bytes[..32].try_into().unwrap()),
            ordinal,
            offset: 0,
            sealed: word(&bytes[32..36]),
            plain: word(&bytes[36..]),
        })
        .collect();
    let mut bytes = cipher.header().to_vec();
    bytes.extend_from_slice(chunks);
    bytes.extend(cipher.tail(&entries, bytes.len() as u64));
    let path = dir.path().join("tmp/fuzzed-index");
    fs::write(&path, &bytes).unwrap();
    if let Ok(entries) = cipher.read_index(&fs::File::open(&path).unwrap()) {
        assert!(entries.iter().all(|entry| entry.offset + u64::from(entry.sealed) <= bytes.len() as u64));
    }
}

/// The first four bytes say how long the content is to be.
pub fn gzip(data: &[u8]) {
    let Some((length, member)) = data.split_first_chunk() else { return };
    let length = u32::from_le_bytes(*length) as usize;
    if let Some(plain) = Inflater::default().plain(member, length) {
        assert_eq!(plain.len(), length);
    }
}

pub fn catalog(data: &[u8]) {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("catalog.sqlite"), data).unwrap();
    if let Some(catalog) = Catalog::open_read_only(dir.path()) {
        let _ = (catalog.all_packs(), catalog.backups(), catalog.complete());
        let _ = catalog.places(lifeboat_engine::chunk::ChunkId([1; 32]));
    }
    match Catalog::open(dir.path()) {
        Ok(catalog) => drop((catalog.all_packs(), catalog.backups())),
        Err(error) => assert_ne!(error.code(), "E_PASSPHRASE", "{error}"),
    }
}

/// The journal of a restore, and what else lies in its workspace.
pub fn journal(data: &[u8]) {
    let end = serde_json::json!({ "sha256": hex::encode(Sha256::digest(data)) });
    let sealed = [data, end.to_string().as_bytes(), b"\n"].concat();
    for bytes in [data, &sealed] {
        if let Ok(journal) = RestoreJournal::parse(bytes) {
            for step in &journal.steps {
                let step = serde_json::to_value(step).unwrap();
                checked(&serde_json::from_value(step["path"].clone()).unwrap());
            }
        }
    }
    for path in serde_json::from_slice::<Vec<RelPath>>(data).unwrap_or_default() {
        checked(&path);
    }
    if let Ok(options) = serde_json::from_slice::<RestoreOptions>(data) {
        let _ = restore::check_options(&options);
    }
}

pub fn config(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    match Config::from_json(text, Path::new("/srv/bot")) {
        Ok(config) => {
            assert!(config.root.is_absolute() && config.backup_dir.is_absolute());
            let _ = rules::Rules::new(&config);
        }
        Err(error) => assert_eq!(error.code(), "E_CONFIG", "{error}"),
    }
}

/// Names of backups, paths, patterns.
pub fn names(data: &[u8]) {
    if let Ok(path) = RelPath::parse(data) {
        checked(&path);
    }
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Ok(name) = text.parse::<BackupName>() {
        assert_eq!(name.as_str(), text);
        assert!(!text.contains('/'));
    }
    if let Ok(selection) = Selection::new(&[text.to_owned()], |_| Ok(None)) {
        let _ = selection.takes(&RelPath::parse(b"uploads/reports/2026/11/a.jpg").unwrap(), Category::Media);
    }
    let _ = rules::globs(&[text]);
}

pub fn protocol(data: &[u8]) {
    let _ = serde_json::from_slice::<Request>(data);
    let _ = serde_json::from_slice::<Signal>(data);
    let _ = serde_json::from_slice::<WorkerAnswer>(data);
    let _ = serde_json::from_slice::<BackupRef>(data);
    let _ = serde_json::from_slice::<question::Question>(data);
    let _ = serde_json::from_slice::<question::ClerkLine<'_>>(data);
}

pub fn archive_header(data: &[u8]) {
    if let Some(header) = data.first_chunk::<{ seal::HEADER }>() {
        // Without a key: what is absurd is refused before any memory is taken.
        let credentials = Credentials::default();
        assert!(seal::Seal::open(*header, "x", &credentials).is_err());
    }
}

pub fn archive_manifest(data: &[u8]) {
    let wrap = |error: std::io::Error| Error::Source { message: error.to_string(), source: None };
    let mut lines = manifest::Lines::new(data, "x");
    let _ = lines.facts(wrap);
    while let Ok(Some(line)) = lines.next(wrap) {
        let _ = line.members();
        if let Ok(path) = line.item.rel_path() {
            checked(&path);
        }
    }
}

pub fn archive_member(data: &[u8]) {
    let mut archive = tar::Archive::new(data);
    let Ok(entries) = archive.entries() else { return };
    let mut entries = entries.raw(true);
    for _ in 0..1000 {
        let Ok(Some((_, mut entry))) = member::next(&mut entries) else { return };
        let _ = std::io::copy(&mut entry, &mut std::io::sink());
    }
}

pub fn lock_holder(data: &[u8]) {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("lock"), data).unwrap();
    let held = fs::File::open(dir.path().join("lock")).unwrap();
    held.lock().unwrap();
    assert!(lock::holder(dir.path()).is_some());
}

pub fn sqlite_header(data: &[u8]) {
    let Some(bytes) = data.first_chunk::<100>() else { return };
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("a");
    fs::write(&file, data).unwrap();
    let _ = (is_database(data), restore::live::check(&file), restore::live::check_fit(&file, bytes));
}
