//! A migration that is cut off leaves nothing, or goes on with the same command.

use std::fs;

use lifeboat_engine::report::*;

use crate::server::*;
use crate::support::*;

const NOTE: &str = ".lifeboat-migrate.json";

#[test]
fn cut_off_before_the_root_was_restored_it_leaves_nothing() {
    let bot = Bot::new();
    bot.backup(BackupType::Manual);
    let server = Server::new();
    assert_eq!(server.migrate_until("reading the backup", &bot.vault()).unwrap_err().code(), "E_ABORTED");
    assert!(!server.path("srv").exists(), "{:?}", tree(server.dir.path()).keys());
    assert!(!server.migrate(&bot.vault()).unwrap().resumed);
    assert_same_tree(&tree(&bot.root()), &server.restored());
}

#[test]
fn cut_off_while_the_history_is_copied_it_goes_on_and_changes_nothing_of_the_root() {
    let bot = Bot::new();
    let backup = bot.backup(BackupType::Manual).backup;
    let server = Server::new();
    let error = server.migrate_until("copying the history", &bot.vault()).unwrap_err();
    assert_eq!(error.code(), "E_RESTORE");
    assert!(error.to_string().contains("The root is restored"), "{error}");
    assert!(server.root().join(NOTE).exists() && !server.root().join("backups/vault.json").exists());

    // The bot was started meanwhile, and a new backup appeared at the source: what runs is not overwritten.
    fs::write(server.root().join("config.json"), "changed here").unwrap();
    bot.write("config.json", b"{}");
    bot.backup(BackupType::Manual);
    let report = server.migrate(&bot.vault()).unwrap();
    assert_eq!((report.resumed, report.backup.as_str(), report.backups), (true, backup.as_str(), 2));
    assert_eq!(fs::read_to_string(server.root().join("config.json")).unwrap(), "changed here");
    assert!(!server.root().join(NOTE).exists());
    assert!(server.engine().verify(None, true, &lifeboat_engine::Control::silent()).unwrap().ok);
}

#[test]
fn a_kill_while_the_note_is_written_is_not_taken_for_a_root_that_is_restored() {
    let bot = Bot::new();
    bot.backup(BackupType::Manual);
    for note in [None, Some("{}")] {
        let server = Server::new();
        fs::create_dir_all(server.root()).unwrap();
        fs::write(server.root().join(".lifeboat-a1B2c3"), "{\"va").unwrap();
        if let Some(note) = note {
            fs::write(server.root().join(NOTE), note).unwrap();
        }
        server.migrate(&bot.vault()).unwrap();
        assert_same_tree(&tree(&bot.root()), &server.restored());
    }
}

#[test]
fn another_migration_into_a_root_that_was_cut_off_is_refused() {
    let bot = Bot::new();
    bot.backup(BackupType::Manual);
    let server = Server::new();
    server.migrate_until("copying the history", &bot.vault()).unwrap_err();
    let other = Bot::new();
    other.backup(BackupType::Manual);
    let before = tree(&server.root());
    assert_eq!(server.migrate(&other.vault()).unwrap_err().code(), "E_NOT_FOUND");
    assert_same_tree(&before, &tree(&server.root()));
}

#[test]
fn objects_that_are_there_are_not_copied_again() {
    let bot = Bot::new();
    bot.backup(BackupType::Manual);
    let whole = Server::new().migrate(&bot.vault()).unwrap().copied;
    let server = Server::new();
    server.migrate_until("copying the history", &bot.vault()).unwrap_err();
    let rest = server.migrate(&bot.vault()).unwrap().copied;
    assert!(rest < whole, "{rest} of {whole} bytes");
}
