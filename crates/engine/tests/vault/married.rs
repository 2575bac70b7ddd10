//! A root and its vault are married: what is another's is not touched, what is lost is missed, and nobody is left without
//! backups because a small file is gone.

use std::fs;
use std::path::Path;

use lifeboat_engine::marriage::marker;
use lifeboat_engine::report::*;
use lifeboat_engine::{Config, Control, Engine, Error, Result};

use crate::support::*;

fn backup(config: &Config) -> Result<BackupResult> {
    Engine::new(config.clone()).create_backup(BackupType::Hourly, &BackupOptions::default(), &Control::silent())
}

fn refused(config: &Config, words: &[&str]) -> Error {
    let error = backup(config).unwrap_err();
    assert_eq!(error.code(), "E_VAULT", "{error}");
    let text = error.to_string();
    words.iter().for_each(|word| assert!(text.contains(word), "{word}: {text}"));
    error
}

fn names(config: &Config) -> Vec<String> {
    let infos = Engine::new(config.clone()).list_backups(&ListFilter::default()).unwrap();
    infos.into_iter().map(|info| info.backup).collect()
}

fn marker(bot: &Bot) -> std::path::PathBuf {
    bot.path(marker::FILE)
}

/// Another root with the vault of `bot`.
fn beside(bot: &Bot, name: &str) -> Config {
    let root = bot.dir.path().join(name);
    fs::create_dir_all(&root).unwrap();
    Config { backup_dir: bot.vault(), encryption: false, ..Config::default() }.resolved(&root).unwrap()
}

fn copy(from: &Path, to: &Path) {
    let copied = std::process::Command::new("cp").arg("-a").arg(from).arg(to).status().unwrap();
    assert!(copied.success());
}

#[test]
fn two_roots_do_not_share_a_vault_and_neither_prunes_the_others_backups() {
    let bot = Bot::new();
    let first = bot.backup(BackupType::Hourly).backup;
    let other = beside(&bot, "other");
    fs::write(other.root.join("b.txt"), "of b").unwrap();
    refused(&other, &["belongs to another root", &bot.root().display().to_string(), "lifeboat adopt"]);
    let error = Engine::new(other.clone()).prune(&PruneOptions::default(), &Control::silent()).unwrap_err();
    assert_eq!(error.code(), "E_VAULT");
    assert_eq!(names(&bot.config), [first]);
    // The owner of the vault has nothing to do with it.
    assert!(bot.engine().status().unwrap().problems.is_empty());
    assert_eq!(bot.engine().history(&HistoryFilter::default()).unwrap().len(), 1);
    bot.backup(BackupType::Hourly);
}

#[test]
fn adopting_gives_the_vault_to_another_root_for_good() {
    let bot = Bot::new();
    bot.backup(BackupType::Hourly);
    let other = beside(&bot, "other");
    fs::write(other.root.join("b.txt"), "of b").unwrap();
    Engine::new(other.clone()).adopt_vault().unwrap();
    let result = backup(&other).unwrap();
    assert_eq!(result.suspicious, None, "it explains itself");
    refused(&bot.config, &[&other.root.display().to_string()]);
    bot.engine().adopt_vault().unwrap();
    bot.backup(BackupType::Hourly);
    refused(&other, &["another root"]);
}

#[test]
fn an_empty_folder_in_the_place_of_the_root_is_no_backup() {
    let bot = Bot::new();
    let real = bot.backup(BackupType::Hourly).backup;
    let aside = bot.dir.path().join("volume");
    fs::rename(bot.root(), &aside).unwrap();
    fs::create_dir(bot.root()).unwrap();
    refused(&bot.config, &["not what the last backup saw", "mounted", "lifeboat adopt"]);
    assert_eq!(names(&bot.config), [real]);
    let status = bot.engine().status().unwrap();
    assert!(!status.healthy);
    assert!(status.problems.iter().any(|problem| problem.code == "E_VAULT"), "{:?}", status.problems);
    assert!(!marker(&bot).exists(), "nothing is left where a disk will be mounted");
    // Mounted again.
    fs::remove_dir(bot.root()).unwrap();
    fs::rename(&aside, bot.root()).unwrap();
    assert_eq!(bot.backup(BackupType::Hourly).warnings, []);
    assert!(bot.engine().status().unwrap().healthy);
}

