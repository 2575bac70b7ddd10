//! `maxLocalStorage` is never passed, and never costs the newest good backup or a pinned one.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use lifeboat_engine::config::{ScheduleConfig, Size};
use lifeboat_engine::report::*;
use lifeboat_engine::{Control, Engine, vault};

use crate::support::*;

const MB: u64 = 1 << 20;

/// A root of one photo, which is another one in each backup.
fn photo(bot: &Bot, megabytes: u64, seed: u64) {
    bot.write("uploads/photo.jpg", &noise((megabytes * MB) as usize, seed));
}

fn capped(bot: &Bot, limit: u64) -> Engine {
    let mut config = bot.config.clone();
    config.max_local_storage = Size(limit);
    Engine::new(config)
}

fn backup(engine: &Engine, kind: BackupType) -> lifeboat_engine::Result<BackupResult> {
    engine.create_backup(kind, &BackupOptions::default(), &Control::silent())
}

fn names(engine: &Engine) -> Vec<String> {
    engine.list_backups(&ListFilter::default()).unwrap().into_iter().map(|info| info.backup).collect()
}

fn used(bot: &Bot) -> u64 {
    vault::usage(&bot.vault()).unwrap().used
}

/// Bytes of everything, while it is being written: what was renamed meanwhile is not counted twice.
fn used_once(vault: &std::path::Path) -> u64 {
    let (mut seen, mut folders, mut sum) = (std::collections::HashSet::new(), vec![vault.to_path_buf()], 0);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let Ok(metadata) = fs::symlink_metadata(entry.path()) else { continue };
            if metadata.is_dir() {
                folders.push(entry.path());
            } else if seen.insert(metadata.ino()) {
                sum += metadata.len();
            }
        }
    }
    sum
}

#[test]
fn the_oldest_and_smallest_go_before_their_time_and_the_limit_is_never_passed() {
    let bot = Bot::empty();
    let engine = capped(&bot, 30 * MB);
    // Somebody who looks all the time.
    let (largest, done) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
    let watcher = {
        let (largest, done, vault) = (largest.clone(), done.clone(), bot.vault());
        std::thread::spawn(move || {
            while !done.load(Ordering::Relaxed) {
                largest.fetch_max(used_once(&vault), Ordering::Relaxed);
            }
        })
    };
    let mut made = Vec::new();
    let mut told = 0;
    for (turn, kind) in [BackupType::Monthly, BackupType::Daily].into_iter().chain([BackupType::Hourly; 10]).enumerate()
    {
        photo(&bot, 4, turn as u64);
        let result = backup(&engine, kind).unwrap();
        told += result.warnings.iter().filter(|warning| warning.message.contains("before its time")).count();
        made.push(result.backup);
    }
    done.store(true, Ordering::Relaxed);
    watcher.join().unwrap();
    assert!(largest.load(Ordering::Relaxed) <= 30 * MB, "{largest:?}");
    let left = names(&engine);
    assert!(left.len() >= 5, "{left:?}");
    assert_eq!(told, made.len() - left.len());
    // The larger tiers are there still, and of the hourly ones the newest.
    assert!(left.contains(&made[0]) && left.contains(&made[1]), "{left:?}");
    let hourly: Vec<_> = left.iter().filter(|name| name.contains("HOURLY")).cloned().collect();
    assert_eq!(hourly, made.iter().rev().take(hourly.len()).cloned().collect::<Vec<_>>());
    assert!(bot.verify(true).ok);
    assert_eq!(fs::read(bot.restore(&made[0]).join("uploads/photo.jpg")).unwrap(), noise((4 * MB) as usize, 0));
}

