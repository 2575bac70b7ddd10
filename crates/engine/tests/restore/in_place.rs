//! The whole root goes back to a backup, whatever has become of it.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use lifeboat_engine::report::*;
use lifeboat_engine::{Control, Engine};

use crate::support::*;

pub fn restore(bot: &Bot, backup: &str, options: RestoreOptions) -> lifeboat_engine::Result<RestoreResult> {
    Engine::new(bot.config.clone()).restore(&BackupRef::Name(backup.into()), &options, &Control::silent())
}

/// Does to a root what accidents and a week of work do.
pub fn wreck(bot: &Bot) {
    bot.write("config.json", b"{}");
    fs::remove_file(bot.path("uploads/reports/2026/11/T1/a.jpg")).unwrap();
    bot.write("uploads/reports/2026/11/T1/b.jpg", &noise(200_000, 9));
    bot.write("uploads/reports/2026/12/T2/new.jpg", &noise(1000, 3));
    fs::remove_dir_all(bot.path("database")).unwrap();
    // A link where the backup has a folder, a folder where it has a file, a file where it has a folder.
    fs::create_dir(bot.path("elsewhere")).unwrap();
    std::os::unix::fs::symlink("elsewhere", bot.path("database")).unwrap();
    fs::remove_file(bot.path("logs/out.log")).unwrap();
    bot.write("logs/out.log/inner.txt", b"x");
    fs::remove_dir(bot.path("uploads/teknisi")).unwrap();
    bot.write("uploads/teknisi", b"no folder");
    fs::remove_file(bot.path("config-link")).unwrap();
    std::os::unix::fs::symlink(".env", bot.path("config-link")).unwrap();
    bot.write("sessions/raf/pre-key-999.json", b"{}");
    fs::remove_file(bot.path("sessions/raf/pre-key-1.json")).unwrap();
    fs::set_permissions(bot.path(".env"), fs::Permissions::from_mode(0o644)).unwrap();
    bot.write("notes-of-mine.txt", b"unknown to the backup");
    let db = rusqlite::Connection::open(bot.path("database.sqlite")).unwrap();
    db.execute_batch("DELETE FROM saldo WHERE id > 10; CREATE TABLE other (x); VACUUM").unwrap();
}

#[test]
fn everything_goes_back_and_the_safety_backup_takes_it_all_back() {
    let bot = Bot::new();
    let before = tree(&bot.root());
    let backup = bot.backup(BackupType::Manual).backup;
    wreck(&bot);
    let wrecked = tree(&bot.root());

    // Through SQLite the bytes of the database would be others than those of the file that was backed up.
    let offline = RestoreOptions { mode: RestoreMode::Offline, ..RestoreOptions::default() };
    let result = restore(&bot, &backup, offline.clone()).unwrap();
    assert_eq!(result.mode, Some(RestoreMode::Offline));
    let mut expected = before.clone();
    // What the backup does not know stays, except in the session.
    for path in ["notes-of-mine.txt", "elsewhere", "uploads/reports/2026/12", "uploads/reports/2026/12/T2"] {
        expected.insert(path.into(), wrecked[std::path::Path::new(path)].clone());
    }
    let new = "uploads/reports/2026/12/T2/new.jpg";
    expected.insert(new.into(), wrecked[std::path::Path::new(new)].clone());
    assert_same_tree(&expected, &tree(&bot.root()));
    assert!(result.plan.remove.contains(&"sessions/raf/pre-key-999.json".to_string()), "{:?}", result.plan.remove);
    assert!(result.plan.create.contains(&"uploads/reports/2026/11/T1/a.jpg".to_string()));
    assert!(result.plan.replace.contains(&"database.sqlite".to_string()));
    assert!(result.plan.unchanged > 290, "{}", result.plan.unchanged);

    // Everything that was replaced comes back; mirrored are those categories that the first restore filled.
    let safety = result.safety_backup.unwrap();
    let mirror = vec![Category::Session, Category::Media, Category::Database, Category::Data, Category::Accounts];
    restore(&bot, &safety, RestoreOptions { mirror, ..offline }).unwrap();
    assert_same_tree(&wrecked, &tree(&bot.root()));
    assert!(bot.verify(true).ok);
}

