//! Out of one vault and into another: what is restored there is what was backed up here.

use std::fs;
use std::os::unix::fs::MetadataExt;

use lifeboat_engine::report::*;
use lifeboat_engine::{Control, Engine};

use crate::support::*;
use crate::tools::*;

fn database_sum(path: &std::path::Path) -> i64 {
    let db = rusqlite::Connection::open(path).unwrap();
    assert_eq!(db.query_row("PRAGMA integrity_check", [], |row| row.get::<_, String>(0)).unwrap(), "ok");
    db.query_row("SELECT sum(id) FROM pesan", [], |row| row.get(0)).unwrap()
}

#[test]
fn a_backup_goes_into_another_vault_and_comes_out_the_same() {
    let bot = odd_bot();
    let made = bot.engine().create_backup(
        BackupType::Weekly,
        &BackupOptions {
            note: Some("before the move\n".into()),
            covers: vec![BackupType::Hourly, BackupType::Daily],
            ..BackupOptions::default()
        },
        &Control::silent(),
    );
    let backup = made.unwrap().backup;
    let expected = tree(&bot.restore(&backup));
    let file = bot.export(&backup, "all.tar.gz", false);
    assert_eq!(file.metadata().unwrap().mode() & 0o777, 0o600);

    let other = Bot::empty().with_key_file();
    let info = other.import(&file).unwrap();
    let original = bot.engine().list_backups(&ListFilter::default()).unwrap().remove(0);
    assert_eq!((&info.backup, info.timestamp, &info.note), (&backup, original.timestamp, &original.note));
    assert_eq!((info.items, info.total_size), (original.items, original.total_size));
    assert_eq!(info.categories, original.categories);
    // By it, too, rules of retention count.
    assert_eq!((&info.covers, info.covers.len()), (&original.covers, 2));
    assert!(info.full && !info.degraded);
    let out = other.restore(&backup);
    assert_same_tree(&expected, &tree(&out));
    assert_eq!(database_sum(&out.join("wal.sqlite")), (1..=30000).sum::<i64>());
    let report = other.verify(true);
    assert!(report.ok, "{report:?}");
    let (here, there) = (bot.engine().list_items(&backup, &[]), other.engine().list_items(&backup, &[]));
    for (here, there) in here.unwrap().iter().zip(there.unwrap()) {
        assert_eq!((&here.path, here.category, here.size), (&there.path, there.category, there.size));
        assert!(here.sha256.is_none() || here.sha256 == there.sha256, "{}", here.path);
    }
    assert_eq!(fs::read_dir(other.vault().join("tmp")).unwrap().count(), 0, "no debris");
}

#[test]
fn the_next_backup_leans_on_what_was_imported() {
    let bot = Bot::new();
    let backup = bot.backup(BackupType::Manual).backup;
    let file = bot.export(&backup, "a.tar.gz", false);
    let mut other = Bot::empty();
    other.import(&file).unwrap();
    other.config.root = bot.root();
    let next = other.backup(BackupType::Hourly);
    assert!(next.size < 200_000, "{} bytes were stored again", next.size);
    assert_same_tree(&tree(&bot.root()), &tree(&other.restore(&next.backup)));
}

#[test]
fn the_same_backup_gives_the_same_archive_on_any_number_of_threads() {
    let mut bot = odd_bot();
    let backup = bot.backup(BackupType::Manual).backup;
    let first = fs::read(bot.export(&backup, "1.tar.gz", false)).unwrap();
    bot.config.worker.threads = 1;
    let second = fs::read(bot.export(&backup, "2.tar.gz", false)).unwrap();
    assert!(first == second);
}

#[test]
fn importing_again_changes_nothing_and_another_backup_of_that_name_keeps_it() {
    let bot = odd_bot();
    let backup = bot.backup(BackupType::Daily).backup;
    let file = bot.export(&backup, "a.tar.gz", false);
    assert_eq!(bot.import(&file).unwrap().backup, backup, "the vault that it comes from");
    let other = Bot::empty();
    for _ in 0..2 {
        assert_eq!(other.import(&file).unwrap().backup, backup);
        assert_eq!(other.names(), [backup.as_str()]);
    }
    let options = ExportOptions { items: vec!["config.json".into()], ..ExportOptions::default() };
    let some = bot.try_export(&backup, "some.tar.gz", options).unwrap();
    let info = other.import(&some).unwrap();
    assert_ne!(info.backup, backup);
    assert_eq!((info.items, info.kind, other.names().len()), (1, BackupType::Daily, 2));
    assert_same_tree(&tree(&other.restore(&backup)), &tree(&bot.restore(&backup)));
}

