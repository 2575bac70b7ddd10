//! What is taken and as what, and what is not: a name alone is no reason to leave out what an app keeps.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

use lifeboat_engine::config::Source;
use lifeboat_engine::report::*;
use lifeboat_engine::{Control, Engine};

use crate::support::*;

#[test]
fn what_is_mounted_in_the_root_is_taken_and_that_is_said() {
    let bot = Bot::empty();
    bot.write("index.js", b"x");
    let calm = bot.backup(BackupType::Manual);
    assert_eq!(calm.notes, []);
    let _disk = SmallDisk::mount(&bot.path("data"), "size=4m");
    bot.write("data/photos/1.jpg", b"photo");
    let backup = bot.backup(BackupType::Manual);
    assert!(!backup.degraded && backup.warnings.is_empty(), "{:?}", backup.warnings);
    let preview = bot.engine().preview_backup(&Control::silent()).unwrap();
    for notes in [&backup.notes, &preview.notes] {
        assert!(notes.len() == 1 && notes[0].path == "data" && notes[0].message.contains("mounted"), "{notes:?}");
    }
    assert!(bot.restore(&backup.backup).join("data/photos/1.jpg").exists());
}

const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01";
const TAG: &[u8] = b"Signature: 8a477f597d28d172789f06886806bc55\n# of a cache\n";

fn items(bot: &Bot, backup: &str) -> Vec<(String, Category)> {
    let items = bot.engine().list_items(backup, &[]).unwrap();
    items.into_iter().map(|item| (item.path, item.category)).collect()
}

fn files(bot: &Bot, backup: &str) -> Vec<String> {
    let items = bot.engine().list_items(backup, &[]).unwrap();
    items.into_iter().filter(|item| item.kind == ItemType::File).map(|item| item.path).collect()
}

fn category(bot: &Bot, backup: &str, path: &str) -> Category {
    items(bot, backup).into_iter().find(|(known, _)| known == path).unwrap_or_else(|| panic!("{path}")).1
}

#[test]
fn nothing_that_an_app_keeps_is_left_out_by_its_name() {
    let bot = Bot::empty();
    let kept = [
        ".temp/a",
        ".tmp/a",
        "notes.lifeboat-restore/a",
        "src/.lifeboat-notes",
        "src/node_modules",
        "temp/topup_proofs/1",
        "tmp/a",
        "uploads/album.lock/2",
        "uploads/docs/CACHEDIR.TAG",
        "uploads/docs/letter",
        "x/temp/deep/y",
    ];
    for path in kept {
        bot.write(path, if path.ends_with("TAG") { TAG } else { b"x" });
    }
    // A lock of nothing is a folder like any other.
    fs::create_dir(bot.path("gone.json.lock")).unwrap();
    let result = bot.backup(BackupType::Manual);
    assert_eq!(files(&bot, &result.backup), kept);
    assert!(items(&bot, &result.backup).iter().any(|(path, _)| path == "gone.json.lock"));
    assert!(!result.degraded);
}

#[test]
fn what_can_be_made_again_is_left_out_until_something_names_it() {
    let mut bot = Bot::empty();
    for path in ["node_modules/a/index.js", "node_modules/b/index.js", "src/.git/HEAD", "web/cache/page", "kept"] {
        bot.write(path, b"x");
    }
    bot.write("web/cache/CACHEDIR.TAG", TAG);
    bot.write("web/other/CACHEDIR.TAG", b"Signature: 8a477f597d28d172789f06886806bc5");
    bot.write("reports.json", b"[]");
    fs::create_dir(bot.path("reports.json.lock")).unwrap();
    let first = bot.backup(BackupType::Manual).backup;
    let paths: Vec<String> = items(&bot, &first).into_iter().map(|(path, _)| path).collect();
    assert_eq!(paths, ["kept", "reports.json", "src", "web", "web/other", "web/other/CACHEDIR.TAG"]);

    bot.config.include = vec!["node_modules/b".into(), ".git".into()];
    let second = bot.backup(BackupType::Manual).backup;
    let taken = ["kept", "node_modules/b/index.js", "reports.json", "src/.git/HEAD", "web/other/CACHEDIR.TAG"];
    assert_eq!(files(&bot, &second), taken);
    assert!(items(&bot, &second).iter().any(|(path, _)| path == "node_modules"), "the folder above is there");

    bot.config.exclude = vec!["node_modules/b/*.js".into()];
    let third = bot.backup(BackupType::Manual).backup;
    assert!(!files(&bot, &third).iter().any(|path| path.starts_with("node_modules")), "the user has the last word");

    (bot.config.include, bot.config.exclude) = (Vec::new(), Vec::new());
    let include = vec!["node_modules/a".into(), "web".into()];
    bot.config.sources = vec![Source { include, ..Source::of(Category::Data) }];
    let fourth = bot.backup(BackupType::Manual).backup;
    let named = ["node_modules/a/index.js", "web/cache/CACHEDIR.TAG", "web/cache/page", "web/other/CACHEDIR.TAG"];
    assert_eq!(files(&bot, &fourth), named);
}

