//! Vaults and configurations as an attacker, a typing error or the future would write them.

use std::fs;

use lifeboat_engine::report::*;
use lifeboat_engine::{Config, Control};
use sha2::{Digest, Sha256};

use crate::support::*;

/// Edits a checked JSON file and gives it a valid checksum again.
fn edit(path: &std::path::Path, edit: impl FnOnce(&mut serde_json::Value)) {
    let mut value: serde_json::Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    edit(&mut value);
    let zeros = "0".repeat(64);
    value["sha256"] = zeros.clone().into();
    let text = serde_json::to_string_pretty(&value).unwrap() + "\n";
    fs::write(path, text.replacen(&zeros, &hex::encode(Sha256::digest(&text)), 1)).unwrap();
}

#[test]
fn a_newer_major_version_is_refused_and_a_newer_minor_one_is_read() {
    let bot = Bot::new();
    let backup = bot.backup(BackupType::Manual).backup;
    let description = bot.vault().join("vault.json");
    edit(&description, |vault| vault["version"]["minor"] = 7.into());
    bot.restore(&backup);
    edit(&description, |vault| vault["version"]["major"] = 2.into());
    let before = stored(&bot.vault());
    assert_eq!(bot.try_restore(&backup, &[]).unwrap_err().code(), "E_FORMAT");
    assert_eq!(bot.try_backup(BackupType::Manual).unwrap_err().code(), "E_FORMAT");
    assert_same_tree(&before, &stored(&bot.vault()));
}

#[test]
fn a_description_with_absurd_values_is_refused() {
    let bot = Bot::new();
    bot.backup(BackupType::Manual);
    let description = bot.vault().join("vault.json");
    let whole = fs::read(&description).unwrap();
    for (field, value) in [("max", 1u64 << 40), ("min", 0), ("avg", 1), ("small", u64::from(u32::MAX)), ("block", 3)] {
        edit(&description, |vault| vault["chunker"][field] = value.into());
        assert_eq!(bot.try_backup(BackupType::Manual).unwrap_err().code(), "E_FORMAT", "{field}");
        fs::write(&description, &whole).unwrap();
    }
    fs::write(&description, vec![b' '; 10 << 20]).unwrap();
    assert_eq!(bot.try_backup(BackupType::Manual).unwrap_err().code(), "E_FORMAT");
}

#[test]
fn a_key_file_that_asks_for_all_the_memory_is_refused() {
    let mut bot = Bot::new();
    bot.config.encryption = true;
    bot.config.passphrase = Some(lifeboat_engine::secret::Secret::new("x"));
    bot.backup(BackupType::Manual);
    let key = fs::read_dir(bot.vault().join("keys")).unwrap().next().unwrap().unwrap().path();
    for (field, value) in [("n", 1u64 << 40), ("n", 12345), ("r", 1 << 20), ("p", 0)] {
        let whole = fs::read(&key).unwrap();
        edit(&key, |key| key["kdf"][field] = value.into());
        assert_eq!(bot.try_backup(BackupType::Manual).unwrap_err().code(), "E_FORMAT", "{field}");
        fs::write(&key, whole).unwrap();
    }
}

