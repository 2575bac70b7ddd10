//! Several targets, of which each goes its own way; and what is told of them.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use lifeboat_engine::config::cloud::{Folder, Target};
use lifeboat_engine::replica::{Patience, SyncRun};
use lifeboat_engine::report::{BackupType, CloudState};
use lifeboat_engine::store::Kind;
use lifeboat_engine::watch::Logbook;
use lifeboat_engine::{Config, Control};

use crate::shaky::*;
use crate::support::Bot;

#[test]
fn a_target_that_hangs_keeps_no_other_one_waiting_not_even_for_later_backups() {
    let mut bot = Bot::new();
    bot.backup(BackupType::Manual);
    let stores = synced(&mut bot, &["hanging", "good"]);
    let (hanging, good) = (stores.0["hanging"].clone(), stores.0["good"].clone());
    hanging.hangs.store(true, Ordering::Relaxed);
    std::thread::scope(|scope| {
        let running = scope.spawn(|| sync(&bot, &stores));
        let has = |name: &str| good.objects().contains_key(&format!("snapshots/{name}"));
        let wait_for = |name: &str| {
            while !has(name) {
                assert!(!running.is_finished());
                std::thread::sleep(Duration::from_millis(10));
            }
        };
        let names = || bot.engine().list_backups(&Default::default()).unwrap();
        wait_for(&names()[0].backup);
        bot.write("config.json", b"{\"later\": 1}");
        let later = bot.backup(BackupType::Hourly).backup;
        wait_for(&later);
        assert!(hanging.objects().is_empty());
        hanging.hangs.store(false, Ordering::Relaxed);
        let synced = running.join().unwrap();
        assert!(synced.report.pending == 0 && synced.report.failed.is_empty(), "{:?}", synced.report);
        assert!(names().iter().all(|info| info.cloud == "synced"));
    });
}

#[test]
fn each_target_has_a_state_of_its_own_and_what_is_wrong_with_one_is_told_once() {
    let mut bot = Bot::new();
    let queued = bot.backup(BackupType::Manual);
    assert_eq!(queued.cloud, "off");
    let stores = synced(&mut bot, &["full", "good"]);
    assert_eq!(bot.backup(BackupType::Manual).cloud, "queued");
    let states = || bot.engine().status().unwrap().cloud.into_iter().map(|target| target.state).collect::<Vec<_>>();
    assert_eq!(states(), [CloudState::Queued, CloudState::Queued]);
    *stores.0["full"].always.lock().unwrap() = Some(Kind::Full);
    let first = sync(&bot, &stores);
    let names: Vec<&str> = first.news.iter().map(|news| news.name()).collect();
    assert_eq!(names, ["sync:failure", "sync:success"]);
    assert_eq!(first.report.failed[0].code, "E_CLOUD_QUOTA");
    assert_eq!(states(), [CloudState::Failing, CloudState::Synced]);
    let status = bot.engine().status().unwrap();
    assert!(!status.healthy && status.problems.iter().any(|problem| problem.code == "E_CLOUD_QUOTA"));
    assert!(status.cloud[0].pending > 0 && status.cloud[0].pending_bytes > 0);
    assert!(sync(&bot, &stores).news.is_empty(), "it was told already");
    assert!(bot.engine().list_backups(&Default::default()).unwrap().iter().all(|info| info.cloud == "queued"));
    *stores.0["full"].always.lock().unwrap() = None;
    let names: Vec<&str> = sync(&bot, &stores).news.iter().map(|news| news.name()).collect();
    assert_eq!(names, ["sync:success"]);
    assert_eq!(states(), [CloudState::Synced, CloudState::Synced]);
}

