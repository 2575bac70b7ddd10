//! Extended attributes, ACLs, owners and modes: what a file is besides its content comes back, or it is told.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};

use lifeboat_engine::Control;
use lifeboat_engine::report::*;
use serde_json::json;

use crate::forged::{forge, item};
use crate::look::*;
use crate::support::*;

/// A root where everything has something besides. These tests give files to others, and so need root.
fn adorned() -> Bot {
    let bot = Bot::new();
    set(&bot.path("config.json"), "user.note", b"important \0\xff");
    set(&bot.path("config.json"), "user.empty", b"");
    set(&bot.path("uploads/reports/2026/11/T1/a.jpg"), "user.from", b"62811");
    set(&bot.path("database.sqlite"), "user.kept", b"yes");
    set(&bot.path("logs/out.log"), ACL, &acl(7, 0));
    set(&bot.path("sessions"), DEFAULT_ACL, &acl(7, 5));
    set(&bot.path("sessions/raf/creds.json"), "user.device", b"7");
    bot.write("tool", b"#!/bin/sh\n");
    chown(bot.path("tool"), Some(1234), Some(4321)).unwrap();
    fs::set_permissions(bot.path("tool"), fs::Permissions::from_mode(0o6755)).unwrap();
    set(&bot.path("tool"), "security.capability", &[1, 0, 0, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    set(&bot.path("uploads/teknisi"), "user.folder", b"x");
    set(&bot.root(), "user.root", b"x");
    chown(bot.root(), Some(1234), Some(4321)).unwrap();
    fs::set_permissions(bot.root(), fs::Permissions::from_mode(0o2750)).unwrap();
    bot
}

/// Restores into a folder that is not there yet.
fn restore_anew(bot: &Bot, backup: &str, items: &[&str]) -> (std::path::PathBuf, RestoreResult) {
    let target = tempfile::Builder::new().prefix("new").tempdir_in(bot.dir.path()).unwrap().keep().join("target");
    let items = items.iter().map(|item| item.to_string()).collect();
    let options = RestoreOptions { target: Some(target.clone()), items, ..RestoreOptions::default() };
    let result = bot.engine().restore(&BackupRef::Name(backup.into()), &options, &Control::silent()).unwrap();
    (target, result)
}

#[test]
fn attributes_acls_capabilities_owners_and_the_root_itself_come_back() {
    let bot = adorned();
    let expected = besides(&bot.root());
    let result = bot.backup(BackupType::Manual);
    assert!(!result.degraded && result.warnings.is_empty(), "{:?}", result.warnings);
    assert_same_besides(&expected, &besides(&bot.root()));
    let (out, restored) = restore_anew(&bot, &result.backup, &[]);
    assert!(restored.warnings.is_empty(), "{:?}", restored.warnings);
    assert_same_besides(&expected, &besides(&out));
    // A backup that reads nothing again knows it all the same.
    let (out, _) = restore_anew(&bot, &bot.backup(BackupType::Hourly).backup, &[]);
    assert_same_besides(&expected, &besides(&out));
}

#[test]
fn an_incremental_backup_notices_an_attribute_that_changed() {
    let bot = adorned();
    bot.backup(BackupType::Manual);
    std::thread::sleep(std::time::Duration::from_millis(20));
    set(&bot.path("config.json"), "user.note", b"other");
    remove(&bot.path("uploads/reports/2026/11/T1/a.jpg"), "user.from");
    set(&bot.path("uploads/teknisi"), "user.folder", b"y");
    let expected = besides(&bot.root());
    let (out, _) = restore_anew(&bot, &bot.backup(BackupType::Hourly).backup, &[]);
    assert_same_besides(&expected, &besides(&out));
}

#[test]
fn diff_tells_a_changed_attribute_as_a_change_besides_the_content() {
    let bot = adorned();
    let backup = bot.backup(BackupType::Manual).backup;
    let diff = || {
        let report = bot.engine().diff(&BackupRef::Name(backup.clone()), None, &Control::silent()).unwrap();
        let changed = report.changed.into_iter().map(|change| (change.path, change.metadata_only));
        (changed.collect::<Vec<_>>(), report.added.len() + report.removed.len())
    };
    assert_eq!(diff(), (vec![], 0));
    set(&bot.path("config.json"), "user.note", b"other");
    remove(&bot.path("logs/out.log"), ACL);
    let changed = [("config.json".to_string(), true), ("logs/out.log".to_string(), true)];
    assert_eq!(diff(), (changed.to_vec(), 0));
}

/// ramfs has neither attributes nor ACLs.
#[test]
fn what_a_file_system_does_not_have_is_one_warning_with_a_count_and_an_acl_never_widens() {
    let bot = adorned();
    let backup = bot.backup(BackupType::Manual).backup;
    let disk = Ramfs::mount(&bot.dir.path().join("ram"));
    let target = disk.0.join("target");
    let options = RestoreOptions { target: Some(target.clone()), ..RestoreOptions::default() };
    let result = bot.engine().restore(&BackupRef::Name(backup), &options, &Control::silent()).unwrap();
    let warned: Vec<_> = result.warnings.iter().map(|warning| warning.message.as_str()).collect();
    assert_eq!(warned.len(), 3, "{warned:?}");
    assert!(warned[0].starts_with("The ACL") && warned[0].contains("of 1 more"), "{warned:?}");
    assert!(warned[1].starts_with("The capabilities"), "{warned:?}");
    assert!(warned[2].starts_with("An extended attribute") && warned[2].contains("of 6 more"), "{warned:?}");
    // Its group bits were the mask of its ACL, and its owning group had nothing.
    assert_eq!(bot.path("logs/out.log").metadata().unwrap().mode() & 0o777, 0o674);
    assert_eq!(target.join("logs/out.log").metadata().unwrap().mode() & 0o777, 0o604);
    assert_same_tree_but(&bot, &target, "logs/out.log");
}

fn assert_same_tree_but(bot: &Bot, target: &std::path::Path, other: &str) {
    let (mut expected, mut actual) = (tree(&bot.root()), tree(target));
    expected.remove(std::path::Path::new(other));
    actual.remove(std::path::Path::new(other));
    assert_same_tree(&expected, &actual);
}

struct Ramfs(std::path::PathBuf);

impl Ramfs {
    fn mount(dir: &std::path::Path) -> Ramfs {
        fs::create_dir(dir).unwrap();
        let mounted = std::process::Command::new("mount").args(["-t", "ramfs", "ramfs"]).arg(dir).status();
        assert!(mounted.is_ok_and(|status| status.success()), "this test mounts a ramfs and needs root for it");
        Ramfs(dir.to_path_buf())
    }
}

impl Drop for Ramfs {
    fn drop(&mut self) {
        let _ = std::process::Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[test]
fn a_folders_acl_is_not_handed_down_to_what_is_restored_into_it() {
    let bot = Bot::new();
    let expected = besides(&bot.root());
    let backup = bot.backup(BackupType::Manual).backup;
    let around = bot.dir.path().join("around");
    fs::create_dir(&around).unwrap();
    set(&around, DEFAULT_ACL, &acl(7, 7));
    let options = RestoreOptions { target: Some(around.join("target")), ..RestoreOptions::default() };
    bot.engine().restore(&BackupRef::Name(backup), &options, &Control::silent()).unwrap();
    assert_same_besides(&expected, &besides(&around.join("target")));
}

#[test]
fn one_file_of_a_folder_that_is_gone_brings_the_folders_owner_and_mode() {
    let bot = adorned();
    for folder in ["uploads/reports", "uploads/reports/2026"] {
        chown(bot.path(folder), Some(1234), Some(4321)).unwrap();
        fs::set_permissions(bot.path(folder), fs::Permissions::from_mode(0o700)).unwrap();
        set(&bot.path(folder), "user.folder", b"x");
    }
    let expected = besides(&bot.root());
    let backup = bot.backup(BackupType::Manual).backup;
    let file = "uploads/reports/2026/11/T1/a.jpg";
    let (out, _) = restore_anew(&bot, &backup, &[file]);
    let found = besides(&out);
    for folder in ["uploads", "uploads/reports", "uploads/reports/2026", "uploads/reports/2026/11/T1", file] {
        let folder = std::path::Path::new(folder);
        assert_eq!(found[folder], expected[folder], "{folder:?}");
    }
    // The target itself is nobody's root: only a part was asked for.
    assert_eq!(found[std::path::Path::new("")].owner, (0, 0));
}

#[test]
fn what_a_forged_list_wants_set_is_set_only_where_a_backup_keeps_it() {
    let bot = Bot::new();
    bot.backup(BackupType::Manual);
    let xattrs = json!([
        { "name": "trusted.overlay.opaque", "value": "eQ==" },
        { "name": "user.fine", "value": "eQ==" },
        { "name": "security.evil", "value": "eQ==" },
        { "name": "user.", "value": "eQ==" },
    ]);
    let backup = forge(&bot, b"", |_| vec![item("a", "file", json!({ "xattrs": xattrs }))]);
    let (out, result) = restore_anew(&bot, &backup, &[]);
    assert_eq!(attributes(&out.join("a")).into_keys().collect::<Vec<_>>(), ["user.fine"]);
    assert_eq!(result.warnings.len(), 1, "{:?}", result.warnings);
    for bad in [json!([{ "name": "user.x", "value": "***" }]), json!([{ "name": "user.\u{0}", "value": "" }])] {
        let backup = forge(&bot, b"", |_| vec![item("a", "file", json!({ "xattrs": bad }))]);
        assert_eq!(bot.try_restore(&backup, &[]).unwrap_err().code(), "E_FORMAT");
    }
}
