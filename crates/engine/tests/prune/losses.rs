//! What counts as a loss: all of the databases, or of what a bot cannot be without, however small; and what does not: files
//! that others have taken the place of, what is only left out now, and what restores have changed.

use std::fs;

use lifeboat_engine::Control;
use lifeboat_engine::report::*;

use crate::support::*;
use crate::suspicious::{doubt, shop, sql};

#[track_caller]
fn ordinary(bot: &Bot) {
    assert_eq!(bot.backup(BackupType::Hourly).suspicious, None);
}

fn remove(bot: &Bot, path: &str) {
    fs::remove_file(bot.path(path)).unwrap();
}

#[test]
fn a_database_that_is_none_any_more_is_suspicious_however_small() {
    for content in [noise(8192, 5), Vec::new(), [b"SQLite format 3\0".to_vec(), noise(8192, 6)].concat()] {
        let bot = shop();
        bot.database("stok.sqlite", 3);
        bot.backup(BackupType::Hourly);
        bot.write("stok.sqlite", &content);
        doubt(&bot, "the database stok.sqlite was one that SQLite could read");
    }
}

#[test]
fn one_large_file_that_does_not_compress_any_more_is_suspicious() {
    let bot = Bot::empty();
    bot.write("config.json", b"{\"owner\":\"628123\"}");
    let lines: String = (0..600_000).map(|n| format!("{{\"pesan\":{n},\"dari\":\"pelanggan\"}}\n")).collect();
    bot.write("pesan.ndjson", lines.as_bytes());
    bot.backup(BackupType::Hourly);
    bot.write("pesan.ndjson", &noise(lines.len(), 3));
    doubt(&bot, "as if somebody had encrypted them");
}

#[test]
fn all_databases_gone_is_suspicious_however_small() {
    let bot = shop();
    remove(&bot, "database.sqlite");
    bot.database("a.sqlite", 3);
    bot.database("b.sqlite", 3);
    bot.database("c.sqlite", 3);
    bot.backup(BackupType::Hourly);
    remove(&bot, "a.sqlite");
    ordinary(&bot);
    remove(&bot, "b.sqlite");
    remove(&bot, "c.sqlite");
    doubt(&bot, "2 of 2 databases are gone");
}

#[test]
fn the_largest_part_of_the_databases_gone_is_suspicious() {
    let bot = shop();
    remove(&bot, "database.sqlite");
    bot.database("a.sqlite", 500);
    bot.database("b.sqlite", 3);
    bot.backup(BackupType::Hourly);
    remove(&bot, "a.sqlite");
    doubt(&bot, "1 of 2 databases are gone");
}

#[test]
fn a_database_with_another_name_is_not_gone() {
    let bot = shop();
    bot.backup(BackupType::Hourly);
    fs::rename(bot.path("database.sqlite"), bot.path("toko.sqlite")).unwrap();
    ordinary(&bot);
}

#[test]
fn all_of_the_settings_or_of_the_accounts_gone_is_suspicious_from_one_on() {
    let bot = Bot::empty();
    (0..30).for_each(|n| bot.write(&format!("uploads/{n}.jpg"), &noise(2000, n)));
    for path in ["config.json", ".env", "database/accounts.json"] {
        bot.write(path, b"{\"a\":1}");
    }
    bot.backup(BackupType::Hourly);
    remove(&bot, "config.json");
    ordinary(&bot);
    // What is empty is gone, too.
    bot.write(".env", b"");
    doubt(&bot, "all of config is gone");
    bot.engine().accept_backup("latest").ok();
    remove(&bot, "database/accounts.json");
    doubt(&bot, "all of accounts is gone");
}

/// The files of a build, whose names tell their content.
fn build(bot: &Bot, version: u32) {
    let _ = fs::remove_dir_all(bot.path("dist"));
    for n in 0..60 {
        bot.write(&format!("dist/assets/{n}-{version}f3.js"), "let kata = 1;".repeat(100 + n).as_bytes());
    }
}

#[test]
fn what_others_have_taken_the_place_of_is_not_gone() {
    let bot = Bot::empty();
    (0..30).for_each(|n| bot.write(&format!("uploads/{n}.jpg"), &noise(2000, n)));
    build(&bot, 1);
    bot.backup(BackupType::Hourly);
    build(&bot, 2);
    ordinary(&bot);
    fs::remove_dir_all(bot.path("dist")).unwrap();
    doubt(&bot, "items are gone");
}

#[test]
fn files_that_are_encrypted_under_other_names_are_suspicious() {
    let bot = Bot::empty();
    build(&bot, 1);
    for n in 0..60 {
        bot.write(&format!("dist/data/{n}.json"), "kata ".repeat(2000).as_bytes());
    }
    bot.backup(BackupType::Hourly);
    for n in 0..60 {
        remove(&bot, &format!("dist/data/{n}.json"));
        bot.write(&format!("dist/data/{n}.json.locked"), &noise(10_032, n));
    }
    doubt(&bot, "as if somebody had encrypted them");
}

#[test]
fn what_is_left_out_now_is_not_gone() {
    let mut bot = shop();
    bot.backup(BackupType::Hourly);
    bot.config.exclude = vec!["uploads/**".into(), "database.sqlite".into()];
    ordinary(&bot);
    fs::remove_dir_all(bot.path("database")).unwrap();
    doubt(&bot, "of data are gone");
}

#[test]
fn several_restores_explain_what_they_have_changed_and_no_loss_besides() {
    let bot = shop();
    (0..39).for_each(|n| fs::rename(bot.path(&format!("uploads/{n}.jpg")), bot.path(&format!("{n}"))).unwrap());
    let small = bot.backup(BackupType::Hourly).backup;
    for n in 0..200 {
        bot.write(&format!("uploads/new-{n}.jpg"), &noise(3_000, 700 + n));
    }
    bot.backup(BackupType::Hourly);
    let restore = |options: RestoreOptions| {
        let options = RestoreOptions { mode: RestoreMode::Offline, ..options };
        bot.engine().restore(&BackupRef::Name(small.clone()), &options, &Control::silent()).unwrap();
    };
    restore(RestoreOptions { mirror: vec![Category::Media], ..RestoreOptions::default() });
    bot.write("database/3.json", b"[]");
    restore(RestoreOptions { items: vec!["database/3.json".into()], ..RestoreOptions::default() });
    bot.write("database/4.json", b"[]");
    restore(RestoreOptions { items: vec!["database/4.json".into()], ..RestoreOptions::default() });
    assert!(!bot.path("uploads/new-7.jpg").exists());
    sql(&bot, "DELETE FROM saldo");
    let result = doubt(&bot, "the database database.sqlite has lost");
    assert_eq!(result.suspicious.unwrap().reasons.len(), 1, "what the first one removed is explained");
}