#[test]
fn where_even_that_is_not_enough_nothing_is_removed_and_nothing_stays() {
    let bot = Bot::empty();
    let engine = capped(&bot, 20 * MB);
    photo(&bot, 4, 1);
    let hourly = backup(&engine, BackupType::Hourly).unwrap().backup;
    photo(&bot, 4, 2);
    let newest = backup(&engine, BackupType::Hourly).unwrap().backup;
    let before = used(&bot);
    photo(&bot, 18, 3);
    let error = backup(&engine, BackupType::Manual).unwrap_err();
    assert_eq!(error.code(), "E_STORAGE_LIMIT");
    assert!(error.to_string().contains("maxLocalStorage"), "{error}");
    assert_eq!(names(&engine), [newest.clone(), hourly]);
    assert!(used(&bot) < before + MB, "{} {before}", used(&bot));
    assert!(bot.verify(true).ok);
    // Nor does a root that was never reckoned with: it does not fit at all.
    let other = Bot::empty();
    photo(&other, 8, 4);
    let error = backup(&capped(&other, 5 * MB), BackupType::Manual).unwrap_err();
    assert_eq!(error.code(), "E_STORAGE_LIMIT");
    // There is no other backup that could be in its way.
    let said = error.to_string();
    assert!(said.contains("Raise maxLocalStorage, or leave large files out"), "{said}");
    assert!(!said.contains("newest good backup") && !said.contains("Earlier backups"), "{said}");
    assert_eq!((names(&other.engine()).len(), other.packs().len()), (0, 0));
    // With more room it goes on as if nothing had been.
    backup(&capped(&bot, 60 * MB), BackupType::Manual).unwrap();
    assert!(bot.verify(true).ok);
}

#[test]
fn a_guess_that_was_too_low_is_made_good() {
    let bot = Bot::empty();
    // Text that does not compress: half of it was reckoned with.
    bot.write("data/a.bin", &noise((6 * MB) as usize, 1));
    let engine = capped(&bot, 16 * MB);
    let first = backup(&engine, BackupType::Hourly).unwrap().backup;
    bot.write("data/a.bin", &noise((6 * MB) as usize, 2));
    let second = backup(&engine, BackupType::Hourly).unwrap().backup;
    bot.write("data/a.bin", &noise((6 * MB) as usize, 3));
    let third = backup(&engine, BackupType::Hourly).unwrap().backup;
    assert_eq!(names(&engine), [third, second]);
    assert!(!names(&engine).contains(&first));
    assert!(used(&bot) <= 16 * MB);
    assert!(bot.verify(true).ok);
}

#[test]
fn no_backup_goes_for_a_guess_where_the_new_one_is_refused_in_the_end() {
    let bot = Bot::empty();
    let engine = capped(&bot, 20 * MB);
    for seed in 0..3 {
        photo(&bot, 4, seed);
        backup(&engine, BackupType::Hourly).unwrap();
    }
    let before = names(&engine);
    // Half of it was reckoned with, for which one of them would have to go. All of it never fits.
    bot.write("data/a.bin", &noise((18 * MB) as usize, 7));
    assert_eq!(backup(&engine, BackupType::Hourly).unwrap_err().code(), "E_STORAGE_LIMIT");
    assert_eq!(names(&engine), before);
    // What compresses well needs no room that somebody else has.
    bot.write("data/a.bin", "pesan masuk dari pelanggan\n".repeat(700_000).as_bytes());
    backup(&engine, BackupType::Hourly).unwrap();
    assert_eq!(names(&engine).len(), before.len() + 1);
    assert!(bot.verify(true).ok && used(&bot) <= 20 * MB);
}

#[test]
fn what_a_guess_lacked_is_known_after_one_try() {
    let bot = Bot::empty();
    let engine = capped(&bot, 20 * MB);
    for seed in 0..3 {
        photo(&bot, 4, seed);
        backup(&engine, BackupType::Hourly).unwrap();
    }
    // More than it seemed, and less than the most that it could be: the oldest goes, and no other one.
    bot.write("data/a.bin", &noise((9 * MB) as usize, 7));
    bot.write("data/b.bin", "pesan masuk dari pelanggan\n".repeat(200_000).as_bytes());
    backup(&engine, BackupType::Hourly).unwrap();
    assert_eq!(names(&engine).len(), 3);
    assert!(bot.verify(true).ok && used(&bot) <= 20 * MB);
}