#[test]
fn what_is_lifeboats_own_is_never_taken() {
    let mut bot = Bot::empty();
    bot.config.backup_dir = bot.path("backups/lifeboat");
    bot.config.key_file = Some(bot.path("config/bot.key"));
    bot.config.passphrase_file = Some(bot.path("secret/words"));
    bot.write("config/bot.key", &noise(32, 1));
    fs::set_permissions(bot.path("config/bot.key"), fs::Permissions::from_mode(0o600)).unwrap();
    for path in [
        "config/backup.pass",
        "secret/words",
        "config/.lifeboat-Ab12Cd",
        "out/.lifeboat-0123456789abcdef-Ab12Cd",
        "out/.look.lifeboat-restore/x",
        "deep/.lifeboat-restore/new/x",
        "backups/users.copy",
    ] {
        bot.write(path, b"words");
    }
    fs::hard_link(bot.path("config/bot.key"), bot.path("another-name")).unwrap();
    bot.backup(BackupType::Manual);
    symlink("backups/lifeboat", bot.path("way-to-the-vault")).unwrap();
    let result = bot.backup(BackupType::Manual);
    assert_eq!(files(&bot, &result.backup), ["backups/users.copy"]);
    assert!(!items(&bot, &result.backup).iter().any(|(path, _)| path == "way-to-the-vault"));
    assert!(!result.degraded, "{:?}", result.warnings);
}

#[test]
fn a_vault_that_is_a_link_is_no_item_and_neither_is_the_link() {
    let mut bot = Bot::empty();
    fs::create_dir(bot.dir.path().join("disk")).unwrap();
    symlink(bot.dir.path().join("disk"), bot.path("backups")).unwrap();
    bot.config.backup_dir = bot.path("backups");
    bot.write("kept", b"x");
    bot.backup(BackupType::Manual);
    let second = bot.backup(BackupType::Manual);
    assert_eq!(files(&bot, &second.backup), ["kept"]);
    assert_eq!((second.items, second.degraded), (1, false));
}

#[test]
fn photos_are_media_and_databases_database_wherever_they_lie_and_stay_so_while_they_are_not_read() {
    let bot = Bot::empty();
    for path in ["temp/topup_proofs/1.jpg", "temp/topup_proofs/without-an-extension", "static/uploads/2"] {
        bot.write(path, PNG);
    }
    bot.write("temp/large-film", &[b"\x1a\x45\xdf\xa3\x93\x42\x82\x88matroska", &noise(6 << 20, 3)[..]].concat());
    bot.write("config/logo.png", PNG);
    bot.write("temp/notes.txt", b"BMW\n");
    bot.database("state/kv", 10);
    bot.database("backups/users.sqlite", 10);
    bot.database("database/users.sqlite", 10);
    let expected = [
        ("backups/users.sqlite", Category::Data),
        ("config/logo.png", Category::Config),
        ("database/users.sqlite", Category::Database),
        ("state/kv", Category::Database),
        ("static/uploads/2", Category::Media),
        ("temp/large-film", Category::Media),
        ("temp/notes.txt", Category::Data),
        ("temp/topup_proofs/1.jpg", Category::Media),
        ("temp/topup_proofs/without-an-extension", Category::Media),
    ];
    let first = bot.backup(BackupType::Manual).backup;
    // Time stamps of a moment ago prove nothing.
    std::thread::sleep(std::time::Duration::from_millis(2100));
    let second = bot.backup(BackupType::Manual).backup;
    let third = bot.backup(BackupType::Manual);
    assert_eq!(third.changed, 0);
    for backup in [first, second, third.backup] {
        for (path, wanted) in expected {
            assert_eq!(category(&bot, &backup, path), wanted, "{path}");
        }
    }
    let diff = bot.engine().diff(&BackupRef::Name("latest".into()), None, &Control::silent()).unwrap();
    assert_eq!((diff.added.len(), diff.removed.len(), diff.changed.len()), (0, 0, 0));
}

