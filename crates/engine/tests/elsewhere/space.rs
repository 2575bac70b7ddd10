//! Local copies of what a target holds live so many days; and what no target holds never goes for that.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use lifeboat_engine::Control;
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
    let mut bot = Bot::new();
    bot.config.local_retention_days = 7;
    let synced = Synced::new(bot, &["gdrive"]);
    let (control, now) = days_ago(30);
    let mut names = Vec::new();
    for (n, days) in [0, 10, 19].into_iter().enumerate() {
        now.store(jiff::Timestamp::now().as_millisecond() - (30 - days) * DAY, Ordering::Relaxed);
        synced.bot.write("uploads/new.jpg", &noise(3_000_000, 40 + n as u64));
        let options = BackupOptions::default();
        names.push(synced.engine().create_backup(BackupType::Manual, &options, &control).unwrap().backup);
    }
    now.store(jiff::Timestamp::now().as_millisecond(), Ordering::Relaxed);
    (synced, names, control)
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
    synced.sync();
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
    synced.sync();
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
    synced.sync();
    let result = backup(&synced).unwrap();
    assert!(result.warnings.iter().any(|warning| warning.message.contains("gdrive has it")), "{:?}", result.warnings);
    let left = here(&synced);
    assert!(left.contains(&result.backup) && left.contains(&names[2]) && !left.contains(&names[0]), "{left:?}");
}
