//! A root to which everything has happened that a restore has to undo, and how it looks before and after.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, lchown, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use lifeboat_engine::Engine;
use lifeboat_engine::report::*;
use lifeboat_engine::{Control, Error, restore};
use rusqlite::Connection;
use tempfile::TempDir;

use crate::role::{Role, config};
use crate::support::{Seen, noise, tree};
use crate::trace::{self, Blow, Ended};

/// How a root looks. Its own time is that of the workspace in it, and none of a restore's.
pub type Look = BTreeMap<PathBuf, Thing>;

#[derive(Clone, Debug, PartialEq)]
pub struct Thing {
    owner: (u32, u32),
    is: Is,
}

#[derive(Clone, Debug, PartialEq)]
enum Is {
    Plain(Seen),
    /// A database that SQLite has rewritten.
    Database(String),
}

pub const DATABASES: [&str; 2] = ["database.sqlite", "database/saldo.sqlite"];

pub struct Scene {
    folder: TempDir,
    pub backup: String,
    mode: RestoreMode,
    pub old: Look,
    pub new: Look,
}

/// A copy of the scene, to be played in once.
pub struct Stage<'a> {
    pub scene: &'a Scene,
    pub folder: TempDir,
}

impl Scene {
    pub fn new(mode: RestoreMode) -> Scene {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("root");
        before(&root);
        let engine = Engine::new(config(folder.path()));
        let backup = engine.create_backup(BackupType::Daily, &BackupOptions::default(), &Control::silent()).unwrap();
        let mut scene = Scene { folder, backup: backup.backup, mode, old: Look::new(), new: Look::new() };
        let backed_up = scene.look(&root);
        after(&root);
        scene.old = scene.look(&root);
        let stage = scene.stage();
        let backup = BackupRef::Name(scene.backup.clone());
        let result = stage.engine().restore(&backup, &options(stage.direct_mode()), &Control::silent()).unwrap();
        assert!(!result.plan.create.is_empty() && !result.plan.replace.is_empty() && !result.plan.remove.is_empty());
        let new = scene.look(&stage.root());
        drop(stage);
        // All of what was backed up, but that a database is one file now.
        for (path, thing) in backed_up.iter().filter(|(path, _)| !is_of_database(path)) {
            assert_eq!(new.get(path), Some(thing), "{}", path.display());
        }
        assert!(new.contains_key(Path::new("notes.txt")) && !new.contains_key(Path::new("sessions/raf/key-9.json")));
        scene.new = new;
        assert_ne!(scene.old, scene.new);
        scene
    }

    /// How a root looks now, without the vault.
    pub fn look(&self, root: &Path) -> Look {
        let mut look = Look::new();
        for (path, mut seen) in tree(root) {
            if self.mode == RestoreMode::Live && DATABASES.iter().any(|database| Path::new(database).starts_with(&path))
            {
                // Whoever opens a database in it makes files there.
                seen.mtime = (0, 0);
            }
            let absolute = root.join(&path);
            let metadata = absolute.symlink_metadata().unwrap();
            let owner = (metadata.uid(), metadata.gid());
            if self.mode != RestoreMode::Live || !is_of_database(&path) {
                look.insert(path, Thing { owner, is: Is::Plain(seen) });
            } else if path.extension() == Some("sqlite".as_ref()) {
                look.insert(path, Thing { owner, is: Is::Database(content_of(&absolute)) });
            }
        }
        look
    }

    /// The old and the new content of each database, where they are compared by that.
    pub fn contents(&self) -> impl Iterator<Item = &String> {
        self.old.values().chain(self.new.values()).filter_map(|thing| match &thing.is {
            Is::Database(content) => Some(content),
            Is::Plain(_) => None,
        })
    }

    pub fn stage(&self) -> Stage<'_> {
        let folder = tempfile::tempdir().unwrap();
        let status =
            Command::new("cp").arg("-a").arg(self.folder.path().join(".")).arg(folder.path()).status().unwrap();
        assert!(status.success());
        Stage { scene: self, folder }
    }
}