#[test]
fn that_a_target_fails_is_told_while_another_one_hangs_and_although_the_sync_is_cut_off() {
    let mut bot = Bot::new();
    bot.backup(BackupType::Manual);
    let stores = synced(&mut bot, &["full", "hanging"]);
    let (full, hanging) = (stores.0["full"].clone(), stores.0["hanging"].clone());
    *full.always.lock().unwrap() = Some(Kind::Full);
    hanging.hangs.store(true, Ordering::Relaxed);
    let control = Control::silent();
    let told = || {
        let events = Logbook::open(&bot.vault()).unwrap().events().unwrap();
        events.into_iter().filter(|event| event.event == "sync:failure").count()
    };
    std::thread::scope(|scope| {
        let running = scope.spawn(|| {
            let vault = opened(&bot.config);
            let patience = Patience { least: Duration::from_millis(1), most: Duration::from_millis(2), times: 1 };
            let sync = SyncRun { vault: &vault, config: &bot.config, opener: &stores, patience, control: &control };
            sync.run(&bot.config.cloud.iter().collect::<Vec<_>>()).map(|synced| synced.report)
        });
        let started = Instant::now();
        while told() == 0 && started.elapsed() < Duration::from_secs(60) {
            std::thread::sleep(Duration::from_millis(10));
        }
        assert!(!running.is_finished());
        control.cancel();
        hanging.hangs.store(false, Ordering::Relaxed);
        assert_eq!(running.join().unwrap().unwrap_err().code(), "E_ABORTED");
    });
    assert_eq!(told(), 1, "once");
}

#[test]
fn a_target_that_wants_to_be_left_alone_is_not_asked_for_the_sake_of_another() {
    let mut bot = Bot::new();
    bot.backup(BackupType::Manual);
    let stores = synced(&mut bot, &["busy", "good"]);
    let (busy, good) = (stores.0["busy"].clone(), stores.0["good"].clone());
    *busy.always.lock().unwrap() = Some(Kind::Transient { after: Some(Duration::from_secs(3600)) });
    sync(&bot, &stores);
    *busy.always.lock().unwrap() = None;
    let later = bot.backup(BackupType::Hourly).backup;
    let engine = bot.engine().with_opener(Arc::new(stores));
    assert!(engine.sync_due(&Control::silent()).unwrap().is_some());
    assert!(good.objects().contains_key(&format!("snapshots/{later}")));
    assert!(busy.objects().is_empty());
    let in_an_hour = jiff::Timestamp::now().as_millisecond() + 3_700_000;
    engine.sync_due(&Control::silent().with_clock(move || in_an_hour)).unwrap();
    assert!(busy.objects().contains_key(&format!("snapshots/{later}")));
}

#[test]
fn a_mounted_disk_gets_a_vault_that_can_be_used_as_it_is() {
    let mut bot = Bot::new();
    let name = bot.backup(BackupType::Manual).backup;
    let disk = bot.dir.path().join("disk");
    bot.config.cloud =
        vec![Target::Folder(Folder { name: Some("disk".into()), path: disk.clone(), ..Folder::default() })];
    let away = bot.engine().sync(None, &cancelled_soon()).unwrap_err();
    assert_eq!(away.code(), "E_ABORTED", "a disk that is not mounted is waited for");
    std::fs::create_dir(&disk).unwrap();
    let report = bot.engine().sync(Some("disk"), &Control::silent()).unwrap();
    assert!(report.failed.is_empty() && report.pending == 0 && report.uploaded > 3, "{report:?}");
    let vault = disk.join(opened(&bot.config).id());
    let there = lifeboat_engine::Engine::new(Config { backup_dir: vault, cloud: Vec::new(), ..bot.config.clone() });
    assert!(there.verify(Some(&name), true, &Control::silent()).unwrap().ok);
    let error = bot.engine().sync(Some("dsik"), &Control::silent()).unwrap_err();
    assert!(error.code() == "E_CONFIG" && error.to_string().contains("disk"), "{error}");
    assert_eq!(bot.engine().sync_due(&Control::silent()).unwrap(), None, "nothing waits");
}

