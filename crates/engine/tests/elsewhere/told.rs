//! What is at a target counts, though something is here: it is found, named in errors, and told where it stays.

use lifeboat_engine::Control;
use lifeboat_engine::report::*;
use lifeboat_engine::store::Store;

use crate::places::*;
use crate::support::*;

/// Two backups at a target, of which the older one, or the newer one, is here no more.
fn one_here(newer: bool) -> (Synced, String, String) {
    let synced = Synced::new(Bot::new(), &["office"]);
    let first = synced.bot.backup(BackupType::Manual).backup;
    synced.bot.write("uploads/later.jpg", &noise(50_000, 3));
    let second = synced.bot.backup(BackupType::Manual).backup;
    synced.sync();
    let (gone, here) = if newer { (second, first) } else { (first, second) };
    std::fs::remove_file(synced.bot.vault().join("snapshots").join(&gone)).unwrap();
    (synced, gone, here)
}

fn chosen(synced: &Synced, backup: BackupRef) -> String {
    let target = synced.bot.dir.path().join(format!("out-{}", jiff::Timestamp::now().as_nanosecond()));
    let options = RestoreOptions { target: Some(target), ..RestoreOptions::default() };
    synced.engine().restore(&backup, &options, &Control::silent()).unwrap().backup
}

#[test]
fn the_latest_and_the_one_of_a_time_are_found_at_a_target_though_another_is_here() {
    let (synced, gone, _) = one_here(true);
    assert_eq!(chosen(&synced, BackupRef::Name("latest".into())), gone);
    let (synced, gone, _) = one_here(false);
    let at = gone.parse::<lifeboat_engine::vault::name::BackupName>().unwrap().millis();
    assert_eq!(chosen(&synced, BackupRef::At { at }), gone);
}

#[test]
fn all_versions_of_a_path_are_found_at_a_target_though_some_are_here() {
    let (synced, gone, _) = one_here(true);
    let versions = synced.engine().versions("uploads/later.jpg").unwrap();
    assert_eq!(versions[0].backup, gone);
}

#[test]
fn what_was_sent_from_here_is_known_without_asking() {
    let (synced, gone, _) = one_here(true);
    synced.engine().sync(None, &Control::silent()).unwrap();
    synced.places[0].read();
    let list = synced.engine().list_backups(&ListFilter::default()).unwrap();
    assert!(list.iter().any(|info| info.backup == gone && info.location == ["office"]), "{list:?}");
    assert_eq!(synced.places[0].read(), (0, 0));
}

#[test]
fn a_target_that_cannot_be_reached_is_no_reason_not_to_restore_what_is_here() {
    let (mut synced, _, here) = one_here(true);
    synced.bot.config.cloud.push(target("nowhere"));
    synced.places[0].spoil(|_, _, _| {
        Err(lifeboat_engine::store::Fault::new(lifeboat_engine::store::Kind::Refused, "office", "It is gone."))
    });
    assert_eq!(chosen(&synced, BackupRef::Name("latest".into())), here);
}

#[test]
fn a_target_that_is_named_is_asked_each_time() {
    let (synced, gone, _) = one_here(true);
    synced.restore(&["config.json"], Some("office")).unwrap();
    synced.places[0].delete(&format!("snapshots/{gone}")).unwrap();
    let target = synced.bot.dir.path().join("again");
    let options = RestoreOptions { target: Some(target), from: Some("office".into()), ..RestoreOptions::default() };
    let error = synced.engine().restore(&BackupRef::Name(gone), &options, &Control::silent()).unwrap_err();
    assert_eq!(error.code(), "E_NOT_FOUND", "{error}");
}

#[test]
fn a_verification_of_a_backup_that_is_only_at_a_target_says_so_and_what_to_do() {
    let (synced, gone, _) = one_here(false);
    let engine = synced.engine();
    let error = engine.verify(Some(&gone), false, &Control::silent()).unwrap_err();
    let message = error.to_string();
    assert!(error.code() == "E_NOT_FOUND" && message.contains("is only at office, and not here"), "{message}");
    assert!(message.contains("lifeboat verify --target office --deep"), "{message}");
    assert!(message.contains(&format!("lifeboat export {gone} FILE")), "{message}");
    let error = engine.pin("backup_MANUAL_2020-01-01T00-00-00-000Z", true).unwrap_err();
    assert!(error.to_string().contains("There is no backup"), "{error}");
    // As the error says.
    let file = synced.bot.dir.path().join("old.tar.gz");
    engine.export_backup(&gone, &file, &ExportOptions::default(), &Control::silent()).unwrap();
    engine.import_backup(&file, None, &Control::silent()).unwrap();
    engine.verify(Some(&gone), false, &Control::silent()).unwrap();
}

