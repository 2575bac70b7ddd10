//! A vault that is partly damaged gives back all that is whole, says what is not, and never anything wrong.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use lifeboat_engine::report::*;
use lifeboat_engine::{Control, Result};

use crate::support::*;

fn salvage(bot: &Bot, backup: &str, target: &str, salvage: bool) -> Result<RestoreResult> {
    let options = RestoreOptions { target: Some(bot.dir.path().join(target)), salvage, ..RestoreOptions::default() };
    bot.engine().restore(&BackupRef::Name(backup.into()), &options, &Control::silent())
}

/// What was rescued is byte for byte what was backed up; what was not is listed with a reason; and nothing is both.
fn check(bot: &Bot, before: &BTreeMap<PathBuf, Seen>, backup: &str, what: &str) -> (usize, usize) {
    let out = bot.dir.path().join("out");
    let Ok(result) = salvage(bot, backup, "out", true) else {
        // The snapshot itself is gone: nothing says what the backup had.
        assert!(!out.exists(), "{what}");
        return (0, before.len());
    };
    let found = tree(&out);
    for (path, seen) in &found {
        // A folder that is not in the list itself was only the way to what is in it.
        let expected = &before[path];
        assert_eq!((&seen.content, &seen.link), (&expected.content, &expected.link), "{what}: {}", path.display());
        if result.restored.contains(&path.to_string_lossy().into_owned()) {
            assert_eq!(seen, expected, "{what}: {}", path.display());
        }
    }
    for path in &result.restored {
        assert!(found.contains_key(&PathBuf::from(path)), "{what}: {path} is not there");
    }
    for lost in &result.failed {
        assert!(!lost.message.is_empty(), "{what}");
        assert!(!result.restored.contains(&lost.path), "{what}: {} is lost and restored", lost.path);
    }
    if found.len() < before.len() {
        assert!(!result.failed.is_empty(), "{what}: something is missing, and nothing is said");
        // All or nothing is what a restore is otherwise.
        assert_eq!(salvage(bot, backup, "refused", false).unwrap_err().code(), "E_CORRUPT", "{what}");
        assert!(!bot.dir.path().join("refused").exists(), "{what}");
    }
    fs::remove_dir_all(out).unwrap();
    (found.len(), before.len())
}

#[test]
fn a_flipped_bit_costs_what_lies_there_and_nothing_else() {
    let bot = Bot::new();
    let before = tree(&bot.root());
    let backup = bot.backup(BackupType::Manual).backup;
    let mut costs = 0;
    for object in bot.packs().into_iter().chain([bot.vault().join("snapshots").join(&backup)]) {
        let whole = fs::read(&object).unwrap();
        for at in [45, whole.len() / 3, whole.len() / 2, whole.len() * 4 / 5, whole.len() - 100, whole.len() - 10] {
            let mut bytes = whole.clone();
            bytes[at] ^= 4;
            fs::write(&object, bytes).unwrap();
            // What a cache still knows of the pack must not matter.
            let _ = fs::remove_file(bot.vault().join("catalog.sqlite"));
            let (found, all) = check(&bot, &before, &backup, &format!("{} at {at}", object.display()));
            costs += usize::from(found < all);
        }
        fs::write(&object, whole).unwrap();
    }
    assert!(costs > 3);
    assert_eq!(check(&bot, &before, &backup, "healed").0, before.len());
}

#[test]
fn a_pack_that_is_gone_costs_what_lay_in_it() {
    let bot = Bot::new();
    for n in 0..3 {
        bot.write(&format!("uploads/reports/2026/11/large-{n}.jpg"), &noise(9 << 20, n));
    }
    let before = tree(&bot.root());
    let backup = bot.backup(BackupType::Manual).backup;
    let packs = bot.packs();
    assert!(packs.len() > 1);
    let mut rescued = 0;
    for pack in packs {
        let away = bot.dir.path().join("away");
        fs::rename(&pack, &away).unwrap();
        rescued += check(&bot, &before, &backup, "a pack is gone").0;
        fs::rename(&away, &pack).unwrap();
    }
    assert!(rescued > 0);
}

#[test]
fn a_database_is_rescued_whole_or_not_at_all() {
    let bot = Bot::empty();
    bot.database("database.sqlite", 100_000);
    bot.write("config.json", b"{}");
    let before = tree(&bot.root());
    let backup = bot.backup(BackupType::Manual).backup;
    let pack = bot.packs().remove(0);
    let mut bytes = fs::read(&pack).unwrap();
    // Of its many blocks one is damaged.
    bytes[100_000] ^= 1;
    fs::write(&pack, bytes).unwrap();
    check(&bot, &before, &backup, "one block");
    let result = salvage(&bot, &backup, "rescued", true).unwrap();
    assert_eq!(result.restored, ["config.json"]);
    assert_eq!(result.failed[0].path, "database.sqlite");
    assert_eq!(fs::read_dir(bot.dir.path().join("rescued")).unwrap().count(), 1);
}

#[test]
fn a_whole_vault_loses_nothing_by_being_salvaged() {
    let bot = Bot::new();
    let before = tree(&bot.root());
    let backup = bot.backup(BackupType::Manual).backup;
    let result = salvage(&bot, &backup, "out", true).unwrap();
    assert!(result.failed.is_empty(), "{:?}", result.failed);
    assert_same_tree(&before, &tree(&bot.dir.path().join("out")));
}
