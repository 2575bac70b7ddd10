//! What a restore in place refuses, and what it leaves behind then: nothing.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use lifeboat_engine::report::*;
use lifeboat_engine::{Control, Engine};

use crate::in_place::{restore, wreck};
use crate::support::*;

#[track_caller]
fn refused(bot: &Bot, backup: &str, options: RestoreOptions, code: &str) -> String {
    let before = tree(&bot.root());
    let error = restore(bot, backup, options).unwrap_err();
    assert_eq!(error.code(), code, "{error}");
    assert_same_tree(&before, &tree(&bot.root()));
    error.to_string()
}

#[test]
fn a_missing_pack_is_found_before_anything_is_touched() {
    let bot = Bot::new();
    let backup = bot.backup(BackupType::Manual).backup;
    wreck(&bot);
    for pack in bot.packs() {
        fs::rename(&pack, bot.dir.path().join("away")).unwrap();
        let message = refused(&bot, &backup, RestoreOptions::default(), "E_CORRUPT");
        assert!(message.contains(&backup), "{message}");
        fs::rename(bot.dir.path().join("away"), &pack).unwrap();
    }
}

#[test]
fn a_damaged_chunk_removes_what_was_staged() {
    let bot = Bot::new();
    let backup = bot.backup(BackupType::Manual).backup;
    wreck(&bot);
    fs::remove_file(bot.path("database.sqlite")).unwrap();
    for pack in bot.packs() {
        let whole = fs::read(&pack).unwrap();
        let mut bytes = whole.clone();
        let middle = bytes.len() / 3;
        bytes[middle..middle + 64].fill(0);
        fs::write(&pack, bytes).unwrap();
        let before = tree(&bot.root());
        if let Err(error) = restore(&bot, &backup, RestoreOptions::default()) {
            assert_eq!(error.code(), "E_CORRUPT", "{error}");
            assert_same_tree(&before, &tree(&bot.root()));
        }
        fs::write(&pack, whole).unwrap();
    }
}

#[test]
fn what_the_safety_backup_would_not_hold_is_not_replaced() {
    let bot = Bot::new();
    let backup = bot.backup(BackupType::Manual).backup;
    bot.write("config.json", b"{}");
    let mut config = bot.config.clone();
    config.exclude = vec!["config.json".into()];
    let engine = lifeboat_engine::Engine::new(config);
    let name = BackupRef::Name(backup);
    let error = engine.restore(&name, &RestoreOptions::default(), &Control::silent()).unwrap_err();
    assert_eq!(error.code(), "E_RESTORE");
    assert!(error.to_string().contains("config.json"), "{error}");
    assert_eq!(fs::read(bot.path("config.json")).unwrap(), b"{}");
    let options = RestoreOptions { create_backup_first: false, ..RestoreOptions::default() };
    engine.restore(&name, &options, &Control::silent()).unwrap();
    assert_ne!(fs::read(bot.path("config.json")).unwrap(), b"{}");
}

#[test]
fn options_that_do_not_go_together_are_refused() {
    let bot = Bot::new();
    let backup = bot.backup(BackupType::Manual).backup;
    refused(&bot, &backup, RestoreOptions { per_item: true, ..RestoreOptions::default() }, "E_CONFIG");
    refused(&bot, &backup, RestoreOptions { salvage: true, ..RestoreOptions::default() }, "E_CONFIG");
}

#[test]
fn a_link_that_leads_out_is_restored_only_where_it_is_wanted() {
    let bot = Bot::new();
    std::os::unix::fs::symlink("/etc", bot.path("out")).unwrap();
    std::os::unix::fs::symlink("../..", bot.path("uploads/up")).unwrap();
    let backup = bot.backup(BackupType::Manual).backup;
    bot.write("config.json", b"{}");
    // They are there as the backup has them: nothing leads anywhere new.
    restore(&bot, &backup, RestoreOptions::default()).unwrap();
    fs::remove_file(bot.path("uploads/up")).unwrap();
    let message = refused(&bot, &backup, RestoreOptions::default(), "E_UNSAFE_PATH");
    assert!(message.contains("uploads/up") && message.contains("--allow-outside-links"), "{message}");
    let options = RestoreOptions { allow_outside_links: true, ..RestoreOptions::default() };
    restore(&bot, &backup, options).unwrap();
    assert_eq!(fs::read_link(bot.path("uploads/up")).unwrap(), std::path::Path::new("../.."));
}

#[test]
fn a_socket_in_the_way_is_left_alone() {
    let bot = Bot::new();
    let backup = bot.backup(BackupType::Manual).backup;
    fs::remove_file(bot.path("config.json")).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(bot.path("config.json")).unwrap();
    refused(&bot, &backup, RestoreOptions::default(), "E_RESTORE");
}