#[test]
fn a_backup_that_is_only_at_a_target_is_pinned_and_unpinned_there_and_here() {
    let (synced, gone, _) = one_here(false);
    let (engine, mark) = (synced.engine(), format!("pins/{gone}"));
    let is_pinned = || {
        let list = engine.list_backups(&ListFilter::default()).unwrap();
        list.iter().find(|info| info.backup == gone).unwrap().pinned
    };
    assert_eq!(engine.pin(&gone, true).unwrap(), gone);
    assert!(is_pinned() && synced.bot.vault().join(&mark).exists());
    assert_eq!(synced.places[0].names("pins/"), std::slice::from_ref(&mark));
    engine.sync(None, &Control::silent()).unwrap();
    assert_eq!(synced.places[0].names("pins/"), std::slice::from_ref(&mark), "a sync lets it be");
    engine.pin(&gone, false).unwrap();
    assert!(!is_pinned() && !synced.bot.vault().join(&mark).exists());
    assert_eq!(synced.places[0].names("pins/"), [""; 0]);
    // Where nobody can be told, nothing is said.
    synced.places[0].delete(&format!("snapshots/{gone}")).unwrap();
    assert_eq!(engine.pin(&gone, true).unwrap_err().code(), "E_NOT_FOUND");
    assert!(!synced.bot.vault().join(&mark).exists());
}

#[test]
fn a_suspicious_backup_that_is_only_at_a_target_is_accepted_there_and_here() {
    let synced = Synced::new(Bot::new(), &["office"]);
    synced.bot.backup(BackupType::Manual);
    std::fs::remove_dir_all(synced.bot.path("sessions")).unwrap();
    std::fs::remove_file(synced.bot.path("database.sqlite")).unwrap();
    let doubted = synced.bot.backup(BackupType::Manual);
    assert!(doubted.suspicious.is_some(), "{doubted:?}");
    synced.sync();
    let name = doubted.backup;
    std::fs::remove_file(synced.bot.vault().join("snapshots").join(&name)).unwrap();
    assert_eq!(synced.engine().accept_backup(&name).unwrap(), std::slice::from_ref(&name));
    assert_eq!(synced.places[0].names("accepted/"), [format!("accepted/{name}")]);
    assert_eq!(synced.engine().accept_backup(&name).unwrap(), [""; 0]);
    let list = synced.engine().list_backups(&ListFilter::default()).unwrap();
    assert_eq!(list.iter().find(|info| info.backup == name).unwrap().suspicious, None);
}

#[test]
fn whoever_deletes_a_backup_is_told_where_it_stays_and_how_it_goes_there() {
    let synced = Synced::new(Bot::new(), &["office"]);
    let backup = synced.bot.backup(BackupType::Manual);
    synced.bot.backup(BackupType::Manual);
    synced.engine().sync(None, &Control::silent()).unwrap();
    let name = backup.backup;
    let report = synced.engine().delete_backup(&name, &Control::silent()).unwrap();
    let warning = &report.warnings[0].message;
    assert!(
        warning.contains("It stays at office") && warning.contains(&format!("lifeboat delete {name}")),
        "{warning}"
    );
    let list = synced.engine().list_backups(&ListFilter::default()).unwrap();
    let stays = list.iter().find(|info| info.backup == name).unwrap();
    assert_eq!((stays.items, stays.location.clone()), (backup.items, vec!["office".to_string()]), "with its facts");
    synced.engine().delete_backup(&name, &Control::silent()).unwrap();
    assert!(!synced.places[0].names("snapshots/").iter().any(|record| record.ends_with(&name)));
    let report = synced.engine().delete_backup("latest", &Control::silent()).unwrap();
    assert_eq!(report.warnings.len(), 1, "{report:?}");
}
