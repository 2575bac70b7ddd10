//! Damage in the vault: every flipped bit is found and named, nothing wrong ever comes out, and what is whole still
//! does.

use std::fs;
use std::path::{Path, PathBuf};

use lifeboat_engine::report::*;
use lifeboat_engine::{Control, Error};

use crate::support::*;

/// What an object's path is called in reports.
fn object(bot: &Bot, path: &Path) -> String {
    path.strip_prefix(bot.vault()).unwrap().to_str().unwrap().to_owned()
}

/// Restoring or verifying must say `E_CORRUPT` and name the object, or not need it and be right.
fn check(bot: &Bot, backup: &str, path: &Path, expected: &std::collections::BTreeMap<PathBuf, Seen>, what: &str) {
    let name = object(bot, path);
    match bot.engine().verify(None, true, &Control::silent()) {
        Ok(report) => {
            assert!(!report.ok, "{what} of {name} was not noticed");
            assert!(report.damaged.iter().any(|damage| damage.object == name), "{what} of {name}: {report:?}");
            let hurt = report.damaged.iter().any(|damage| damage.backups.iter().any(|hurt| hurt == backup));
            assert!(hurt, "{what} of {name} names no backup: {report:?}");
        }
        Err(Error::Corrupt { object, .. }) => assert_eq!(object, name, "{what}"),
        Err(other) => panic!("{what} of {name}: {other}"),
    }
    match bot.try_restore(backup, &[]) {
        Ok(out) => assert_same_tree(expected, &tree(&out)),
        Err(error) => assert_eq!(error.code(), "E_CORRUPT", "{what} of {name}: {error}"),
    }
}

#[test]
fn a_flipped_bit_anywhere_is_found_and_named() {
    let bot = Bot::new();
    let backup = bot.backup(BackupType::Manual).backup;
    let expected = tree(&bot.root());
    for path in bot.objects() {
        let whole = fs::read(&path).unwrap();
        // Every region of an object: its header, its tail with index and footer, and a spread of its middle.
        let len = whole.len();
        let spread = (0..12).map(|n| n * (len - 1) / 11);
        let places: Vec<usize> = spread.chain([6, 7, 8, 39]).chain(len - 25..len).filter(|at| *at < len).collect();
        for at in places {
            let mut flipped = whole.clone();
            flipped[at] ^= 1 << (at % 8);
            fs::write(&path, &flipped).unwrap();
            check(&bot, &backup, &path, &expected, &format!("bit flip at {at} of {len}"));
        }
        fs::write(&path, &whole).unwrap();
    }
    assert!(bot.verify(true).ok);
}

#[test]
fn a_truncated_object_is_found_and_named() {
    let bot = Bot::new();
    let backup = bot.backup(BackupType::Manual).backup;
    let expected = tree(&bot.root());
    for path in bot.objects() {
        let whole = fs::read(&path).unwrap();
        for len in [0, 1, whole.len() / 2, whole.len() - 1] {
            fs::write(&path, &whole[..len]).unwrap();
            check(&bot, &backup, &path, &expected, &format!("truncation to {len}"));
        }
        let mut longer = whole.clone();
        longer.extend_from_slice(b"more");
        fs::write(&path, &longer).unwrap();
        let report = bot.engine().verify(None, true, &Control::silent());
        assert!(report.is_err() || !report.unwrap().ok, "bytes after the end of {path:?}");
        fs::write(&path, &whole).unwrap();
    }
}

#[test]
fn two_objects_that_took_each_others_place_are_not_believed() {
    let bot = Bot::new();
    let first = bot.backup(BackupType::Manual).backup;
    bot.write("config.json", b"{}");
    let second = bot.backup(BackupType::Manual).backup;
    let (a, b) = (bot.vault().join("snapshots").join(&first), bot.vault().join("snapshots").join(&second));
    let bytes = (fs::read(&a).unwrap(), fs::read(&b).unwrap());
    fs::write(&a, bytes.1).unwrap();
    fs::write(&b, bytes.0).unwrap();
    for backup in [&first, &second] {
        assert_eq!(bot.try_restore(backup, &[]).unwrap_err().code(), "E_CORRUPT");
    }
}

