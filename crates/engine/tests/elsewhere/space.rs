//! Local copies of what a target holds live so many days; and what no target holds never goes for that.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use lifeboat_engine::Control;
use lifeboat_engine::config::cloud::{S3, Target};
use lifeboat_engine::report::*;
use lifeboat_engine::store::Store;

use crate::places::*;
use crate::support::*;

const DAY: i64 = 24 * 3_600_000;

/// A clock that starts some days ago, so that names and times agree.
fn days_ago(days: i64) -> (Control, Arc<AtomicI64>) {
    let now = Arc::new(AtomicI64::new(jiff::Timestamp::now().as_millisecond() - days * DAY));
    let clock = now.clone();
    (Control::silent().with_clock(move || clock.load(Ordering::Relaxed)), now)
}

fn three_backups() -> (Synced, Vec<String>, Control) {
    three_of(BackupType::Manual)
}

fn three_of(kind: BackupType) -> (Synced, Vec<String>, Control) {
    let mut bot = Bot::new();
    bot.config.local_retention_days = 7;
    let synced = Synced::new(bot, &["gdrive"]);
    let (control, now) = days_ago(30);
    let mut names = Vec::new();
    for (n, days) in [0, 10, 19].into_iter().enumerate() {
        now.store(jiff::Timestamp::now().as_millisecond() - (30 - days) * DAY, Ordering::Relaxed);
        synced.bot.write("uploads/new.jpg", &noise(3_000_000, 40 + n as u64));
        let options = BackupOptions::default();
        names.push(synced.engine().create_backup(kind, &options, &control).unwrap().backup);
    }
    now.store(jiff::Timestamp::now().as_millisecond(), Ordering::Relaxed);
    (synced, names, control)
}

/// As the bot itself sends them, which remembers what it has sent.
fn sent(synced: &Synced, control: &Control) {
    let report = synced.engine().sync(None, control).unwrap();
    assert!(report.pending == 0 && report.failed.is_empty(), "{report:?}");
}

/// How many backups are here after a pruning.
fn left(synced: &Synced, control: &Control) -> usize {
    synced.engine().prune(&PruneOptions { at_once: true, ..PruneOptions::default() }, control).unwrap();
    here(synced).len()
}

