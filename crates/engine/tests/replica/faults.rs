//! Whatever fails on the way, and however often.

use std::sync::atomic::Ordering;

use lifeboat_engine::report::{BackupType, PruneOptions};
use lifeboat_engine::store::Store;
use lifeboat_engine::{Config, Control, Engine};

use crate::shaky::*;
use crate::support::{Bot, noise};

/// A little random number generator, so that a failure can be seen again.
struct Dice(u64);

impl Dice {
    fn throw(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % sides
    }
}

/// Twelve backups, of which each adds a pack of a few megabytes.
fn busy_bot() -> Bot {
    let bot = Bot::empty();
    for n in 0..12 {
        bot.write(&format!("uploads/{n}.jpg"), &noise(4_000_000 + n as usize * 1000, n));
        bot.backup(BackupType::Manual);
    }
    bot
}

#[test]
fn through_two_hundred_faults_and_kills_everything_arrives_once_and_whole_and_little_is_sent_twice() {
    let mut bot = busy_bot();
    let stores = synced(&mut bot, &["s3"]);
    let store = stores.0["s3"].clone();
    let mut dice = Dice(0x5eed);
    store.troubled_by(move || {
        Some(match dice.throw(60) {
            0 | 1 => Trouble::Cut,
            2 | 3 => Trouble::Busy,
            4 => Trouble::KeptAllTheSame,
            5 if dice.throw(3) == 0 => Trouble::Kill,
            _ => return None,
        })
    });
    let mut kills = 0;
    loop {
        let synced = sync(&bot, &stores);
        nothing_is_said_to_be_there_that_is_not(&bot, &store);
        if !store.is_dead.swap(false, Ordering::Relaxed) && synced.report.failed.is_empty() {
            assert_eq!(synced.report.pending, 0);
            break;
        }
        kills += 1;
        assert!(kills < 200, "{:?}", synced.report);
        what_is_there_is_a_whole_vault_of_fewer_backups(&bot, &store);
    }
    let troubles = store.troubles.load(Ordering::Relaxed);
    assert!(troubles >= 200 && kills >= 5, "{troubles} faults and {kills} kills are too few to prove anything");
    store.calm();
    let there = store.objects();
    let wanted = wanted(&bot);
    for (object, bytes) in &wanted {
        assert!(there.get(object) == Some(bytes), "{object} is not there as it is here");
        if object.starts_with("packs/") || object.starts_with("snapshots/") {
            assert_eq!(store.times(object), 1, "{object} was sent more than once");
        }
    }
    let bytes: usize = wanted
        .iter()
        .filter(|(name, _)| name.starts_with("packs/") || name.starts_with("snapshots/"))
        .map(|(_, b)| b.len())
        .sum();
    let sent = store.sent.load(Ordering::Relaxed);
    assert!(sent * 10 < bytes as u64 * 11, "{sent} bytes were sent for {bytes}");
    // Again there is nothing to do.
    let again = sync(&bot, &stores);
    assert_eq!((again.report.uploaded, again.report.pending), (0, 0), "{:?}", again.report);
}

fn nothing_is_said_to_be_there_that_is_not(bot: &Bot, store: &Shaky) {
    let there = store.objects();
    for (object, size) in known(bot, "s3") {
        let found = there.get(&object).map(|bytes| bytes.len() as u64);
        assert_eq!(found, Some(size), "{object} is said to be there");
    }
    for info in bot.engine().list_backups(&Default::default()).unwrap() {
        let is_there = there.contains_key(&format!("snapshots/{}", info.backup));
        assert!(info.cloud != "synced" || is_there, "{} is said to be synced", info.backup);
    }
}

fn what_is_there_is_a_whole_vault_of_fewer_backups(bot: &Bot, store: &Shaky) {
    let copy = tempfile::tempdir().unwrap();
    store.download(copy.path());
    if !copy.path().join("vault.json").exists() || std::fs::read_dir(copy.path().join("keys")).unwrap().next().is_none()
    {
        return;
    }
    let config = Config { backup_dir: copy.path().into(), cloud: Vec::new(), ..bot.config.clone() };
    let report = Engine::new(config).verify(None, false, &Control::silent()).unwrap();
    assert!(report.ok, "{report:?}");
}

#[test]
fn the_newest_backup_is_there_first_and_never_before_its_packs() {
    let mut bot = Bot::empty();
    for n in 0..12 {
        bot.write("uploads/newest.jpg", &noise(200_000, n));
        bot.backup(BackupType::Manual);
    }
    let stores = synced(&mut bot, &["s3"]);
    sync(&bot, &stores);
    let store = &stores.0["s3"];
    let writes = store.writes.lock().unwrap().clone();
    assert_eq!(writes[0], "vault.json");
    let records: Vec<&String> = writes.iter().filter(|write| write.starts_with("snapshots/")).collect();
    let newest = records.iter().max().unwrap();
    assert_eq!(records[0], *newest);
    let first = writes.iter().position(|write| write == *newest).unwrap();
    let before = writes[..first].iter().filter(|write| write.starts_with("packs/")).count();
    let all = writes.iter().filter(|write| write.starts_with("packs/")).count();
    assert!(before == 1 && all == 12, "what only older backups need comes later: {writes:?}");
}