#[test]
fn some_items_make_a_smaller_archive_and_what_is_not_there_is_named() {
    let bot = Bot::new();
    let backup = bot.backup(BackupType::Manual).backup;
    let only = |items: &[&str]| ExportOptions {
        items: items.iter().map(|item| item.to_string()).collect(),
        ..ExportOptions::default()
    };
    let file = bot.try_export(&backup, "some.tar.gz", only(&["category:database", "config.json"])).unwrap();
    let other = Bot::empty();
    let info = other.import(&file).unwrap();
    let paths: Vec<_> =
        other.engine().list_items(&info.backup, &[]).unwrap().into_iter().map(|item| item.path).collect();
    assert_eq!(paths, ["config.json", "database.sqlite"]);
    assert!(info.note.unwrap().contains("only part of a backup"));
    let error = bot.try_export(&backup, "none.tar.gz", only(&["confg.json"])).unwrap_err();
    assert_eq!(error.code(), "E_NOT_FOUND");
    assert!(error.to_string().contains("nearest are config.json"), "{error}");
    assert!(!bot.dir.path().join("none.tar.gz").exists());
}

#[test]
fn a_folder_gets_the_backups_name_and_a_file_that_is_there_is_not_replaced_unasked() {
    let bot = Bot::new();
    let backup = bot.backup(BackupType::Manual).backup;
    let folder = bot.dir.path().join("archives");
    fs::create_dir(&folder).unwrap();
    let options = ExportOptions::default();
    let export = |options: &ExportOptions| bot.engine().export_backup("latest", &folder, options, &Control::silent());
    let result = export(&options).unwrap();
    assert_eq!(result.file, folder.join(format!("{backup}.tar.gz")));
    assert_eq!(result.size, result.file.metadata().unwrap().len());
    assert!(!result.encrypted && result.items > 300);
    fs::write(&result.file, b"mine").unwrap();
    assert_eq!(export(&options).unwrap_err().code(), "E_CONFIG");
    assert_eq!(fs::read(&result.file).unwrap(), b"mine");
    export(&ExportOptions { overwrite: true, ..options }).unwrap();
    assert_eq!(result.file.metadata().unwrap().len(), result.size);
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 1);
}

#[test]
fn a_database_that_sqlite_cannot_read_travels_with_its_log() {
    let bot = Bot::empty();
    let mut broken = b"SQLite format 3\0".to_vec();
    broken.extend(noise(200_000, 9));
    bot.write("broken.sqlite", &broken);
    bot.write("broken.sqlite-wal", &noise(70_000, 10));
    let made = bot.backup(BackupType::Daily);
    assert!(made.degraded);
    let file = bot.export(&made.backup, "a.tar.gz", false);
    let other = Bot::empty();
    let info = other.import(&file).unwrap();
    assert!(info.degraded);
    assert_eq!(info.total_size, 270_016);
    assert_same_tree(&tree(&bot.restore(&made.backup)), &tree(&other.restore(&info.backup)));
    let out = unpack("tar", "C", &file);
    assert_same_tree(&tree(&bot.restore(&made.backup)), &tree(out.path()));
}

#[test]
fn a_root_with_an_unpacked_archive_in_it_can_be_exported_too() {
    let bot = Bot::new();
    bot.write(".lifeboat/manifest.ndjson", b"{}\n");
    bot.write(".lifeboat-2/x", b"x");
    let backup = bot.backup(BackupType::Manual).backup;
    let file = bot.export(&backup, "a.tar.gz", false);
    let other = Bot::empty();
    other.import(&file).unwrap();
    assert_same_tree(&tree(&bot.root()), &tree(&other.restore(&backup)));
}

#[test]
fn a_damaged_vault_gives_no_archive() {
    let bot = Bot::new();
    let backup = bot.backup(BackupType::Manual).backup;
    for pack in bot.packs() {
        let mut bytes = fs::read(&pack).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        fs::write(&pack, bytes).unwrap();
    }
    let error = bot.try_export(&backup, "a.tar.gz", ExportOptions::default()).unwrap_err();
    assert_eq!(error.code(), "E_CORRUPT");
    assert!(error.to_string().contains(&backup), "{error}");
    assert!(!bot.dir.path().join("a.tar.gz").exists());
}

#[test]
fn an_import_makes_the_vault_where_there_is_none() {
    let bot = Bot::new();
    let backup = bot.backup(BackupType::Manual).backup;
    let file = bot.export(&backup, "a.tar.gz", false);
    let other = Bot::empty();
    let engine = Engine::new(other.config.clone());
    assert!(!other.vault().exists());
    engine.import_backup(&file, None, &Control::silent()).unwrap();
    assert_same_tree(&tree(&bot.root()), &tree(&other.restore("latest")));
}
