//! What an incremental backup reads and stores.

use std::fs;

use lifeboat_engine::report::*;

use crate::support::*;

/// Lets files grow older than the two seconds in which a time stamp proves nothing.
fn age(bot: &Bot) {
    let old = fs::FileTimes::new().set_modified(std::time::SystemTime::now() - std::time::Duration::from_secs(3600));
    for (path, seen) in tree(&bot.root()) {
        if seen.content.is_some() {
            fs::File::options().write(true).open(bot.root().join(path)).unwrap().set_times(old).unwrap();
        }
    }
    // The time of that change itself (ctime) has to age, too.
    std::thread::sleep(std::time::Duration::from_millis(2_100));
}

#[test]
fn an_unchanged_root_costs_a_snapshot_and_no_more() {
    let bot = Bot::new();
    age(&bot);
    bot.backup(BackupType::Hourly);
    let result = bot.backup(BackupType::Hourly);
    assert_eq!((result.changed, result.removed), (0, 0));
    assert!(result.size < 4_000, "{} bytes", result.size);
}

#[test]
fn an_hour_of_small_changes_costs_about_what_changed() {
    let bot = Bot::new();
    age(&bot);
    bot.backup(BackupType::Hourly);
    bot.write("sessions/raf/pre-key-7.json", br#"{"key":"new"}"#);
    fs::remove_file(bot.path("sessions/raf/pre-key-8.json")).unwrap();
    let db = rusqlite::Connection::open(bot.path("database.sqlite")).unwrap();
    db.execute("UPDATE saldo SET jumlah = 0 WHERE id = 10000", []).unwrap();
    let result = bot.backup(BackupType::Hourly);
    // The session file and the database; writing and removing also changed the session's folder.
    assert_eq!((result.changed, result.removed), (3, 1));
    assert!(result.size < 100_000, "{} bytes", result.size);
}

#[test]
fn the_same_content_under_another_name_is_stored_once() {
    let bot = Bot::empty();
    bot.write("uploads/a.jpg", &noise(2_000_000, 5));
    let first = bot.backup(BackupType::Hourly);
    bot.write("public/uploads/copy.jpg", &noise(2_000_000, 5));
    let second = bot.backup(BackupType::Hourly);
    assert!(first.size > 2_000_000 && second.size < 10_000, "{} then {}", first.size, second.size);
}

#[test]
fn a_full_backup_of_an_unchanged_root_stores_nothing_again() {
    let bot = Bot::new();
    bot.backup(BackupType::Hourly);
    bot.write("sessions/raf/pre-key-7.json", br#"{"key":"new"}"#);
    bot.backup(BackupType::Hourly);
    let full = bot.backup(BackupType::Daily);
    assert!(full.size < 10_000, "{} bytes were stored again", full.size);
}

#[test]
fn two_writes_within_one_tick_of_the_clock_are_both_seen() {
    let bot = Bot::empty();
    for round in 0..20 {
        bot.write("database/x.json", format!("[{round:02}]").as_bytes());
        let backup = bot.backup(BackupType::Hourly).backup;
        assert_eq!(fs::read(bot.restore(&backup).join("database/x.json")).unwrap(), format!("[{round:02}]").as_bytes());
    }
}

#[test]
fn a_commit_that_is_only_in_the_write_ahead_log_is_seen() {
    let bot = Bot::empty();
    bot.database("database.sqlite", 1000);
    let db = rusqlite::Connection::open(bot.path("database.sqlite")).unwrap();
    db.execute_batch(
        "PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 0; UPDATE saldo SET jumlah = 1 WHERE id = 1;",
    )
    .unwrap();
    let jumlah = |backup: &str| -> i64 {
        let db = rusqlite::Connection::open(bot.restore(backup).join("database.sqlite")).unwrap();
        db.query_row("SELECT jumlah FROM saldo WHERE id = 1", [], |row| row.get(0)).unwrap()
    };
    let first = bot.backup(BackupType::Hourly).backup;
    std::thread::sleep(std::time::Duration::from_millis(2_100));
    let settled = bot.backup(BackupType::Hourly);
    db.execute("UPDATE saldo SET jumlah = 2 WHERE id = 1", []).unwrap();
    let second = bot.backup(BackupType::Hourly);
    assert_eq!(second.changed, 1);
    assert_eq!((jumlah(&first), jumlah(&settled.backup), jumlah(&second.backup)), (1, 1, 2));
    let names: Vec<_> =
        fs::read_dir(bot.restore(&second.backup)).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["database.sqlite"], "no -wal and no -shm is restored");
}
