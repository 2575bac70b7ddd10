//! Parts of a backup, by path, glob or category, and each item from the newest backup that has it.

use std::fs;

use lifeboat_engine::Control;
use lifeboat_engine::report::*;

use crate::in_place::{restore, wreck};
use crate::support::*;

fn items(items: &[&str]) -> RestoreOptions {
    let items = items.iter().map(|item| item.to_string()).collect();
    // Through SQLite a database gets the same rows, and not the same bytes.
    RestoreOptions { items, mode: RestoreMode::Offline, ..RestoreOptions::default() }
}

#[test]
fn only_what_was_asked_for_is_touched() {
    for wanted in [&["config.json"][..], &["database"], &["uploads/reports/2026/**"], &["session", ".env"]] {
        let bot = Bot::new();
        let before = tree(&bot.root());
        let backup = bot.backup(BackupType::Manual).backup;
        wreck(&bot);
        fs::remove_file(bot.path("database")).unwrap();
        let wrecked = tree(&bot.root());
        let result = restore(&bot, &backup, items(wanted)).unwrap();
        let touched: Vec<_> = result.restored.iter().chain(&result.plan.remove).map(std::path::PathBuf::from).collect();
        assert!(!touched.is_empty(), "{wanted:?}");
        let mut expected = wrecked.clone();
        for path in &touched {
            match before.get(path) {
                Some(seen) => drop(expected.insert(path.clone(), seen.clone())),
                None => drop(expected.remove(path)),
            }
        }
        let mut after = tree(&bot.root());
        // Folders above get a new time where something in them was replaced.
        for path in &touched {
            for parent in path.ancestors().skip(1) {
                if let Some(seen) = after.get(parent).cloned() {
                    expected.insert(parent.to_path_buf(), seen);
                }
            }
        }
        after.retain(|path, _| !path.as_os_str().is_empty());
        assert_same_tree(&expected, &after);
    }
}

#[test]
fn an_item_that_the_backup_does_not_have_is_told_with_the_nearest_names() {
    let bot = Bot::new();
    let backup = bot.backup(BackupType::Manual).backup;
    wreck(&bot);
    let wrecked = tree(&bot.root());
    let error = restore(&bot, &backup, items(&["config.json", "confg.json"])).unwrap_err();
    assert_eq!(error.code(), "E_NOT_FOUND");
    assert!(error.to_string().contains("nearest are config.json"), "{error}");
    assert_same_tree(&wrecked, &tree(&bot.root()));
}

#[test]
fn a_folder_that_is_a_link_now_is_not_written_through() {
    let bot = Bot::new();
    let backup = bot.backup(BackupType::Manual).backup;
    wreck(&bot);
    let wrecked = tree(&bot.root());
    let error = restore(&bot, &backup, items(&["database/accounts.json"])).unwrap_err();
    assert_eq!(error.code(), "E_RESTORE", "{error}");
    assert_same_tree(&wrecked, &tree(&bot.root()));
}

#[test]
fn each_item_comes_from_the_newest_backup_that_has_it() {
    let bot = Bot::empty();
    bot.write("a.json", b"[1]");
    bot.write("b.json", b"[1]");
    let first = bot.backup(BackupType::Manual);
    fs::remove_file(bot.path("a.json")).unwrap();
    bot.write("b.json", b"[1, 2]");
    let second = bot.backup(BackupType::Manual);
    fs::remove_file(bot.path("b.json")).unwrap();

    let wanted = items(&["a.json", "b.json"]);
    assert_eq!(restore(&bot, &second.backup, wanted.clone()).unwrap_err().code(), "E_NOT_FOUND");
    let result = restore(&bot, &second.backup, RestoreOptions { per_item: true, ..wanted.clone() }).unwrap();
    assert_eq!(result.backup, second.backup);
    assert_eq!(fs::read(bot.path("a.json")).unwrap(), b"[1]");
    assert_eq!(fs::read(bot.path("b.json")).unwrap(), b"[1, 2]");

    // Not later than the instant that was chosen.
    let at: i64 = bot.engine().list_backups(&ListFilter::default()).unwrap().last().unwrap().timestamp;
    let options = RestoreOptions { per_item: true, ..wanted };
    let result = bot.engine().restore(&BackupRef::At { at }, &options, &Control::silent()).unwrap();
    assert_eq!(result.backup, first.backup);
    assert_eq!(fs::read(bot.path("b.json")).unwrap(), b"[1]");
}

#[test]
fn a_mirrored_category_loses_only_what_was_asked_about() {
    let bot = Bot::new();
    let backup = bot.backup(BackupType::Manual).backup;
    bot.write("sessions/raf/pre-key-900.json", b"{}");
    bot.write("uploads/extra.jpg", b"x");
    restore(&bot, &backup, items(&["config.json"])).unwrap();
    assert!(bot.path("sessions/raf/pre-key-900.json").exists());
    let options = RestoreOptions { mirror: vec![Category::Media], ..items(&["uploads"]) };
    let result = restore(&bot, &backup, options).unwrap();
    assert_eq!(result.plan.remove, ["uploads/extra.jpg"]);
    assert!(bot.path("sessions/raf/pre-key-900.json").exists() && !bot.path("uploads/extra.jpg").exists());
    restore(&bot, &backup, RestoreOptions::default()).unwrap();
    assert!(!bot.path("sessions/raf/pre-key-900.json").exists());
}