fn here(synced: &Synced) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(synced.bot.vault().join("snapshots"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn old_copies_here_go_when_a_target_has_them_whole_and_are_listed_restored_and_deleted_from_there() {
    let (synced, names, control) = three_backups();
    synced.engine().prune(&PruneOptions { at_once: true, ..PruneOptions::default() }, &control).unwrap();
    assert_eq!(here(&synced).len(), 3, "no target has any");
    sent(&synced, &control);
    let report = synced.engine().prune(&PruneOptions { at_once: true, ..PruneOptions::default() }, &control).unwrap();
    assert_eq!(report.removed, 2, "{report:?}");
    assert_eq!(here(&synced), [names[2].clone()], "the newest good one stays, however old");
    synced.places[0].read();
    let list = synced.engine().list_backups(&ListFilter::default()).unwrap();
    let found: Vec<_> = list.iter().map(|info| (info.backup.clone(), info.location.clone(), info.items > 0)).collect();
    let gdrive = vec!["gdrive".to_string()];
    let both = vec!["local".to_string(), "gdrive".to_string()];
    assert_eq!(
        found,
        [(names[2].clone(), both, true), (names[1].clone(), gdrive.clone(), true), (names[0].clone(), gdrive, true)]
    );
    assert_eq!(synced.places[0].read(), (0, 0), "a list waits for no network");
    let target = synced.bot.dir.path().join("old");
    let options = RestoreOptions { target: Some(target.clone()), ..RestoreOptions::default() };
    synced.engine().restore(&BackupRef::Name(names[0].clone()), &options, &Control::silent()).unwrap();
    assert_eq!(std::fs::read(target.join("uploads/new.jpg")).unwrap(), noise(3_000_000, 40));
    synced.engine().delete_backup(&names[0], &control).unwrap();
    assert_eq!(synced.places[0].names("snapshots/").len(), 2);
    assert_eq!(synced.engine().list_backups(&ListFilter::default()).unwrap().len(), 2);
    assert!(synced.engine().verify(None, true, &Control::silent()).unwrap().ok);
}

#[test]
fn what_a_target_has_in_half_or_cannot_be_asked_for_stays_here() {
    let (synced, _, control) = three_backups();
    sent(&synced, &control);
    let place = &synced.places[0];
    let packs = place.names("packs/");
    place.replace(&packs[0], |bytes| bytes[1..].to_vec());
    packs[1..].iter().for_each(|pack| place.delete(pack).unwrap());
    synced.engine().prune(&PruneOptions { at_once: true, ..PruneOptions::default() }, &control).unwrap();
    assert_eq!(here(&synced).len(), 3);
    synced.sync();
    place.spoil(no_network("gdrive"));
    synced.engine().prune(&PruneOptions { at_once: true, ..PruneOptions::default() }, &control).unwrap();
    assert_eq!(here(&synced).len(), 3, "nobody has said that it has them");
}

#[test]
fn for_room_older_backups_go_only_when_a_target_has_them() {
    let (mut synced, names, control) = three_backups();
    synced.bot.config.local_retention_days = 60;
    // Each backup has three megabytes of its own, and there is room for two more: for the fourth one, something has to go.
    let (mut synced, names, control) = (synced, names, control);
    let used: u64 = lifeboat_engine::vault::usage(&synced.bot.vault()).unwrap().used;
    synced.bot.config.max_local_storage.0 = used + 5_000_000;
    synced.bot.write("uploads/new.jpg", &noise(7_000_000, 77));
    let backup =
        |synced: &Synced| synced.engine().create_backup(BackupType::Manual, &BackupOptions::default(), &control);
    let error = backup(&synced).unwrap_err();
    assert_eq!(error.code(), "E_STORAGE_LIMIT", "{error}");
    assert!(error.to_string().contains("no target has yet"), "{error}");
    assert_eq!(here(&synced).len(), 3, "no target has any");
    sent(&synced, &control);
    let result = backup(&synced).unwrap();
    assert!(result.warnings.iter().any(|warning| warning.message.contains("gdrive has it")), "{:?}", result.warnings);
    let left = here(&synced);
    assert!(left.contains(&result.backup) && left.contains(&names[2]) && !left.contains(&names[0]), "{left:?}");
}

/// From where this server may not delete.
fn append_only(name: &str) -> Target {
    Target::S3(S3 { name: Some(name.into()), bucket: "b".into(), append_only: true, ..S3::default() })
}

fn rot(mut bytes: Vec<u8>) -> Vec<u8> {
    bytes.iter_mut().step_by(100).for_each(|byte| *byte ^= 4);
    bytes
}

#[test]
fn damage_that_was_found_at_a_target_is_remembered_and_no_copy_here_goes_until_it_is_made_good() {
    let (mut synced, _, control) = three_backups();
    synced.bot.config.cloud = vec![append_only("gdrive")];
    sent(&synced, &control);
    let place = synced.places[0].clone();
    place.names("packs/").iter().for_each(|pack| place.replace(pack, rot));
    let report = synced.engine().verify_target("gdrive", true, &control).unwrap();
    assert!(!report.ok && report.damaged.iter().all(|damage| !damage.healed), "{report:?}");
    assert_eq!(left(&synced, &control), 3);
    let status = synced.engine().status().unwrap();
    let target = &status.cloud[0];
    assert!(target.state == CloudState::Failing && target.pending > 0, "{target:?}");
    assert!(target.last_failure.as_ref().unwrap().message.contains("other content than was written"), "{target:?}");
    sent(&synced, &control);
    assert!(synced.engine().verify_target("gdrive", true, &control).unwrap().ok, "all of it was sent again");
    assert_eq!(synced.engine().status().unwrap().cloud[0].state, CloudState::Synced);
    assert_eq!(left(&synced, &control), 1);
}

#[test]
fn no_copy_here_goes_for_a_target_that_could_not_be_opened_or_has_another_record() {
    let (synced, names, control) = three_backups();
    sent(&synced, &control);
    let place = &synced.places[0];
    let keys = place.names("keys/");
    let harm = |objects: &[String], change: fn(Vec<u8>) -> Vec<u8>| {
        objects.iter().for_each(|object| place.replace(object, change));
        assert_eq!(left(&synced, &control), 3, "{objects:?}");
        synced.sync();
    };
    harm(&["vault.json".into()], rot);
    harm(&keys, rot);
    harm(&[format!("snapshots/{}", names[0]), format!("snapshots/{}", names[1])], rot);
    for objects in [vec!["vault.json".into()], keys] {
        objects.iter().for_each(|object: &String| place.delete(object).unwrap());
        assert_eq!(left(&synced, &control), 3, "{objects:?} gone");
        synced.sync();
    }
    assert_eq!(left(&synced, &control), 1);
}

#[test]
fn no_copy_here_goes_for_packs_that_were_only_listed_before_they_are_read_back() {
    let (synced, _, control) = three_backups();
    // Somebody has put them there, and nobody has read them.
    synced.sync();
    sent(&synced, &control);
    assert_eq!(left(&synced, &control), 3);
    assert!(synced.engine().verify_target("gdrive", true, &control).unwrap().ok);
    assert_eq!(left(&synced, &control), 1);
}

#[test]
fn no_copy_here_goes_for_a_target_whose_own_rules_keep_fewer() {
    let (mut synced, _, control) = three_of(BackupType::Daily);
    let keep = |synced: &mut Synced, count| match &mut synced.bot.config.cloud[0] {
        Target::Folder(folder) => folder.keep = [(BackupType::Daily, count)].into(),
        other => panic!("{other:?}"),
    };
    keep(&mut synced, 1);
    sent(&synced, &control);
    assert_eq!(left(&synced, &control), 3, "the target drops them tomorrow");
    keep(&mut synced, 2);
    assert_eq!(left(&synced, &control), 2);
}
