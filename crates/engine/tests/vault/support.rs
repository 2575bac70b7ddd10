//! A root, a vault, and a way to compare trees: what every test here starts with.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Command;

use lifeboat_engine::marriage::marker;
use lifeboat_engine::report::*;
use lifeboat_engine::{Config, Control, Engine, Result};
use tempfile::TempDir;

/// A folder to back up and a vault beside it, gone at the end of the test.
pub struct Bot {
    pub dir: TempDir,
    pub config: Config,
}

impl Bot {
    /// An empty root with an unencrypted vault: the same code as an encrypted one, without its 0.4 s.
    pub fn empty() -> Bot {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("root")).unwrap();
        let config = Config { backup_dir: dir.path().join("vault"), encryption: false, ..Config::default() };
        let config = config.resolved(&dir.path().join("root")).unwrap();
        Bot { dir, config }
    }

    /// A root with one of everything.
    pub fn new() -> Bot {
        let bot = Bot::empty();
        bot.write("config.json", br#"{"ownerNumber":["62811@s.whatsapp.net"]}"#);
        bot.write(".env", b"PORT=3000\n");
        bot.write("database/accounts.json", br#"[{"name":"Siti"}]"#);
        bot.write("sessions/raf/creds.json", br#"{"me":1}"#);
        for n in 0..300 {
            bot.write(&format!("sessions/raf/pre-key-{n}.json"), format!(r#"{{"key":{n}}}"#).as_bytes());
        }
        bot.write("uploads/reports/2026/11/T1/a.jpg", &noise(300_000, 1));
        bot.write("uploads/reports/2026/11/T1/b.jpg", &noise(140_000, 2));
        bot.write("logs/out.log", "pesan masuk dari pelanggan\n".repeat(300_000).as_bytes());
        bot.database("database.sqlite", 20_000);
        fs::create_dir_all(bot.path("uploads/teknisi")).unwrap();
        std::os::unix::fs::symlink("config.json", bot.path("config-link")).unwrap();
        fs::set_permissions(bot.path(".env"), fs::Permissions::from_mode(0o600)).unwrap();
        bot
    }

    pub fn root(&self) -> PathBuf {
        self.dir.path().join("root")
    }

    pub fn vault(&self) -> PathBuf {
        self.config.backup_dir.clone()
    }

    pub fn path(&self, path: &str) -> PathBuf {
        self.root().join(path)
    }

    pub fn write(&self, path: &str, bytes: &[u8]) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    /// A database in rollback mode with `rows` rows.
    pub fn database(&self, path: &str, rows: u32) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let db = rusqlite::Connection::open(path).unwrap();
        db.execute_batch(&format!(
            "CREATE TABLE saldo (id INTEGER PRIMARY KEY, nama TEXT, jumlah INTEGER);
             WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {rows})
             INSERT INTO saldo SELECT i, 'pelanggan ' || i, i * 1000 FROM n;"
        ))
        .unwrap();
    }

    pub fn engine(&self) -> Engine {
        Engine::new(self.config.clone())
    }

    pub fn backup(&self, kind: BackupType) -> BackupResult {
        self.try_backup(kind).unwrap()
    }

    pub fn try_backup(&self, kind: BackupType) -> Result<BackupResult> {
        self.engine().create_backup(kind, &BackupOptions::default(), &Control::silent())
    }

    /// Restores into a new folder, whose path is returned.
    pub fn restore(&self, backup: &str) -> PathBuf {
        self.try_restore(backup, &[]).unwrap()
    }

    pub fn try_restore(&self, backup: &str, items: &[&str]) -> Result<PathBuf> {
        let target = tempfile::Builder::new().prefix("out").tempdir_in(self.dir.path()).unwrap().keep();
        let items = items.iter().map(|item| item.to_string()).collect();
        let options = RestoreOptions { target: Some(target.clone()), items, ..RestoreOptions::default() };
        self.engine().restore(&BackupRef::Name(backup.into()), &options, &Control::silent())?;
        Ok(target)
    }

    pub fn verify(&self, deep: bool) -> VerifyReport {
        self.engine().verify(None, deep, &Control::silent()).unwrap()
    }

    /// Every object of the vault that a backup is made of, by its path inside the vault.
    pub fn objects(&self) -> Vec<PathBuf> {
        let mut found = Vec::new();
        for part in ["keys", "packs", "snapshots"] {
            walk(&self.vault().join(part), &mut found);
        }
        found.push(self.vault().join("vault.json"));
        found
    }

    pub fn packs(&self) -> Vec<PathBuf> {
        let mut found = Vec::new();
        walk(&self.vault().join("packs"), &mut found);
        found
    }
}

fn walk(dir: &Path, found: &mut Vec<PathBuf>) {
    let mut inner: Vec<_> = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    inner.sort();
    for path in inner {
        if path.is_dir() { walk(&path, found) } else { found.push(path) }
    }
}

/// Bytes that do not compress, the same for the same seed.
pub fn noise(len: usize, seed: u64) -> Vec<u8> {
    let mut bytes = vec![0; len];
    blake3::Hasher::new().update(&seed.to_le_bytes()).finalize_xof().fill(&mut bytes);
    bytes
}

/// What a path is, for a comparison: type, mode, modification time, and content or link target.
#[derive(Clone, Debug, PartialEq)]
pub struct Seen {
    pub mode: u32,
    pub mtime: (i64, i64),
    pub content: Option<[u8; 32]>,
    pub link: Option<PathBuf>,
}

/// Everything below `root`, by relative path, but for what says to which vault it belongs: no backup has that.
pub fn tree(root: &Path) -> BTreeMap<PathBuf, Seen> {
    let mut out = BTreeMap::new();
    let mut folders = vec![root.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let metadata = fs::symlink_metadata(&path).unwrap();
            let content = metadata.is_file().then(|| {
                let mut hasher = blake3::Hasher::new();
                std::io::copy(&mut fs::File::open(&path).unwrap(), &mut hasher).unwrap();
                *hasher.finalize().as_bytes()
            });
            let link = metadata.is_symlink().then(|| fs::read_link(&path).unwrap());
            let mode = if metadata.is_symlink() { 0 } else { metadata.mode() };
            let seen = Seen { mode, mtime: (metadata.mtime(), metadata.mtime_nsec()), content, link };
            out.insert(path.strip_prefix(root).unwrap().to_path_buf(), seen);
            if metadata.is_dir() {
                folders.push(path);
            }
        }
    }
    out.remove(Path::new(marker::FILE));
    out
}

/// As [`tree`], of a vault: without what it notes about what happened, and what SQLite lays beside a database to read it.
pub fn stored(vault: &Path) -> BTreeMap<PathBuf, Seen> {
    let is_note = |path: &Path| {
        let name = path.to_string_lossy();
        name.starts_with("logbook.sqlite") || name.ends_with("-shm") || name.ends_with("-wal")
    };
    let mut out = tree(vault);
    out.retain(|path, _| !is_note(path));
    out
}

/// Fails with the paths that differ, and not with megabytes of debug output.
#[track_caller]
pub fn assert_same_tree(expected: &BTreeMap<PathBuf, Seen>, actual: &BTreeMap<PathBuf, Seen>) {
    let paths: std::collections::BTreeSet<_> = expected.keys().chain(actual.keys()).collect();
    let different: Vec<_> = paths.into_iter().filter(|path| expected.get(*path) != actual.get(*path)).collect();
    assert!(different.is_empty(), "{} paths differ: {:?}", different.len(), &different[..different.len().min(10)]);
}

/// A small file system of its own, unmounted at the end.
pub struct SmallDisk(pub PathBuf);

impl SmallDisk {
    /// `options` are those of a tmpfs, such as `size=24m`.
    pub fn mount(dir: &Path, options: &str) -> SmallDisk {
        fs::create_dir(dir).unwrap();
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", options, "tmpfs"]).arg(dir).status();
        assert!(mounted.is_ok_and(|status| status.success()), "this test mounts a small tmpfs and needs root for it");
        SmallDisk(dir.to_path_buf())
    }

    /// As if somebody had tidied up.
    pub fn resize(&self, size: &str) {
        let resized = Command::new("mount").args(["-o", &format!("remount,size={size}")]).arg(&self.0).status();
        assert!(resized.unwrap().success());
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}
