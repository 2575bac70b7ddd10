//! A vault that somebody has downloaded by a service's own web page is taken as it is.

use std::fs;
use std::path::Path;

use lifeboat_engine::report::*;
use lifeboat_engine::{Config, Control, Engine};

use crate::support::*;

fn migrate(from: &Path, bot: &Bot) {
    let new = tempfile::tempdir().unwrap();
    let config = Config { encryption: false, ..Config::default() };
    let engine = Engine::new(config.resolved(&new.path().join("bot")).unwrap());
    let report = engine.migrate(from, &MigrateOptions::default(), &Control::silent()).unwrap();
    assert_eq!((report.backups, report.damaged.len()), (1, 0), "{report:?}");
    for path in ["config.json", "uploads/reports/2026/11/T1/a.jpg", "database.sqlite"] {
        assert!(fs::read(new.path().join("bot").join(path)).unwrap() == fs::read(bot.path(path)).unwrap(), "{path}");
    }
}

fn put(from: &Path, to: &Path) {
    fs::create_dir_all(to.parent().unwrap()).unwrap();
    fs::copy(from, to).unwrap();
}

#[test]
fn with_folders_around_it_and_hidden_files_beside() {
    let bot = Bot::new();
    bot.backup(BackupType::Manual);
    let download = tempfile::tempdir().unwrap();
    let inner = download.path().join("Lifeboat-20261126T1900-001/Lifeboat/0123456789abcdef0123456789abcdef");
    for object in bot.objects() {
        put(&object, &inner.join(object.strip_prefix(bot.vault()).unwrap()));
    }
    fs::write(inner.join(".DS_Store"), b"x").unwrap();
    fs::write(inner.join("packs/._ab"), b"x").unwrap();
    fs::write(download.path().join("holiday.jpg"), b"x").unwrap();
    migrate(download.path(), &bot);
}

#[test]
fn in_several_zips_unpacked_side_by_side_with_files_that_got_another_name() {
    let bot = Bot::new();
    bot.backup(BackupType::Manual);
    let download = tempfile::tempdir().unwrap();
    for (n, object) in bot.objects().iter().enumerate() {
        let inner = object.strip_prefix(bot.vault()).unwrap().to_str().unwrap();
        let named = match n % 3 {
            0 => inner.to_string(),
            1 if inner.ends_with(".json") => inner.replace(".json", "(1).json"),
            1 => format!("{inner}(1)"),
            _ if inner.ends_with(".json") => inner.replace(".json", " (2).json"),
            _ => format!("{inner} (2).bin"),
        };
        put(object, &download.path().join(format!("drive-download-{}", n % 2)).join(named));
    }
    migrate(download.path(), &bot);
}

#[test]
fn of_two_files_of_one_name_the_whole_one_is_taken() {
    let bot = Bot::new();
    bot.backup(BackupType::Manual);
    let download = tempfile::tempdir().unwrap();
    for object in bot.objects() {
        let place = download.path().join(object.strip_prefix(bot.vault()).unwrap());
        put(&object, &place);
        if object.starts_with(bot.vault().join("packs")) {
            // The first try of the browser ended in its middle.
            let bytes = fs::read(&object).unwrap();
            fs::write(&place, &bytes[..bytes.len() / 2]).unwrap();
            fs::write(format!("{}(1)", place.display()), &bytes).unwrap();
        }
    }
    migrate(download.path(), &bot);
}
