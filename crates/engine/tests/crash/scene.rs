//! A root to which everything has happened that a restore has to undo, and how it looks before and after.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use lifeboat_engine::Engine;
use lifeboat_engine::report::*;
use lifeboat_engine::{Control, restore};
use rusqlite::Connection;
use tempfile::TempDir;

use crate::role::{Role, config};
use crate::support::{Seen, noise, tree};
use crate::trace::{self, Blow, Ended};

/// How a root looks. Databases by their content where SQLite has rewritten them, else by their bytes.
pub type Look = BTreeMap<PathBuf, (Option<Seen>, Option<String>)>;

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
        after(&root);
        let mut scene = Scene { folder, backup: backup.backup, mode, old: Look::new(), new: Look::new() };
        scene.old = scene.look(&root);
        let stage = scene.stage();
        let options = RestoreOptions { mode: stage.direct_mode(), ..RestoreOptions::default() };
        let backup = BackupRef::Name(scene.backup.clone());
        let result = stage.engine().restore(&backup, &options, &Control::silent()).unwrap();
        assert!(!result.plan.create.is_empty() && !result.plan.replace.is_empty() && !result.plan.remove.is_empty());
        let new = scene.look(&stage.root());
        drop(stage);
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
            let name = path.to_string_lossy().into_owned();
            let is_beside = ["-wal", "-shm", "-journal"].iter().any(|suffix| name.ends_with(suffix));
            if self.mode != RestoreMode::Live || !(name.ends_with(".sqlite") || is_beside) {
                look.insert(path, (Some(seen), None));
            } else if !is_beside {
                look.insert(path, (None, Some(content_of(&root.join(&name)))));
            }
        }
        look
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

    pub fn play(&self, role: Role, at: Option<(u64, Blow)>) -> Ended {
        trace::run(role.command(self.folder.path(), &self.scene.backup), at)
    }

    /// As [`Stage::play`], to the end. How many calls it makes.
    pub fn count(&self, role: Role) -> u64 {
        let ended = self.play(role, None);
        assert_eq!(ended.exit, Some(0), "{role:?}");
        ended.calls
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

    /// The restore can be done after all, and again.
    pub fn restores_at_last(&self, what: &str) {
        let options = RestoreOptions { mode: self.direct_mode(), ..RestoreOptions::default() };
        let backup = BackupRef::Name(self.scene.backup.clone());
        self.engine().restore(&backup, &options, &Control::silent()).unwrap();
        assert!(self.is_new(what));
        let tmp = self.folder.path().join("vault/tmp");
        assert_eq!(fs::read_dir(tmp).unwrap().count(), 0, "{what}: something is left in the vault");
    }
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
    let text = |sql: &str| -> String { db.query_row(sql, [], |row| row.get(0)).unwrap() };
    assert_eq!(text("PRAGMA integrity_check"), "ok");
    let schema = text("SELECT group_concat(name || sql) FROM (SELECT * FROM sqlite_schema ORDER BY name)");
    let rows = text("SELECT group_concat(id || ':' || nama || ':' || jumlah) FROM (SELECT * FROM saldo ORDER BY id)");
    format!("{} {} {rows}", text("PRAGMA journal_mode"), schema.replace('\n', " "))
}

pub fn content_of(path: &Path) -> String {
    content(&Connection::open(path).unwrap())
}
