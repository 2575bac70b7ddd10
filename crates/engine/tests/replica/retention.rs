//! What stays at a target by its own counts, and what goes.

use std::path::Path;
use std::sync::atomic::Ordering;
use std::time::{Duration, SystemTime};

use lifeboat_engine::config::ScheduleConfig;
use lifeboat_engine::config::cloud::{Folder, Keep, S3, Target};
use lifeboat_engine::report::{BackupInfo, BackupOptions, BackupType, PruneOptions};
use lifeboat_engine::store::Store;
use lifeboat_engine::{Config, Control, Engine};

use crate::shaky::*;
use crate::support::{Bot, noise};

const DAY: i64 = 24 * 3_600_000;

fn now() -> i64 {
    jiff::Timestamp::now().as_millisecond()
}

/// A backup a day, of which each has a photo of its own, and after each a sync.
fn days(bot: &Bot, stores: &Stores, from: i64, count: u64) {
    for day in 0..count {
        let at = from + day as i64 * DAY;
        bot.write("uploads/today.jpg", &noise(200_000, day));
        let control = Control::silent().with_clock(move || at);
        bot.engine().create_backup(BackupType::Daily, &BackupOptions::default(), &control).unwrap();
        stores.0.values().for_each(|store| store.clock.store(at, Ordering::Relaxed));
        let synced = sync_at(bot, stores, at + 60_000);
        assert_eq!(synced.report.pending, 0, "{:?}", synced.report);
    }
}

fn records(store: &Shaky) -> usize {
    store.objects().keys().filter(|object| object.starts_with("snapshots/")).count()
}

fn packs(store: &Shaky) -> usize {
    store.objects().keys().filter(|object| object.starts_with("packs/")).count()
}

fn is_whole(bot: &Bot, store: &Shaky) {
    let copy = tempfile::tempdir().unwrap();
    store.download(copy.path());
    let config = Config { backup_dir: copy.path().into(), cloud: Vec::new(), ..bot.config.clone() };
    let report = Engine::new(config).verify(None, true, &Control::silent()).unwrap();
    assert!(report.ok, "{report:?}");
}

fn keeping(bot: &mut Bot, keep: Keep) {
    if let Target::S3(s3) = &mut bot.config.cloud[0] {
        s3.keep = keep;
    }
}

#[test]
fn a_target_that_keeps_fewer_has_fewer_and_what_went_is_not_sent_again() {
    let mut bot = Bot::new();
    let stores = synced(&mut bot, &["s3"]);
    keeping(&mut bot, [(BackupType::Daily, 2)].into());
    let store = stores.0["s3"].clone();
    store.put_here("holiday.jpg", b"theirs");
    let from = now() - 20 * DAY;
    days(&bot, &stores, from, 7);
    assert!((2..=3).contains(&records(&store)), "{} records", records(&store));
    is_whole(&bot, &store);
    let before = packs(&store);
    for day in 8..11 {
        assert_eq!(sync_at(&bot, &stores, from + day * DAY).report.pending, 0);
    }
    assert!(packs(&store) < before && packs(&store) <= 4, "{} packs of {before}", packs(&store));
    is_whole(&bot, &store);
    assert!(store.objects()["holiday.jpg"] == b"theirs");
    let listed = bot.engine().list_backups(&Default::default()).unwrap();
    assert_eq!(listed.len(), 7);
    for info in &listed {
        let is_there = store.objects().contains_key(&format!("snapshots/{}", info.backup));
        assert_eq!(info.cloud, if is_there { "synced" } else { "off" }, "{} goes nowhere by itself", info.backup);
    }
    let sent = store.writes.lock().unwrap().iter().filter(|write| write.starts_with("snapshots/")).count();
    assert_eq!(sent, 7, "each was sent once");
}

