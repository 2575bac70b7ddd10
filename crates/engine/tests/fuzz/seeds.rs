//! The first inputs of each target: what a real vault, a real restore and a real archive consist of.

use std::fs;
use std::io::{Read, Write};
use std::path::Path;

use lifeboat_engine::operations::{AnyOperation, Restore};
use lifeboat_engine::path::RelPath;
use lifeboat_engine::report::*;
use lifeboat_engine::restore::journal::{RestoreJournal, Step};
use lifeboat_engine::seal::keyring::Credentials;
use lifeboat_engine::supervise::protocol::Request;
use lifeboat_engine::vault::Vault;
use lifeboat_engine::vault::name::BackupName;
use lifeboat_engine::vault::snapshot::Snapshot;
use lifeboat_engine::{Config, Control, Engine};

type Seeds = Vec<Vec<u8>>;

/// A seed is at most so long.
const LONGEST: usize = 20_000;

pub fn all() -> Vec<(&'static str, Seeds)> {
    let dir = tempfile::tempdir().unwrap();
    let (root, vault) = (dir.path().join("root"), dir.path().join("vault"));
    make_root(&root);
    let config = Config { backup_dir: vault.clone(), encryption: false, ..Config::default() }.resolved(&root).unwrap();
    let engine = Engine::new(config.clone());
    let backup = engine.create_backup(BackupType::Daily, &BackupOptions::default(), &Control::silent()).unwrap().backup;
    let opened = Vault::open(&vault, &Credentials::default()).unwrap();
    let mut snapshot = Snapshot::read(&opened, &backup.parse::<BackupName>().unwrap()).unwrap();
    // The corpus is the same wherever it is made.
    snapshot.root = "/srv/bot".into();
    let mut config = config;
    (config.root, config.backup_dir) = ("/srv/bot".into(), "/srv/bot/backups".into());
    let list = opened.reader().unwrap().get(snapshot.list.chunks[0]).unwrap();
    let file = |path: &Path| fs::read(path).map(|bytes| bytes[..bytes.len().min(LONGEST)].to_vec()).unwrap();
    let json = |value: &dyn erased::Json| value.bytes();
    let pack = walk(&vault.join("packs")).remove(0);
    let tar = neutral(exported(&engine, &backup, &dir.path().join("plain.tar.gz")), &root);
    let manifest = member_of(&tar);
    let mut header = b"LBSEAL\x01\x00\x01\x11\x08\x01".to_vec();
    header.resize(100, 7);
    vec![
        ("archive_header", vec![header]),
        ("archive_manifest", vec![manifest]),
        ("archive_member", vec![tar[..tar.len().min(LONGEST)].to_vec()]),
        ("catalog", vec![catalog(&vault)]),
        ("config", vec![br#"{"root":"/srv/bot","maxLocalStorage":"5GB","exclude":["*.tmp"]}"#.to_vec(), json(&config)]),
        ("description", vec![file(&vault.join("vault.json"))]),
        ("gzip", vec![gzip(&list), gzip(b""), gzip(&[0; 5000])]),
        ("item_list", vec![list.clone(), vec![7; 96]]),
        ("journal", vec![journal(dir.path()), json(&RestoreOptions::default()), br#"["uploads","a/b"]"#.to_vec()]),
        ("key_file", vec![file(&walk(&vault.join("keys"))[0])]),
        ("lock_holder", vec![file(&vault.join("lock"))]),
        ("names", vec![backup.into_bytes(), b"uploads/reports/2026/**/*.{jpg,png}".to_vec(), b"a/b/\xff".to_vec()]),
        ("pack", vec![file(&pack)]),
        ("pack_index", vec![[vec![1; 36], vec![100, 0, 0, 0], vec![2; 100]].concat()]),
        ("protocol", vec![json(&request(&config)), br#""cancel""#.to_vec(), br#"{"at":1}"#.to_vec()]),
        ("snapshot", vec![json(&snapshot), file(&vault.join("snapshots").join(&snapshot.backup))]),
        ("sqlite_header", vec![file(&root.join("database.sqlite"))[..4096].to_vec()]),
    ]
}

/// Anything that has a JSON form.
mod erased {
    pub trait Json {
        fn bytes(&self) -> Vec<u8>;
    }

    impl<T: serde::Serialize> Json for T {
        fn bytes(&self) -> Vec<u8> {
            serde_json::to_vec(self).unwrap()
        }
    }
}

fn make_root(root: &Path) {
    fs::create_dir_all(root.join("sessions/raf")).unwrap();
    fs::create_dir_all(root.join("uploads/empty")).unwrap();
    fs::write(root.join("config.json"), b"{}").unwrap();
    fs::write(root.join("uploads/photo.jpg"), vec![9; 3000]).unwrap();
    fs::write(root.join("sessions/raf/creds.json"), br#"{"me":1}"#).unwrap();
    #[cfg(unix)]
    std::os::unix::fs::symlink("config.json", root.join("link")).unwrap();
    let db = rusqlite::Connection::open(root.join("database.sqlite")).unwrap();
    db.execute_batch("CREATE TABLE saldo (id INTEGER PRIMARY KEY, nama TEXT); INSERT INTO saldo VALUES (1, 'Siti')")
        .unwrap();
}

fn walk(folder: &Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(walk(&path)) } else { found.push(path) }
    }
    found
}

/// The tar inside a plain archive.
fn exported(engine: &Engine, backup: &str, file: &Path) -> Vec<u8> {
    let options = ExportOptions { encrypt: Some(false), ..ExportOptions::default() };
    engine.export_backup(backup, file, &options, &Control::silent()).unwrap();
    let mut tar = Vec::new();
    flate2::read::MultiGzDecoder::new(fs::File::open(file).unwrap()).read_to_end(&mut tar).unwrap();
    tar
}

/// With another name for the root, of the same length.
fn neutral(mut bytes: Vec<u8>, root: &Path) -> Vec<u8> {
    let root = root.as_os_str().as_encoded_bytes();
    for at in 0..bytes.len() - root.len() {
        if bytes[at..].starts_with(root) {
            bytes[at + 1..at + root.len()].fill(b'x');
        }
    }
    bytes
}

/// Its first member, the manifest.
fn member_of(tar: &[u8]) -> Vec<u8> {
    let mut archive = tar::Archive::new(tar);
    for entry in archive.entries().unwrap() {
        let mut entry = entry.unwrap();
        if entry.header().entry_type().is_file() {
            let mut manifest = Vec::new();
            entry.read_to_end(&mut manifest).unwrap();
            return manifest;
        }
    }
    panic!("an archive without a manifest");
}

fn catalog(vault: &Path) -> Vec<u8> {
    // Without what is still in its log.
    let db = rusqlite::Connection::open(vault.join("catalog.sqlite")).unwrap();
    db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
    fs::read(vault.join("catalog.sqlite")).unwrap()
}

fn gzip(plain: &[u8]) -> Vec<u8> {
    let mut out = (plain.len() as u32).to_le_bytes().to_vec();
    let mut encoder = flate2::write::GzEncoder::new(&mut out, flate2::Compression::default());
    encoder.write_all(plain).unwrap();
    encoder.finish().unwrap();
    out
}

fn journal(dir: &Path) -> Vec<u8> {
    let path = |text: &str| RelPath::parse(text.as_bytes()).unwrap();
    let steps = vec![
        Step::Remove { path: path("a/b") },
        Step::MakeFolder { path: path("c") },
        Step::Put { path: path("c/d"), replaces: false, staged: None },
        Step::Database { path: path("database.sqlite") },
        Step::Describe { path: path("c"), was: None, meta: None },
    ];
    RestoreJournal { result: RestoreResult::default(), steps }.write(&dir.join("journal")).unwrap();
    fs::read(dir.join("journal")).unwrap()
}

fn request(config: &Config) -> Request {
    let operation =
        AnyOperation::Restore(Restore { backup: BackupRef::Name("latest".into()), options: RestoreOptions::default() });
    Request { config: config.clone(), environment: Default::default(), key: None, operation }
}