#[test]
fn an_archive_that_has_the_same_photo_three_times_is_not_taken_for_a_small_one() {
    let mut bot = Bot::empty();
    bot.config.max_local_storage = Size(10 * MB);
    for name in ["a", "b", "c"] {
        bot.write(&format!("uploads/{name}.jpg"), &noise((3 * MB) as usize, 1));
    }
    let result = scheduled(&bot.engine(), BackupType::Weekly);
    let told = |warning: &Warning| warning.message.contains("it would need about");
    assert!(result.warnings.iter().any(told), "{:?}", result.warnings);
    assert_eq!(archives(&bot).len(), 0);
}

#[test]
fn a_record_that_rots_takes_no_good_backup_with_it() {
    let bot = Bot::empty();
    let engine = capped(&bot, 20 * MB);
    let mut made = Vec::new();
    for seed in 0..3 {
        photo(&bot, 5, seed);
        made.push(backup(&engine, BackupType::Daily).unwrap().backup);
    }
    let record = bot.vault().join("snapshots").join(&made[2]);
    let mut bytes = fs::read(&record).unwrap();
    bytes[60] ^= 1;
    fs::write(&record, bytes).unwrap();
    photo(&bot, 17, 7);
    assert_eq!(backup(&engine, BackupType::Daily).unwrap_err().code(), "E_STORAGE_LIMIT");
    for (seed, good) in made[..2].iter().enumerate() {
        let photo = bot.restore(good).join("uploads/photo.jpg");
        assert_eq!(fs::read(photo).unwrap(), noise((5 * MB) as usize, seed as u64));
    }
    // With less to do it goes on: what cannot be read is the first to go, and then the oldest.
    photo(&bot, 10, 8);
    let newest = backup(&engine, BackupType::Daily).unwrap().backup;
    assert_eq!(names(&engine), [newest, made[1].clone()]);
    assert!(bot.verify(true).ok);
}

#[test]
fn what_the_vault_has_already_needs_no_room() {
    let bot = Bot::empty();
    let engine = capped(&bot, 10 * MB);
    photo(&bot, 6, 1);
    backup(&engine, BackupType::Daily).unwrap();
    fs::rename(bot.path("uploads"), bot.path("photos")).unwrap();
    bot.write("photos/photo.jpg", &noise((6 * MB) as usize, 1));
    assert!(backup(&engine, BackupType::Daily).unwrap().size < MB);
    assert_eq!(names(&engine).len(), 2);
}

#[test]
fn a_root_that_has_grown_a_lot_gets_its_room() {
    let bot = Bot::empty();
    let engine = capped(&bot, 140 * MB);
    photo(&bot, 50, 1);
    backup(&engine, BackupType::Hourly).unwrap();
    photo(&bot, 1, 2);
    backup(&engine, BackupType::Hourly).unwrap();
    photo(&bot, 100, 3);
    backup(&engine, BackupType::Hourly).unwrap();
    assert!(bot.verify(false).ok && used(&bot) <= 140 * MB);
}

#[test]
fn pinned_ones_stay_whatever_happens() {
    let bot = Bot::empty();
    let engine = capped(&bot, 20 * MB);
    photo(&bot, 6, 1);
    let pinned = backup(&engine, BackupType::Hourly).unwrap().backup;
    engine.pin(&pinned, true).unwrap();
    for seed in 2..6 {
        photo(&bot, 6, seed);
        backup(&engine, BackupType::Hourly).unwrap();
    }
    assert!(names(&engine).contains(&pinned));
    engine.pin("latest", true).unwrap();
    photo(&bot, 9, 7);
    assert_eq!(backup(&engine, BackupType::Hourly).unwrap_err().code(), "E_STORAGE_LIMIT");
    engine.pin(&pinned, false).unwrap();
    backup(&engine, BackupType::Hourly).unwrap();
    assert!(!names(&engine).contains(&pinned));
}