#[test]
fn a_target_that_keeps_more_has_what_is_here_no_more_and_all_that_it_needs() {
    let mut bot = Bot::new();
    let stores = synced(&mut bot, &["s3"]);
    keeping(&mut bot, [(BackupType::Daily, 5)].into());
    bot.config.schedules.insert(BackupType::Daily, ScheduleConfig { keep: Some(1), ..Default::default() });
    let from = now() - 30 * DAY;
    let store = stores.0["s3"].clone();
    days(&bot, &stores, from, 4);
    let control = Control::silent().with_clock(move || from + 20 * DAY);
    let options = PruneOptions { at_once: true, ..PruneOptions::default() };
    bot.engine().prune(&options, &control).unwrap();
    let listed = bot.engine().list_backups(&Default::default()).unwrap();
    let is_here = |info: &&BackupInfo| info.location.contains(&"local".to_owned());
    assert_eq!((listed.iter().filter(is_here).count(), listed.len()), (1, 4), "the others are listed as being there");
    for day in 21..25 {
        let synced = sync_at(&bot, &stores, from + day * DAY);
        assert!(synced.report.failed.is_empty(), "{:?}", synced.report);
    }
    assert_eq!(records(&store), 4);
    is_whole(&bot, &store);
}

#[test]
fn from_where_nothing_may_be_removed_nothing_is_asked_to_go() {
    let mut bot = Bot::new();
    let stores = synced(&mut bot, &["vaulted"]);
    bot.config.cloud = vec![Target::S3(S3 {
        name: Some("vaulted".into()),
        bucket: "b".into(),
        append_only: true,
        keep: [(BackupType::Daily, 1)].into(),
        ..S3::default()
    })];
    days(&bot, &stores, now() - 20 * DAY, 5);
    let store = &stores.0["vaulted"];
    assert_eq!(records(store), 5);
    assert!(!store.writes.lock().unwrap().iter().any(|write| write.starts_with("delete")));
    let error = bot.engine().prune_target("vaulted", None, &PruneOptions::default(), &Control::silent()).unwrap_err();
    assert!(error.code() == "E_CONFIG" || error.code() == "E_CLOUD", "{error}");
}

#[test]
fn nothing_goes_while_a_backup_there_is_suspicious() {
    let mut bot = Bot::new();
    let stores = synced(&mut bot, &["s3"]);
    keeping(&mut bot, [(BackupType::Daily, 1)].into());
    let from = now() - 20 * DAY;
    days(&bot, &stores, from, 1);
    std::fs::remove_dir_all(bot.path("sessions")).unwrap();
    std::fs::remove_file(bot.path("database.sqlite")).unwrap();
    days(&bot, &stores, from + DAY, 4);
    let doubted = bot.engine().list_backups(&Default::default()).unwrap();
    assert!(doubted.iter().any(|info| info.suspicious.is_some()), "{doubted:?}");
    assert_eq!(records(&stores.0["s3"]), 5);
    let words = |warnings: &[String]| warnings.iter().any(|one| one.contains("is suspicious"));
    let synced = sync_at(&bot, &stores, from + 6 * DAY);
    let said: Vec<String> = synced.report.warnings.into_iter().map(|warning| warning.message).collect();
    assert!(words(&said), "{said:?}");
    assert!(words(&bot.engine().status().unwrap().cloud[0].warnings));
    for info in doubted.iter().filter(|info| info.suspicious.is_some()) {
        bot.engine().accept_backup(&info.backup).unwrap();
    }
    assert!(sync_at(&bot, &stores, from + 8 * DAY).report.warnings.is_empty());
    assert!(bot.engine().status().unwrap().cloud[0].warnings.is_empty());
}

#[test]
fn what_was_pruned_from_elsewhere_is_not_sent_again_and_what_should_be_there_is() {
    let mut bot = Bot::new();
    let stores = synced(&mut bot, &["s3"]);
    keeping(&mut bot, [(BackupType::Daily, 2)].into());
    if let Target::S3(s3) = &mut bot.config.cloud[0] {
        s3.append_only = true;
    }
    let (from, store) = (now() - 20 * DAY, stores.0["s3"].clone());
    days(&bot, &stores, from, 5);
    let there: Vec<String> = store.objects().into_keys().filter(|object| object.starts_with("snapshots/")).collect();
    assert_eq!(there.len(), 5);
    // The three oldest were pruned, and the newest was removed by mistake.
    for gone in [&there[..3], &there[4..]].concat() {
        store.inner().delete(&gone).unwrap();
    }
    for day in 6..9 {
        let synced = sync_at(&bot, &stores, from + day * DAY);
        assert!(synced.report.failed.is_empty() && synced.report.pending == 0, "{:?}", synced.report);
    }
    let left: Vec<String> = store.objects().into_keys().filter(|object| object.starts_with("snapshots/")).collect();
    assert_eq!(left, there[3..]);
    assert_eq!([store.times(&there[0]), store.times(&there[4])], [1, 2]);
}

