//! What is known to be wrong is not forgotten by the next backup that looks less closely.

use std::fs;
use std::io::{Seek, SeekFrom, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use lifeboat_engine::report::*;

use crate::support::*;

/// Longer ago than the tick of any file system: from now on an unchanged time means an unchanged file.
fn settle() {
    std::thread::sleep(Duration::from_millis(2300));
}

fn overwrite(path: &Path, at: u64, bytes: &[u8]) {
    let mut file = fs::File::options().write(true).open(path).unwrap();
    file.seek(SeekFrom::Start(at)).unwrap();
    file.write_all(bytes).unwrap();
}

fn is_told(result: &BackupResult) -> bool {
    result.degraded && result.warnings.iter().any(|warning| warning.message.contains("damaged at its source"))
}

#[test]
fn a_backup_is_degraded_as_long_as_it_lists_a_database_that_is_damaged_at_its_source() {
    let bot = Bot::new();
    overwrite(&bot.path("database.sqlite"), 9 * 4096, &[0xff; 4096]);
    settle();
    assert!(is_told(&bot.backup(BackupType::Daily)));
    for _ in 0..2 {
        let hourly = bot.backup(BackupType::Hourly);
        assert!(is_told(&hourly) && !hourly.full, "{:?}", hourly.warnings);
    }
    // It changes, and is as damaged as before.
    let db = rusqlite::Connection::open(bot.path("database.sqlite")).unwrap();
    db.execute_batch("CREATE TABLE more (x); INSERT INTO more VALUES (1);").unwrap();
    drop(db);
    assert!(is_told(&bot.backup(BackupType::Hourly)));
    // Somebody brings back a sound one.
    fs::remove_file(bot.path("database.sqlite")).unwrap();
    bot.database("database.sqlite", 20_000);
    let sound = bot.backup(BackupType::Hourly);
    assert!(!sound.degraded && sound.warnings.is_empty(), "{:?}", sound.warnings);
}

#[test]
fn what_is_known_to_be_damaged_in_the_vault_is_stored_again_where_the_root_has_it() {
    let bot = Bot::empty();
    bot.write("uploads/a.jpg", &noise(300_000, 1));
    bot.write("uploads/large.bin", &noise(9 << 20, 2));
    bot.write("b.json", b"{}");
    settle();
    bot.backup(BackupType::Daily);
    for pack in bot.packs() {
        let middle = fs::metadata(&pack).unwrap().len() / 2;
        overwrite(&pack, middle, b"damage");
        overwrite(&pack, 100, b"damage");
    }
    // Nobody knows of it yet.
    assert_eq!(bot.backup(BackupType::Hourly).changed, 0);
    assert!(!bot.verify(false).ok);
    let healed = bot.backup(BackupType::Manual);
    assert!(!healed.full && !healed.degraded, "{healed:?}");
    assert_same_tree(&tree(&bot.root()), &tree(&bot.restore(&healed.backup)));
    // And the next one leans on that.
    assert!(bot.backup(BackupType::Hourly).size < 100_000);
}

#[test]
fn the_two_databases_of_a_vault_are_for_its_owner_alone() {
    let bot = Bot::empty();
    bot.write("a.json", b"{}");
    bot.backup(BackupType::Manual);
    let databases = || {
        let entries = fs::read_dir(bot.vault()).unwrap().map(|entry| entry.unwrap().path());
        entries.filter(|path| path.to_string_lossy().contains(".sqlite")).collect::<Vec<_>>()
    };
    let modes =
        || databases().iter().map(|path| fs::metadata(path).unwrap().permissions().mode() & 0o777).collect::<Vec<_>>();
    assert!(modes().len() >= 2 && modes().iter().all(|mode| *mode == 0o600), "{:?}", modes());
    // As an earlier Lifeboat has left them.
    databases().iter().for_each(|path| fs::set_permissions(path, fs::Permissions::from_mode(0o644)).unwrap());
    bot.backup(BackupType::Manual);
    assert!(modes().iter().all(|mode| *mode == 0o600), "{:?}", modes());
}

#[test]
fn neither_latest_nor_a_time_ever_means_a_safety_backup() {
    let bot = Bot::empty();
    bot.write("a.json", b"{}");
    let safety = bot.backup(BackupType::Safety).backup;
    let error = bot.try_restore("latest", &[]).unwrap_err();
    assert!(error.code() == "E_NOT_FOUND" && error.to_string().contains(&safety), "{error}");
    let at = BackupRef::At { at: jiff::Timestamp::now().as_millisecond() };
    let options = RestoreOptions { target: Some(bot.dir.path().join("out")), ..RestoreOptions::default() };
    let error = bot.engine().restore(&at, &options, &lifeboat_engine::Control::silent()).unwrap_err();
    assert_eq!(error.code(), "E_NOT_FOUND");
    bot.restore(&safety);
}