#[test]
fn a_root_that_is_gone_comes_back() {
    let bot = Bot::new();
    let before = tree(&bot.root());
    let backup = bot.backup(BackupType::Manual).backup;
    fs::remove_dir_all(bot.root()).unwrap();
    fs::create_dir(bot.root()).unwrap();
    let result = restore(&bot, &backup, RestoreOptions::default()).unwrap();
    assert_same_tree(&before, &tree(&bot.root()));
    assert!(result.plan.replace.is_empty() && result.plan.remove.is_empty());
}

#[test]
fn nothing_is_done_where_nothing_differs() {
    let bot = Bot::new();
    let backup = bot.backup(BackupType::Manual).backup;
    let before = tree(&bot.root());
    let result = restore(&bot, &backup, RestoreOptions::default()).unwrap();
    assert!(result.restored.is_empty() && result.safety_backup.is_none(), "{result:?}");
    assert_same_tree(&before, &tree(&bot.root()));
    assert_eq!(bot.engine().list_backups(&ListFilter::default()).unwrap().len(), 1);
}

/// The vault without its lock and the catalog, which is a cache.
fn objects(bot: &Bot) -> std::collections::BTreeMap<std::path::PathBuf, Seen> {
    let mut objects = tree(&bot.vault());
    objects.retain(|path, _| path != "lock" && !path.to_string_lossy().starts_with("catalog"));
    objects
}

#[test]
fn a_dry_run_tells_the_same_plan_and_touches_nothing() {
    let bot = Bot::new();
    let backup = bot.backup(BackupType::Manual).backup;
    wreck(&bot);
    let (root, vault) = (tree(&bot.root()), objects(&bot));
    let dry = restore(&bot, &backup, RestoreOptions { dry_run: true, ..RestoreOptions::default() }).unwrap();
    assert_same_tree(&root, &tree(&bot.root()));
    assert_same_tree(&vault, &objects(&bot));
    assert!(dry.dry_run && dry.restored.is_empty());
    let real = restore(&bot, &backup, RestoreOptions::default()).unwrap();
    assert_eq!(dry.plan, real.plan);
}

#[test]
fn a_database_takes_its_journals_with_it() {
    let bot = Bot::empty();
    bot.database("database.sqlite", 100);
    let backup = bot.backup(BackupType::Manual).backup;
    // The database is lost, and stale files of it are left: they would be replayed over the restored one.
    fs::remove_file(bot.path("database.sqlite")).unwrap();
    for suffix in ["-wal", "-shm", "-journal"] {
        bot.write(&format!("database.sqlite{suffix}"), &noise(5000, 5));
    }
    restore(&bot, &backup, RestoreOptions::default()).unwrap();
    let names = fs::read_dir(bot.root()).unwrap().map(|entry| entry.unwrap().file_name());
    let databases: Vec<_> = names.filter(|name| name != ".lifeboat.json").collect();
    assert_eq!(databases, ["database.sqlite"]);
    let db = rusqlite::Connection::open(bot.path("database.sqlite")).unwrap();
    let sum: i64 = db.query_row("SELECT sum(jumlah) FROM saldo", [], |row| row.get(0)).unwrap();
    assert_eq!(sum, 100 * 101 / 2 * 1000);
}

#[test]
fn a_restore_without_a_safety_backup_makes_none() {
    let bot = Bot::new();
    let backup = bot.backup(BackupType::Manual).backup;
    wreck(&bot);
    let options = RestoreOptions { create_backup_first: false, ..RestoreOptions::default() };
    assert!(restore(&bot, &backup, options).unwrap().safety_backup.is_none());
    assert_eq!(bot.engine().list_backups(&ListFilter::default()).unwrap().len(), 1);
}

