//! Databases, what belongs to them, and names of one file, in place.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};

use lifeboat_engine::Control;
use lifeboat_engine::report::*;

use crate::in_place::restore;
use crate::other::Other;
use crate::support::*;

fn of(items: &[&str]) -> RestoreOptions {
    let items = items.iter().map(|item| item.to_string()).collect();
    RestoreOptions { items, mode: RestoreMode::Offline, watch: false, ..RestoreOptions::default() }
}

fn undo(bot: &Bot) -> RestoreResult {
    let options = UndoOptions { mode: RestoreMode::Offline, ..UndoOptions::default() };
    bot.engine().undo_restore(&options, &Control::silent()).unwrap()
}

fn ino(bot: &Bot, path: &str) -> u64 {
    bot.path(path).metadata().unwrap().ino()
}

#[test]
fn what_is_called_like_a_log_stays_beside_a_plain_file() {
    let bot = Bot::empty();
    bot.write("notes", b"of then");
    let backup = bot.backup(BackupType::Manual).backup;
    bot.write("notes", b"of now!!");
    bot.write("notes-journal", b"what I did today");
    let result = restore(&bot, &backup, of(&[])).unwrap();
    assert_eq!(result.plan.remove, [""; 0]);
    assert_eq!(fs::read(bot.path("notes")).unwrap(), b"of then");
    assert_eq!(fs::read(bot.path("notes-journal")).unwrap(), b"what I did today");
}

#[test]
fn what_would_be_replayed_over_a_database_that_comes_is_listed_as_removed_and_comes_back() {
    let bot = Bot::empty();
    bot.database("store", 10);
    let backup = bot.backup(BackupType::Manual).backup;
    for is_there in [true, false] {
        fs::remove_file(bot.path("store")).unwrap();
        if is_there {
            bot.write("store", b"plain text");
        }
        bot.write("store-journal", b"no journal at all");
        let dry = restore(&bot, &backup, RestoreOptions { dry_run: true, ..of(&[]) }).unwrap();
        assert_eq!(dry.plan.remove, ["store-journal"]);
        let result = restore(&bot, &backup, of(&[])).unwrap();
        assert_eq!(result.plan.remove, ["store-journal"]);
        assert!(!bot.path("store-journal").exists());
        undo(&bot);
        assert_eq!(bot.path("store").exists(), is_there);
        assert_eq!(fs::read(bot.path("store-journal")).unwrap(), b"no journal at all");
        restore(&bot, &backup, of(&[])).unwrap();
    }
}

#[test]
fn names_of_one_file_are_names_of_one_file_again_when_a_restore_of_one_is_taken_back() {
    let bot = Bot::empty();
    bot.write("a", b"v1");
    for name in ["b", "c"] {
        fs::hard_link(bot.path("a"), bot.path(name)).unwrap();
    }
    let backup = bot.backup(BackupType::Manual).backup;
    bot.write("a", b"v2");
    let file = ino(&bot, "b");
    restore(&bot, &backup, of(&["a"])).unwrap();
    assert_eq!((fs::read(bot.path("a")).unwrap(), fs::read(bot.path("b")).unwrap()), (b"v1".to_vec(), b"v2".to_vec()));
    let undone = undo(&bot);
    assert_eq!(undone.plan.replace, ["a"], "the other names are not touched");
    assert_eq!(["a", "b", "c"].map(|name| ino(&bot, name)), [file; 3]);
    assert_eq!(fs::read(bot.path("a")).unwrap(), b"v2");
    // And forth again.
    undo(&bot);
    assert_eq!((fs::read(bot.path("a")).unwrap(), ino(&bot, "b")), (b"v1".to_vec(), file));
}

#[test]
fn a_name_comes_back_as_a_file_of_its_own_where_the_others_were_written_to_since() {
    let bot = Bot::empty();
    bot.write("a", b"v1");
    fs::hard_link(bot.path("a"), bot.path("b")).unwrap();
    let backup = bot.backup(BackupType::Manual).backup;
    bot.write("a", b"v2");
    restore(&bot, &backup, of(&["a"])).unwrap();
    bot.write("b", b"v3 and more");
    undo(&bot);
    assert_eq!(fs::read(bot.path("a")).unwrap(), b"v2");
    assert_eq!(fs::read(bot.path("b")).unwrap(), b"v3 and more");
}

#[test]
fn a_change_of_the_root_itself_is_in_the_plan_and_in_the_result() {
    let bot = Bot::empty();
    bot.write("a", b"x");
    fs::set_permissions(bot.root(), fs::Permissions::from_mode(0o755)).unwrap();
    let backup = bot.backup(BackupType::Manual).backup;
    fs::set_permissions(bot.root(), fs::Permissions::from_mode(0o700)).unwrap();
    let dry = restore(&bot, &backup, RestoreOptions { dry_run: true, ..of(&[]) }).unwrap();
    assert_eq!(dry.plan.replace, ["."]);
    let result = restore(&bot, &backup, of(&[])).unwrap();
    assert_eq!((result.plan.replace, result.restored), (vec![".".to_string()], vec![".".to_string()]));
    assert_eq!(bot.root().metadata().unwrap().mode() & 0o777, 0o755);
    assert_eq!(undo(&bot).plan.replace, ["."]);
    assert_eq!(bot.root().metadata().unwrap().mode() & 0o777, 0o700);
}

#[test]
fn a_database_with_two_names_that_an_app_has_open_is_restored_without_a_word_of_files_astray() {
    let bot = Bot::empty();
    let mut app = Other::database(&bot.path("a.db"));
    app.say("PRAGMA journal_mode = wal");
    app.say("CREATE TABLE t (a)");
    app.say("INSERT INTO t VALUES (1)");
    app.say("PRAGMA wal_checkpoint(TRUNCATE)");
    fs::hard_link(bot.path("a.db"), bot.path("b.db")).unwrap();
    let backup = bot.backup(BackupType::Manual).backup;
    app.say("INSERT INTO t VALUES (2)");
    let options = RestoreOptions { watch: false, ..RestoreOptions::default() };
    let dry = restore(&bot, &backup, RestoreOptions { dry_run: true, ..options.clone() }).unwrap();
    assert_eq!(dry.still_open, [""; 0], "{dry:?}");
    let result = restore(&bot, &backup, options).unwrap();
    assert!(!result.warnings.iter().any(|warning| warning.message.contains("astray")), "{:?}", result.warnings);
}
