//! The set-up of docs/cloud-drive.md against a server that is broken into: a contributor of a shared drive adds, and another
//! account prunes from elsewhere.

use std::path::Path;
use std::sync::Arc;

use lifeboat_cloud::Clouds;
use lifeboat_engine::config::cloud::{self, Target};
use lifeboat_engine::report::{BackupOptions, BackupType, PruneOptions};
use lifeboat_engine::store::{Opener, Straight};
use lifeboat_engine::{Config, Control, Engine};
use lifeboat_fake_drive::world::SHARED_DRIVE;

use crate::setting::{Setting, noise};

const HOUR: i64 = 3_600_000;

fn engine(root: &Path, drive: &cloud::Drive) -> Engine {
    let cloud = vec![Target::GDrive(drive.clone())];
    let config = Config { encryption: false, cloud, ..Config::default() }.resolved(root).unwrap();
    Engine::new(config).with_opener(Arc::new(Clouds))
}

fn later(millis: i64) -> Control {
    Control::silent().with_clock(move || jiff::Timestamp::now().as_millisecond() + millis)
}

#[test]
fn a_contributor_of_a_shared_drive_adds_and_tries_to_remove_nothing_and_another_account_prunes() {
    let mut setting = Setting::service();
    setting.config.folder_id = Some(SHARED_DRIVE.into());
    setting.config.append_only = true;
    setting.fake.world().settings.contributor = true;
    let root = tempfile::tempdir().unwrap();
    std::fs::write(root.path().join("photo.jpg"), noise(300_000)).unwrap();
    let server = engine(root.path(), &setting.config);
    let backup = || server.create_backup(BackupType::Manual, &BackupOptions::default(), &Control::silent()).unwrap();
    let first = backup().backup;
    let sync = |engine: &Engine, control: Control| engine.sync(None, &control).unwrap();
    server.pin(&first, true).unwrap();
    let report = sync(&server, Control::silent());
    assert!(report.failed.is_empty() && report.pending == 0, "{report:?}");
    server.pin(&first, false).unwrap();
    backup();
    let report = sync(&server, later(25 * HOUR));
    assert!(report.failed.is_empty() && report.pending == 0, "{report:?}");
    // Who does not say so tries it, and is told.
    let careless = engine(root.path(), &cloud::Drive { append_only: false, ..setting.config.clone() });
    assert_eq!(sync(&careless, later(26 * HOUR)).failed.len(), 1);
    // The account of somebody else may remove.
    setting.fake.world().settings.contributor = false;
    let manager = cloud::Drive { append_only: false, ..setting.config.clone() };
    let id = server.vaults("gdrive", &Control::silent()).unwrap().remove(0).prefix;
    let store = Clouds.open(&Target::GDrive(manager.clone()), &id).unwrap();
    store.put(&format!("packs/ab/{}", "ab".repeat(32)), &noise(5000), &Straight).unwrap();
    let elsewhere = tempfile::tempdir().unwrap();
    let pruner = engine(elsewhere.path(), &manager);
    let prune = |hours| pruner.prune_target("gdrive", None, &PruneOptions::default(), &later(hours * HOUR)).unwrap();
    assert_eq!(prune(48).packs_removed, 0);
    let report = prune(96);
    assert_eq!((report.packs_removed, report.removed, report.backups.len()), (1, 0, 2), "{report:?}");
}

#[test]
fn the_clock_of_the_service_is_told_with_the_account() {
    let ahead = Setting::owner().store().account().unwrap().ahead;
    assert!(ahead.is_none_or(|ahead| ahead.abs() < 60_000), "{ahead:?}");
}
