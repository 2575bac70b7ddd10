//! The root is not ours alone: mounts in it, folders of other users, and whoever means us ill.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use lifeboat_engine::report::*;
use lifeboat_engine::restore::WORKSPACE;
use lifeboat_engine::{Control, Engine, Result};
use sha2::{Digest, Sha256};

use crate::in_place::restore;
use crate::support::*;

const NOBODY: u32 = 65534;

/// Unmounted at the end.
struct Mounted(PathBuf);

impl Mounted {
    fn bind(from: &Path, to: &Path) -> Mounted {
        let status = Command::new("mount").arg("--bind").args([from, to]).status();
        assert!(status.is_ok_and(|status| status.success()), "this test mounts something and needs root for it");
        Mounted(to.to_owned())
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

/// Runs `work` on a thread that is another user; the threads that it starts are, too.
fn as_user<T: Send>(uid: u32, work: impl FnOnce() -> T + Send) -> T {
    std::thread::scope(|scope| {
        let thread = scope.spawn(|| {
            // SAFETY: plain system calls, which change only this thread: libc's own would change the whole process.
            unsafe {
                assert_eq!(libc::syscall(libc::SYS_setgroups, 0, std::ptr::null::<u32>()), 0, "this test needs root");
                assert_eq!(libc::syscall(libc::SYS_setresgid, uid, uid, uid), 0);
                assert_eq!(libc::syscall(libc::SYS_setresuid, uid, uid, uid), 0);
            }
            work()
        });
        thread.join().unwrap()
    })
}

fn give_all(folder: &Path, uid: u32) {
    let status = Command::new("chown").arg("-hR").arg(format!("{uid}:{uid}")).arg(folder).status();
    assert!(status.unwrap().success());
}

fn offline() -> RestoreOptions {
    RestoreOptions { mode: RestoreMode::Offline, ..RestoreOptions::default() }
}

#[test]
fn a_file_that_is_a_mount_of_its_own_gets_its_content_in_place_and_back() {
    let bot = Bot::new();
    let outside = bot.dir.path().join("outside.json");
    fs::write(&outside, "[\"backed up\"]").unwrap();
    let _mounted = Mounted::bind(&outside, &bot.path("config.json"));
    let backup = bot.backup(BackupType::Manual).backup;
    bot.write("config.json", b"[\"longer than it was\", 2]");
    let result = restore(&bot, &backup, offline()).unwrap();
    assert_eq!(fs::read_to_string(&outside).unwrap(), "[\"backed up\"]");
    assert!(!bot.path(WORKSPACE).exists());
    let safety = bot.restore(&result.safety_backup.unwrap());
    assert_eq!(fs::read_to_string(safety.join("config.json")).unwrap(), "[\"longer than it was\", 2]");
}

#[test]
fn a_restore_that_fails_behind_a_mounted_file_gives_it_its_content_again() {
    let bot = Bot::new();
    let outside = bot.dir.path().join("outside.json");
    fs::write(&outside, "[\"backed up\"]").unwrap();
    bot.write("zone.json", b"{}");
    let _mounted = Mounted::bind(&outside, &bot.path("config.json"));
    let backup = bot.backup(BackupType::Manual).backup;
    bot.write("config.json", b"[1]");
    bot.write("zone.json", b"[]");
    let zone = bot.path("zone.json");
    let control = Control::new(move |progress| {
        if progress.phase == "replacing" {
            // A folder has come into the way of what is put there last.
            let _ = fs::remove_file(&zone).and_then(|()| fs::create_dir(&zone));
        }
    });
    let error = Engine::new(bot.config.clone()).restore(&BackupRef::Name(backup), &offline(), &control).unwrap_err();
    assert_eq!(error.code(), "E_ROLLED_BACK", "{error}");
    assert_eq!(fs::read_to_string(&outside).unwrap(), "[1]");
    assert!(bot.path("zone.json").is_dir());
    assert!(!bot.path(WORKSPACE).exists());
}

#[test]
fn a_folder_that_is_a_mount_of_the_same_disk_is_restored() {
    let bot = Bot::new();
    let volume = bot.dir.path().join("volume");
    fs::rename(bot.path("uploads"), &volume).unwrap();
    fs::create_dir(bot.path("uploads")).unwrap();
    let _mounted = Mounted::bind(&volume, &bot.path("uploads"));
    let backup = bot.backup(BackupType::Manual).backup;
    bot.write("uploads/reports/2026/11/T1/b.jpg", b"changed");
    fs::remove_file(bot.path("uploads/reports/2026/11/T1/a.jpg")).unwrap();
    bot.write("config.json", b"changed");
    restore(&bot, &backup, offline()).unwrap();
    let backed_up = bot.restore(&backup);
    for path in ["uploads/reports/2026/11/T1/a.jpg", "uploads/reports/2026/11/T1/b.jpg", "config.json"] {
        assert!(fs::read(bot.path(path)).unwrap() == fs::read(backed_up.join(path)).unwrap(), "{path}");
    }
    assert!(!bot.path("uploads").join(WORKSPACE).exists());
}

#[test]
fn a_mirror_leaves_what_is_mounted_and_says_so() {
    let bot = Bot::new();
    let backup = bot.backup(BackupType::Manual).backup;
    let outside = bot.dir.path().join("outside");
    fs::create_dir(&outside).unwrap();
    fs::write(outside.join("later.jpg"), "later").unwrap();
    for folder in ["uploads/new/disk", "uploads/plain"] {
        fs::create_dir_all(bot.path(folder)).unwrap();
    }
    bot.write("uploads/new/one.jpg", b"one");
    let _mounted = Mounted::bind(&outside, &bot.path("uploads/new/disk"));
    let result = restore(&bot, &backup, RestoreOptions { mirror: vec![Category::Media], ..offline() }).unwrap();
    assert!(!bot.path("uploads/new/one.jpg").exists() && !bot.path("uploads/plain").exists());
    // What lies in it is the app's as much as the rest.
    assert!(!outside.join("later.jpg").exists());
    let warned = result.warnings.iter().find(|warning| warning.path == "uploads/new/disk").unwrap();
    assert!(warned.message.contains("something is mounted here"), "{warned:?}");
    crate::undo::undo(&bot).unwrap();
    assert_eq!(fs::read(outside.join("later.jpg")).unwrap(), b"later");
    assert!(bot.path("uploads/plain").is_dir());
}

#[test]
fn where_something_is_mounted_in_what_has_to_go_nothing_is_begun() {
    let bot = Bot::new();
    bot.write("uploads/one", b"a file then");
    let backup = bot.backup(BackupType::Manual).backup;
    fs::remove_file(bot.path("uploads/one")).unwrap();
    fs::create_dir_all(bot.path("uploads/one/disk")).unwrap();
    let outside = bot.dir.path().join("outside");
    fs::create_dir(&outside).unwrap();
    let _mounted = Mounted::bind(&outside, &bot.path("uploads/one/disk"));
    let error = restore(&bot, &backup, RestoreOptions { dry_run: true, ..offline() }).unwrap_err();
    assert_eq!(error.code(), "E_RESTORE");
    assert!(error.to_string().contains("something is mounted at \"uploads/one/disk\""), "{error}");
}

#[test]
fn who_may_not_give_a_file_its_owner_is_told() {
    let bot = Bot::new();
    fs::set_permissions(bot.dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
    give_all(bot.dir.path(), NOBODY);
    chown(bot.path("config.json"), Some(0), Some(0)).unwrap();
    let backup = as_user(NOBODY, || bot.backup(BackupType::Manual).backup);
    fs::remove_file(bot.path("config.json")).unwrap();
    let result = as_user(NOBODY, || restore(&bot, &backup, offline())).unwrap();
    let warned = result.warnings.iter().find(|warning| warning.path == "config.json").unwrap();
    assert!(warned.message.starts_with("The owner could not be given back"), "{warned:?}");
}

/// A root of nobody's with a folder that is root's, with that mode, and a changed file in it.
fn with_a_folder_of_roots(mode: u32) -> (Bot, String) {
    let bot = Bot::new();
    fs::set_permissions(bot.dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
    give_all(bot.dir.path(), NOBODY);
    let backup = as_user(NOBODY, || bot.backup(BackupType::Manual).backup);
    bot.write("uploads/reports/2026/11/T1/b.jpg", b"changed");
    bot.write("config.json", b"changed");
    give_all(bot.dir.path(), NOBODY);
    let folder = bot.path("uploads/reports/2026/11/T1");
    chown(&folder, Some(0), Some(NOBODY)).unwrap();
    fs::set_permissions(&folder, fs::Permissions::from_mode(mode)).unwrap();
    (bot, backup)
}

#[test]
fn in_a_folder_of_another_user_files_come_back_and_what_may_not_be_set_is_a_warning() {
    for mode in [0o775, 0o755] {
        let (bot, backup) = with_a_folder_of_roots(mode);
        let result = as_user(NOBODY, || restore(&bot, &backup, offline())).unwrap();
        let backed_up = bot.restore(&backup);
        for path in ["uploads/reports/2026/11/T1/b.jpg", "config.json"] {
            assert!(fs::read(bot.path(path)).unwrap() == fs::read(backed_up.join(path)).unwrap(), "{mode:o}: {path}");
        }
        let warned = result.warnings.iter().any(|warning| warning.message.contains("could not be set"));
        // The folder's owner differs, and its mode does once: they are not theirs to set.
        assert!(warned, "{mode:o}: {:?}", result.warnings);
        assert!(!bot.path(WORKSPACE).exists());
        as_user(NOBODY, || bot.try_backup(BackupType::Manual)).unwrap();
    }
}

#[test]
fn what_may_not_be_changed_at_all_is_undone_and_blocks_no_backup() {
    let (bot, backup) = with_a_folder_of_roots(0o755);
    // A file that is gone cannot be made again there.
    fs::remove_file(bot.path("uploads/reports/2026/11/T1/a.jpg")).unwrap();
    let before = tree(&bot.root());
    let result = as_user(NOBODY, || restore(&bot, &backup, offline()));
    assert!(result.is_err());
    assert_same_tree(&before, &tree(&bot.root()));
    assert!(!bot.path(WORKSPACE).exists());
    as_user(NOBODY, || bot.try_backup(BackupType::Manual)).unwrap();
}

/// A workspace such as a bot's user, or whoever has taken over the bot, could make: its journal wants a set-uid shell and
/// a file outside of the root.
fn plant(bot: &Bot, outside: &Path) {
    bot.write("sh", b"#!/bin/sh\n");
    symlink(outside, bot.path("way")).unwrap();
    bot.write(&format!("{WORKSPACE}/new/way/cron"), b"* * * * * root id");
    let result = serde_json::to_value(RestoreResult::default()).unwrap();
    let lines = [
        serde_json::json!({ "format": "lifeboat restore journal", "version": 2, "result": result }),
        serde_json::json!({ "step": "put", "path": "way/cron", "replaces": false }),
        serde_json::json!({ "step": "describe", "path": "sh", "meta": { "mode": 0o4755, "uid": 0, "gid": 0, "mtime": [0, 0] } }),
    ];
    let mut journal: Vec<u8> = lines.iter().flat_map(|line| format!("{line}\n").into_bytes()).collect();
    let sha256 = hex::encode(Sha256::digest(&journal));
    journal.extend(format!("{{\"sha256\":\"{sha256}\"}}\n").into_bytes());
    bot.write(&format!("{WORKSPACE}/journal"), &journal);
    fs::set_permissions(bot.path(WORKSPACE), fs::Permissions::from_mode(0o700)).unwrap();
}

#[test]
fn root_does_not_do_what_a_workspace_of_somebody_else_says() {
    let bot = Bot::new();
    let outside = bot.dir.path().join("etc");
    fs::create_dir(&outside).unwrap();
    plant(&bot, &outside);
    give_all(&bot.root(), NOBODY);
    let status = bot.engine().status().unwrap();
    assert!(format!("{status:?}").contains("belongs to the user 65534"), "{status:?}");
    // A backup is made all the same, and says so.
    let result = bot.backup(BackupType::Manual);
    assert!(result.warnings.iter().any(|warning| warning.message.contains("belongs to the user 65534")));
    assert!(result.degraded);
    let error = restore(&bot, &result.backup, offline()).unwrap_err();
    assert!(error.to_string().contains("run Lifeboat as that user"), "{error}");
    let shell = fs::metadata(bot.path("sh")).unwrap();
    assert_eq!((shell.uid(), shell.mode() & 0o4000), (NOBODY, 0));
    assert_eq!(fs::read_dir(&outside).unwrap().count(), 0);
    // That is of this backup, and of no item in it: once it is mended, the next one is whole.
    fs::remove_dir_all(bot.path(WORKSPACE)).unwrap();
    fs::remove_file(bot.path("way")).unwrap();
    let next = bot.backup(BackupType::Hourly);
    assert!(!next.degraded, "{:?}", next.warnings);
}

#[test]
fn even_a_workspace_of_our_own_leads_through_no_link() {
    let bot = Bot::new();
    let outside = bot.dir.path().join("etc");
    fs::create_dir(&outside).unwrap();
    plant(&bot, &outside);
    bot.engine().list_backups(&ListFilter::default()).unwrap();
    assert_eq!(fs::read_dir(&outside).unwrap().count(), 0);
}

#[test]
fn a_folder_that_becomes_a_link_at_the_last_moment_is_not_written_through() {
    let bot = Bot::new();
    let backup = bot.backup(BackupType::Manual).backup;
    bot.write("uploads/reports/2026/11/T1/b.jpg", b"changed");
    let outside = bot.dir.path().join("outside");
    fs::create_dir(&outside).unwrap();
    fs::write(outside.join("b.jpg"), "of somebody else").unwrap();
    let (folder, way) = (bot.path("uploads/reports/2026/11/T1"), outside.clone());
    let control = Control::new(move |progress| {
        if progress.phase == "replacing" && !folder.is_symlink() {
            fs::rename(&folder, folder.with_extension("moved")).unwrap();
            symlink(&way, &folder).unwrap();
        }
    });
    let result = Engine::new(bot.config.clone()).restore(&BackupRef::Name(backup), &offline(), &control);
    assert!(result.is_err(), "{result:?}");
    assert_eq!(fs::read_to_string(outside.join("b.jpg")).unwrap(), "of somebody else");
    assert_eq!(fs::read_dir(&outside).unwrap().count(), 1);
}

#[test]
fn root_restores_in_a_root_of_somebody_else_in_every_mode() {
    for mode in [RestoreMode::Offline, RestoreMode::Live, RestoreMode::OnRestart] {
        let bot = Bot::new();
        give_all(&bot.root(), NOBODY);
        let backup = bot.backup(BackupType::Manual).backup;
        crate::in_place::wreck(&bot);
        give_all(&bot.root(), NOBODY);
        let options = RestoreOptions { mode, ..RestoreOptions::default() };
        let result = restore(&bot, &backup, options).unwrap();
        if result.staged {
            // It is for the app's own user to apply.
            let error = bot.engine().apply_pending_restore(&Control::silent()).unwrap_err();
            assert!(error.to_string().contains("run Lifeboat as that user"), "{error}");
            give_all(&bot.dir.path().join("vault"), NOBODY);
            fs::set_permissions(bot.dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
            chown(bot.dir.path(), Some(NOBODY), Some(NOBODY)).unwrap();
            let applied: Result<_> = as_user(NOBODY, || bot.engine().apply_pending_restore(&Control::silent()));
            assert!(applied.unwrap().is_some());
        }
        let backed_up = bot.restore(&backup);
        for path in ["config.json", "uploads/reports/2026/11/T1/a.jpg", "database/accounts.json"] {
            assert!(fs::read(bot.path(path)).unwrap() == fs::read(backed_up.join(path)).unwrap(), "{mode:?}: {path}");
            assert_eq!(fs::metadata(bot.path(path)).unwrap().uid(), NOBODY, "{mode:?}: {path}");
        }
        assert!(!bot.path(WORKSPACE).exists(), "{mode:?}");
    }
}