#[test]
fn a_missing_pack_hurts_only_the_backups_that_need_it_and_the_next_backup_heals_the_root() {
    let bot = Bot::new();
    let first = bot.backup(BackupType::Manual).backup;
    let old = bot.packs();
    bot.write("uploads/new.jpg", &noise(500_000, 77));
    let second = bot.backup(BackupType::Hourly).backup;
    let new: Vec<_> = bot.packs().into_iter().filter(|pack| !old.contains(pack)).collect();
    fs::remove_file(&new[0]).unwrap();

    let report = bot.verify(false);
    assert!(!report.ok);
    assert!(report.damaged.iter().all(|damage| !damage.backups.contains(&first)), "{report:?}");
    assert!(report.damaged.iter().any(|damage| damage.backups.contains(&second)), "{report:?}");
    assert!(bot.try_restore(&first, &[]).is_ok());
    assert_eq!(bot.try_restore(&second, &[]).unwrap_err().code(), "E_CORRUPT");

    // An incremental backup does not lean on what is known to be gone.
    let third = bot.backup(BackupType::Hourly).backup;
    assert_same_tree(&tree(&bot.root()), &tree(&bot.restore(&third)));
}

#[test]
fn a_backup_that_made_good_what_was_lost_can_go_and_the_next_one_is_whole_all_the_same() {
    let bot = Bot::empty();
    for n in 0..30 {
        bot.write(&format!("data/{n}.bin"), &noise(60_000, n));
    }
    bot.backup(BackupType::Manual);
    fs::remove_file(&bot.packs()[0]).unwrap();
    let healed = bot.backup(BackupType::Hourly).backup;
    bot.engine().delete_backup(&healed, &Control::silent()).unwrap();
    bot.write("data/7.bin", b"changed");
    let next = bot.backup(BackupType::Hourly).backup;
    assert_same_tree(&tree(&bot.root()), &tree(&bot.restore(&next)));
}

#[test]
fn a_full_backup_stores_again_what_was_silently_damaged() {
    let bot = Bot::new();
    bot.backup(BackupType::Manual);
    let expected = tree(&bot.root());
    for pack in bot.packs() {
        let mut bytes = fs::read(&pack).unwrap();
        let len = bytes.len();
        // In the middle of a chunk: neither size nor index tells.
        bytes[len / 2] ^= 1;
        fs::write(&pack, &bytes).unwrap();
    }
    let full = bot.backup(BackupType::Daily);
    assert!(full.size > 100_000, "it stored {} bytes again", full.size);
    assert_same_tree(&expected, &tree(&bot.restore(&full.backup)));
}

#[test]
fn a_full_backup_sees_a_change_that_left_size_and_times_as_they_were() {
    let bot = Bot::empty();
    let times =
        fs::FileTimes::new().set_modified(std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_700_000_000));
    let write = |bytes: &[u8]| {
        bot.write("uploads/a.jpg", bytes);
        fs::File::options().write(true).open(bot.path("uploads/a.jpg")).unwrap().set_times(times).unwrap();
    };
    write(&noise(200_000, 1));
    bot.backup(BackupType::Hourly);
    write(&noise(200_000, 2));
    let full = bot.backup(BackupType::Daily).backup;
    assert_eq!(fs::read(bot.restore(&full).join("uploads/a.jpg")).unwrap(), noise(200_000, 2));
}

#[test]
fn the_catalog_is_rebuilt_when_it_is_missing_damaged_or_nonsense() {
    let bot = Bot::new();
    let first = bot.backup(BackupType::Manual);
    let catalog = bot.vault().join("catalog.sqlite");
    let whole = fs::read(&catalog).unwrap();
    let mut holed = whole.clone();
    holed[4096..].fill(0xa5);
    let versions: [Option<&[u8]>; 5] =
        [None, Some(b""), Some(b"not a database at all"), Some(&whole[..whole.len() / 2]), Some(&holed)];
    for version in versions {
        for side in ["-wal", "-shm"] {
            let _ = fs::remove_file(bot.vault().join(format!("catalog.sqlite{side}")));
        }
        match version {
            None => fs::remove_file(&catalog).unwrap(),
            Some(bytes) => fs::write(&catalog, bytes).unwrap(),
        }
        let infos = bot.engine().list_backups(&ListFilter::default()).unwrap();
        assert!(infos.iter().any(|info| info.backup == first.backup && info.items == first.items), "{infos:?}");
        assert_same_tree(&tree(&bot.root()), &tree(&bot.restore(&first.backup)));
        let again = bot.backup(BackupType::Hourly);
        assert_eq!(again.changed, 0, "a rebuilt catalog knows what is stored");
        assert!(again.size < 20_000, "{} bytes were stored again", again.size);
    }
}
