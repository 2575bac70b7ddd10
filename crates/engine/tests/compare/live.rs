//! What changed from a backup to the live root, which is read without a trace.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::time::SystemTime;

use rusqlite::Connection;

use crate::support::{Bot, noise};
use crate::{backup, diff, rows, told};

/// Name, size and modification time of everything in the root.
fn looks(bot: &Bot) -> BTreeMap<PathBuf, (u64, SystemTime)> {
    let mut found = BTreeMap::new();
    let mut folders = vec![bot.root()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            let metadata = entry.metadata().unwrap();
            found.insert(entry.path(), (metadata.len(), metadata.modified().unwrap()));
            if metadata.is_dir() {
                folders.push(entry.path());
            }
        }
    }
    found
}

#[test]
fn the_live_root_differs_as_the_next_backup_does() {
    let bot = Bot::new();
    let first = backup(&bot);
    assert_eq!(told(&diff(&bot, &first, None)), [""; 0]);

    bot.write("config.json", b"{}");
    bot.write(".env", b"PORT=3001\n");
    bot.write("uploads/new/a.jpg", &noise(200_000, 9));
    bot.write("sessions/raf/pre-key-900.json", b"{}");
    fs::remove_file(bot.path("sessions/raf/pre-key-17.json")).unwrap();
    fs::remove_dir_all(bot.path("uploads/teknisi")).unwrap();
    fs::remove_file(bot.path("config-link")).unwrap();
    std::os::unix::fs::symlink(".env", bot.path("config-link")).unwrap();
    fs::set_permissions(bot.path("logs/out.log"), fs::Permissions::from_mode(0o600)).unwrap();
    let db = Connection::open(bot.path("database.sqlite")).unwrap();
    db.execute_batch("UPDATE saldo SET jumlah = 0 WHERE id < 11; DELETE FROM saldo WHERE id = 20000").unwrap();

    let before = looks(&bot);
    let live = diff(&bot, &first, None);
    assert_eq!(looks(&bot), before, "nothing in the root was changed");
    let second = backup(&bot);
    let stored = diff(&bot, &first, Some(&second));
    assert_eq!(live.to, None);
    assert_eq!(told(&live), told(&stored));
    assert!(told(&live).contains(&"touched logs/out.log".into()));
    assert_eq!(live.unchanged, stored.unchanged);
    let database = |report: &lifeboat_engine::report::DiffReport| {
        rows(report.changed.iter().find(|change| change.path == "database.sqlite").unwrap())
    };
    assert_eq!(database(&live), ["saldo +0 -1 ~10"]);
    assert_eq!(database(&live), database(&stored));
}

#[test]
fn a_file_written_again_with_the_same_content_is_only_touched() {
    let bot = Bot::new();
    let first = backup(&bot);
    bot.write("config.json", &fs::read(bot.path("config.json")).unwrap());
    let old = fs::FileTimes::new().set_modified(SystemTime::UNIX_EPOCH);
    fs::File::options().write(true).open(bot.path("database.sqlite")).unwrap().set_times(old).unwrap();
    let report = diff(&bot, &first, None);
    assert_eq!(told(&report), ["touched config.json", "touched database.sqlite"]);
    let database = &report.changed.iter().find(|change| change.path == "database.sqlite").unwrap();
    assert_eq!(database.before.sha256, database.after.sha256);
}

#[test]
fn a_writer_with_open_transactions_is_neither_seen_nor_disturbed() {
    let bot = Bot::empty();
    bot.database("database.sqlite", 1000);
    let writer = Connection::open(bot.path("database.sqlite")).unwrap();
    writer.execute_batch("PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 0").unwrap();
    let first = backup(&bot);
    writer.execute_batch("UPDATE saldo SET jumlah = 1 WHERE id <= 3").unwrap();
    writer.execute_batch("BEGIN IMMEDIATE; DELETE FROM saldo WHERE id > 500").unwrap();
    let before = looks(&bot);
    let report = diff(&bot, &first, None);
    let after = looks(&bot);
    assert_eq!(rows(&report.changed[0]), ["saldo +0 -0 ~3"], "what is committed, and no more");
    assert_eq!(before.keys().collect::<Vec<_>>(), after.keys().collect::<Vec<_>>());
    writer.execute_batch("COMMIT; PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
    assert_eq!(rows(&diff(&bot, &first, None).changed[0]), ["saldo +0 -500 ~3"]);
    let rows_left: i64 = writer.query_row("SELECT count(*) FROM saldo", [], |row| row.get(0)).unwrap();
    assert_eq!(rows_left, 500);
}

#[test]
fn a_database_that_is_no_longer_one_is_told_as_a_changed_file() {
    let bot = Bot::empty();
    bot.database("database.sqlite", 1000);
    let first = backup(&bot);
    bot.write("database.sqlite", b"oops");
    let report = diff(&bot, &first, None);
    assert_eq!(told(&report), ["changed database.sqlite"]);
    assert_eq!((report.changed[0].after.size, report.changed[0].tables.len()), (4, 0));

    let mut torn = noise(70_000, 3);
    torn[..16].copy_from_slice(b"SQLite format 3\0");
    bot.write("database.sqlite", &torn);
    let report = diff(&bot, &first, None);
    assert!(report.changed[0].note.as_ref().unwrap().contains("SQLite cannot read it"), "{report:?}");
}

#[test]
fn what_cannot_be_read_is_a_warning_and_not_removed() {
    if rustix::process::geteuid().is_root() {
        // Root reads everything.
        return;
    }
    let bot = Bot::empty();
    bot.write("secret/a", b"1");
    let first = backup(&bot);
    fs::set_permissions(bot.path("secret"), fs::Permissions::from_mode(0o000)).unwrap();
    let report = diff(&bot, &first, None);
    fs::set_permissions(bot.path("secret"), fs::Permissions::from_mode(0o700)).unwrap();
    assert_eq!(report.removed.len(), 0);
    assert_eq!(report.warnings.len(), 1);
}
