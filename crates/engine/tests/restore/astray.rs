//! An app that has a file open which was deleted, moved or replaced under it, or is replaced by the restore.

use std::fs;
use std::path::Path;

use lifeboat_engine::Control;
use lifeboat_engine::presence::{Host, Presence};
use lifeboat_engine::report::*;

use crate::in_place::restore;
use crate::other::Other;
use crate::support::Bot;

const DB: &str = "database.sqlite";

/// A bot with one row in a backup, and an app that has written another one since.
fn with_app(journal: &str) -> (Bot, String, Other) {
    let bot = Bot::empty();
    let db = rusqlite::Connection::open(bot.path(DB)).unwrap();
    db.query_row(&format!("PRAGMA journal_mode = {journal}"), [], |_| Ok(())).unwrap();
    db.execute_batch("CREATE TABLE t (a); INSERT INTO t VALUES ('old')").unwrap();
    drop(db);
    let backup = bot.backup(BackupType::Manual).backup;
    let mut app = Other::database(&bot.path(DB));
    app.say("INSERT INTO t VALUES ('in no backup')");
    (bot, backup, app)
}

fn quiet() -> RestoreOptions {
    RestoreOptions { watch: false, items: vec![DB.into()], ..RestoreOptions::default() }
}

fn rows(path: &Path) -> Vec<String> {
    let db = rusqlite::Connection::open(path).unwrap();
    let mut select = db.prepare("SELECT a FROM t ORDER BY a").unwrap();
    select.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
}

/// What the warnings say is kept of it.
fn kept(bot: &Bot, result: &RestoreResult) -> Vec<String> {
    let told = result.warnings.iter().find(|warning| warning.path == DB && warning.message.contains("is saved in"));
    let told = &told.unwrap_or_else(|| panic!("nothing is told: {:?}", result.warnings)).message;
    let name = told.split_whitespace().find(|word| word.starts_with("backup_SAFETY_")).unwrap();
    rows(&bot.restore(name.trim_end_matches('.')).join(DB))
}

#[track_caller]
fn told(result: &RestoreResult, app: &Other) {
    assert_eq!(result.still_open, [DB], "{result:?}");
    let advice = result.advice.as_ref().unwrap();
    assert!(advice.contains("Start the bot again") && advice.contains(&app.id().to_string()), "{advice}");
}

#[test]
fn a_database_that_was_deleted_under_its_app_comes_back_and_the_app_has_to_be_started_again() {
    for (journal, sides) in [("delete", &[][..]), ("wal", &[]), ("wal", &["-wal", "-shm"])] {
        let (bot, backup, mut app) = with_app(journal);
        for side in sides.iter().chain(&[""]) {
            fs::remove_file(bot.path(&format!("{DB}{side}"))).unwrap();
        }
        let dry = restore(&bot, &backup, RestoreOptions { dry_run: true, ..quiet() }).unwrap();
        assert_eq!(dry.still_open, [DB], "the dry run tells it");
        let result = restore(&bot, &backup, quiet()).unwrap();
        assert_eq!(result.mode, dry.mode);
        told(&result, &app);
        app.say("INSERT INTO t VALUES ('where nobody finds it')");
        assert_eq!(rows(&bot.path(DB)), ["old"], "{journal} {sides:?}");
        assert_eq!(kept(&bot, &result), ["in no backup", "old"], "{journal} {sides:?}");
    }
}

#[test]
fn a_database_that_was_replaced_or_moved_away_under_its_app_is_found_all_the_same() {
    for journal in ["delete", "wal"] {
        for is_moved in [false, true] {
            let (bot, backup, app) = with_app(journal);
            let other = bot.path("other.sqlite");
            fs::copy(bot.restore(&backup).join(DB), &other).unwrap();
            rusqlite::Connection::open(&other).unwrap().execute_batch("INSERT INTO t VALUES ('copied')").unwrap();
            if is_moved {
                fs::rename(bot.path(DB), bot.path("old.sqlite")).unwrap();
            }
            fs::rename(&other, bot.path(DB)).unwrap();
            let result = restore(&bot, &backup, quiet()).unwrap();
            assert!(!result.staged, "{:?}", result.reason);
            told(&result, &app);
            assert_eq!(rows(&bot.path(DB)), ["old"], "{journal} {is_moved}");
            assert_eq!(kept(&bot, &result), ["in no backup", "old"], "{journal} {is_moved}");
            assert!(bot.verify(true).ok);
        }
    }
}

