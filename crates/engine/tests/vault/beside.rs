//! What belongs to a database, and what is only called so: no plain file is lost for its name, and what belongs to a database
//! keeps its own mode and time.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};

use lifeboat_engine::report::*;

use crate::look::besides;
use crate::support::*;

/// How SQLite's logs begin.
pub const WAL: [u8; 8] = [0x37, 0x7f, 0x06, 0x82, 0, 0x2d, 0xe2, 0x18];
pub const JOURNAL: [u8; 8] = [0xd9, 0xd5, 0x05, 0xf9, 0x20, 0xa1, 0x63, 0xd7];

fn paths(bot: &Bot, backup: &str) -> Vec<String> {
    bot.engine().list_items(backup, &[]).unwrap().into_iter().map(|item| item.path).collect()
}

#[test]
fn a_file_that_is_only_called_like_a_log_is_a_file_of_its_own() {
    let mut bot = Bot::empty();
    for name in ["notes", "notes-journal", "report", "report-wal", "report-shm", "creds.json", "creds.json-wal"] {
        bot.write(name, name.as_bytes());
    }
    // A real log beside what is left out has nobody to be captured with.
    for name in ["left.db", "left.db-wal", "left.db-shm", "away", "away-wal"] {
        bot.write(name, &[&WAL[..], name.as_bytes()].concat());
    }
    bot.config.exclude = vec!["left.db".into(), "away".into()];
    let backup = bot.backup(BackupType::Manual).backup;
    let expected = [
        "away-wal",
        "creds.json",
        "creds.json-wal",
        "left.db-shm",
        "left.db-wal",
        "notes",
        "notes-journal",
        "report",
        "report-shm",
        "report-wal",
    ];
    assert_eq!(paths(&bot, &backup), expected);
    let out = bot.restore(&backup);
    assert_eq!(fs::read(out.join("report-wal")).unwrap(), b"report-wal");
}

#[test]
fn an_encrypted_database_without_a_telling_name_is_known_by_a_real_log() {
    let mut bot = Bot::empty();
    for (name, log) in [("store", &WAL), ("other", &JOURNAL)] {
        bot.write(name, &noise(100_000, 1));
        bot.write(&format!("{name}{}", if name == "store" { "-wal" } else { "-journal" }), log);
    }
    assert_eq!(paths(&bot, &bot.backup(BackupType::Manual).backup), ["other", "store"]);
    bot.config.exclude = vec!["store-wal".into()];
    let backup = bot.backup(BackupType::Manual).backup;
    let out = bot.restore(&backup);
    assert!(!out.join("store-wal").exists(), "what is left out is left out");
}

#[test]
fn what_belongs_to_a_database_keeps_its_own_mode_and_time_and_is_asked_for_by_its_name() {
    let bot = Bot::empty();
    bot.write("audit", &noise(50_000, 1));
    bot.write("audit-journal", &[&JOURNAL[..], &noise(2_000, 2)].concat());
    for (name, mode, age) in [("audit", 0o644, 500), ("audit-journal", 0o600, 100)] {
        fs::set_permissions(bot.path(name), fs::Permissions::from_mode(mode)).unwrap();
        let time = std::time::SystemTime::now() - std::time::Duration::from_secs(age);
        fs::File::options().write(true).open(bot.path(name)).unwrap().set_modified(time).unwrap();
    }
    let expected = tree(&bot.root());
    let backup = bot.backup(BackupType::Manual).backup;
    assert_eq!(paths(&bot, &backup), ["audit"]);
    let out = bot.try_restore(&backup, &["audit-journal"]).unwrap();
    assert_same_tree(&expected, &tree(&out));
    assert_eq!(out.join("audit-journal").metadata().unwrap().mode() & 0o777, 0o600);
    assert!(!besides(&out).is_empty());
    let missing = bot.try_restore(&backup, &["audit-wal"]).unwrap_err();
    assert_eq!(missing.code(), "E_NOT_FOUND");
}

#[test]
fn names_of_one_raw_database_are_told_truly_when_they_come_back_as_two_files() {
    let bot = Bot::empty();
    bot.write("a.db", &noise(50_000, 1));
    fs::hard_link(bot.path("a.db"), bot.path("b.db")).unwrap();
    let calm = bot.backup(BackupType::Manual);
    assert!(calm.warnings.is_empty(), "{:?}", calm.warnings);
    bot.write("a.db-wal", &WAL);
    let told = bot.backup(BackupType::Manual).warnings;
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].path == "b.db" && told[0].message.contains("a log beside it"), "{told:?}");
}
