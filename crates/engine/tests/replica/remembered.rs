//! What is where is remembered, and where it is not, it is asked for once.

use std::sync::atomic::Ordering;

use lifeboat_engine::replica::ledger;
use lifeboat_engine::report::BackupType;

use crate::shaky::*;
use crate::support::Bot;

const DAY: i64 = 24 * 3_600_000;

#[test]
fn a_ledger_that_is_gone_is_built_again_by_one_list_and_nothing_is_sent_again() {
    let mut bot = Bot::new();
    bot.backup(BackupType::Manual);
    let stores = synced(&mut bot, &["s3"]);
    let first = sync(&bot, &stores);
    assert!(first.report.uploaded > 3 && first.report.pending == 0, "{:?}", first.report);
    let before = stores.0["s3"].writes.lock().unwrap().len();
    for suffix in ["", "-wal", "-shm"] {
        let _ = std::fs::remove_file(bot.vault().join(format!("{}{suffix}", ledger::FILE)));
    }
    let lists = stores.0["s3"].lists.load(Ordering::Relaxed);
    let again = sync(&bot, &stores);
    assert_eq!((again.report.uploaded, again.report.pending), (0, 0));
    assert_eq!(stores.0["s3"].lists.load(Ordering::Relaxed), lists + 1);
    let writes = stores.0["s3"].writes.lock().unwrap()[before..].to_vec();
    assert_eq!(writes, ["about.json"]);
}

#[test]
fn an_hours_change_takes_two_requests_that_write_and_no_list_and_a_few_times_a_day_a_third_one() {
    let mut bot = Bot::new();
    bot.backup(BackupType::Manual);
    let stores = synced(&mut bot, &["s3"]);
    sync(&bot, &stores);
    let (before, lists) = (stores.0["s3"].writes.lock().unwrap().len(), stores.0["s3"].lists.load(Ordering::Relaxed));
    bot.write("config.json", b"{\"changed\": true}");
    bot.backup(BackupType::Hourly);
    sync(&bot, &stores);
    let writes = || stores.0["s3"].writes.lock().unwrap()[before..].to_vec();
    assert_eq!(writes().len(), 2, "{:?}", writes());
    sync_at(&bot, &stores, jiff::Timestamp::now().as_millisecond() + DAY / 4);
    assert_eq!(writes()[2..], ["about.json"]);
    assert_eq!(stores.0["s3"].lists.load(Ordering::Relaxed), lists);
}

#[test]
fn what_somebody_removes_there_or_cuts_off_is_sent_again_within_a_day() {
    let mut bot = Bot::new();
    bot.backup(BackupType::Manual);
    let stores = synced(&mut bot, &["s3"]);
    sync(&bot, &stores);
    let store = &stores.0["s3"];
    let wanted = wanted(&bot);
    let pack = wanted.keys().find(|object| object.starts_with("packs/")).unwrap();
    use lifeboat_engine::store::Store;
    for harm in ["gone", "half"] {
        match harm {
            "gone" => store.inner().delete(pack).unwrap(),
            _ => store.put_here(pack, &wanted[pack][..wanted[pack].len() / 2]),
        }
        let now = jiff::Timestamp::now().as_millisecond();
        let later = sync_at(&bot, &stores, now + DAY + if harm == "gone" { 1 } else { DAY });
        assert_eq!(later.report.pending, 0, "{harm}");
        assert!(store.objects().get(pack) == Some(&wanted[pack]), "{harm}");
    }
}

#[test]
fn what_rots_there_is_found_by_reading_back_and_sent_again() {
    let mut bot = Bot::empty();
    bot.write("a.jpg", &crate::support::noise(50_000, 1));
    bot.backup(BackupType::Manual);
    let stores = synced(&mut bot, &["s3"]);
    sync(&bot, &stores);
    let store = &stores.0["s3"];
    let wanted = wanted(&bot);
    let pack = wanted.keys().find(|object| object.starts_with("packs/")).unwrap();
    let mut rotten = wanted[pack].clone();
    rotten[777] ^= 1;
    store.put_here(pack, &rotten);
    let now = jiff::Timestamp::now().as_millisecond();
    let mut told = Vec::new();
    for week in 1..20 {
        let synced = sync_at(&bot, &stores, now + week * 8 * DAY);
        told.extend(synced.report.failed);
        if store.objects().get(pack) == Some(&wanted[pack]) {
            break;
        }
    }
    assert!(store.objects().get(pack) == Some(&wanted[pack]));
    assert!(told.iter().any(|one| one.object == *pack), "{told:?}");
}

#[test]
fn a_target_that_is_another_place_now_gets_everything_anew() {
    let mut bot = Bot::new();
    bot.backup(BackupType::Manual);
    let stores = synced(&mut bot, &["s3"]);
    sync(&bot, &stores);
    let other = synced(&mut bot, &["s3"]);
    if let lifeboat_engine::config::cloud::Target::S3(s3) = &mut bot.config.cloud[0] {
        s3.bucket = "another".into();
    }
    assert_eq!(bot.engine().list_backups(&Default::default()).unwrap()[0].cloud, "queued");
    sync(&bot, &other);
    let mut there = other.0["s3"].objects();
    there.remove("about.json");
    assert!(there == wanted(&bot));
    assert_eq!(bot.engine().list_backups(&Default::default()).unwrap()[0].cloud, "synced");
}

#[test]
fn a_pin_goes_there_and_goes_with_its_unpinning_but_not_from_where_nothing_may_be_removed() {
    let mut bot = Bot::new();
    let name = bot.backup(BackupType::Manual).backup;
    let stores = synced(&mut bot, &["s3", "vaulted"]);
    if let lifeboat_engine::config::cloud::Target::S3(s3) = &mut bot.config.cloud[1] {
        s3.append_only = true;
    }
    bot.engine().pin(&name, true).unwrap();
    sync(&bot, &stores);
    let pin = format!("pins/{name}");
    assert!(stores.0.values().all(|store| store.objects().contains_key(&pin)));
    bot.engine().pin(&name, false).unwrap();
    sync(&bot, &stores);
    assert!(!stores.0["s3"].objects().contains_key(&pin));
    assert!(stores.0["vaulted"].objects().contains_key(&pin));
    assert!(!stores.0["vaulted"].writes.lock().unwrap().iter().any(|write| write.starts_with("delete")));
}