#[test]
fn a_target_is_pruned_from_a_machine_that_has_only_what_opens_the_vault() {
    let mut bot = Bot::new();
    let disk = bot.dir.path().join("disk");
    std::fs::create_dir(&disk).unwrap();
    let target = Folder { path: disk.clone(), keep: [(BackupType::Daily, 2)].into(), ..Folder::default() };
    bot.config.cloud = vec![Target::Folder(target)];
    let from = now() - 30 * DAY;
    for day in 0..5 {
        bot.write("uploads/today.jpg", &noise(200_000, day as u64));
        let control = Control::silent().with_clock(move || from + day * DAY);
        bot.engine().create_backup(BackupType::Daily, &BackupOptions::default(), &control).unwrap();
    }
    bot.engine().sync(None, &Control::silent()).unwrap();
    let vault = disk.join(opened(&bot.config).id());
    let mut elsewhere_config = Config { backup_dir: bot.dir.path().join("none"), ..bot.config.clone() };
    let elsewhere = Engine::new(elsewhere_config.clone());
    let prune_with = |engine: &Engine, dry_run| {
        let options = PruneOptions { dry_run, ..PruneOptions::default() };
        engine.prune_target("folder", None, &options, &Control::silent()).unwrap()
    };
    let prune = |dry_run| prune_with(&elsewhere, dry_run);
    assert_eq!(prune(true).removed, 0, "all of it has just arrived");
    written_when_named(&vault, from);
    let report = prune(true);
    assert_eq!(
        report.removed, 0,
        "the vault's own rules keep them, and nobody knows here whether it has them: {report:?}"
    );
    let daily = ScheduleConfig { keep: Some(2), ..ScheduleConfig::default() };
    elsewhere_config.schedules.insert(BackupType::Daily, daily);
    let elsewhere = Engine::new(elsewhere_config);
    let prune = |dry_run| prune_with(&elsewhere, dry_run);
    let report = prune(true);
    assert_eq!((report.removed, report.backups.len()), (3, 5), "{report:?}");
    assert_eq!(std::fs::read_dir(vault.join("snapshots")).unwrap().count(), 5);
    let report = prune(false);
    assert!(report.removed == 3 && report.packs_removed == 0 && report.waiting > 0, "{report:?}");
    let report = prune(false);
    assert_eq!((report.removed, report.packs_removed), (0, 0), "whoever counts on a pack hears of it before it goes");
    let tomorrow = Control::silent().with_clock(|| now() + DAY + 60_000);
    let report = elsewhere.prune_target("folder", None, &PruneOptions::default(), &tomorrow).unwrap();
    assert!(report.removed == 0 && report.packs_removed >= 1 && report.waiting == 0, "{report:?}");
    assert!(!vault.join("unneeded.json").exists());
    let other = "0".repeat(32);
    let error = bot.engine().prune_target("folder", Some(&other), &PruneOptions::default(), &Control::silent());
    assert_eq!(error.unwrap_err().code(), "E_CONFIG", "the vault here is another one");
    let there = Engine::new(Config { backup_dir: vault.clone(), cloud: Vec::new(), ..bot.config.clone() });
    let verified = there.verify(None, true, &Control::silent()).unwrap();
    assert!(verified.ok && verified.backups == 2, "{verified:?}");
}