fn scheduled(engine: &Engine, kind: BackupType) -> BackupResult {
    scheduled_for(engine, kind, &[])
}

fn scheduled_for(engine: &Engine, kind: BackupType, covers: &[BackupType]) -> BackupResult {
    engine.run_scheduled(kind, covers, false, &Control::silent()).unwrap()
}

fn archives(bot: &Bot) -> Vec<String> {
    let entries = fs::read_dir(bot.vault().join("archives")).into_iter().flatten();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn weekly_backups_leave_an_archive_that_goes_with_them_or_where_room_is_needed() {
    let bot = Bot::empty();
    photo(&bot, 3, 1);
    let engine = capped(&bot, 22 * MB);
    let first = scheduled(&engine, BackupType::Weekly);
    assert_eq!(first.warnings, []);
    assert_eq!(archives(&bot).len(), 1);
    // It is an archive like any other.
    let mut other = Bot::empty();
    other.config = lifeboat_engine::Config { root: bot.dir.path().join("elsewhere"), ..bot.config.clone() };
    other.config.backup_dir = other.config.root.join("backups");
    let file = bot.vault().join("archives").join(&archives(&bot)[0]);
    assert_eq!(other.engine().import_backup(&file, None, &Control::silent()).unwrap().backup, first.backup);
    // A second one beside it, and the backup of the first goes: so does its archive.
    photo(&bot, 3, 2);
    scheduled(&engine, BackupType::Weekly);
    assert_eq!(archives(&bot).len(), 2);
    engine.delete_backup(&first.backup, &Control::silent()).unwrap();
    assert_eq!(archives(&bot).len(), 1);
    // Backups need the room: an archive goes before any of them.
    for seed in 3..7 {
        photo(&bot, 4, seed);
        backup(&engine, BackupType::Hourly).unwrap();
    }
    assert_eq!((archives(&bot).len(), names(&engine).len()), (0, 5));
    // One that does not fit is left out, and says so.
    let small = capped(&bot, used(&bot) + 5 * MB);
    let result = scheduled(&small, BackupType::Weekly);
    assert!(result.warnings.iter().any(|warning| warning.message.contains("No archive was written")), "{result:?}");
    assert_eq!(archives(&bot).len(), 0);
    assert!(bot.verify(true).ok);
}

#[test]
fn what_counts_for_a_weekly_backup_leaves_its_archive() {
    let bot = Bot::empty();
    photo(&bot, 1, 1);
    scheduled_for(&bot.engine(), BackupType::Monthly, &[BackupType::Hourly]);
    assert_eq!(archives(&bot).len(), 0);
    scheduled_for(&bot.engine(), BackupType::Monthly, &[BackupType::Hourly, BackupType::Weekly]);
    assert_eq!(archives(&bot).len(), 1);
}

#[test]
fn no_archive_where_none_is_wanted() {
    let mut bot = Bot::empty();
    photo(&bot, 1, 1);
    bot.config.schedules.insert(BackupType::Weekly, ScheduleConfig { archive: Some(false), ..Default::default() });
    scheduled(&bot.engine(), BackupType::Weekly);
    assert_eq!(archives(&bot).len(), 0);
}

#[test]
fn an_import_that_does_not_fit_leaves_nothing() {
    let bot = Bot::empty();
    photo(&bot, 6, 1);
    let first = bot.backup(BackupType::Manual).backup;
    let file = bot.dir.path().join("archive.tar.gz");
    let options = ExportOptions { encrypt: Some(false), ..Default::default() };
    bot.engine().export_backup(&first, &file, &options, &Control::silent()).unwrap();
    let other = Bot::empty();
    other.write("config.json", b"{}");
    let engine = capped(&other, 5 * MB);
    backup(&engine, BackupType::Manual).unwrap();
    let before = other.packs();
    assert_eq!(engine.import_backup(&file, None, &Control::silent()).unwrap_err().code(), "E_STORAGE_LIMIT");
    assert_eq!((names(&engine).len(), other.packs()), (1, before));
    assert!(other.verify(true).ok);
}
