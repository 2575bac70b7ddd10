//! What is not here comes back from a target.

use std::fs;
use std::sync::Arc;
use std::sync::Mutex;

use lifeboat_engine::Control;
use lifeboat_engine::report::*;

use crate::places::*;
use crate::support::*;

fn synced() -> Synced {
    let synced = Synced::new(Bot::new(), &["gdrive"]);
    synced.bot.backup(BackupType::Manual);
    synced.sync();
    synced
}

#[test]
fn all_of_a_backup_comes_back_from_a_target_when_nothing_of_it_is_here() {
    let synced = synced();
    let before = tree(&synced.bot.root());
    synced.lose_all_objects();
    assert_eq!(without_lifeboat(tree(&synced.restore(&[], None).unwrap())), without_lifeboat(before));
}

#[test]
fn a_restore_in_place_fetches_and_its_safety_backup_is_made_here_alone() {
    let synced = synced();
    let before = tree(&synced.bot.root());
    synced.lose_all_objects();
    synced.bot.write("config.json", b"{}");
    fs::remove_dir_all(synced.bot.path("uploads")).unwrap();
    let phases = Arc::new(Mutex::new(Vec::new()));
    let told = phases.clone();
    let control = Control::new(move |progress| told.lock().unwrap().push(progress.phase.clone()));
    let options = RestoreOptions { watch: false, ..RestoreOptions::default() };
    let result = synced.engine().restore(&BackupRef::Name("latest".into()), &options, &control).unwrap();
    assert_eq!(without_lifeboat(tree(&synced.bot.root())), without_lifeboat(before.clone()));
    // What the safety backup needs is all here: what is at the target was never taken for what is here.
    let report = synced.bot.engine().verify(result.safety_backup.as_deref(), true, &Control::silent()).unwrap();
    assert!(report.ok && report.backups == 1, "{report:?}");
    assert_eq!(fs::read_dir(synced.bot.vault().join("snapshots")).unwrap().count(), 1);
    synced.engine().undo_restore(&UndoOptions { watch: false, ..UndoOptions::default() }, &Control::silent()).unwrap();
    assert_eq!(fs::read(synced.bot.path("config.json")).unwrap(), b"{}");
    assert!(result.safety_backup.is_some());
}

#[test]
fn only_what_is_missing_here_is_fetched() {
    let synced = synced();
    // What is there is known from here on.
    synced.engine().sync(None, &Control::silent()).unwrap();
    synced.places[0].read();
    synced.restore(&[], None).unwrap();
    assert_eq!(synced.places[0].read(), (0, 0), "all is here, and still a target was asked");
    let pack = &synced.bot.packs()[0];
    let size = fs::metadata(pack).unwrap().len();
    fs::remove_file(pack).unwrap();
    synced.restore(&[], None).unwrap();
    let (bytes, _) = synced.places[0].read();
    // Two threads that read the same pack may both read ahead of where they are.
    assert!(bytes > 0 && bytes < 2 * size, "{bytes} bytes for a pack of {size}");
}

#[test]
fn a_damaged_pack_here_is_read_from_the_target() {
    let synced = synced();
    for pack in synced.bot.packs() {
        let mut bytes = fs::read(&pack).unwrap();
        bytes[41] ^= 1;
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        fs::write(&pack, bytes).unwrap();
    }
    synced.bot.try_restore("latest", &[]).expect_err("nothing is damaged here");
    let before = tree(&synced.bot.root());
    assert_eq!(without_lifeboat(tree(&synced.restore(&[], None).unwrap())), without_lifeboat(before));
}

#[test]
fn items_differences_versions_and_archives_come_from_a_target_too() {
    let synced = synced();
    let name = synced.bot.backup(BackupType::Manual).backup;
    synced.sync();
    synced.lose_all_objects();
    let engine = synced.engine();
    assert!(engine.list_items("latest", &["config.json".into()]).unwrap().len() == 1);
    assert_eq!(engine.list_items(&name, &[]).unwrap().len(), engine.list_items("latest", &[]).unwrap().len());
    assert_eq!(engine.versions("config.json").unwrap()[0].backups, 2);
    synced.bot.write("config.json", b"{}");
    let diff = engine.diff(&BackupRef::Name("latest".into()), None, &Control::silent()).unwrap();
    assert_eq!(diff.changed.len(), 1, "{diff:?}");
    let options = ExportOptions { encrypt: Some(false), ..ExportOptions::default() };
    let file = synced.bot.dir.path().join("a.tar.gz");
    let result = engine.export_backup("latest", &file, &options, &Control::silent()).unwrap();
    assert!(result.items > 300);
    // Nobody looks for what is not there.
    let error = engine.list_items("backup_DAILY_2020-01-01T00-00-00-000Z", &[]).unwrap_err();
    assert_eq!(error.code(), "E_NOT_FOUND", "{error}");
}

#[test]
fn a_target_that_is_named_is_asked_and_no_other() {
    let synced = Synced::new(Bot::new(), &["office", "gdrive"]);
    synced.bot.backup(BackupType::Manual);
    synced.sync();
    synced.lose_all_objects();
    synced.restore(&["config.json"], Some("gdrive")).unwrap();
    assert_eq!(synced.places[0].read(), (0, 0));
    assert!(synced.places[1].read().0 > 0);
    let error = synced.restore(&[], Some("dropbox")).unwrap_err();
    assert_eq!(error.code(), "E_CONFIG");
    assert!(error.to_string().contains("office, gdrive"), "{error}");
}

#[test]
fn the_second_look_costs_nothing_but_what_it_reads() {
    let synced = synced();
    synced.lose_all_objects();
    synced.restore(&["config.json"], None).unwrap();
    let (first, _) = synced.places[0].read();
    synced.restore(&["config.json"], None).unwrap();
    let (second, requests) = synced.places[0].read();
    // Neither a list nor an index: the snapshot, the item list and the file.
    assert!(second < first && requests <= 4, "{second} after {first} bytes, {requests} requests");
    for suffix in ["", "-wal", "-shm"] {
        let _ = fs::remove_file(synced.bot.vault().join(format!("elsewhere.sqlite{suffix}")));
    }
    synced.restore(&["config.json"], None).unwrap();
    assert!(synced.places[0].read().0 >= first, "what was remembered is asked for anew");
}

/// Lifeboat's own mark in the root.
fn without_lifeboat(
    mut tree: std::collections::BTreeMap<std::path::PathBuf, Seen>,
) -> std::collections::BTreeMap<std::path::PathBuf, Seen> {
    tree.retain(|path, _| !path.starts_with(".lifeboat.json"));
    tree
}