#[test]
fn a_swap_that_fails_in_the_middle_is_undone() {
    let bot = Bot::new();
    let backup = bot.backup(BackupType::Manual).backup;
    wreck(&bot);
    let before = tree(&bot.root());
    // A mount point cannot be removed, and it came after the plan.
    let mounted = bot.path("logs/out.log/inner.txt");
    let source = bot.path("logs/out.log/inner.txt");
    let place = mounted.clone();
    let control = Control::new(move |progress| {
        if progress.phase == "replacing" {
            let status = std::process::Command::new("mount").arg("--bind").args([&source, &place]).status();
            assert!(status.is_ok_and(|status| status.success()), "this test mounts something and needs root for it");
        }
    });
    // Under an app that runs, a database gets its content back through SQLite, and keeps the time of that.
    let options = RestoreOptions { mode: RestoreMode::Offline, ..RestoreOptions::default() };
    let error = Engine::new(bot.config.clone()).restore(&BackupRef::Name(backup), &options, &control).unwrap_err();
    let _ = std::process::Command::new("umount").arg(&mounted).status();
    let after = tree(&bot.root());
    assert_eq!(error.code(), "E_ROLLED_BACK", "{error}");
    assert_same_tree(&before, &after);
}

#[test]
fn a_full_disk_leaves_everything_as_it_was() {
    let bot = Bot::new();
    bot.write("big.bin", &noise(3 << 20, 4));
    no_room_on(&bot, "size=2m", "has 2.1 MB free");
}

#[test]
fn a_disk_that_takes_no_more_names_leaves_everything_as_it_was() {
    let bot = Bot::new();
    // A million empty folders need no bytes.
    (0..500).for_each(|n| fs::create_dir(bot.path(&format!("uploads/{n}"))).unwrap());
    no_room_on(&bot, "nr_inodes=300", "inodes free");
}

fn no_room_on(bot: &Bot, disk: &str, words: &str) {
    let backup = bot.backup(BackupType::Manual).backup;
    let small = SmallDisk::mount(&bot.dir.path().join("small"), disk);
    let root = small.0.clone();
    fs::write(root.join("config.json"), b"{}").unwrap();
    fs::set_permissions(root.join("config.json"), fs::Permissions::from_mode(0o600)).unwrap();
    let before = tree(&root);
    let mut config = bot.config.clone();
    config.root = root.clone();
    let engine = lifeboat_engine::Engine::new(config);
    let error = engine.restore(&BackupRef::Name(backup.clone()), &RestoreOptions::default(), &Control::silent());
    let error = error.unwrap_err();
    let after = tree(&root);
    let options = RestoreOptions { target: Some(root.join("into")), ..RestoreOptions::default() };
    let into = engine.restore(&BackupRef::Name(backup), &options, &Control::silent()).unwrap_err();
    let after_into = tree(&root);
    for error in [error, into] {
        assert_eq!(error.code(), "E_RESTORE", "{error}");
        assert!(error.to_string().contains(words), "{error}");
    }
    assert_same_tree(&before, &after);
    assert_same_tree(&before, &after_into);
}

#[test]
fn nothing_is_restored_into_the_vault_whatever_leads_there() {
    let bot = Bot::new();
    let backup = bot.backup(BackupType::Manual).backup;
    let link = bot.dir.path().join("link");
    std::os::unix::fs::symlink(bot.vault(), &link).unwrap();
    for target in [bot.vault().join("look"), bot.vault().join("packs/a/b"), link.join("look")] {
        let message =
            refused(&bot, &backup, RestoreOptions { target: Some(target.clone()), ..Default::default() }, "E_CONFIG");
        assert!(message.contains("is in the vault") && !target.exists(), "{message}");
    }
}

#[test]
fn a_folder_of_the_longest_name_can_be_filled() {
    let bot = Bot::new();
    let backup = bot.backup(BackupType::Manual).backup;
    let target = bot.dir.path().join("n".repeat(255));
    restore(&bot, &backup, RestoreOptions { target: Some(target.clone()), ..Default::default() }).unwrap();
    assert!(target.join("config.json").is_file());
}

#[test]
fn a_root_that_is_gone_is_told_from_a_damaged_one() {
    let bot = Bot::new();
    let backup = bot.backup(BackupType::Manual).backup;
    fs::rename(bot.root(), bot.dir.path().join("away")).unwrap();
    let error = restore(&bot, &backup, RestoreOptions::default()).unwrap_err();
    assert!(error.to_string().contains("lifeboat migrate --from"), "{error}");
}

#[test]
fn a_restore_that_waits_and_cannot_be_applied_says_how_it_is_forgotten() {
    let bot = Bot::new();
    let backup = bot.backup(BackupType::Manual).backup;
    bot.write("config.json", b"mine");
    restore(&bot, &backup, RestoreOptions { mode: RestoreMode::OnRestart, ..Default::default() }).unwrap();
    for pack in bot.packs() {
        fs::remove_file(pack).unwrap();
    }
    let error = bot.engine().apply_pending_restore(&Control::silent()).unwrap_err();
    assert!(error.to_string().contains("--discard-pending"), "{error}");
    assert!(bot.engine().discard_pending_restore().unwrap());
    assert_eq!(fs::read(bot.path("config.json")).unwrap(), b"mine");
}
