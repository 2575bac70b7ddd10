//! A vault that is partly damaged: what is needed is whole, or nothing is put into the new root.

use std::fs;
use std::path::PathBuf;

use lifeboat_engine::report::*;

use crate::server::*;
use crate::support::*;

/// Two backups, and the packs that only the newer one needs.
fn two_backups() -> (Bot, String, Vec<PathBuf>) {
    let bot = Bot::new();
    let older = bot.backup(BackupType::Manual).backup;
    let packs = bot.packs();
    bot.write("uploads/new.jpg", &noise(400_000, 9));
    bot.backup(BackupType::Manual);
    let new = bot.packs().into_iter().filter(|pack| !packs.contains(pack)).collect();
    (bot, older, new)
}

fn damage(path: &PathBuf) {
    let mut bytes = fs::read(path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(path, bytes).unwrap();
}

#[test]
fn damage_in_what_is_needed_ends_it_and_says_what_else_can_be_done() {
    let (bot, older, new) = two_backups();
    damage(&new[0]);
    let server = Server::new();
    let error = server.migrate(&bot.vault()).unwrap_err();
    assert_eq!(error.code(), "E_CORRUPT");
    assert!(error.to_string().contains("--salvage") && error.to_string().contains("--backup"), "{error}");
    assert!(!server.path("srv").exists());

    // The older backup does not need it. The history is taken as it is, and the damage told.
    let options = MigrateOptions { backup: Some(BackupRef::Name(older)), ..MigrateOptions::default() };
    let report = server.migrate_with(&bot.vault(), options).unwrap();
    assert_eq!(report.damaged.len(), 1);
    fs::remove_file(bot.path("uploads/new.jpg")).unwrap();
    let mut expected = tree(&bot.root());
    let mut restored = server.restored();
    // The folder's time is that of before the photo came.
    expected.remove(&PathBuf::from("uploads"));
    restored.remove(&PathBuf::from("uploads"));
    assert_same_tree(&expected, &restored);
}

#[test]
fn the_newest_backup_is_not_passed_over_in_silence() {
    let (bot, _, _) = two_backups();
    let newest = bot.engine().list_backups(&ListFilter::default()).unwrap()[0].backup.clone();
    damage(&bot.vault().join("snapshots").join(newest));
    let server = Server::new();
    let error = server.migrate(&bot.vault()).unwrap_err();
    assert_eq!(error.code(), "E_CORRUPT");
    assert!(error.to_string().contains("--backup"), "{error}");
    assert!(!server.path("srv").exists());
}

#[test]
fn a_missing_pack_is_found_before_anything_is_written() {
    let (bot, older, new) = two_backups();
    fs::remove_file(&new[0]).unwrap();
    let server = Server::new();
    let error = server.migrate(&bot.vault()).unwrap_err();
    assert_eq!(error.code(), "E_CORRUPT");
    assert!(error.to_string().contains(&format!("--backup {older}")), "the one that is whole is named: {error}");
    assert!(!server.path("srv").exists());
}

#[test]
fn a_vault_without_its_description_is_damage_and_not_nothing() {
    let bot = Bot::new();
    bot.backup(BackupType::Manual);
    fs::remove_file(bot.vault().join("vault.json")).unwrap();
    let server = Server::new();
    let error = server.migrate(&bot.vault()).unwrap_err();
    assert_eq!(error.code(), "E_CORRUPT");
    assert!(error.to_string().contains("another copy"), "{error}");
}

#[test]
fn of_a_backup_that_lacks_a_pack_it_is_said_how_many_items_are_lost() {
    let bot = Bot::new();
    // More than one pack holds, so that the item list lies in another one.
    bot.write("a.jpg", &noise(20_000_000, 1));
    let backup = bot.backup(BackupType::Manual).backup;
    let largest = bot.packs().into_iter().max_by_key(|pack| fs::metadata(pack).unwrap().len()).unwrap();
    fs::remove_file(largest).unwrap();
    let server = Server::new();
    let error = server.migrate(&bot.vault()).unwrap_err();
    let items = bot.engine().list_backups(&ListFilter::default()).unwrap()[0].items;
    let error = error.to_string();
    assert!(
        error.contains(&format!("Of the {items} items of {backup}, ")) && error.contains("cannot be restored"),
        "{error}"
    );
}
