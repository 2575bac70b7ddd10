//! One file of the vault that is lost here comes back from a target; what Lifeboat has removed does not.

use std::fs;
use std::path::PathBuf;

use lifeboat_engine::report::*;
use lifeboat_engine::secret::Secret;
use lifeboat_engine::store::{Store, Straight};
use lifeboat_engine::{Control, Engine};

use crate::places::*;
use crate::support::*;

/// Two backups at a target, and the name of the older one.
fn two() -> (Synced, String) {
    let synced = Synced::new(Bot::new(), &["office"]);
    let first = synced.bot.backup(BackupType::Manual).backup;
    synced.bot.write("uploads/later.jpg", &noise(50_000, 3));
    synced.bot.backup(BackupType::Manual);
    synced.engine().sync(None, &Control::silent()).unwrap();
    (synced, first)
}

fn record(synced: &Synced, name: &str) -> PathBuf {
    synced.bot.vault().join("snapshots").join(name)
}

fn verify(synced: &Synced) -> VerifyReport {
    synced.engine().verify(None, false, &Control::silent()).unwrap()
}

fn damage<'a>(report: &'a VerifyReport, object: &str) -> &'a Damage {
    report.damaged.iter().find(|damage| damage.object == object).unwrap_or_else(|| panic!("{object}: {report:?}"))
}

#[test]
fn a_record_that_was_lost_is_fetched_also_when_a_backup_was_made_since_and_so_is_what_it_needs() {
    for is_later in [false, true] {
        let (synced, first) = two();
        let file = record(&synced, &first);
        let bytes = fs::read(&file).unwrap();
        fs::remove_file(&file).unwrap();
        let packs = synced.bot.packs();
        fs::remove_file(&packs[0]).unwrap();
        if is_later {
            synced.bot.backup(BackupType::Manual);
        }
        let report = verify(&synced);
        let told = damage(&report, &format!("snapshots/{first}"));
        assert!(told.healed && told.message.contains("from office") && told.backups == [first.clone()], "{report:?}");
        assert_eq!(fs::read(&file).unwrap(), bytes);
        assert!(packs[0].exists() && verify(&synced).ok);
        synced.bot.restore(&first);
    }
}

#[test]
fn a_backup_that_lifeboat_has_deleted_or_pruned_is_not_brought_back() {
    let (mut synced, first) = two();
    let warnings = synced.engine().delete_backup(&first, &Control::silent()).unwrap().warnings;
    assert_eq!(warnings.len(), 1, "it stays at the target");
    assert!(verify(&synced).ok && !record(&synced, &first).exists());
    for _ in 0..3 {
        synced.bot.backup(BackupType::Hourly);
    }
    synced.engine().sync(None, &Control::silent()).unwrap();
    let keep = lifeboat_engine::config::ScheduleConfig { keep: Some(1), ..Default::default() };
    synced.bot.config.schedules.insert(BackupType::Hourly, keep);
    assert!(synced.engine().prune(&PruneOptions::default(), &Control::silent()).unwrap().removed > 0);
    assert!(verify(&synced).ok);
}

#[test]
fn a_record_that_nobody_has_is_told_once() {
    let (synced, first) = two();
    fs::remove_file(record(&synced, &first)).unwrap();
    synced.places[0].delete(&format!("snapshots/{first}")).unwrap();
    let report = verify(&synced);
    let told = damage(&report, &format!("snapshots/{first}"));
    assert!(!told.healed && told.message.contains("told once"), "{report:?}");
    assert!(verify(&synced).ok);
    let alone = Bot::new();
    let lost = alone.backup(BackupType::Manual).backup;
    alone.backup(BackupType::Manual);
    fs::remove_file(alone.vault().join("snapshots").join(lost)).unwrap();
    assert!(!alone.verify(false).ok, "without any target it is told, too");
    assert!(alone.verify(false).ok);
}

#[test]
fn a_catalog_that_was_lost_is_no_damage() {
    let (synced, first) = two();
    for suffix in ["", "-wal", "-shm"] {
        let _ = fs::remove_file(synced.bot.vault().join(format!("catalog.sqlite{suffix}")));
    }
    assert!(verify(&synced).ok);
    synced.bot.restore(&first);
}

/// With a passphrase, synced.
fn sealed() -> Synced {
    let mut bot = Bot::new();
    bot.config.encryption = true;
    bot.config.passphrase = Some(Secret::new("kapal penyelamat"));
    let synced = Synced::new(bot, &["office"]);
    synced.bot.backup(BackupType::Manual);
    synced.engine().sync(None, &Control::silent()).unwrap();
    synced
}

fn key(synced: &Synced) -> PathBuf {
    fs::read_dir(synced.bot.vault().join("keys")).unwrap().next().unwrap().unwrap().path()
}

