//! One path over time.

use std::fs;

use lifeboat_engine::report::*;

use crate::backup;
use crate::support::Bot;

fn versions(bot: &Bot, path: &str) -> Vec<Version> {
    bot.engine().versions(path).unwrap()
}

#[test]
fn the_same_content_in_backups_in_a_row_is_one_version() {
    let bot = Bot::empty();
    bot.write("config.json", b"1");
    let first = backup(&bot);
    let second = backup(&bot);
    bot.write("config.json", b"22");
    let third = backup(&bot);
    // Written again with the same content: the time differs, the version is the same.
    bot.write("config.json", b"22");
    let fourth = backup(&bot);

    let found = versions(&bot, "config.json");
    assert_eq!(found.len(), 2);
    assert_eq!((&found[0].backup, &found[0].first_backup, found[0].backups), (&fourth, &third, 2));
    assert_eq!((&found[1].backup, &found[1].first_backup, found[1].backups), (&second, &first, 2));
    assert_eq!((found[0].item.size, found[1].item.size), (2, 1));
    assert!(found[0].timestamp > found[1].timestamp);
    assert!(found.iter().all(|version| version.gone_in.is_none() && version.unreadable.is_empty()));
}

#[test]
fn a_path_that_vanished_and_came_back_has_two_versions_also_with_the_same_content() {
    let bot = Bot::empty();
    bot.write("a.json", b"{}");
    bot.write("b.json", b"{}");
    let first = backup(&bot);
    fs::remove_file(bot.path("a.json")).unwrap();
    let gone = backup(&bot);
    backup(&bot);
    bot.write("a.json", b"{}");
    let back = backup(&bot);
    fs::remove_file(bot.path("a.json")).unwrap();
    let again = backup(&bot);

    let found = versions(&bot, "a.json");
    let told: Vec<_> = found.iter().map(|one| (one.backup.as_str(), one.gone_in.as_deref())).collect();
    assert_eq!(told, [(back.as_str(), Some(again.as_str())), (first.as_str(), Some(gone.as_str()))]);
    assert_eq!(versions(&bot, "b.json").len(), 1);
}

#[test]
fn folders_links_and_databases_have_versions_too() {
    let bot = Bot::new();
    backup(&bot);
    fs::remove_file(bot.path("config-link")).unwrap();
    std::os::unix::fs::symlink("elsewhere", bot.path("config-link")).unwrap();
    bot.write("uploads/teknisi/new.jpg", b"x");
    let db = rusqlite::Connection::open(bot.path("database.sqlite")).unwrap();
    db.execute("UPDATE saldo SET jumlah = 0 WHERE id = 7", []).unwrap();
    backup(&bot);
    let count = |path: &str| versions(&bot, path).len();
    assert_eq!(count("config-link"), 2);
    assert_eq!(count("database.sqlite"), 2);
    assert_eq!(count("uploads/teknisi"), 1, "a folder's content is not its version");
    assert_eq!(count("uploads/teknisi/new.jpg"), 1);
}

#[test]
fn a_path_may_be_written_as_people_write_it() {
    let bot = Bot::empty();
    bot.write("database/x.json", b"{}");
    backup(&bot);
    for path in ["database/x.json", "./database/x.json", "././database/x.json", "database/", "./database//"] {
        assert_eq!(versions(&bot, path).len(), 1, "{path}");
    }
    for path in ["", ".", "../x", "/etc/passwd", "a//b"] {
        let error = bot.engine().versions(path).unwrap_err();
        assert_eq!(error.code(), "E_CONFIG", "{path:?}: {error}");
    }
}

#[test]
fn every_path_of_a_long_list_is_found() {
    let bot = Bot::empty();
    for n in 0..1500 {
        bot.write(&format!("uploads/{}/{n}.jpg", n % 37), n.to_string().as_bytes());
    }
    let name = backup(&bot);
    let items = bot.engine().list_items(&name, &[]).unwrap();
    assert!(items.len() > 1500);
    let engine = bot.engine();
    for item in items {
        let found = engine.versions(&item.path).unwrap();
        assert_eq!((found.len(), &found[0].item.path, &found[0].item.sha256), (1, &item.path, &item.sha256));
    }
    for absent in ["a", "uploads/0/0.jp", "uploads/0/0.jpgx", "uploads/99", "zzz"] {
        assert_eq!(engine.versions(absent).unwrap_err().code(), "E_NOT_FOUND", "{absent}");
    }
}

#[test]
fn what_no_backup_has_is_not_found_and_the_nearest_are_named() {
    let bot = Bot::empty();
    let nothing = bot.try_backup(BackupType::Hourly).unwrap();
    assert_eq!(nothing.items, 0);
    assert_eq!(bot.engine().versions("x").unwrap_err().code(), "E_NOT_FOUND");
    bot.write("database/accounts.json", b"{}");
    bot.write("index.js", b"");
    backup(&bot);
    let error = bot.engine().versions("database/acounts.json").unwrap_err();
    assert_eq!(error.code(), "E_NOT_FOUND");
    assert!(error.to_string().contains(" database/accounts.json,"), "{error}");
}

#[test]
fn a_backup_that_cannot_be_read_is_passed_over_and_named() {
    let bot = Bot::empty();
    bot.write("a.json", b"1");
    let first = backup(&bot);
    let damaged = backup(&bot);
    let third = backup(&bot);
    bot.write("a.json", b"2");
    let last = backup(&bot);
    let break_it = |name: &str| {
        let path = bot.vault().join("snapshots").join(name);
        let mut bytes = fs::read(&path).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        fs::write(path, bytes).unwrap();
    };
    break_it(&damaged);
    let found = versions(&bot, "a.json");
    assert_eq!(found.len(), 2);
    assert_eq!((&found[1].backup, &found[1].first_backup, found[1].backups), (&third, &first, 2));
    assert_eq!(found[1].unreadable, std::slice::from_ref(&damaged));
    assert!(found[0].unreadable.is_empty());

    break_it(&last);
    let found = versions(&bot, "a.json");
    assert_eq!(found[0].unreadable, [last, damaged]);
    let error = bot.engine().versions("b.json").unwrap_err();
    assert!(error.to_string().contains("cannot be read"), "{error}");
}
