//! Wherever the vault lies, and wherever the new root is: everything comes, and nothing happens to the source.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use lifeboat_engine::report::*;
use lifeboat_engine::{Config, Control, Engine};

use crate::server::*;
use crate::support::*;

#[test]
fn a_new_root_has_everything_and_the_history_goes_on() {
    let bot = Bot::new();
    bot.backup(BackupType::Manual);
    bot.write("config.json", b"{}");
    let newest = bot.backup(BackupType::Daily).backup;
    let before = tree(&bot.root());

    let server = Server::new();
    let report = server.migrate(&bot.vault()).unwrap();
    assert_eq!(report.backup, newest);
    assert_eq!(report.items, before.len() as u64);
    assert_eq!((report.backups, report.resumed), (2, false));
    assert!(report.copied > 0 && report.damaged.is_empty() && report.warnings.is_empty(), "{report:?}");
    assert_same_tree(&before, &server.restored());

    // The next backup leans on what was copied: nothing is stored twice.
    let next =
        server.engine().create_backup(BackupType::Manual, &BackupOptions::default(), &Control::silent()).unwrap();
    assert!(next.size < report.bytes / 100, "{} bytes were stored again", next.size);
    let listed = server.engine().list_backups(&ListFilter::default()).unwrap();
    assert_eq!(listed.len(), 3);
}

#[test]
fn the_source_is_only_read() {
    let bot = Bot::new();
    bot.backup(BackupType::Manual);
    let before = tree(&bot.vault());
    let server = Server::new();
    server.migrate(&bot.vault()).unwrap();
    // Also no file of SQLite's beside the catalog, no lock, and no time that changed.
    assert_same_tree(&before, &tree(&bot.vault()));
}

#[test]
fn a_vault_that_was_copied_into_the_new_root_stays_where_it_is() {
    let bot = Bot::new();
    bot.backup(BackupType::Manual);
    let server = Server::new();
    copy(&bot.vault(), &server.root().join("backups"));
    for from in [server.root().join("backups"), server.root()] {
        if from == server.root() {
            fs::remove_dir_all(server.root()).unwrap();
            copy(&bot.vault(), &server.root().join("backups"));
        }
        let report = server.migrate(&from.join("")).unwrap();
        assert_eq!((report.copied, report.backups), (0, 1));
        assert_same_tree(&tree(&bot.root()), &server.restored());
    }
}

#[test]
fn an_old_root_is_a_source_and_its_configuration_says_where_the_vault_lies() {
    for (setting, place) in [("data/vault", "data/vault"), ("ROOT/vault", "vault")] {
        let mut bot = Bot::new();
        let setting = setting.replace("ROOT", bot.root().to_str().unwrap());
        bot.write(
            "config/backup-config.json",
            format!("{{\"backupDir\":{setting:?},\"encryption\":false}}").as_bytes(),
        );
        bot.config = Config::of_root(&bot.root()).unwrap();
        bot.backup(BackupType::Manual);

        // The old disk, mounted elsewhere.
        let server = Server::new();
        let old = server.path("mnt/old/bot");
        fs::create_dir_all(old.parent().unwrap()).unwrap();
        fs::rename(bot.root(), &old).unwrap();
        let report = server.migrate(&old).unwrap();
        assert_eq!(report.vault, Some(server.root().join(place)), "where the restored configuration will look for it");
        assert!(!server.root().join("backups").exists());
        // An absolute path is no longer right, and is not changed behind the owner's back.
        let complaints: Vec<_> = report.warnings.iter().map(|warning| warning.path.as_str()).collect();
        assert_eq!(complaints.len(), usize::from(setting.starts_with('/')), "{complaints:?}");
        if !setting.starts_with('/') {
            let engine = Engine::new(Config::of_root(&server.root()).unwrap());
            assert_eq!(engine.list_backups(&ListFilter::default()).unwrap().len(), 1);
        }
    }
}