#[test]
fn a_description_or_a_key_that_was_lost_or_damaged_is_fetched_by_verify_and_by_restore() {
    let synced = sealed();
    let description = synced.bot.vault().join("vault.json");
    for file in [key(&synced), description] {
        let bytes = fs::read(&file).unwrap();
        let object = file.strip_prefix(synced.bot.vault()).unwrap().to_str().unwrap();
        fs::remove_file(&file).unwrap();
        let report = verify(&synced);
        assert!(damage(&report, object).healed && damage(&report, object).message.contains("from office"));
        assert!(fs::read(&file).unwrap() == bytes && verify(&synced).ok, "{object}");
        fs::write(&file, b"{").unwrap();
        assert!(damage(&verify(&synced), object).healed, "{object}");
        fs::remove_file(&file).unwrap();
        synced.restore(&["config.json"], None).unwrap();
        assert_eq!(fs::read(&file).unwrap(), bytes, "{object}");
    }
}

#[test]
fn a_key_that_was_lost_under_a_host_that_has_opened_the_vault_is_fetched_if_it_was_sent_from_here() {
    let synced = sealed();
    let engine = synced.engine();
    engine.verify(None, false, &Control::silent()).unwrap();
    let file = key(&synced);
    let bytes = fs::read(&file).unwrap();
    fs::remove_file(&file).unwrap();
    let report = engine.verify(None, false, &Control::silent()).unwrap();
    assert!(damage(&report, "keys").healed && fs::read(&file).unwrap() == bytes, "{report:?}");
    // What somebody else has put there is none.
    let object = format!("keys/{}", file.file_name().unwrap().to_str().unwrap());
    synced.places[0].replace(&object, |mut bytes| {
        bytes.push(b'\n');
        bytes
    });
    fs::remove_file(&file).unwrap();
    let report = engine.verify(None, false, &Control::silent()).unwrap();
    assert!(!damage(&report, "keys").healed && !file.exists(), "{report:?}");
}

#[test]
fn a_key_that_rots_here_is_not_sent_over_the_good_one() {
    let synced = sealed();
    let engine = synced.engine();
    engine.verify(None, false, &Control::silent()).unwrap();
    let file = key(&synced);
    let mut bytes = fs::read(&file).unwrap();
    let (object, middle) = (format!("keys/{}", file.file_name().unwrap().to_str().unwrap()), bytes.len() / 2);
    bytes[middle] ^= 1;
    fs::write(&file, &bytes).unwrap();
    let report = engine.sync(None, &Control::silent()).unwrap();
    assert!(report.failed.iter().any(|one| one.object == object && one.code == "E_CORRUPT"), "{report:?}");
    engine.verify(None, false, &Control::silent()).unwrap();
    bytes[middle] ^= 1;
    assert_eq!(fs::read(&file).unwrap(), bytes, "it is fetched whole");
    assert!(engine.sync(None, &Control::silent()).unwrap().failed.is_empty());
}

#[test]
fn a_record_that_came_back_can_be_deleted_and_is_not_missed() {
    let (synced, first) = two();
    fs::remove_file(record(&synced, &first)).unwrap();
    synced.bot.backup(BackupType::Manual);
    assert!(damage(&verify(&synced), &format!("snapshots/{first}")).healed);
    synced.engine().delete_backup(&first, &Control::silent()).unwrap();
    let report = verify(&synced);
    assert!(report.ok && !record(&synced, &first).exists(), "{report:?}");
}

#[test]
fn whoever_writes_to_a_target_gives_the_vault_no_key_of_his_own() {
    let synced = sealed();
    let place = &synced.places[0];
    // His own vault, with a key that needs no passphrase, under our id.
    let his = Bot::new();
    his.backup(BackupType::Manual);
    let text = |path: PathBuf| serde_json::from_slice::<serde_json::Value>(&fs::read(path).unwrap()).unwrap();
    let ours = text(synced.bot.vault().join("vault.json"))["id"].as_str().unwrap().to_owned();
    let theirs = text(his.vault().join("vault.json"))["id"].as_str().unwrap().to_owned();
    assert_ne!(ours, theirs);
    place.names("").iter().for_each(|name| place.delete(name).unwrap());
    for file in [
        his.vault().join("vault.json"),
        fs::read_dir(his.vault().join("keys")).unwrap().next().unwrap().unwrap().path(),
    ] {
        let object = file.strip_prefix(his.vault()).unwrap().to_str().unwrap();
        place.put(object, &fs::read(&file).unwrap(), &Straight).unwrap();
    }
    for file in [key(&synced), synced.bot.vault().join("vault.json")] {
        let bytes = fs::read(&file).unwrap();
        fs::remove_file(&file).unwrap();
        assert!(synced.engine().verify(None, false, &Control::silent()).is_err());
        assert!(!file.exists());
        fs::write(&file, bytes).unwrap();
    }
    let mut wrong = synced.bot.config.clone();
    wrong.passphrase = Some(Secret::new("bukan ini"));
    assert_eq!(Engine::new(wrong).verify(None, false, &Control::silent()).unwrap_err().code(), "E_PASSPHRASE");
}