#[test]
fn a_pack_that_is_damaged_here_is_not_carried_on_and_hurts_no_other_backup() {
    let mut bot = Bot::empty();
    bot.write("old.jpg", &noise(300_000, 1));
    bot.backup(BackupType::Manual);
    let [pack] = bot.packs().try_into().unwrap();
    std::fs::remove_file(bot.path("old.jpg")).unwrap();
    bot.write("new.jpg", &noise(300_000, 2));
    bot.backup(BackupType::Manual);
    let mut bytes = std::fs::read(&pack).unwrap();
    bytes[1000] ^= 1;
    std::fs::write(&pack, &bytes).unwrap();
    let stores = synced(&mut bot, &["s3"]);
    let synced = sync(&bot, &stores);
    let records: Vec<String> =
        stores.0["s3"].objects().into_keys().filter(|object| object.starts_with("snapshots/")).collect();
    assert_eq!(records.len(), 1, "{:?}", synced.report);
    assert!(synced.report.failed.iter().any(|one| one.code == "E_CORRUPT"), "{:?}", synced.report);
    assert!(synced.report.pending > 0);
    let damaged = pack.strip_prefix(bot.vault()).unwrap().to_str().unwrap().to_owned();
    assert!(!stores.0["s3"].objects().contains_key(&damaged));
    let clouds: Vec<String> =
        bot.engine().list_backups(&Default::default()).unwrap().into_iter().map(|info| info.cloud).collect();
    assert_eq!(clouds, ["synced", "queued"]);
}

#[test]
fn packs_that_are_written_anew_while_they_are_sent_are_looked_for_again() {
    let mut bot = Bot::empty();
    for n in 0..10 {
        bot.write(&format!("stays-{n}.jpg"), &noise(140_000, n));
        bot.write(&format!("goes-{n}.jpg"), &noise(300_000, 100 + n));
        bot.backup(BackupType::Manual);
    }
    (0..10).for_each(|n| std::fs::remove_file(bot.path(&format!("goes-{n}.jpg"))).unwrap());
    let newest = bot.backup(BackupType::Manual);
    bot.engine().accept_backup(&newest.backup).unwrap();
    bot.config.keep_manual = 1;
    bot.config.local_retention_days = 0;
    let stores = synced(&mut bot, &["s3"]);
    let (store, config) = (stores.0["s3"].clone(), Config { cloud: Vec::new(), ..bot.config.clone() });
    let (watched, mut calls) = (store.clone(), 0);
    store.troubled_by(move || {
        // What opens the vault is there, and the first pack is on its way.
        calls += u64::from(watched.inner().head("recover.mjs").unwrap().is_some());
        if calls == 2 {
            let options = PruneOptions { at_once: true, ..PruneOptions::default() };
            let report = Engine::new(config.clone()).prune(&options, &Control::silent()).unwrap();
            assert!(report.packs_rewritten >= 8, "{report:?}");
        }
        None
    });
    let synced = sync(&bot, &stores);
    assert!(synced.report.failed.is_empty() && synced.report.pending == 0, "{:?}", synced.report);
    store.calm();
    assert!(store.objects().contains_key(&format!("snapshots/{}", newest.backup)));
    what_is_there_is_a_whole_vault_of_fewer_backups(&bot, &store);
}

#[test]
fn many_damaged_packs_hold_back_what_needs_them_and_nothing_else() {
    let mut bot = Bot::empty();
    for n in 0..14 {
        if n > 0 {
            std::fs::remove_file(bot.path(&format!("{}.jpg", n - 1))).unwrap();
        }
        bot.write(&format!("{n}.jpg"), &noise(300_000, n));
        bot.backup(BackupType::Manual);
        // All packs but those of the last two backups.
        for pack in bot.packs().into_iter().filter(|_| n == 11) {
            let mut bytes = std::fs::read(&pack).unwrap();
            bytes[1000] ^= 1;
            std::fs::write(&pack, &bytes).unwrap();
        }
    }
    let stores = synced(&mut bot, &["s3"]);
    let synced = sync(&bot, &stores);
    let there = stores.0["s3"].objects();
    let records = there.keys().filter(|object| object.starts_with("snapshots/")).count();
    assert_eq!(records, 2, "{:?}", synced.report);
    let failed = &synced.report.failed;
    assert!(failed.iter().all(|one| one.code == "E_CORRUPT"), "{failed:?}");
    assert_eq!(failed.iter().filter(|one| one.object.starts_with("packs/")).count(), 12);
    what_is_there_is_a_whole_vault_of_fewer_backups(&bot, &stores.0["s3"]);
}

#[test]
fn a_pack_that_was_removed_from_elsewhere_is_sent_again_before_a_record_that_leans_on_it() {
    for packs in [2, 20] {
        let mut bot = Bot::empty();
        for n in 0..packs {
            bot.write(&format!("{n}.jpg"), &noise(150_000, n));
            bot.backup(BackupType::Manual);
        }
        let stores = synced(&mut bot, &["s3"]);
        let store = stores.0["s3"].clone();
        sync(&bot, &stores);
        let lists = store.lists.load(Ordering::Relaxed);
        // All records were pruned, and a day later a pack that only they needed.
        let there = store.objects();
        let pack = there.keys().find(|object| object.starts_with("packs/")).unwrap();
        for record in there.keys().filter(|object| object.starts_with("snapshots/")) {
            store.inner().delete(record).unwrap();
        }
        store.inner().delete(pack).unwrap();
        bot.write("new.json", b"{}");
        let made = bot.backup(BackupType::Hourly);
        let synced = sync(&bot, &stores);
        assert!(synced.report.failed.is_empty(), "{:?}", synced.report);
        let there = store.objects();
        assert!(there.contains_key(pack) && there.contains_key(&format!("snapshots/{}", made.backup)));
        what_is_there_is_a_whole_vault_of_fewer_backups(&bot, &store);
        let asked = store.lists.load(Ordering::Relaxed) - lists;
        assert_eq!(asked, u64::from(packs > 16), "one list at most");
    }
}