#[test]
fn an_older_backup_can_be_chosen() {
    let bot = Bot::new();
    let older = bot.backup(BackupType::Manual);
    let then = tree(&bot.root());
    bot.write("config.json", b"{\"broken\":true}");
    std::thread::sleep(std::time::Duration::from_millis(5));
    let newer = bot.backup(BackupType::Manual).backup;
    let at = lifeboat_engine::Engine::new(bot.config.clone()).list_backups(&ListFilter::default()).unwrap();
    let at = at.iter().find(|info| info.backup == newer).unwrap().timestamp - 1;
    for backup in [BackupRef::Name(older.backup.clone()), BackupRef::At { at }] {
        let server = Server::new();
        let options = MigrateOptions { backup: Some(backup), ..MigrateOptions::default() };
        let report = server.migrate_with(&bot.vault(), options).unwrap();
        assert_eq!((report.backup, report.backups), (older.backup.clone(), 2));
        assert_same_tree(&then, &server.restored());
    }
}

#[test]
fn without_its_history_a_root_begins_a_new_vault() {
    let bot = Bot::new();
    bot.backup(BackupType::Manual);
    let server = Server::new();
    let options = MigrateOptions { history: false, ..MigrateOptions::default() };
    let report = server.migrate_with(&bot.vault(), options).unwrap();
    assert_eq!((report.vault, report.backups, report.copied), (None, 0, 0));
    assert_same_tree(&tree(&bot.root()), &tree(&server.root()));
    server.engine().create_backup(BackupType::Manual, &BackupOptions::default(), &Control::silent()).unwrap();
    assert_eq!(server.engine().list_backups(&ListFilter::default()).unwrap().len(), 1);
}

#[test]
fn what_is_not_right_on_this_machine_is_said() {
    let bot = Bot::new();
    let text = r#"{"root":"/home/old","keyFile":"/etc/old.key","passphraseFile":"secret.txt"}"#;
    bot.write("config/backup-config.json", text.as_bytes());
    bot.write("package.json", b"{}");
    bot.write("package-lock.json", b"{}");
    bot.backup(BackupType::Manual);
    let server = Server::new();
    let report = server.migrate(&bot.vault()).unwrap();
    let said: Vec<&str> = report.warnings.iter().map(|warning| warning.message.split('"').nth(1).unwrap()).collect();
    assert_eq!(said, ["root", "keyFile", "passphraseFile"], "{:?}", report.warnings);
    assert!(report.warnings[0].message.contains(server.root().to_str().unwrap()));
    assert_eq!(fs::read_to_string(server.root().join("config/backup-config.json")).unwrap(), text, "it is the user's");
    let commands: Vec<&str> = report.next.iter().map(|step| step.command.as_str()).collect();
    assert_eq!(commands, ["npm ci", "npm start", "lifeboat backup", "lifeboat verify"]);
}

#[test]
fn everything_goes_to_one_owner_where_root_asks_for_it() {
    let bot = Bot::new();
    bot.backup(BackupType::Manual);
    let server = Server::new();
    let options = MigrateOptions { owner: Some("4001:4002".into()), ..MigrateOptions::default() };
    let result = server.migrate_with(&bot.vault(), options);
    if !rustix::process::geteuid().is_root() {
        assert_eq!(result.unwrap_err().code(), "E_CONFIG", "only root can give files away");
        return;
    }
    result.unwrap();
    for path in tree(&server.root()).keys().map(|path| server.root().join(path)).chain([server.root()]) {
        let metadata = fs::symlink_metadata(&path).unwrap();
        assert_eq!((metadata.uid(), metadata.gid()), (4001, 4002), "{}", path.display());
    }
}

#[test]
fn users_that_this_machine_does_not_know_are_named_and_own_the_vault_as_well() {
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let bot = Bot::new();
    for path in tree(&bot.root()).keys().map(PathBuf::from).chain([PathBuf::new()]) {
        std::os::unix::fs::lchown(bot.root().join(path), Some(4_001_001), Some(4_001_001)).unwrap();
    }
    bot.backup(BackupType::Manual);
    let server = Server::new();
    let report = server.migrate(&bot.vault()).unwrap();
    assert!(report.warnings[0].message.contains("4001001"), "{:?}", report.warnings);
    for path in ["", "config.json", "backups", "backups/vault.json", "backups/lock"] {
        assert_eq!(fs::metadata(server.root().join(path)).unwrap().uid(), 4_001_001, "{path}");
    }
}