#[test]
fn another_file_system_inside_the_root_is_restored_too() {
    let bot = Bot::new();
    let disk = bot.path("uploads");
    let mount = |options: &str| {
        let status =
            std::process::Command::new("mount").args(["-t", "tmpfs", "-o", options, "tmpfs"]).arg(&disk).status();
        status.is_ok_and(|status| status.success())
    };
    let saved = bot.dir.path().join("saved");
    fs::rename(&disk, &saved).unwrap();
    fs::create_dir(&disk).unwrap();
    if !mount("size=8m") {
        eprintln!("not root: nothing can be mounted here, so this is not tested");
        return;
    }
    struct Unmount(std::path::PathBuf);
    impl Drop for Unmount {
        fn drop(&mut self) {
            let _ = std::process::Command::new("umount").arg("-l").arg(&self.0).status();
        }
    }
    let _unmount = Unmount(disk.clone());
    bot.write("uploads/reports/2026/11/T1/a.jpg", &noise(300_000, 1));
    bot.write("uploads/reports/2026/11/T1/b.jpg", &noise(140_000, 2));
    let before = tree(&bot.root());
    let backup = bot.backup(BackupType::Manual).backup;
    bot.write("uploads/reports/2026/11/T1/b.jpg", &noise(140_000, 7));
    fs::remove_file(bot.path("uploads/reports/2026/11/T1/a.jpg")).unwrap();
    bot.write("config.json", b"changed");
    restore(&bot, &backup, RestoreOptions::default()).unwrap();
    let mut after = tree(&bot.root());
    // The mount point's own time is that of the last thing that was done in it.
    after.insert("uploads".into(), before[std::path::Path::new("uploads")].clone());
    assert_same_tree(&before, &after);
}

/// Restores, and while that is about to replace the files, does `late`.
fn restore_while(bot: &Bot, backup: &str, mode: RestoreMode, late: impl Fn() + Send + Sync + 'static) -> RestoreResult {
    let options = RestoreOptions { mode, ..RestoreOptions::default() };
    let control = Control::new(move |progress| {
        if progress.phase == "replacing" {
            late();
        }
    });
    Engine::new(bot.config.clone()).restore(&BackupRef::Name(backup.into()), &options, &control).unwrap()
}

#[test]
fn what_an_app_writes_until_the_last_moment_is_in_the_safety_backup() {
    for (mode, pragmas) in [
        (RestoreMode::Offline, "PRAGMA user_version = 1"),
        (RestoreMode::Offline, "PRAGMA journal_mode = wal"),
        (RestoreMode::Live, "PRAGMA user_version = 1"),
        (RestoreMode::Live, "PRAGMA journal_mode = wal"),
    ] {
        let bot = Bot::new();
        let db = bot.path("database.sqlite");
        rusqlite::Connection::open(&db).unwrap().query_row(pragmas, [], |_| Ok(())).ok();
        let backup = bot.backup(BackupType::Manual).backup;
        wreck(&bot);
        let (config, photo, late_db) = (bot.path("config.json"), bot.path("uploads/reports/late.jpg"), db.clone());
        let result = restore_while(&bot, &backup, mode, move || {
            fs::write(&config, b"{\"late\":1}").unwrap();
            fs::write(&photo, b"unknown to all").unwrap();
            let db = rusqlite::Connection::open(&late_db).unwrap();
            db.execute_batch("PRAGMA wal_autocheckpoint = 0; INSERT INTO saldo VALUES (999999, 'late', 5)").unwrap();
            // A crash of the app leaves its log where it is.
            if mode == RestoreMode::Offline {
                std::mem::forget(db);
            }
        });
        let rows = |path: &std::path::Path| -> i64 {
            let db = rusqlite::Connection::open(path).unwrap();
            db.query_row("SELECT count(*) FROM saldo WHERE id = 999999", [], |row| row.get(0)).unwrap()
        };
        assert_eq!(rows(&db), 0);
        assert_eq!(fs::read(bot.path("uploads/reports/late.jpg")).unwrap(), b"unknown to all");
        let safety = bot.restore(&result.safety_backup.unwrap());
        assert_eq!(fs::read(safety.join("config.json")).unwrap(), b"{\"late\":1}");
        assert_eq!(rows(&safety.join("database.sqlite")), 1, "{mode:?} {pragmas}");
        assert_eq!(fs::read(safety.join("notes-of-mine.txt")).unwrap(), b"unknown to the backup");
        assert!(bot.verify(true).ok);
    }
}