#[test]
fn several_that_prune_one_target_at_once_while_backups_arrive_take_nothing_from_any_that_stays() {
    let mut bot = Bot::new();
    let disk = bot.dir.path().join("disk");
    std::fs::create_dir(&disk).unwrap();
    let target = Folder { path: disk.clone(), keep: [(BackupType::Daily, 2)].into(), ..Folder::default() };
    bot.config.cloud = vec![Target::Folder(target)];
    bot.config.schedules.insert(BackupType::Daily, ScheduleConfig { keep: Some(2), ..ScheduleConfig::default() });
    let from = now() - 30 * DAY;
    for day in 0..8 {
        bot.write("uploads/today.jpg", &noise(100_000, day as u64));
        let control = Control::silent().with_clock(move || from + day * DAY);
        bot.engine().create_backup(BackupType::Daily, &BackupOptions::default(), &control).unwrap();
    }
    bot.engine().sync(None, &Control::silent()).unwrap();
    let vault = disk.join(opened(&bot.config).id());
    written_when_named(&vault, from);
    let elsewhere = Config { backup_dir: bot.dir.path().join("none"), ..bot.config.clone() };
    for round in 0..3 {
        let later = move || Control::silent().with_clock(move || now() + round * (DAY + 60_000));
        std::thread::scope(|scope| {
            for _ in 0..2 {
                let engine = Engine::new(elsewhere.clone());
                scope.spawn(move || {
                    engine.prune_target("folder", None, &PruneOptions::default(), &later()).unwrap();
                });
            }
            bot.write("config.json", format!("{{\"round\": {round}}}").as_bytes());
            bot.backup(BackupType::Hourly);
            let report = bot.engine().sync(None, &Control::silent()).unwrap();
            assert!(report.failed.is_empty(), "{report:?}");
        });
    }
    let there = Engine::new(Config { backup_dir: vault.clone(), cloud: Vec::new(), ..bot.config.clone() });
    let verified = there.verify(None, true, &Control::silent()).unwrap();
    assert!(verified.ok && verified.backups == 5, "2 daily and 3 hourly ones: {verified:?}");
}

/// As if each backup had been sent on its day, and its packs before it.
fn written_when_named(vault: &Path, from: i64) {
    let mut folders = vec![vault.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            let named = name.parse::<lifeboat_engine::vault::name::BackupName>().map(|name| name.millis());
            let at = SystemTime::UNIX_EPOCH + Duration::from_millis(named.unwrap_or(from) as u64);
            std::fs::File::options().write(true).open(&path).unwrap().set_modified(at).unwrap();
        }
    }
}

#[test]
fn a_target_does_not_drop_what_is_here_no_more_as_long_as_the_vaults_own_rules_keep_it() {
    let mut bot = Bot::new();
    let stores = synced(&mut bot, &["s3"]);
    let store = stores.0["s3"].clone();
    let from = now() - 30 * DAY;
    days(&bot, &stores, from, 6);
    let mut records: Vec<_> = std::fs::read_dir(bot.vault().join("snapshots")).unwrap().collect();
    records.sort_by_key(|entry| entry.as_ref().unwrap().file_name());
    let gone: Vec<String> = records
        .into_iter()
        .take(3)
        .map(|entry| entry.unwrap())
        .inspect(|entry| std::fs::remove_file(entry.path()).unwrap())
        .map(|entry| format!("snapshots/{}", entry.file_name().into_string().unwrap()))
        .collect();
    keeping(&mut bot, [(BackupType::Daily, 1)].into());
    for day in 8..11 {
        sync_at(&bot, &stores, from + day * DAY);
    }
    let there = store.objects();
    assert!(gone.iter().all(|record| there.contains_key(record)), "they are nowhere else");
    assert_eq!(there.keys().filter(|object| object.starts_with("snapshots/")).count(), 4, "of those here one stays");
    is_whole(&bot, &store);
    // When the vault's own rules keep them no more, they go.
    let daily = ScheduleConfig { keep: Some(1), ..ScheduleConfig::default() };
    bot.config.schedules.insert(BackupType::Daily, daily);
    for day in 12..14 {
        sync_at(&bot, &stores, from + day * DAY);
    }
    assert!(gone.iter().all(|record| !store.objects().contains_key(record)));
}