impl Stage<'_> {
    pub fn root(&self) -> PathBuf {
        self.folder.path().join("root")
    }

    pub fn engine(&self) -> Engine {
        Engine::new(config(self.folder.path()))
    }

    fn direct_mode(&self) -> RestoreMode {
        if self.scene.mode == RestoreMode::OnRestart { RestoreMode::Offline } else { self.scene.mode }
    }

    pub fn play(&self, role: Role, blows: &[(u64, Blow)]) -> Ended {
        trace::run(role.command(self.folder.path(), &self.scene.backup), blows)
    }

    /// The next start of anything of Lifeboat: the root is all old or all new, and nothing is left beside it.
    pub fn check(&self, what: &str) -> bool {
        self.engine().list_backups(&ListFilter::default()).unwrap();
        let is_new = self.is_new(what);
        assert!(!self.root().join(restore::WORKSPACE).exists(), "{what}: the workspace is left");
        self.check_vault(what);
        is_new
    }

    /// Whether the root is as the backup has it; it must be that, or as it was.
    pub fn is_new(&self, what: &str) -> bool {
        let mut now = self.scene.look(&self.root());
        now.retain(|path, _| !path.starts_with(restore::WORKSPACE));
        if now == self.scene.new {
            return true;
        }
        let from = |look: &Look| -> Vec<PathBuf> {
            let paths: std::collections::BTreeSet<_> = look.keys().chain(now.keys()).collect();
            paths.into_iter().filter(|path| look.get(*path) != now.get(*path)).cloned().collect()
        };
        assert!(
            now == self.scene.old,
            "{what}: a mixture\n  unlike the old: {:?}\n  unlike the new: {:?}",
            from(&self.scene.old),
            from(&self.scene.new)
        );
        false
    }

    fn check_vault(&self, what: &str) {
        let report = self.engine().verify(None, false, &Control::silent()).unwrap();
        assert!(report.ok, "{what}: {:?}", report.damaged);
    }

    /// The restore can be done after all, and again. The next backup removes what could not be removed before.
    pub fn restores_at_last(&self, what: &str) {
        let backup = BackupRef::Name(self.scene.backup.clone());
        let again = || self.engine().restore(&backup, &options(self.direct_mode()), &Control::silent());
        // Another case of this test has just forked: until its child becomes another program it has open what we have.
        let is_forked = |error: &Error| error.to_string().contains("is open in process");
        let mut restored = again();
        for _ in 0..20 {
            if !restored.as_ref().is_err_and(is_forked) {
                break;
            }
            std::thread::sleep(std::time::Duration::from_millis(50));
            restored = again();
        }
        restored.unwrap();
        assert!(self.is_new(what));
        self.engine().create_backup(BackupType::Manual, &BackupOptions::default(), &Control::silent()).unwrap();
        let tmp = self.folder.path().join("vault/tmp");
        assert_eq!(fs::read_dir(tmp).unwrap().count(), 0, "{what}: something is left in the vault");
    }
}

/// What is asked for.
pub fn options(mode: RestoreMode) -> RestoreOptions {
    RestoreOptions { mode, mirror: vec![Category::Session], watch: false, ..RestoreOptions::default() }
}

/// Is it a database, or a file beside one?
fn is_of_database(path: &Path) -> bool {
    path.to_string_lossy()
        .rsplit_once(".sqlite")
        .is_some_and(|(_, end)| ["", "-wal", "-shm", "-journal"].contains(&end))
}

fn write(root: &Path, path: &str, bytes: &[u8]) {
    let path = root.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, bytes).unwrap();
}

