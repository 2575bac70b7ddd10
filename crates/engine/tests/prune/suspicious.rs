//! A backup that has lost what it should not is made and marked, takes nobody's place, and freezes pruning until somebody
//! has said that it is right.

use std::fs;

use lifeboat_engine::config::{ScheduleConfig, Size};
use lifeboat_engine::report::*;
use lifeboat_engine::{Control, Result};

use crate::support::*;

fn infos(bot: &Bot) -> Vec<BackupInfo> {
    bot.engine().list_backups(&ListFilter::default()).unwrap()
}

fn names(bot: &Bot) -> Vec<String> {
    infos(bot).into_iter().map(|info| info.backup).collect()
}

fn prune(bot: &Bot, options: PruneOptions) -> Result<PruneReport> {
    bot.engine().prune(&options, &Control::silent())
}

/// Twelve settings, forty photos, a database with 20,000 customers.
pub fn shop() -> Bot {
    let mut bot = Bot::empty();
    for n in 0..12 {
        bot.write(
            &format!("database/{n}.json"),
            format!(r#"{{"n":{n},"text":"{}"}}"#, "kata ".repeat(2000)).as_bytes(),
        );
    }
    for n in 0..40 {
        bot.write(&format!("uploads/{n}.jpg"), &noise(20_000, n));
    }
    bot.database("database.sqlite", 20_000);
    for kind in BackupType::SCHEDULED {
        bot.config.schedules.insert(kind, ScheduleConfig { keep: Some(2), archive: Some(false), ..Default::default() });
    }
    bot
}

pub fn sql(bot: &Bot, sql: &str) {
    rusqlite::Connection::open(bot.path("database.sqlite")).unwrap().execute_batch(sql).unwrap();
}

/// What somebody does who wants money for it.
fn encrypt(bot: &Bot, paths: impl IntoIterator<Item = String>) {
    for (seed, path) in paths.into_iter().enumerate() {
        let size = fs::metadata(bot.path(&path)).unwrap().len() as usize;
        bot.write(&path, &noise(size + 32, 1000 + seed as u64));
    }
}

fn json() -> impl Iterator<Item = String> {
    (0..12).map(|n| format!("database/{n}.json"))
}

#[track_caller]
pub fn doubt(bot: &Bot, words: &str) -> BackupResult {
    let result = bot.backup(BackupType::Hourly);
    let doubt = result.suspicious.clone().unwrap_or_else(|| panic!("nothing was noticed: {words}"));
    assert!(doubt.reasons.iter().any(|reason| reason.contains(words)), "{doubt:?}");
    assert!(result.warnings.iter().any(|warning| warning.message.contains("lifeboat accept")), "{:?}", result.warnings);
    result
}

#[test]
fn most_items_gone_is_suspicious() {
    let bot = shop();
    let base = bot.backup(BackupType::Hourly).backup;
    (0..25).for_each(|n| fs::remove_file(bot.path(&format!("uploads/{n}.jpg"))).unwrap());
    assert_eq!(bot.backup(BackupType::Hourly).suspicious, None, "25 of 55");
    json().for_each(|path| fs::remove_file(bot.path(&path)).unwrap());
    (25..39).for_each(|n| fs::remove_file(bot.path(&format!("uploads/{n}.jpg"))).unwrap());
    let result = doubt(&bot, "items are gone");
    assert_ne!(result.suspicious.unwrap().against, base, "against the newest that nobody doubts");
}

#[test]
fn all_of_a_category_gone_is_suspicious() {
    let bot = shop();
    for n in 0..300 {
        bot.write(&format!("sessions/raf/pre-key-{n}.json"), b"{}");
    }
    bot.backup(BackupType::Hourly);
    // Most of a session comes and goes.
    (0..299).for_each(|n| fs::remove_file(bot.path(&format!("sessions/raf/pre-key-{n}.json"))).unwrap());
    assert_eq!(bot.backup(BackupType::Hourly).suspicious, None);
    fs::remove_dir_all(bot.path("uploads")).unwrap();
    doubt(&bot, "of media are gone");
}

#[test]
fn a_database_that_has_lost_most_of_its_rows_is_suspicious_though_its_file_is_as_large() {
    for (statement, words) in [
        ("DELETE FROM saldo WHERE id > 5000", "has lost"),
        ("DROP TABLE saldo; VACUUM", "has lost"),
        ("DELETE FROM saldo WHERE id > 12000", ""),
    ] {
        let bot = shop();
        bot.backup(BackupType::Hourly);
        sql(&bot, statement);
        match words {
            "" => assert_eq!(bot.backup(BackupType::Hourly).suspicious, None, "{statement}"),
            words => drop(doubt(&bot, words)),
        }
    }
    let bot = shop();
    bot.backup(BackupType::Hourly);
    fs::remove_file(bot.path("database.sqlite")).unwrap();
    doubt(&bot, "the database database.sqlite has lost");
}

#[test]
fn files_that_change_at_once_and_do_not_compress_any_more_are_suspicious() {
    let bot = shop();
    bot.backup(BackupType::Hourly);
    encrypt(&bot, json().chain((0..40).map(|n| format!("uploads/{n}.jpg"))).chain(["database.sqlite".into()]));
    doubt(&bot, "as if somebody had encrypted them");
}

#[test]
fn all_files_written_anew_are_not_suspicious_while_they_are_what_they_were() {
    let bot = shop();
    bot.backup(BackupType::Hourly);
    for n in 0..12 {
        bot.write(
            &format!("database/{n}.json"),
            format!(r#"{{"n":{n},"text":"{}"}}"#, "lain ".repeat(2100)).as_bytes(),
        );
    }
    (0..40).for_each(|n| bot.write(&format!("uploads/{n}.jpg"), &noise(20_000, 500 + n)));
    sql(&bot, "UPDATE saldo SET nama = 'pembeli ' || id, jumlah = id");
    assert_eq!(bot.backup(BackupType::Hourly).suspicious, None);
}

#[test]
fn a_handful_of_files_comes_and_goes_without_an_alarm() {
    let bot = Bot::empty();
    for n in 0..7 {
        bot.write(&format!("{n}.json"), b"[1,2,3]");
    }
    bot.database("small.sqlite", 20);
    bot.database("other.sqlite", 40);
    bot.backup(BackupType::Hourly);
    (0..7).for_each(|n| fs::remove_file(bot.path(&format!("{n}.json"))).unwrap());
    fs::remove_file(bot.path("small.sqlite")).unwrap();
    bot.write("other.txt", b"text");
    assert_eq!(bot.backup(BackupType::Hourly).suspicious, None);
}

#[test]
fn while_a_backup_is_suspicious_nothing_is_pruned_and_then_it_is() {
    let mut bot = shop();
    let good: Vec<String> = (0..4).map(|_| bot.backup(BackupType::Hourly).backup).collect();
    fs::remove_dir_all(bot.path("uploads")).unwrap();
    let first = doubt(&bot, "media");
    let second = bot.engine().run_scheduled(BackupType::Hourly, &[], true, &Control::silent()).unwrap();
    assert_eq!(second.suspicious.unwrap().since, first.backup, "the same doubt goes on");
    assert_eq!(names(&bot).len(), 6);
    assert!(second.warnings.iter().any(|warning| warning.message.starts_with("Nothing is pruned")));

    let error = prune(&bot, PruneOptions::default()).unwrap_err();
    assert_eq!(error.code(), "E_VAULT");
    assert!(error.to_string().contains("lifeboat accept"), "{error}");
    let plan = prune(&bot, PruneOptions { dry_run: true, ..PruneOptions::default() }).unwrap();
    assert!(plan.removed == 0 && !plan.warnings.is_empty());
    // Not for the cap either.
    bot.config.max_local_storage = Size(lifeboat_engine::vault::usage(&bot.vault()).unwrap().used + 200_000);
    bot.write("uploads/large.jpg", &noise(2 << 20, 9));
    let error = bot.try_backup(BackupType::Hourly).unwrap_err();
    assert_eq!(error.code(), "E_STORAGE_LIMIT");
    assert!(error.to_string().contains("suspicious"), "{error}");
    bot.config.max_local_storage = Size(5_000_000_000);
    assert_eq!(names(&bot).len(), 6);

    let status = bot.engine().status().unwrap();
    assert!(status.problems.iter().any(|problem| problem.message.contains("lifeboat accept")), "{status:?}");
    assert_eq!(bot.engine().list_items("latest", &["media".into()]).unwrap().len(), 41, "latest is the last good one");

    let accepted = bot.engine().accept_backup(&first.backup).unwrap();
    assert_eq!(accepted, [second.backup.clone(), first.backup.clone()]);
    assert!(infos(&bot).iter().all(|info| info.suspicious.is_none()));
    assert!(bot.engine().accept_backup(&first.backup).unwrap().is_empty());
    // Also where the catalog has to be built anew.
    fs::remove_file(bot.vault().join("catalog.sqlite")).unwrap();
    assert!(infos(&bot).iter().all(|info| info.suspicious.is_none()));
    assert_eq!(prune(&bot, PruneOptions::default()).unwrap().removed, 4);
    assert_eq!(names(&bot), [second.backup, first.backup]);
    assert!(!names(&bot).contains(&good[0]));
    assert_eq!(bot.backup(BackupType::Hourly).suspicious, None);
    assert_eq!(bot.engine().status().unwrap().problems.len(), 0);
}

#[test]
fn another_loss_is_another_doubt() {
    let bot = shop();
    bot.backup(BackupType::Hourly);
    fs::remove_dir_all(bot.path("uploads")).unwrap();
    let first = doubt(&bot, "media");
    sql(&bot, "DELETE FROM saldo");
    let second = doubt(&bot, "the database");
    assert_eq!(second.suspicious.unwrap().since, second.backup);
    bot.engine().accept_backup(&first.backup).unwrap();
    assert_eq!(prune(&bot, PruneOptions::default()).unwrap_err().code(), "E_VAULT");
    bot.engine().accept_backup("latest").unwrap();
    prune(&bot, PruneOptions::default()).unwrap();
    assert_eq!(bot.engine().accept_backup("latest").unwrap_err().code(), "E_NOT_FOUND");
}

#[test]
fn a_suspicious_backup_that_is_deleted_or_pruned_around_freezes_nothing_any_more() {
    let bot = shop();
    (0..4).for_each(|_| drop(bot.backup(BackupType::Hourly)));
    fs::remove_dir_all(bot.path("uploads")).unwrap();
    let wrong = doubt(&bot, "media").backup;
    let despite = PruneOptions { despite_suspicion: true, ..PruneOptions::default() };
    assert_eq!(prune(&bot, despite).unwrap().removed, 2, "it takes nobody's place");
    bot.engine().delete_backup(&wrong, &Control::silent()).unwrap();
    assert_eq!(prune(&bot, PruneOptions::default()).unwrap().removed, 0);
    doubt(&bot, "media");
}

#[test]
fn what_a_restore_has_changed_explains_itself_and_nothing_else_does() {
    let bot = shop();
    (0..39).for_each(|n| fs::rename(bot.path(&format!("uploads/{n}.jpg")), bot.path(&format!("{n}"))).unwrap());
    let small = bot.backup(BackupType::Hourly).backup;
    for n in 0..200 {
        bot.write(&format!("uploads/new-{n}.jpg"), &noise(3_000, 700 + n));
    }
    bot.backup(BackupType::Hourly);
    let options =
        RestoreOptions { mode: RestoreMode::Offline, mirror: vec![Category::Media], ..RestoreOptions::default() };
    bot.engine().restore(&BackupRef::Name(small), &options, &Control::silent()).unwrap();
    assert!(!bot.path("uploads/new-7.jpg").exists());
    assert_eq!(bot.backup(BackupType::Hourly).suspicious, None);
    sql(&bot, "DELETE FROM saldo");
    doubt(&bot, "the database");
}
