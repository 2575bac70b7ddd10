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

fn read(place: &Place, name: &str) -> Vec<u8> {
    let size = place.memory.head(name).unwrap().unwrap().size as usize;
    place.memory.get(name, 0, size).unwrap()
}
