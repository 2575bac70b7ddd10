//! Whatever a target answers: what was written, from another place if need be, or an error before anything is touched.

use std::fs;

use lifeboat_engine::report::*;
use lifeboat_engine::store::{Fault, Kind};
use lifeboat_engine::{Control, Error};

use crate::places::*;
use crate::support::*;

fn both() -> Synced {
    let synced = Synced::new(Bot::new(), &["office", "gdrive"]);
    synced.bot.backup(BackupType::Manual);
    synced.sync();
    synced.lose_all_objects();
    synced
}

/// What is done to an object of the first target.
type Damage = fn(&Place, &str);

const DAMAGES: [(&str, Damage); 5] = [
    ("missing", |place, object| lifeboat_engine::store::Store::delete(place, object).unwrap()),
    ("half of it", |place, object| place.replace(object, |bytes| bytes[..bytes.len() / 2].to_vec())),
    ("empty", |place, object| place.replace(object, |_| Vec::new())),
    ("a flipped bit in each kilobyte", |place, object| {
        place.replace(object, |mut bytes| {
            bytes.iter_mut().step_by(1000).for_each(|byte| *byte ^= 4);
            bytes
        });
    }),
    ("a captive portal's page", |place, object| {
        place.replace(object, |bytes| b"<html>Sign in</html>".iter().copied().cycle().take(bytes.len()).collect());
    }),
];

#[test]
fn what_one_target_has_damaged_comes_from_the_next() {
    for (what, damage) in DAMAGES {
        let synced = both();
        for object in synced.places[0].names("packs/").iter().chain(&synced.places[0].names("snapshots/")) {
            damage(&synced.places[0], object);
        }
        let restored = synced.restore(&[], None).unwrap_or_else(|error| panic!("{what}: {error}"));
        let name = "uploads/reports/2026/11/T1/a.jpg";
        assert_eq!(fs::read(restored.join(name)).unwrap(), fs::read(synced.bot.path(name)).unwrap(), "{what}");
    }
}

#[test]
fn what_every_target_has_damaged_is_an_error_and_nothing_in_place_is_touched() {
    for (what, damage) in DAMAGES {
        let synced = both();
        synced.bot.write("config.json", b"{}");
        let before = tree(&synced.bot.root());
        for place in &synced.places {
            place.names("packs/").iter().for_each(|object| damage(place, object));
        }
        let backup = BackupRef::Name("latest".into());
        let options = RestoreOptions { watch: false, ..RestoreOptions::default() };
        let error = synced.engine().restore(&backup, &options, &Control::silent()).expect_err(what);
        assert_eq!(error.code(), "E_CORRUPT", "{what}: {error}");
        assert_eq!(tree(&synced.bot.root()), before, "{what}");
    }
}

#[test]
fn a_bit_that_flips_on_the_way_once_is_read_again_from_the_next_target() {
    let synced = both();
    let mut flips = 0;
    synced.places[0].spoil(move |_, _, bytes| {
        flips += 1;
        if flips % 2 == 0 && !bytes.is_empty() {
            let middle = bytes.len() / 2;
            bytes[middle] ^= 1;
        }
        Ok(())
    });
    let restored = synced.restore(&[], None).unwrap();
    assert_eq!(fs::read(restored.join("logs/out.log")).unwrap(), fs::read(synced.bot.path("logs/out.log")).unwrap());
}

#[test]
fn a_target_without_a_network_is_passed_over_and_none_with_one_is_an_error_that_names_it() {
    let synced = both();
    synced.places[0].spoil(no_network("office"));
    synced.restore(&["config.json"], None).unwrap();
    let error = synced.restore(&["config.json"], Some("office")).unwrap_err();
    assert_eq!(error.code(), "E_CLOUD", "{error}");
    assert!(error.to_string().contains("office: The network is gone."), "{error}");
}

#[test]
fn credentials_that_were_withdrawn_in_the_middle_are_told_as_such() {
    let synced = both();
    let mut reads = 0;
    synced.places[0].spoil(move |_, _, _| {
        reads += 1;
        if reads > 3 {
            Err(Fault::new(Kind::Credentials, "office", "The token is not valid any more."))
        } else {
            Ok(())
        }
    });
    let error = synced.restore(&[], Some("office")).unwrap_err();
    assert!(matches!(error, Error::CloudCredentials { .. }), "{error}");
}

#[test]
fn another_vault_at_the_target_is_told_and_foreign_files_there_are_passed_over() {
    let synced = both();
    let other = Bot::new();
    other.backup(BackupType::Manual);
    let place = &synced.places[0];
    for object in place.names("") {
        lifeboat_engine::store::Store::delete(place.as_ref(), &object).unwrap();
    }
    place.fill(&other.vault());
    let error = synced.restore(&["config.json"], Some("office")).unwrap_err();
    assert!(error.code() == "E_CLOUD" && error.to_string().contains("Another vault lies there"), "{error}");
    let place = &synced.places[1];
    for name in ["photo.jpg", "packs/zz/photo.jpg", "snapshots/photo", "snapshots/backup_DAILY_x", "packs/"] {
        let bytes = b"foreign".to_vec();
        lifeboat_engine::store::Store::put(place.as_ref(), name, &bytes, &lifeboat_engine::store::Straight).unwrap();
    }
    synced.restore(&["config.json"], Some("gdrive")).unwrap();
}