#[test]
fn a_disk_that_is_not_mounted_any_more_and_is_an_empty_folder_is_not_filled_before_somebody_says_so() {
    let mut bot = Bot::new();
    bot.backup(BackupType::Manual);
    let (disk, away) = (bot.dir.path().join("disk"), bot.dir.path().join("away"));
    bot.config.cloud = vec![Target::Folder(Folder { path: disk.clone(), ..Folder::default() })];
    std::fs::create_dir(&disk).unwrap();
    let sync = || bot.engine().sync(None, &Control::silent()).unwrap();
    let first = sync();
    assert!(first.pending == 0 && first.failed.is_empty(), "{first:?}");
    std::fs::rename(&disk, &away).unwrap();
    std::fs::create_dir(&disk).unwrap();
    for _ in 0..2 {
        let report = sync();
        assert!(report.failed[0].message.contains("mounted"), "{report:?}");
        assert_eq!(std::fs::read_dir(&disk).unwrap().count(), 0);
        assert_eq!(bot.engine().status().unwrap().cloud[0].state, CloudState::Failing);
    }
    std::fs::remove_dir(&disk).unwrap();
    std::fs::rename(&away, &disk).unwrap();
    let report = sync();
    assert!(report.failed.is_empty() && report.uploaded == 0, "mounted again, it has all: {report:?}");
    // A new disk, and somebody says that it is right so.
    std::fs::remove_dir_all(&disk).unwrap();
    let vault = disk.join(opened(&bot.config).id());
    std::fs::create_dir_all(&vault).unwrap();
    let report = sync();
    assert!(report.failed.is_empty() && report.uploaded >= first.uploaded, "{report:?}");
    let there = lifeboat_engine::Engine::new(Config { backup_dir: vault, cloud: Vec::new(), ..bot.config.clone() });
    assert!(there.verify(None, true, &Control::silent()).unwrap().ok);
}

#[test]
fn no_copy_here_goes_for_a_folder_on_the_vaults_own_disk_and_the_doctor_says_so() {
    use lifeboat_engine::report::PruneOptions;
    let bot = Bot::new();
    let old = jiff::Timestamp::now().as_millisecond() - 100 * 24 * 3_600_000;
    let then = Control::silent().with_clock(move || old);
    bot.engine().create_backup(BackupType::Manual, &Default::default(), &then).unwrap();
    bot.backup(BackupType::Manual);
    let left = |bot: &Bot, folder: &std::path::Path| {
        let config = Config {
            cloud: vec![Target::Folder(Folder { path: folder.into(), ..Folder::default() })],
            ..bot.config.clone()
        };
        let engine = lifeboat_engine::Engine::new(config);
        assert!(engine.sync(None, &Control::silent()).unwrap().failed.is_empty());
        engine.prune(&PruneOptions::default(), &Control::silent()).unwrap();
        let diagnosis = engine.doctor(None, &Control::silent()).unwrap();
        let check = diagnosis.checks.into_iter().find(|check| check.name == "target folder").unwrap();
        (std::fs::read_dir(bot.vault().join("snapshots")).unwrap().count(), check)
    };
    let disk = bot.dir.path().join("disk");
    std::fs::create_dir(&disk).unwrap();
    let (count, check) = left(&bot, &disk);
    assert_eq!(count, 2);
    assert!(check.ok && check.message.contains("same disk") && check.mend.is_some(), "{check:?}");
    // Another disk, where this machine has one.
    let Ok(other) = tempfile::tempdir_in("/dev/shm") else { return };
    if lifeboat_engine::store::folder::are_on_one_disk(other.path(), &bot.vault()) {
        return;
    }
    let (count, check) = left(&bot, other.path());
    assert!(count == 1 && !check.message.contains("same disk"), "{count} {check:?}");
}

/// Somebody does not want to wait any longer.
fn cancelled_soon() -> Control {
    let control = Control::silent();
    let other = control.clone();
    std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(300));
        other.cancel();
    });
    control
}
