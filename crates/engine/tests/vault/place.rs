//! An app with a `backups/` of its own: the vault lies below it, for every command, and what is not ours counts for nothing.

use std::fs;

use lifeboat_engine::config::Size;
use lifeboat_engine::report::*;
use lifeboat_engine::{Config, Control, Engine};

use crate::support::{Bot, noise};

/// A bot whose default `backups/` holds its own copies of its databases.
fn with_copies() -> Bot {
    let mut bot = Bot::empty();
    bot.database("database.sqlite", 200);
    bot.write("config.json", b"{}");
    fs::create_dir(bot.path("backups")).unwrap();
    fs::copy(bot.path("database.sqlite"), bot.path("backups/database_1.sqlite")).unwrap();
    bot.config = Config { encryption: false, ..Config::default() }.resolved(&bot.root()).unwrap();
    bot
}

#[test]
fn the_first_backup_needs_no_configuration_and_says_once_where_the_vault_is() {
    let bot = with_copies();
    let first = bot.backup(BackupType::Manual);
    let told = |result: &BackupResult| result.warnings.iter().filter(|one| one.message.contains("other files")).count();
    assert_eq!(told(&first), 1, "{:?}", first.warnings);
    assert!(!first.degraded);
    assert!(bot.path("backups/lifeboat/vault.json").is_file() && !bot.path("backups/vault.json").exists());
    assert_eq!(told(&bot.backup(BackupType::Daily)), 0);

    assert_eq!(bot.engine().list_backups(&ListFilter::default()).unwrap().len(), 2);
    assert_eq!(bot.engine().history(&HistoryFilter::default()).unwrap().len(), 2);
    let status = bot.engine().status().unwrap();
    assert!(status.healthy && status.storage.backups == 2, "{:?}", status.problems);
    assert!(bot.engine().verify(None, true, &Control::silent()).unwrap().ok);
    fs::write(bot.path("config.json"), "lost").unwrap();
    let restored = bot.engine().restore(&BackupRef::Name(first.backup), &RestoreOptions::default(), &Control::silent());
    assert_eq!(restored.unwrap().restored, ["config.json"]);
}

#[test]
fn what_others_put_beside_a_vault_takes_none_of_its_room() {
    let mut bot = Bot::empty();
    bot.write("config.json", b"{}");
    bot.config.max_local_storage = Size(3_000_000);
    bot.backup(BackupType::Manual);
    let before = bot.engine().status().unwrap().storage.used;
    fs::write(bot.vault().join("database_1.sqlite"), noise(13_000_000, 1)).unwrap();
    fs::create_dir(bot.vault().join("old")).unwrap();
    fs::write(bot.vault().join("old/database_0.sqlite"), noise(1_000_000, 2)).unwrap();
    bot.write("config.json", b"{\"changed\":1}");
    bot.backup(BackupType::Daily);
    let status = bot.engine().status().unwrap();
    assert!(status.healthy && status.storage.used < before + 500_000, "{:?}", status);
    assert_eq!(fs::metadata(bot.vault().join("database_1.sqlite")).unwrap().len(), 13_000_000);
}

#[test]
fn no_leftover_that_only_looks_like_ours_is_tidied_away() {
    let mut bot = with_copies();
    fs::create_dir(bot.path("backups/tmp")).unwrap();
    fs::write(bot.path("backups/tmp/upload.part"), "theirs").unwrap();
    fs::remove_file(bot.path("backups/database_1.sqlite")).unwrap();
    bot.config = bot.config.clone().resolved(&bot.root()).unwrap();
    bot.backup(BackupType::Manual);
    assert_eq!(fs::read(bot.path("backups/tmp/upload.part")).unwrap(), b"theirs");
    assert!(bot.path("backups/lifeboat/vault.json").is_file());
}

#[test]
fn another_server_gets_the_vault_beside_the_apps_own_copies_too() {
    let bot = with_copies();
    bot.backup(BackupType::Daily);
    for (number, from) in ["backups", "backups/lifeboat", ""].iter().enumerate() {
        let new = bot.dir.path().join(format!("new{number}"));
        let config = Config { encryption: false, ..Config::default() }.resolved(&new).unwrap();
        let from = if from.is_empty() { bot.root() } else { bot.path(from) };
        let report =
            Engine::new(config.clone()).migrate(&from, &MigrateOptions::default(), &Control::silent()).unwrap();
        assert_eq!(report.vault.unwrap(), new.join("backups/lifeboat"));
        assert!(report.warnings.iter().all(|one| !one.message.contains("backupDir")), "{:?}", report.warnings);
        assert!(new.join("backups/database_1.sqlite").is_file());
        let status = Engine::new(config).status().unwrap();
        assert_eq!(status.storage.backups, 1);
    }
    // All of the old `backups/` was copied into the new root, the app's copies with it.
    let new = bot.dir.path().join("copied");
    fs::create_dir(&new).unwrap();
    let copied = std::process::Command::new("cp").arg("-a").arg(bot.path("backups")).arg(&new).status().unwrap();
    assert!(copied.success());
    let config = Config { encryption: false, ..Config::default() }.resolved(&new).unwrap();
    let from = new.join("backups");
    let report = Engine::new(config).migrate(&from, &MigrateOptions::default(), &Control::silent()).unwrap();
    assert_eq!(report.vault.unwrap(), from.canonicalize().unwrap().join("lifeboat"));
    assert!(new.join("database.sqlite").is_file());
}