#[test]
fn a_restore_of_the_databases_does_not_bring_back_the_apps_own_copies() {
    let bot = Bot::empty();
    bot.database("backups/users.sqlite", 10);
    bot.database("database/users.sqlite", 10);
    let backup = bot.backup(BackupType::Manual).backup;
    let out = bot.try_restore(&backup, &["database"]).unwrap();
    assert!(out.join("database/users.sqlite").exists() && !out.join("backups").exists());
}

#[test]
fn sources_decide_alone_what_a_file_is() {
    let mut bot = Bot::empty();
    bot.write("temp/1.jpg", PNG);
    let include = vec!["temp".into()];
    bot.config.sources = vec![Source { include, ..Source::of(Category::Logs) }];
    let backup = bot.backup(BackupType::Manual).backup;
    assert_eq!(category(&bot, &backup, "temp/1.jpg"), Category::Logs);
}

#[test]
fn what_cannot_be_read_is_named_with_a_remedy_and_the_backup_is_degraded() {
    if rustix::process::geteuid().is_root() {
        // Nothing is unreadable to root; the command line's tests do it as another user.
        return;
    }
    let bot = Bot::empty();
    bot.write("secret", b"x");
    bot.write("kept", b"x");
    fs::set_permissions(bot.path("secret"), fs::Permissions::from_mode(0o000)).unwrap();
    let result = Engine::new(bot.config.clone())
        .create_backup(BackupType::Manual, &BackupOptions::default(), &Control::silent())
        .unwrap();
    assert!(result.degraded);
    assert_eq!(result.warnings[0].path, "secret");
    assert!(result.warnings[0].message.contains("chmod"), "{:?}", result.warnings);
}

#[test]
fn what_has_the_name_of_sqlites_own_files_and_is_no_file_stops_no_backup() {
    let bot = Bot::empty();
    for name in ["journal.db", "wal.db", "pipe.db", "shm.db"] {
        bot.database(name, 20);
    }
    fs::create_dir(bot.path("journal.db-journal")).unwrap();
    fs::create_dir(bot.path("wal.db-wal")).unwrap();
    bot.write("shm.db-shm/note.txt", b"mine");
    let made = std::process::Command::new("mkfifo").arg(bot.path("pipe.db-journal")).status().unwrap();
    assert!(made.success());
    let backup = bot.backup(BackupType::Manual);
    assert!(backup.degraded);
    let out = bot.restore(&backup.backup);
    for name in ["journal.db", "wal.db", "pipe.db", "shm.db"] {
        assert_eq!(fs::read(out.join(name)).unwrap(), fs::read(bot.path(name)).unwrap(), "{name}");
        // In rollback mode SQLite has no use for the last.
        let is_told = backup.warnings.iter().any(|one| one.path == name);
        assert_eq!(is_told, name != "shm.db", "{name}: {:?}", backup.warnings);
    }
    assert_eq!(fs::read(out.join("shm.db-shm/note.txt")).unwrap(), b"mine");
}

#[test]
fn a_mark_of_a_cache_hides_no_folder_that_the_layout_knows() {
    let bot = Bot::empty();
    bot.write("public/uploads/a.jpg", PNG);
    bot.write("database/accounts.json", b"[]");
    for folder in ["public", "database"] {
        bot.write(&format!("{folder}/CACHEDIR.TAG"), b"Signature: 8a477f597d28d172789f06886806bc55\n");
    }
    let backup = bot.backup(BackupType::Manual).backup;
    let out = bot.restore(&backup);
    assert!(out.join("public/uploads/a.jpg").is_file() && out.join("database/accounts.json").is_file());
}