#[test]
fn a_misspelt_field_of_the_configuration_is_named_with_the_nearest_known_one() {
    for (text, expected) in [
        (r#"{"pasphrase":"x"}"#, "passphrase"),
        (r#"{"monitor":{"maxAgeHour":3}}"#, "maxAgeHours"),
        (r#"{"worker":{"thread":3}}"#, "threads"),
        (r#"{"backupdir":"x"}"#, "backupDir"),
    ] {
        let error = Config::from_json(text, std::path::Path::new("/tmp")).unwrap_err();
        assert_eq!(error.code(), "E_CONFIG");
        assert!(error.to_string().contains(&format!("{expected:?}")), "{error}");
    }
}

#[test]
fn a_configuration_that_cannot_work_is_refused() {
    for text in [
        "",
        "[]",
        "{",
        r#"{"maxLocalStorage":"five"}"#,
        r#"{"maxLocalStorage":-1}"#,
        r#"{"maxLocalStorage":0}"#,
        r#"{"compression":{"level":13}}"#,
        r#"{"worker":{"nice":99}}"#,
        r#"{"backupDir":"."}"#,
        r#"{"backupDir":".."}"#,
        r#"{"encryption":"yes"}"#,
        r#"{"schedules":{"HOURLYY":{"cron":"0 * * * *","keep":1}}}"#,
        r#"{"schedules":{"SAFETY":{"keep":1}}}"#,
        r#"{"schedules":{"DAILY":{"keep":0}}}"#,
        r#"{"schedules":{"DAILY":{"keep":-1}}}"#,
        r#"{"schedules":{"DAILY":{"cron":"0 2 * *"}}}"#,
        r#"{"schedules":{"DAILY":{"cron":"0 0 31 11 *"}}}"#,
        r#"{"monitor":{"maxAgeHours":0}}"#,
        r#"{"monitor":{"storageWarnPercent":200}}"#,
        r#"{"monitor":{"verifyCron":"nightly"}}"#,
        r#"{"monitor":{"pingUrl":"ftp://x"}}"#,
        r#"{"localRetentionDays":-1}"#,
        r#"{"timezone":"Mars/Olympus"}"#,
    ] {
        assert_eq!(Config::from_json(text, std::path::Path::new("/tmp/x")).unwrap_err().code(), "E_CONFIG", "{text}");
    }
    let config = Config::from_json(r#"{"exclude":["a[/b"],"encryption":false}"#, std::path::Path::new("/tmp")).unwrap();
    let mut bot = Bot::new();
    bot.config.exclude = config.exclude;
    assert_eq!(bot.try_backup(BackupType::Manual).unwrap_err().code(), "E_CONFIG");
}

#[test]
fn sizes_are_read_as_people_write_them() {
    for (text, bytes) in [
        ("5000000000", 5_000_000_000u64),
        (r#""5GB""#, 5_000_000_000),
        (r#""5 GiB""#, 5 << 30),
        (r#""700 MB""#, 700_000_000),
    ] {
        let config =
            Config::from_json(&format!(r#"{{"maxLocalStorage":{text}}}"#), std::path::Path::new("/tmp")).unwrap();
        assert_eq!(config.max_local_storage.0, bytes, "{text}");
    }
}

#[test]
fn a_folder_of_somebody_elses_does_not_become_a_vault() {
    let bot = Bot::new();
    fs::create_dir_all(bot.vault()).unwrap();
    fs::write(bot.vault().join("thesis.doc"), "mine").unwrap();
    bot.backup(BackupType::Manual);
    let mut names: Vec<_> = fs::read_dir(bot.vault()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["lifeboat", "thesis.doc"], "the vault has a folder of its own in it");
    assert_eq!(fs::read(bot.vault().join("thesis.doc")).unwrap(), b"mine");
}

#[test]
fn packs_without_a_description_are_not_overwritten() {
    let bot = Bot::new();
    bot.backup(BackupType::Manual);
    fs::remove_file(bot.vault().join("vault.json")).unwrap();
    let packs = bot.packs();
    let error = bot.try_backup(BackupType::Manual).unwrap_err();
    assert_eq!(error.code(), "E_CORRUPT");
    assert_eq!(bot.packs(), packs);
    assert_eq!(fs::read_dir(bot.vault().join("keys")).unwrap().count(), 1);
}

#[test]
fn a_root_that_does_not_exist_is_a_clear_error() {
    let mut bot = Bot::new();
    bot.config.root = bot.dir.path().join("nowhere");
    let error = bot.try_backup(BackupType::Manual).unwrap_err();
    assert_eq!(error.code(), "E_SOURCE");
    assert!(error.to_string().contains("nowhere"));
    assert!(!bot.vault().exists());
}

#[test]
fn a_second_operation_gets_busy_with_who_is_at_it_or_waits() {
    let bot = Bot::new();
    bot.backup(BackupType::Manual);
    let control = Control::silent();
    let held = lifeboat_engine::vault::lock::Lock::acquire(&bot.vault(), "BACKUP DAILY", false, &control).unwrap();
    let error = bot.try_backup(BackupType::Manual).unwrap_err();
    assert_eq!(error.code(), "E_BUSY");
    assert!(error.to_string().contains("BACKUP DAILY"), "{error}");
    // Reading never waits.
    assert_eq!(bot.engine().list_backups(&ListFilter::default()).unwrap().len(), 1);
    assert_eq!(bot.engine().status().unwrap().running.unwrap().operation, "BACKUP DAILY");
    bot.engine().list_items("latest", &[]).unwrap();
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| {
            let options = BackupOptions { wait: true, ..BackupOptions::default() };
            bot.engine().create_backup(BackupType::Manual, &options, &Control::silent())
        });
        std::thread::sleep(std::time::Duration::from_millis(300));
        assert!(!waiting.is_finished());
        drop(held);
        assert!(waiting.join().unwrap().is_ok());
    });
    assert!(bot.engine().status().unwrap().running.is_none());
}

#[test]
fn looking_at_a_vault_never_makes_it_busy() {
    let bot = Bot::empty();
    bot.write("config.json", b"{}");
    bot.backup(BackupType::Manual);
    let stop = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                    bot.engine().status().unwrap();
                    bot.engine().list_backups(&ListFilter::default()).unwrap();
                }
            });
        }
        let outcomes: Vec<_> = (0..20).map(|_| bot.try_backup(BackupType::Hourly)).collect();
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
        for outcome in outcomes {
            outcome.unwrap();
        }
    });
}