#[test]
fn a_vault_that_is_gone_is_missed_and_no_new_one_takes_its_place() {
    let bot = Bot::new();
    bot.backup(BackupType::Hourly);
    let aside = bot.dir.path().join("unmounted");
    fs::rename(bot.vault(), &aside).unwrap();
    refused(&bot.config, &[&bot.vault().display().to_string(), "mounted", "lifeboat init"]);
    assert!(!bot.vault().exists());
    let status = bot.engine().status().unwrap();
    assert_eq!(status.problems.iter().map(|problem| problem.code.as_str()).collect::<Vec<_>>(), ["E_VAULT"]);
    assert_eq!(bot.engine().list_backups(&ListFilter::default()).unwrap_err().code(), "E_VAULT");
    fs::rename(&aside, bot.vault()).unwrap();
    bot.backup(BackupType::Hourly);
    // It is gone for good: somebody says so.
    fs::remove_dir_all(bot.vault()).unwrap();
    assert!(bot.engine().init(None).unwrap().created);
    assert_eq!(bot.backup(BackupType::Hourly).warnings, []);
}

#[test]
fn another_vault_in_the_place_of_the_one_that_was_there_is_noticed() {
    let bot = Bot::new();
    bot.backup(BackupType::Hourly);
    let other = Bot::new();
    other.backup(BackupType::Hourly);
    fs::rename(bot.vault(), bot.dir.path().join("aside")).unwrap();
    copy(&other.vault(), &bot.vault());
    refused(&bot.config, &["another root"]);
    // Made by an earlier Lifeboat, it does not say whose it is.
    fs::remove_file(bot.vault().join("root")).unwrap();
    fs::remove_file(marker(&other)).unwrap();
    refused(&bot.config, &["is not the one that this root had there"]);
}

#[test]
fn a_marker_that_is_gone_is_made_anew_with_a_note() {
    let bot = Bot::new();
    bot.backup(BackupType::Hourly);
    fs::remove_file(marker(&bot)).unwrap();
    // The app goes on meanwhile.
    bot.write("config.json", b"{}");
    bot.write("database/new.json", b"[]");
    let result = bot.backup(BackupType::Hourly);
    let [warning] = result.warnings.as_slice() else { panic!("{:?}", result.warnings) };
    assert_eq!(warning.path, marker::FILE);
    assert!(!result.degraded);
    assert!(marker(&bot).exists());
    assert_eq!(bot.backup(BackupType::Hourly).warnings, []);
    for damage in ["", "{", "not a marker at all"] {
        fs::write(marker(&bot), damage).unwrap();
        assert_eq!(bot.backup(BackupType::Hourly).warnings.len(), 1, "{damage:?}");
    }
}

#[test]
fn a_vault_of_an_earlier_lifeboat_is_married_without_a_word() {
    let bot = Bot::new();
    bot.backup(BackupType::Hourly);
    fs::remove_file(marker(&bot)).unwrap();
    fs::remove_file(bot.vault().join("root")).unwrap();
    assert_eq!(bot.backup(BackupType::Hourly).warnings, []);
    assert!(marker(&bot).exists() && bot.vault().join("root").exists());
    // But not to the empty folder of a disk that is not mounted.
    fs::remove_file(bot.vault().join("root")).unwrap();
    fs::rename(bot.root(), bot.dir.path().join("aside")).unwrap();
    fs::create_dir(bot.root()).unwrap();
    refused(&bot.config, &["mounted"]);
}

#[test]
fn a_lost_or_damaged_record_in_the_vault_is_written_anew() {
    let bot = Bot::new();
    bot.backup(BackupType::Hourly);
    let record = bot.vault().join("root");
    for damage in [None, Some(""), Some("LBROOT and then nonsense that is long enough for a header and more")] {
        match damage {
            None => fs::remove_file(&record).unwrap(),
            Some(text) => fs::write(&record, text).unwrap(),
        }
        // Meanwhile nobody else gets the vault.
        let other = beside(&bot, "other");
        fs::write(other.root.join("b.txt"), "of b").unwrap();
        refused(&other, &["another root"]);
        assert_eq!(bot.backup(BackupType::Hourly).warnings, [], "{damage:?}");
        refused(&other, &["another root"]);
    }
}

#[test]
fn a_copy_of_a_root_is_not_the_root_while_that_is_there() {
    let bot = Bot::new();
    bot.backup(BackupType::Hourly);
    let staging = beside(&bot, "staging");
    fs::remove_dir(&staging.root).unwrap();
    copy(&bot.root(), &staging.root);
    refused(&staging, &["is a copy of", &bot.root().display().to_string()]);
    let error = Engine::new(staging.clone()).prune(&PruneOptions::default(), &Control::silent()).unwrap_err();
    assert!(error.to_string().contains("is a copy of"), "{error}");
    bot.backup(BackupType::Hourly);
    // It takes the vault over, and both are roots of their own from then on.
    Engine::new(staging.clone()).adopt_vault().unwrap();
    backup(&staging).unwrap();
    refused(&bot.config, &["another root"]);
}

