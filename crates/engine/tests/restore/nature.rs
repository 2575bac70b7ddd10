//! What lies there now decides how it is replaced: not its folder, and not what a backup knew.

use std::fs;

use lifeboat_engine::report::*;

use crate::in_place::restore;
use crate::other::Other;
use crate::support::Bot;

fn of(items: &[&str]) -> RestoreOptions {
    let items = items.iter().map(|item| item.to_string()).collect();
    RestoreOptions { items, watch: false, ..RestoreOptions::default() }
}

/// A database in WAL mode whose newest row is in its `-wal`, which a crash has left.
fn with_log(bot: &Bot, name: &str) {
    let mut app = Other::database(&bot.path(name));
    app.say("PRAGMA journal_mode = wal");
    app.say("CREATE TABLE IF NOT EXISTS t (a)");
    app.say("INSERT INTO t VALUES (1)");
}

#[test]
fn the_mirror_of_the_session_takes_a_database_with_its_log_and_not_under_its_app() {
    let bot = Bot::empty();
    bot.write("session/creds.json", br#"{"registered":false}"#);
    let backup = bot.backup(BackupType::Manual).backup;
    with_log(&bot, "session/keys.bin");
    let app = Other::database(&bot.path("session/keys.bin"));
    let result = restore(&bot, &backup, of(&["session"])).unwrap();
    assert_eq!(result.mode, Some(RestoreMode::OnRestart), "{:?}", result.reason);
    assert!(bot.path("session/keys.bin").exists());
    drop(app);
    let result = restore(&bot, &backup, of(&["session"])).unwrap();
    assert_eq!(result.mode, Some(RestoreMode::Offline), "{:?}", result.reason);
    let left: Vec<_> = fs::read_dir(bot.path("session")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["creds.json"], "nothing of it is left");
}

#[test]
fn a_database_that_was_empty_or_none_when_it_was_backed_up_is_not_swapped_under_its_app() {
    for then in [&b""[..], b"plain text"] {
        let bot = Bot::empty();
        bot.write("store", then);
        let backup = bot.backup(BackupType::Manual).backup;
        fs::remove_file(bot.path("store")).unwrap();
        with_log(&bot, "store");
        let app = Other::database(&bot.path("store"));
        let result = restore(&bot, &backup, of(&[])).unwrap();
        assert_eq!(result.mode, Some(RestoreMode::OnRestart), "{then:?}: {:?}", result.reason);
        drop(app);
        let result = restore(&bot, &backup, of(&[])).unwrap();
        assert_eq!(result.mode, Some(RestoreMode::Offline), "{then:?}: {:?}", result.reason);
        assert_eq!(fs::read(bot.path("store")).unwrap(), then);
        assert!(!bot.path("store-wal").exists() && !bot.path("store-shm").exists(), "{then:?}");
    }
}

#[test]
fn a_database_comes_back_where_a_plain_file_is_now_that_somebody_has_open() {
    let bot = Bot::empty();
    bot.database("store", 10);
    let backup = bot.backup(BackupType::Manual).backup;
    fs::remove_file(bot.path("store")).unwrap();
    bot.write("store", b"plain text");
    let app = Other::appending(&bot.path("store"));
    let result = restore(&bot, &backup, of(&[])).unwrap();
    assert_eq!(result.mode, Some(RestoreMode::OnRestart), "{:?}", result.reason);
    drop(app);
    assert!(!restore(&bot, &backup, of(&[])).unwrap().staged);
    assert!(fs::read(bot.path("store")).unwrap().starts_with(b"SQLite format 3"));
}

#[test]
fn a_database_that_nobody_can_read_takes_its_log_with_it() {
    for is_changed in [true, false] {
        let bot = Bot::empty();
        bot.write("app.db", b"encrypted, as it was then: as long as anything that is one");
        let backup = bot.backup(BackupType::Manual).backup;
        if is_changed {
            bot.write("app.db", b"encrypted, as it is now");
        }
        bot.write("app.db-wal", b"what would be replayed over it");
        bot.write("app.db-shm", b"an index");
        let app = Other::appending(&bot.path("app.db"));
        if is_changed {
            let result = restore(&bot, &backup, of(&[])).unwrap();
            assert_eq!(result.mode, Some(RestoreMode::OnRestart), "{:?}", result.reason);
        }
        drop(app);
        let result = restore(&bot, &backup, of(&[])).unwrap();
        assert!(!result.staged, "{:?}", result.reason);
        assert!(fs::read(bot.path("app.db")).unwrap().ends_with(b"as anything that is one"));
        assert!(!bot.path("app.db-wal").exists(), "changed: {is_changed}");
        // What was there is in the safety backup.
        let safety = bot.restore(&result.safety_backup.unwrap());
        assert_eq!(fs::read(safety.join("app.db-wal")).unwrap(), b"what would be replayed over it");
    }
}

#[test]
fn the_log_that_a_backup_has_beside_such_a_database_comes_back_with_it() {
    let bot = Bot::empty();
    bot.write("app.db", b"encrypted then");
    bot.write("app.db-wal", b"log of then");
    let backup = bot.backup(BackupType::Manual).backup;
    let before = fs::read(bot.path("app.db-wal")).unwrap();
    for wreck in [&["app.db"][..], &["app.db-wal"], &["app.db", "app.db-wal"]] {
        for path in wreck {
            bot.write(path, b"of now");
        }
        restore(&bot, &backup, of(&[])).unwrap();
        assert_eq!(fs::read(bot.path("app.db")).unwrap(), b"encrypted then", "{wreck:?}");
        assert_eq!(fs::read(bot.path("app.db-wal")).unwrap(), before, "{wreck:?}");
    }
}
