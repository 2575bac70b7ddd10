//! A verification makes good what it finds damaged: here from a target, and at a target from here.

use std::fs;

use lifeboat_engine::Control;
use lifeboat_engine::report::*;
use lifeboat_engine::store::Store;

use crate::places::*;
use crate::support::*;

fn synced() -> Synced {
    let synced = Synced::new(Bot::new(), &["gdrive"]);
    synced.bot.backup(BackupType::Manual);
    for n in 0..2 {
        synced.bot.write("uploads/reports/2026/11/T2/c.jpg", &noise(200_000, 9 + n));
        synced.bot.backup(BackupType::Manual);
    }
    synced.sync();
    synced
}

fn verify(synced: &Synced) -> VerifyReport {
    synced.engine().verify(None, false, &Control::silent()).unwrap()
}

fn flip(path: &std::path::Path) {
    let mut bytes = fs::read(path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(path, bytes).unwrap();
}

#[test]
fn damaged_packs_and_records_are_fetched_and_the_report_says_from_where() {
    let synced = synced();
    let before = synced.bot.objects().iter().map(|path| (path.clone(), fs::read(path).unwrap())).collect::<Vec<_>>();
    let packs = synced.bot.packs();
    flip(&packs[0]);
    fs::write(&packs[1], &fs::read(&packs[1]).unwrap()[..50]).unwrap();
    let record = fs::read_dir(synced.bot.vault().join("snapshots")).unwrap().next().unwrap().unwrap().path();
    flip(&record);
    let report = verify(&synced);
    assert!(!report.ok && report.damaged.iter().all(|damage| damage.healed), "{report:?}");
    assert!(report.damaged.iter().all(|damage| damage.message.contains("gdrive")), "{report:?}");
    for (path, bytes) in before {
        assert!(fs::read(&path).unwrap() == bytes, "{}", path.display());
    }
    assert!(verify(&synced).ok);
}

#[test]
fn missing_packs_are_fetched_also_those_that_hold_item_lists() {
    let synced = synced();
    for pack in synced.bot.packs() {
        fs::remove_file(pack).unwrap();
    }
    let report = verify(&synced);
    assert!(!report.ok && report.damaged.iter().all(|damage| damage.healed), "{report:?}");
    assert!(synced.bot.verify(true).ok, "without any target");
    synced.bot.restore("latest");
}

#[test]
fn what_no_target_has_whole_stays_as_it_was_found() {
    let synced = synced();
    for object in synced.places[0].names("packs/") {
        synced.places[0].replace(&object, |bytes| bytes[..bytes.len() / 2].to_vec());
    }
    let pack = &synced.bot.packs()[0];
    flip(pack);
    let damaged = fs::read(pack).unwrap();
    let report = verify(&synced);
    assert!(report.damaged.iter().any(|damage| !damage.healed && !damage.backups.is_empty()), "{report:?}");
    assert!(fs::read(pack).unwrap() == damaged, "what was there is replaced by what is no better");
    assert_eq!(fs::read_dir(synced.bot.vault().join("tmp")).unwrap().count(), 0);
}

#[test]
fn a_target_that_cannot_be_reached_is_no_end_of_a_verification() {
    let synced = synced();
    flip(&synced.bot.packs()[0]);
    synced.places[0].spoil(no_network("gdrive"));
    let report = verify(&synced);
    assert!(report.damaged.iter().any(|damage| damage.message.contains("The network is gone")), "{report:?}");
}

#[test]
fn a_target_is_read_back_and_whole_objects_from_here_take_the_place_of_damaged_ones_there() {
    let synced = synced();
    let place = &synced.places[0];
    let whole: Vec<_> = place.names("").iter().map(|name| (name.clone(), read(place, name))).collect();
    let packs = place.names("packs/");
    place.replace(&packs[0], |mut bytes| {
        bytes[60] ^= 1;
        bytes
    });
    place.replace(&packs[1], |bytes| bytes[..40].to_vec());
    place.delete(&packs[2]).unwrap();
    let foreign = b"foreign".to_vec();
    place.put("photo.jpg", &foreign, &lifeboat_engine::store::Straight).unwrap();
    let report = synced.engine().verify_target("gdrive", true, &Control::silent()).unwrap();
    assert!(!report.ok && report.damaged.len() == 3, "{report:?}");
    assert!(report.damaged.iter().all(|damage| damage.healed && damage.object.starts_with("gdrive: packs/")));
    for (name, bytes) in whole {
        assert!(read(place, &name) == bytes, "{name}");
    }
    assert_eq!(read(place, "photo.jpg"), b"foreign");
    let report = synced.engine().verify_target("gdrive", true, &Control::silent()).unwrap();
    assert!(report.ok && report.packs == packs.len() as u64, "{report:?}");
}

#[test]
fn what_is_damaged_here_too_is_not_put_to_a_target() {
    let synced = synced();
    let place = &synced.places[0];
    let name = &place.names("packs/")[0];
    place.replace(name, |bytes| bytes[..40].to_vec());
    flip(&synced.bot.vault().join(name));
    let report = synced.engine().verify_target("gdrive", true, &Control::silent()).unwrap();
    assert!(!report.damaged[0].healed, "{report:?}");
    assert_eq!(read(place, name).len(), 40);
}

/// Of a report, what is wrong with one object of the target.
fn of<'a>(report: &'a VerifyReport, object: &str) -> &'a Damage {
    let named = format!("gdrive: {object}");
    report.damaged.iter().find(|damage| damage.object == named).unwrap_or_else(|| panic!("{object}: {report:?}"))
}