#[test]
fn a_root_that_was_copied_with_its_vault_has_one_of_its_own() {
    let mut bot = Bot::new();
    bot.config.backup_dir = bot.path("backups");
    bot.backup(BackupType::Hourly);
    let mut staging = beside(&bot, "staging");
    fs::remove_dir(&staging.root).unwrap();
    copy(&bot.root(), &staging.root);
    staging.backup_dir = staging.root.join("backups");
    for _ in 0..2 {
        assert_eq!(backup(&staging).unwrap().warnings, []);
        assert_eq!(bot.backup(BackupType::Hourly).warnings, []);
    }
    // Without the vault: the copy says that it had one.
    fs::remove_dir_all(&staging.backup_dir).unwrap();
    refused(&staging, &["lifeboat init"]);
}

#[test]
fn a_root_that_was_moved_keeps_its_vault() {
    let bot = Bot::new();
    bot.backup(BackupType::Hourly);
    let moved = beside(&bot, "moved");
    fs::remove_dir(&moved.root).unwrap();
    fs::rename(bot.root(), &moved.root).unwrap();
    assert_eq!(backup(&moved).unwrap().warnings, []);
    // Also without its marker: most of it is the very same.
    let again = beside(&bot, "again");
    fs::remove_dir(&again.root).unwrap();
    fs::rename(&moved.root, &again.root).unwrap();
    fs::remove_file(again.root.join(marker::FILE)).unwrap();
    assert_eq!(backup(&again).unwrap().warnings.len(), 1);
}

#[test]
fn a_root_may_be_kept_in_several_vaults() {
    let bot = Bot::new();
    bot.backup(BackupType::Hourly);
    let stick = Config { backup_dir: bot.dir.path().join("stick"), ..bot.config.clone() };
    for _ in 0..2 {
        assert_eq!(backup(&stick).unwrap().warnings, []);
        assert_eq!(bot.backup(BackupType::Hourly).warnings, []);
    }
    fs::remove_dir_all(bot.dir.path().join("stick")).unwrap();
    refused(&stick, &["stick"]);
    bot.backup(BackupType::Hourly);
}

#[test]
fn the_marker_is_in_no_backup_and_a_restore_leaves_it_alone() {
    let bot = Bot::new();
    bot.backup(BackupType::Hourly);
    let backup = bot.backup(BackupType::Daily).backup;
    let before = fs::read(marker(&bot)).unwrap();
    assert!(bot.engine().list_items(&backup, &[]).unwrap().iter().all(|item| item.path != marker::FILE));
    let options =
        RestoreOptions { mode: RestoreMode::Offline, mirror: Category::ALL.to_vec(), ..RestoreOptions::default() };
    bot.write("config.json", b"{}");
    bot.engine().restore(&BackupRef::Name(backup), &options, &Control::silent()).unwrap();
    assert_eq!(fs::read(marker(&bot)).unwrap(), before);
    assert_eq!(bot.backup(BackupType::Hourly).warnings, []);
}

#[test]
fn a_root_that_can_only_be_read_is_backed_up_without_a_marker_and_without_a_word() {
    let mut bot = Bot::empty();
    let disk = SmallDisk::mount(&bot.dir.path().join("disk"), "size=4m");
    fs::write(disk.0.join("a.json"), "{}").unwrap();
    fs::write(disk.0.join("b.json"), "[]").unwrap();
    bot.config.root = disk.0.clone();
    let remount = |how: &str| {
        let done = std::process::Command::new("mount").args(["-o", &format!("remount,{how}")]).arg(&disk.0).status();
        assert!(done.unwrap().success());
    };
    remount("ro");
    for _ in 0..3 {
        assert_eq!(bot.backup(BackupType::Hourly).warnings, []);
    }
    remount("rw");
    assert_eq!(bot.backup(BackupType::Hourly).warnings, []);
    assert!(disk.0.join(marker::FILE).exists());
    // It is full, and that is no reason for no backup either.
    fs::remove_file(disk.0.join(marker::FILE)).unwrap();
    fs::write(disk.0.join("c.bin"), noise(3 << 20, 1)).unwrap();
    let _ = fs::write(disk.0.join("d.bin"), noise(3 << 20, 2));
    bot.backup(BackupType::Hourly);
}
