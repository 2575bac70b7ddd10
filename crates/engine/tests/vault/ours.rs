//! A vault is in no backup, whatever way leads to it, and be it another one.

use std::fs;
use std::os::unix::fs::symlink;

use lifeboat_engine::report::*;

use crate::support::*;

fn paths(bot: &Bot, backup: &str) -> Vec<String> {
    bot.engine().list_items(backup, &[]).unwrap().into_iter().map(|item| item.path).collect()
}

#[test]
fn the_vault_of_before_is_no_data_of_the_one_after() {
    let mut bot = Bot::empty();
    bot.write("uploads/a.jpg", &noise(300_000, 1));
    let elsewhere = bot.vault();
    for old in ["backups", "backups/lifeboat", "deep/down/old"] {
        bot.config.backup_dir = bot.path(old);
        bot.backup(BackupType::Manual);
    }
    bot.config.backup_dir = elsewhere;
    let result = bot.backup(BackupType::Manual);
    let paths = paths(&bot, &result.backup);
    assert_eq!(paths, ["deep", "deep/down", "uploads", "uploads/a.jpg"]);
}

#[test]
fn a_file_that_is_called_vault_json_hides_nothing() {
    let bot = Bot::new();
    for file in ["uploads/vault.json", "config/vault.json", "snapshots/vault.json"] {
        bot.write(file, br#"{"format":"lifeboat"}"#);
    }
    let paths = paths(&bot, &bot.backup(BackupType::Manual).backup);
    for file in ["uploads/vault.json", "config/vault.json", "snapshots/vault.json"] {
        assert!(paths.iter().any(|path| path == file), "{file}");
    }
}

#[test]
fn no_link_that_is_followed_leads_into_a_vault() {
    let mut bot = Bot::empty();
    bot.write("a", b"a");
    bot.backup(BackupType::Manual);
    let vault = bot.vault();
    symlink(&vault, bot.path("whole")).unwrap();
    symlink(vault.join("packs"), bot.path("part")).unwrap();
    symlink(vault.join("vault.json"), bot.path("file")).unwrap();
    symlink(bot.dir.path().join("around"), bot.path("above")).unwrap();
    fs::create_dir(bot.dir.path().join("around")).unwrap();
    fs::rename(&vault, bot.dir.path().join("around/vault")).unwrap();
    symlink(bot.dir.path().join("around/vault"), &vault).unwrap();
    bot.config.follow_links = vec!["*".into()];
    let paths = paths(&bot, &bot.backup(BackupType::Manual).backup);
    assert_eq!(paths, ["a", "above"]);
}

#[test]
fn a_vault_behind_a_link_is_the_same_vault_by_either_name() {
    let mut bot = Bot::empty();
    let disk = bot.dir.path().join("disk");
    fs::create_dir(&disk).unwrap();
    symlink(&disk, bot.path("backups")).unwrap();
    bot.write("a", b"a");
    bot.config.backup_dir = bot.path("backups");
    assert_eq!(bot.engine().config().backup_dir, disk);
    let first = bot.backup(BackupType::Manual);
    assert_eq!((first.warnings, paths(&bot, &first.backup)), (vec![], vec!["a".to_string()]));
    bot.config.backup_dir = disk;
    assert_eq!(bot.backup(BackupType::Manual).warnings, []);
}
