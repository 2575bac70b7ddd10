//! Sealed archives: what opens them, and what does not.

use std::fs;
use std::path::Path;

use lifeboat_engine::report::*;
use lifeboat_engine::secret::Secret;
use lifeboat_engine::{Config, Control, Engine};

use crate::support::*;
use crate::tools::*;

#[test]
fn a_sealed_archive_opens_by_its_passphrase_in_a_vault_with_another_key() {
    let bot = odd_bot().with_passphrase("perahu karet");
    let backup = bot.backup(BackupType::Manual).backup;
    let file = bot.export(&backup, "all.tar.gz.sealed", true);
    let bytes = fs::read(&file).unwrap();
    assert!(bytes.starts_with(b"LBSEAL"));
    assert!(!bytes.windows(11).any(|window| window == b"config.json"));

    let other = Bot::empty().with_key_file();
    let import = |passphrase: Option<&str>| {
        other.engine().import_backup(&file, passphrase.map(Secret::new).as_ref(), &Control::silent())
    };
    for (passphrase, words) in [(None, "none was given"), (Some("sekoci"), "does not fit")] {
        let error = import(passphrase).unwrap_err();
        assert_eq!(error.code(), "E_PASSPHRASE");
        assert!(error.to_string().contains(words) && error.to_string().contains("all.tar.gz.sealed"), "{error}");
        assert!(other.names().is_empty());
    }
    assert_eq!(import(Some("perahu karet")).unwrap().backup, backup);
    assert_same_tree(&tree(&bot.restore(&backup)), &tree(&other.restore(&backup)));
}

#[test]
fn without_a_passphrase_the_key_file_seals_and_opens() {
    let bot = Bot::new().with_key_file();
    let backup = bot.backup(BackupType::Manual).backup;
    let file = bot.try_export(&backup, "a.tar.gz.sealed", ExportOptions::default()).unwrap();
    assert!(fs::read(&file).unwrap().starts_with(b"LBSEAL"), "the configuration's encryption is the default");
    let mut other = Bot::empty();
    assert_eq!(other.import(&file).unwrap_err().code(), "E_PASSPHRASE");
    other.config.key_file = bot.config.key_file.clone();
    assert_eq!(other.import(&file).unwrap().backup, backup);

    let plain = Bot::new();
    let backup = plain.backup(BackupType::Manual).backup;
    let options = ExportOptions { encrypt: Some(true), ..ExportOptions::default() };
    for (name, options) in [("b.tar.gz", options), ("b.tar.gz.sealed", ExportOptions::default())] {
        let error = plain.try_export(&backup, name, options).unwrap_err();
        assert_eq!(error.code(), "E_PASSPHRASE");
        assert!(error.to_string().contains("BACKUP_PASSPHRASE"), "{error}");
        assert!(!plain.dir.path().join(name).exists());
    }
}

#[test]
fn a_wrong_passphrase_makes_no_vault() {
    let bot = Bot::new().with_key_file();
    let backup = bot.backup(BackupType::Manual).backup;
    let bot = bot.with_passphrase("perahu karet");
    let file = bot.export(&backup, "a", true);
    let mut other = Bot::empty().with_passphrase("sekoci");
    other.config.encryption = true;
    assert_eq!(other.import(&file).unwrap_err().code(), "E_PASSPHRASE");
    assert!(!other.vault().exists());
    other.config.passphrase = Some(Secret::new("perahu karet"));
    assert_eq!(other.import(&file).unwrap().backup, backup);
}

#[test]
fn a_new_root_is_set_up_from_a_sealed_archive() {
    let bot = Bot::new().with_key_file();
    let backup = bot.backup(BackupType::Manual).backup;
    let expected = tree(&bot.root());
    let bot = bot.with_passphrase("perahu karet");
    let file = bot.export(&backup, "a.tar.gz.sealed", true);
    let root = bot.dir.path().join("new");
    let config = Config { backup_dir: bot.dir.path().join("new-vault"), ..Config::default() };
    let config = Config { passphrase: bot.config.passphrase.clone(), ..config }.resolved(&root).unwrap();
    let report = Engine::new(config).migrate(&file, &MigrateOptions::default(), &Control::silent()).unwrap();
    assert_eq!((report.backup, report.backups), (backup, 1));
    assert_same_tree(&expected, &tree(&root));
}

/// One sealed archive of a few hundred KB, and a vault for what becomes of it.
fn sealed() -> (Bot, Bot, Vec<u8>) {
    let bot = Bot::empty().with_key_file();
    bot.write("a.bin", &noise(300_000, 1));
    let backup = bot.backup(BackupType::Manual).backup;
    let bytes = fs::read(bot.export(&backup, "a", true)).unwrap();
    let mut other = Bot::empty();
    other.config.key_file = bot.config.key_file.clone();
    (bot, other, bytes)
}

#[track_caller]
fn refused(other: &Bot, code: &str, bytes: &[u8]) {
    let file = other.dir.path().join("forged");
    fs::write(&file, bytes).unwrap();
    let error = other.import(&file).unwrap_err();
    assert_eq!(error.code(), code, "{error}");
    assert!(other.names().is_empty());
}

#[test]
fn segments_that_are_cut_off_moved_repeated_or_changed_are_damage() {
    let (_bot, other, bytes) = sealed();
    let (header, body) = bytes.split_at(67);
    let segments: Vec<&[u8]> = body.chunks((64 << 10) + 16).collect();
    assert!(segments.len() >= 4);
    let joined = |order: &[usize]| order.iter().fold(header.to_vec(), |all, at| [&all, segments[*at]].concat());
    let last = segments.len() - 1;
    let all: Vec<usize> = (0..=last).collect();
    refused(&other, "E_CORRUPT", &joined(&all[..last]));
    refused(&other, "E_CORRUPT", &joined(&all[1..]));
    refused(&other, "E_CORRUPT", &joined(&[&[1, 0], &all[2..]].concat()));
    refused(&other, "E_CORRUPT", &joined(&[&[0, 0], &all[1..]].concat()));
    refused(&other, "E_CORRUPT", &joined(&[&all[..], &[last]].concat()));
    for length in [0, 5, 66, 67, 68, 70_000, bytes.len() - 1] {
        let code = if length < 6 { "E_SOURCE" } else { "E_CORRUPT" };
        refused(&other, code, &bytes[..length]);
    }
    for at in [68, 100_000, bytes.len() - 1] {
        let mut changed = bytes.clone();
        changed[at] ^= 1;
        refused(&other, "E_CORRUPT", &changed);
    }
    assert_eq!(other.import(Path::new(&_bot.dir.path().join("a"))).unwrap().items, 1);
}

#[test]
fn a_header_that_is_newer_absurd_or_another_kind_is_refused_before_any_memory_is_taken() {
    let (_bot, other, bytes) = sealed();
    let with = |at: usize, values: &[u8]| {
        let mut changed = bytes.clone();
        changed[at..at + values.len()].copy_from_slice(values);
        changed
    };
    refused(&other, "E_FORMAT", &with(6, &[2]));
    refused(&other, "E_FORMAT", &with(8, &[9]));
    // Salt, nonce prefix and check: nothing tells these from another key.
    for at in [12, 44, 51, 66] {
        refused(&other, "E_PASSPHRASE", &with(at, &[bytes[at] ^ 1]));
    }
    let other = other.with_passphrase("x");
    for cost in [[40, 8, 1], [63, 255, 255], [17, 0, 1], [17, 8, 0], [0, 8, 1], [20, 1, 1], [17, 8, 200]] {
        refused(&other, "E_FORMAT", &with(8, &[1, cost[0], cost[1], cost[2]]));
    }
}
