//! What a migration does not do, and that it leaves no trace then.

use std::fs;

use lifeboat_engine::report::*;
use lifeboat_engine::secret::Secret;
use lifeboat_engine::{Config, Control, Engine};

use crate::server::*;
use crate::support::*;

#[test]
fn a_root_that_is_not_empty_is_refused_and_stays_as_it_is() {
    let bot = Bot::new();
    bot.backup(BackupType::Manual);
    let server = Server::new();
    fs::create_dir_all(server.root().join("backups")).unwrap();
    fs::write(server.root().join("mine.txt"), "mine").unwrap();
    let before = tree(&server.root());
    let error = server.migrate(&bot.vault()).unwrap_err();
    assert_eq!(error.code(), "E_RESTORE");
    assert!(error.to_string().contains("mine.txt") && error.to_string().contains("--root"), "{error}");
    assert_same_tree(&before, &tree(&server.root()));
}

#[test]
fn something_else_in_the_vaults_place_is_refused() {
    let bot = Bot::new();
    bot.backup(BackupType::Manual);
    let other = Bot::empty();
    other.backup(BackupType::Manual);
    for alien in [other.vault(), other.root()] {
        let server = Server::new();
        let place = server.root().join("backups");
        copy(&alien, &place);
        if alien == other.root() {
            fs::write(place.join("note.txt"), "mine").unwrap();
        }
        let before = tree(&server.root());
        let error = server.migrate(&bot.vault()).unwrap_err();
        assert_eq!(error.code(), "E_RESTORE");
        // What is no vault's is in the way of the root, and not of the vault, which would lie below it.
        let words = if alien == other.root() { "is not empty" } else { "--vault" };
        assert!(error.to_string().contains(words), "{error}");
        assert_same_tree(&before, &tree(&server.root()));
    }
}

#[test]
fn a_root_inside_its_source_is_refused() {
    let bot = Bot::new();
    bot.backup(BackupType::Manual);
    let before = tree(&bot.vault());
    let config = Config::default().resolved(&bot.vault().join("packs/new")).unwrap();
    let error = Engine::new(config).migrate(&bot.vault(), &MigrateOptions::default(), &Control::silent()).unwrap_err();
    assert_eq!(error.code(), "E_CONFIG");
    assert_same_tree(&before, &tree(&bot.vault()));
}

#[test]
fn what_is_no_source_is_not_found_with_what_to_name() {
    let server = Server::new();
    let (empty, usb) = (server.path("empty"), server.path("usb"));
    fs::create_dir(&empty).unwrap();
    fs::create_dir(&usb).unwrap();
    fs::write(usb.join("bot.tar.gz.sealed"), "x").unwrap();
    for (from, said) in [(server.path("gone"), "gone"), (empty, "vault.json"), (usb, "bot.tar.gz.sealed")] {
        let error = server.migrate(&from).unwrap_err();
        assert_eq!(error.code(), "E_NOT_FOUND");
        assert!(error.to_string().contains(said), "{error}");
    }
    assert!(!server.path("srv").exists(), "nothing was made");
}

#[test]
fn a_wrong_passphrase_opens_nothing_and_leaves_nothing() {
    let mut bot = Bot::new();
    bot.config.encryption = true;
    bot.config.passphrase = Some(Secret::new("right"));
    bot.backup(BackupType::Manual);
    let server = Server::new();
    let with = |passphrase: &str| {
        let config = Config { passphrase: Some(Secret::new(passphrase)), ..Config::default() };
        let engine = Engine::new(config.resolved(&server.root()).unwrap());
        engine.migrate(&bot.vault(), &MigrateOptions::default(), &Control::silent())
    };
    assert_eq!(with("wrong").unwrap_err().code(), "E_PASSPHRASE");
    assert!(!server.path("srv").exists());
    with("right").unwrap();
    assert_same_tree(&tree(&bot.root()), &server.restored());
}

#[test]
fn a_link_that_leads_out_is_restored_only_where_it_is_asked_for() {
    let bot = Bot::new();
    std::os::unix::fs::symlink("/mnt/photos", bot.path("photos")).unwrap();
    bot.backup(BackupType::Manual);
    let server = Server::new();
    let error = server.migrate(&bot.vault()).unwrap_err();
    assert_eq!(error.code(), "E_UNSAFE_PATH");
    assert!(error.to_string().contains("--allow-outside-links"), "{error}");
    assert!(!server.path("srv").exists());
    let options = MigrateOptions { allow_outside_links: true, ..MigrateOptions::default() };
    server.migrate_with(&bot.vault(), options).unwrap();
    assert_same_tree(&tree(&bot.root()), &server.restored());
}

#[test]
fn a_source_in_the_place_of_an_item_is_moved_by_its_owner() {
    let bot = Bot::new();
    bot.write("usb/readme.txt", b"in the backup");
    bot.backup(BackupType::Manual);
    let server = Server::new();
    copy(&bot.vault(), &server.root().join("usb"));
    let before = tree(&server.root());
    let error = server.migrate(&server.root().join("usb")).unwrap_err();
    assert_eq!(error.code(), "E_RESTORE");
    assert_same_tree(&before, &tree(&server.root()));
}

#[test]
fn a_source_elsewhere_in_the_root_is_read_and_its_owner_told_to_move_it() {
    let bot = Bot::new();
    bot.backup(BackupType::Manual);
    let server = Server::new();
    copy(&bot.vault(), &server.root().join("from/usb"));
    let report = server.migrate(&server.root().join("from/usb")).unwrap();
    assert!(report.warnings[0].message.contains("Move it out"), "{:?}", report.warnings);
    assert_same_tree(&tree(&bot.root()), &without(server.restored(), "from"));
    assert_eq!(report.backups, 1);
}
