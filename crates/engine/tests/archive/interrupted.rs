//! Exports and imports that do not end well: killed, cancelled, out of space. Nothing half-done is left to be believed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use lifeboat_engine::report::*;
use lifeboat_engine::{Config, Control, Engine};

use crate::support::*;

fn child(role: &str, root: &Path, vault: &Path, file: &Path) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args([&format!("interrupted::{role}"), "--exact", "--ignored", "--nocapture"])
        .env("TEST_ROOT", root)
        .env("TEST_VAULT", vault)
        .env("TEST_FILE", file)
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command
}

fn child_engine() -> (Engine, PathBuf) {
    let env = |name| PathBuf::from(std::env::var_os(name).expect("run by its parent only"));
    let config = Config { backup_dir: env("TEST_VAULT"), encryption: false, ..Config::default() };
    (Engine::new(config.resolved(&env("TEST_ROOT")).unwrap()), env("TEST_FILE"))
}

#[test]
#[ignore = "the child of a_killed_export"]
fn export_once() {
    let (engine, file) = child_engine();
    engine.export_backup("latest", &file, &ExportOptions::default(), &Control::silent()).unwrap();
}

#[test]
#[ignore = "the child of a_killed_import"]
fn import_once() {
    let (engine, file) = child_engine();
    engine.import_backup(&file, None, &Control::silent()).unwrap();
}

/// Some 60 MB, most of which do not compress.
fn large_bot() -> Bot {
    let bot = Bot::new();
    for n in 0..20 {
        bot.write(&format!("uploads/{n}.bin"), &noise(3_000_000, 1000 + n));
    }
    bot
}

#[test]
fn a_killed_export_leaves_nothing_and_a_killed_import_no_backup() {
    let bot = large_bot();
    let backup = bot.backup(BackupType::Manual).backup;
    let folder = bot.dir.path().join("archives");
    fs::create_dir(&folder).unwrap();
    let file = folder.join("a.tar.gz");
    let (mut cut, mut finished) = (0, 0);
    for round in 0..30 {
        let mut export = child("export_once", &bot.root(), &bot.vault(), &file).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(15 * round));
        export.kill().unwrap();
        export.wait().unwrap();
        let names: Vec<_> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        match names.as_slice() {
            [] => cut += 1,
            [name] if name == "a.tar.gz" => {
                finished += 1;
                fs::remove_file(&file).unwrap();
            }
            other => panic!("{other:?}"),
        }
    }
    assert!(cut > 3, "no export was cut off: {cut} of {}", cut + finished);
    bot.export(&backup, "archives/a.tar.gz", false);

    let expected = tree(&bot.root());
    let other = Bot::empty();
    let before = {
        other.write("mine", b"mine");
        other.backup(BackupType::Manual).backup
    };
    let (mut cut, mut finished) = (0, 0);
    for round in 0..30 {
        let mut import = child("import_once", &other.root(), &other.vault(), &file).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(15 * round));
        import.kill().unwrap();
        import.wait().unwrap();
        let names = other.names();
        assert!(names.contains(&before), "{names:?}");
        match names.len() {
            1 => cut += 1,
            2 => finished += 1,
            _ => panic!("{names:?}"),
        }
        assert!(other.verify(false).ok);
    }
    assert!(cut > 3, "no import was cut off: {cut} of {}", cut + finished);
    assert_eq!(other.import(&file).unwrap().backup, backup);
    assert_same_tree(&expected, &tree(&other.restore(&backup)));
    assert!(other.verify(true).ok);
    other.backup(BackupType::Hourly);
    assert_eq!(fs::read_dir(other.vault().join("tmp")).unwrap().count(), 0, "no debris");
}

/// A control that cancels once so many bytes have gone by.
fn cancelled_after(bytes: u64) -> Control {
    let slot = std::sync::Arc::new(std::sync::OnceLock::<Control>::new());
    let inner = slot.clone();
    let control = Control::new(move |progress| {
        if progress.bytes >= bytes {
            inner.get().unwrap().cancel();
        }
    });
    assert!(slot.set(control.clone()).is_ok());
    control
}

#[test]
fn what_is_cancelled_leaves_no_file_and_no_backup() {
    let bot = large_bot();
    let backup = bot.backup(BackupType::Manual).backup;
    let folder = bot.dir.path().join("archives");
    fs::create_dir(&folder).unwrap();
    for after in [0, 20_000_000] {
        let options = ExportOptions::default();
        let error = bot.engine().export_backup(&backup, &folder, &options, &cancelled_after(after)).unwrap_err();
        assert_eq!(error.code(), "E_ABORTED");
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 0);
    }
    let file = bot.export(&backup, "a.tar.gz", false);
    let other = Bot::empty();
    for after in [0, 20_000_000] {
        let error = other.engine().import_backup(&file, None, &cancelled_after(after)).unwrap_err();
        assert_eq!(error.code(), "E_ABORTED");
        assert!(other.names().is_empty());
        assert_eq!(fs::read_dir(other.vault().join("tmp")).unwrap().count(), 0);
    }
    other.import(&file).unwrap();
}

#[test]
fn a_full_disk_refuses_the_archive_and_the_import() {
    let bot = large_bot();
    let backup = bot.backup(BackupType::Manual).backup;
    let disk = SmallDisk::mount(&bot.dir.path().join("disk"), "size=24m");
    for encrypt in [false, true] {
        let bot = Bot { config: bot.config.clone(), dir: tempfile::tempdir().unwrap() };
        let bot = if encrypt { bot.with_passphrase("x") } else { bot };
        let options = ExportOptions { encrypt: Some(encrypt), ..ExportOptions::default() };
        let error = bot.engine().export_backup(&backup, &disk.0.join("a"), &options, &Control::silent()).unwrap_err();
        assert_eq!(error.code(), "E_NO_SPACE", "{error}");
        assert_eq!(fs::read_dir(&disk.0).unwrap().count(), 0);
    }
    let file = bot.export(&backup, "a.tar.gz", false);
    let mut other = Bot::empty();
    other.config.backup_dir = disk.0.join("vault");
    other.write("mine", b"mine");
    let mine = other.backup(BackupType::Manual).backup;
    assert_eq!(other.import(&file).unwrap_err().code(), "E_NO_SPACE");
    assert_eq!(other.names(), [mine]);
    assert!(other.verify(true).ok);
    disk.resize("128m");
    assert_eq!(other.import(&file).unwrap().backup, backup);
    assert_same_tree(&tree(&bot.root()), &tree(&other.restore(&backup)));
}