fn verify_there(synced: &Synced) -> VerifyReport {
    synced.engine().verify_target("gdrive", true, &Control::silent()).unwrap()
}

#[test]
fn what_stays_damaged_at_a_target_names_the_backups_that_lean_on_it() {
    let synced = synced();
    let place = &synced.places[0];
    let records = place.names("snapshots/");
    let newest = records.last().unwrap().strip_prefix("snapshots/").unwrap().to_owned();
    // What only the newest backup needs: the newest packs.
    synced.bot.write("uploads/only.jpg", &noise(300_000, 77));
    let earlier = synced.bot.packs();
    let last = synced.bot.backup(BackupType::Manual).backup;
    synced.sync();
    let pack = synced.bot.packs().into_iter().find(|pack| !earlier.contains(pack)).unwrap();
    let object = pack.strip_prefix(synced.bot.vault()).unwrap().to_str().unwrap().to_owned();
    place.replace(&object, |bytes| bytes[..40].to_vec());
    flip(&pack);
    let report = verify_there(&synced);
    assert_eq!(of(&report, &object).backups, [last], "{newest}: {report:?}");
    assert!(!of(&report, &object).healed);
}

#[test]
fn a_backup_that_is_only_at_the_target_is_named_where_its_pack_is_missing_there() {
    let synced = synced();
    synced.lose_all_objects();
    let place = &synced.places[0];
    let all: Vec<String> =
        place.names("snapshots/").iter().map(|name| name.strip_prefix("snapshots/").unwrap().to_owned()).collect();
    place.names("packs/").iter().for_each(|pack| place.delete(pack).unwrap());
    assert_eq!(of(&verify_there(&synced), "packs").backups, all);
}

#[test]
fn what_is_missing_at_a_target_is_found_though_nothing_lists_it_and_put_back() {
    let synced = synced();
    synced.engine().sync(None, &Control::silent()).unwrap();
    let place = &synced.places[0];
    let key = place.names("keys/")[0].clone();
    let record = place.names("snapshots/")[1].clone();
    for object in [key.as_str(), record.as_str(), "vault.json", "recover.mjs"] {
        place.delete(object).unwrap();
        let report = verify_there(&synced);
        assert!(!report.ok && of(&report, object).healed, "{report:?}");
        assert!(place.names("").iter().any(|name| name == object), "{object}");
        assert!(verify_there(&synced).ok, "{object}");
    }
}

#[test]
fn a_target_that_is_empty_is_not_whole_and_nothing_is_put_into_what_may_be_no_disk() {
    let synced = synced();
    let place = &synced.places[0];
    synced.engine().sync(None, &Control::silent()).unwrap();
    place.names("").iter().for_each(|object| place.delete(object).unwrap());
    let report = verify_there(&synced);
    assert!(!report.ok && report.damaged.len() == 1 && report.damaged[0].backups.len() == 3, "{report:?}");
    assert!(report.damaged[0].message.contains("is it mounted?"), "{report:?}");
    assert_eq!(place.names(""), [""; 0]);
    let fresh = Synced::new(Bot::new(), &["gdrive"]);
    fresh.bot.backup(BackupType::Manual);
    let error = fresh.engine().verify_target("gdrive", true, &Control::silent()).unwrap_err();
    assert!(error.code() == "E_NOT_FOUND" && error.to_string().contains("lifeboat sync"), "{error}");
}

fn read(place: &Place, name: &str) -> Vec<u8> {
    let size = place.memory.head(name).unwrap().unwrap().size as usize;
    place.memory.get(name, 0, size).unwrap()
}
