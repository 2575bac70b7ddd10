//! The room that what has gone took.

use std::fs;

use lifeboat_engine::Control;
use lifeboat_engine::report::*;
use lifeboat_engine::vault;

use crate::support::*;

fn used(bot: &Bot) -> u64 {
    vault::usage(&bot.vault()).unwrap().stored
}

fn at_once(bot: &Bot) -> PruneReport {
    bot.engine().prune(&PruneOptions { at_once: true, ..Default::default() }, &Control::silent()).unwrap()
}

fn names(bot: &Bot) -> Vec<String> {
    bot.engine().list_backups(&ListFilter::default()).unwrap().into_iter().map(|info| info.backup).collect()
}

#[test]
fn where_the_records_are_missing_no_pack_goes() {
    let bot = Bot::new();
    let first = bot.backup(BackupType::Manual).backup;
    let (snapshots, aside) = (bot.vault().join("snapshots"), bot.vault().join("aside"));
    fs::rename(&snapshots, &aside).unwrap();
    let error = bot.engine().prune(&PruneOptions::default(), &Control::silent()).unwrap_err();
    assert_eq!(error.code(), "E_CORRUPT");
    fs::rename(&aside, &snapshots).unwrap();
    assert!(bot.verify(true).ok);
    bot.restore(&first);
}

#[test]
fn a_deleted_backup_gives_back_what_only_it_needed_and_the_others_stay_whole() {
    let bot = Bot::new();
    let first = bot.backup(BackupType::Manual).backup;
    let before = tree(&bot.root());
    let small = used(&bot);
    bot.write("uploads/huge.bin", &noise(20 << 20, 7));
    let second = bot.backup(BackupType::Manual).backup;
    fs::remove_file(bot.path("uploads/huge.bin")).unwrap();
    let third = bot.backup(BackupType::Manual).backup;
    assert!(used(&bot) > small + (20 << 20));

    let report = bot.engine().delete_backup(&second, &Control::silent()).unwrap();
    assert_eq!(report.removed, 1);
    assert!(report.waiting > 20 << 20, "{report:?}");
    assert!(at_once(&bot).freed > 20 << 20);
    assert!(used(&bot) < small + (1 << 20), "{} {small}", used(&bot));
    assert_eq!(names(&bot), [third.clone(), first.clone()]);
    assert!(bot.verify(true).ok);
    let mut out = tree(&bot.restore(&first));
    out.remove(std::path::Path::new(""));
    assert_same_tree(&before, &out);
    bot.restore(&third);
    assert!(bot.engine().list_items(&second, &[]).is_err());
    bot.backup(BackupType::Daily);
    assert!(bot.verify(true).ok);
}

#[test]
fn a_pack_that_is_mostly_dead_is_written_anew() {
    let bot = Bot::empty();
    bot.write("uploads/keep.bin", &noise(300_000, 1));
    bot.write("uploads/lose.bin", &noise(9 << 20, 2));
    let first = bot.backup(BackupType::Manual).backup;
    fs::remove_file(bot.path("uploads/lose.bin")).unwrap();
    let second = bot.backup(BackupType::Manual).backup;
    let report = bot.engine().delete_backup(&first, &Control::silent()).unwrap();
    assert_eq!((report.packs_rewritten, report.warnings.len()), (1, 0), "{report:?}");
    at_once(&bot);
    assert!(used(&bot) < 400_000, "{}", used(&bot));
    assert!(bot.verify(true).ok);
    assert_eq!(fs::read(bot.restore(&second).join("uploads/keep.bin")).unwrap(), noise(300_000, 1));
}

#[test]
fn a_dry_run_says_the_same_and_touches_nothing() {
    let bot = Bot::new();
    for n in 0..12 {
        bot.write("config.json", format!("{{\"n\":{n}}}").as_bytes());
        bot.backup(BackupType::Safety);
    }
    let mut config = bot.config.clone();
    config.local_retention_days = 0;
    let engine = lifeboat_engine::Engine::new(config);
    let before = bot.objects();
    let dry = engine.prune(&PruneOptions { dry_run: true, ..Default::default() }, &Control::silent()).unwrap();
    assert_eq!(bot.objects(), before);
    assert_eq!((dry.removed, names(&bot).len()), (11, 12));
    let real = engine.prune(&PruneOptions::default(), &Control::silent()).unwrap();
    assert_eq!((real.removed, &real.backups, real.freed), (dry.removed, &dry.backups, dry.freed));
    assert_eq!(real.waiting, dry.waiting);
    assert_eq!(names(&bot).len(), 1);
    assert!(bot.verify(true).ok);
}