#[test]
fn an_app_that_applies_restores_gets_it_at_its_start_and_nothing_of_its_file_is_lost() {
    let (bot, backup, app) = with_app("delete");
    let host = Host { id: "app".into(), process: "app".into(), pid: app.id(), applies: true, ..Host::default() };
    let host = Presence::enter(&bot.vault(), host).unwrap();
    fs::remove_file(bot.path(DB)).unwrap();
    let result = restore(&bot, &backup, quiet()).unwrap();
    assert_eq!((result.mode, result.staged), (Some(RestoreMode::OnRestart), true));
    assert!(result.reason.as_ref().unwrap().contains("deleted, moved or replaced"), "{:?}", result.reason);
    assert_eq!(kept(&bot, &result), ["in no backup", "old"], "it is gone when the app has ended");
    assert!(!bot.path(DB).exists());
    drop((app, host));
    bot.engine().apply_pending_restore(&Control::silent()).unwrap().unwrap();
    assert_eq!(rows(&bot.path(DB)), ["old"]);
}

#[test]
fn a_database_that_somebody_put_back_by_hand_is_told_too() {
    let (bot, backup, app) = with_app("delete");
    let before = bot.restore(&backup).join(DB);
    fs::remove_file(bot.path(DB)).unwrap();
    restore(&bot, &backup, RestoreOptions { create_backup_first: false, ..quiet() }).unwrap();
    assert_eq!(fs::read(&before).unwrap(), fs::read(bot.path(DB)).unwrap());
    let result = restore(&bot, &backup, quiet()).unwrap();
    assert!(result.restored.is_empty(), "{:?}", result.plan);
    told(&result, &app);
    assert_eq!(kept(&bot, &result), ["in no backup", "old"]);
}

#[test]
fn a_log_that_was_deleted_beside_a_database_in_use_is_no_state_for_live() {
    let (bot, backup, _app) = with_app("wal");
    fs::remove_file(bot.path(&format!("{DB}-wal"))).unwrap();
    let result = restore(&bot, &backup, quiet()).unwrap();
    assert_eq!(result.mode, Some(RestoreMode::OnRestart), "{:?}", result.reason);
    assert_eq!(kept(&bot, &result), ["in no backup", "old"]);
    let error = restore(&bot, &backup, RestoreOptions { mode: RestoreMode::Live, ..quiet() }).unwrap_err();
    assert_eq!(error.code(), "E_RESTORE");
}

#[test]
fn a_backup_and_the_doctor_know_what_is_written_where_nobody_finds_it() {
    let (bot, _, app) = with_app("delete");
    let open = |bot: &Bot| {
        let found = bot.engine().doctor(None, &Control::silent()).unwrap();
        found.checks.into_iter().find(|check| check.name == "open").unwrap()
    };
    assert!(!bot.backup(BackupType::Manual).degraded && open(&bot).ok);
    fs::remove_file(bot.path(DB)).unwrap();
    let result = bot.backup(BackupType::Manual);
    assert!(result.degraded);
    let [warning, ..] = &result.warnings[..] else { panic!("no warning") };
    assert!(warning.path == DB && warning.message.contains(&app.id().to_string()), "{warning:?}");
    assert!(open(&bot).message.contains(DB));
    drop(app);
    assert!(!bot.backup(BackupType::Manual).degraded && open(&bot).ok);
}

#[test]
fn a_log_that_the_app_has_open_is_why_it_has_to_be_started_again() {
    let bot = Bot::empty();
    bot.write("logs/out.log", b"old\n");
    bot.write("notes.txt", b"old\n");
    let backup = bot.backup(BackupType::Manual).backup;
    let mut app = Other::appending(&bot.path("logs/out.log"));
    // Who only reads loses nothing.
    let _reader = Other::reading(&bot.path("notes.txt"));
    app.say("a line");
    bot.write("notes.txt", b"new and longer\n");
    let result = restore(&bot, &backup, RestoreOptions { watch: false, ..RestoreOptions::default() }).unwrap();
    assert_eq!(result.still_open, ["logs/out.log"]);
    let advice = result.advice.unwrap();
    assert!(advice.starts_with("Start the bot again, because logs/out.log was open"), "{advice}");
    drop(app);
    bot.write("logs/out.log", b"another\n");
    let result = restore(&bot, &backup, RestoreOptions { watch: false, ..RestoreOptions::default() }).unwrap();
    assert!(result.still_open.is_empty(), "{result:?}");
}