/// What is backed up.
fn before(root: &Path) {
    write(root, "config.json", br#"{"ownerNumber":[]}"#);
    write(root, ".env", b"PORT=3000\n");
    fs::set_permissions(root.join(".env"), fs::Permissions::from_mode(0o600)).unwrap();
    write(root, "uploads/a.jpg", &noise(150_000, 1));
    write(root, "uploads/b.jpg", &noise(1000, 2));
    write(root, "becomes-a-folder", b"file");
    write(root, "becomes-a-file/inner/deep.txt", b"deep");
    symlink("config.json", root.join("link")).unwrap();
    fs::create_dir_all(root.join("empty/folder")).unwrap();
    for n in 0..3 {
        write(root, &format!("sessions/raf/key-{n}.json"), format!("{{\"n\":{n}}}").as_bytes());
    }
    write(root, "same.txt", b"unchanged");
    write(root, "touched.txt", b"only its time changes");
    write(root, "restricted/nama aneh \u{e9}.txt", b"only its owner changes");
    fs::set_permissions(root.join("restricted"), fs::Permissions::from_mode(0o700)).unwrap();
    write(root, "uploads/reports/2026/11/T1/c.jpg", &noise(500, 4));
    database(&root.join("database.sqlite"), "");
    database(&root.join("database/saldo.sqlite"), "PRAGMA journal_mode = wal;");
}

/// What has become of it.
fn after(root: &Path) {
    write(root, "config.json", b"{}");
    fs::set_permissions(root.join(".env"), fs::Permissions::from_mode(0o644)).unwrap();
    fs::remove_file(root.join("uploads/a.jpg")).unwrap();
    write(root, "uploads/b.jpg", &noise(2000, 3));
    fs::remove_file(root.join("becomes-a-folder")).unwrap();
    write(root, "becomes-a-folder/x/y.txt", b"y");
    fs::remove_dir_all(root.join("becomes-a-file")).unwrap();
    write(root, "becomes-a-file", b"file");
    fs::remove_file(root.join("link")).unwrap();
    symlink(".env", root.join("link")).unwrap();
    fs::remove_dir_all(root.join("empty")).unwrap();
    fs::remove_file(root.join("sessions/raf/key-1.json")).unwrap();
    write(root, "sessions/raf/key-9.json", b"{}");
    write(root, "notes.txt", b"unknown to the backup");
    let touched = fs::File::options().write(true).open(root.join("touched.txt")).unwrap();
    touched.set_modified(std::time::SystemTime::UNIX_EPOCH).unwrap();
    // Only the superuser may do so; for others nothing changes.
    let _ = lchown(root.join("restricted/nama aneh \u{e9}.txt"), Some(1000), Some(1000));
    fs::set_permissions(root.join("restricted"), fs::Permissions::from_mode(0o755)).unwrap();
    fs::remove_dir_all(root.join("uploads/reports")).unwrap();
    for (name, pragma) in [("database.sqlite", "delete"), ("database/saldo.sqlite", "wal")] {
        let db = Connection::open(root.join(name)).unwrap();
        db.query_row(&format!("PRAGMA journal_mode = {pragma}"), [], |_| Ok(())).unwrap();
        db.execute_batch(
            "UPDATE saldo SET jumlah = 0 WHERE id % 2; CREATE TABLE later (x); DELETE FROM saldo WHERE id > 90",
        )
        .unwrap();
    }
}

fn database(path: &Path, pragmas: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let db = Connection::open(path).unwrap();
    db.execute_batch(&format!(
        "{pragmas} CREATE TABLE saldo (id INTEGER PRIMARY KEY, nama TEXT, jumlah INTEGER);
         WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100)
         INSERT INTO saldo SELECT i, hex(zeroblob(100)), i * 1000 FROM n;"
    ))
    .unwrap();
}

/// Everything that a database says when it is asked, in one line.
pub fn content(db: &Connection) -> String {
    db.busy_timeout(std::time::Duration::from_secs(10)).unwrap();
    // One instant.
    let db = db.unchecked_transaction().unwrap();
    let text = |sql: &str| -> String { db.query_row(sql, [], |row| row.get(0)).unwrap() };
    assert_eq!(text("PRAGMA integrity_check"), "ok");
    let schema = text("SELECT group_concat(name || sql) FROM (SELECT * FROM sqlite_schema ORDER BY name)");
    let rows = text("SELECT group_concat(id || ':' || nama || ':' || jumlah) FROM (SELECT * FROM saldo ORDER BY id)");
    format!("{} {} {rows}", text("PRAGMA journal_mode"), schema.replace('\n', " "))
}

pub fn content_of(path: &Path) -> String {
    content(&Connection::open(path).unwrap())
}