#[test]
fn a_pinned_backup_stays_until_it_is_unpinned() {
    let bot = Bot::new();
    let pinned = bot.backup(BackupType::Safety).backup;
    bot.backup(BackupType::Safety);
    let mut config = bot.config.clone();
    config.local_retention_days = 0;
    let engine = lifeboat_engine::Engine::new(config);
    engine.pin(&pinned, true).unwrap();
    assert!(engine.list_backups(&ListFilter::default()).unwrap()[1].pinned);
    assert_eq!(engine.prune(&PruneOptions::default(), &Control::silent()).unwrap().removed, 0);
    engine.pin(&pinned, false).unwrap();
    assert_eq!(engine.prune(&PruneOptions::default(), &Control::silent()).unwrap().removed, 1);
}

#[test]
fn while_a_backup_that_stays_cannot_be_read_no_pack_goes() {
    let bot = Bot::new();
    let first = bot.backup(BackupType::Manual).backup;
    bot.write("uploads/huge.bin", &noise(1 << 20, 7));
    let second = bot.backup(BackupType::Manual).backup;
    let snapshot = bot.vault().join("snapshots").join(&second);
    let whole = fs::read(&snapshot).unwrap();
    fs::write(&snapshot, &whole[..whole.len() / 2]).unwrap();
    let packs = bot.packs();
    let report = bot.engine().delete_backup(&first, &Control::silent()).unwrap();
    assert_eq!(report.warnings.len(), 1, "{report:?}");
    assert_eq!(bot.packs(), packs);
    // Once it is whole again, or gone itself, there is nothing in the way.
    fs::write(&snapshot, whole).unwrap();
    assert!(bot.verify(true).ok);
    bot.restore(&second);
}

#[test]
fn a_superseded_damaged_pack_goes_and_verify_is_content_again() {
    let bot = Bot::new();
    bot.backup(BackupType::Manual);
    let pack = bot.packs().remove(0);
    let mut bytes = fs::read(&pack).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&pack, bytes).unwrap();
    bot.backup(BackupType::Daily);
    assert!(!bot.verify(true).ok);
    bot.engine().prune(&PruneOptions::default(), &Control::silent()).unwrap();
    let report = bot.verify(true);
    assert!(report.ok || report.damaged.iter().all(|damage| damage.backups.is_empty()), "{report:?}");
}

#[test]
fn on_a_disk_without_a_free_byte_what_no_rule_keeps_gives_way_and_nothing_else() {
    let mut bot = Bot::empty();
    let disk = SmallDisk::mount(&bot.dir.path().join("disk"), "size=24m");
    bot.config.backup_dir = disk.0.join("vault");
    bot.config.local_retention_days = 0;
    bot.write("uploads/keep.bin", &noise(300_000, 1));
    for n in 0..4 {
        bot.write("uploads/changes.bin", &noise(4 << 20, 2 + n));
        bot.backup(BackupType::Safety);
    }
    let last = bot.backup(BackupType::Daily).backup;
    // Whoever fills it: a log file, say.
    let mut junk = fs::File::create(disk.0.join("junk")).unwrap();
    let full =
        std::iter::repeat_with(|| std::io::Write::write(&mut junk, &[7; 1024])).find_map(|written| written.err());
    assert_eq!(full.unwrap().kind(), std::io::ErrorKind::StorageFull);
    bot.write("uploads/changes.bin", &noise(4 << 20, 99));
    let hourly = bot.backup(BackupType::Hourly).backup;
    assert_eq!(names(&bot), [hourly.clone(), last.clone()]);
    assert!(bot.verify(true).ok);
    for name in [last, hourly] {
        assert_eq!(fs::read(bot.restore(&name).join("uploads/keep.bin")).unwrap(), noise(300_000, 1));
    }
    bot.write("uploads/changes.bin", &noise(20 << 20, 100));
    assert_eq!(bot.try_backup(BackupType::Hourly).unwrap_err().code(), "E_NO_SPACE");
    assert_eq!(names(&bot).len(), 2);
    assert!(bot.verify(true).ok);
}
