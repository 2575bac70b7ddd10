//! What goes in comes out.

use std::fs;

use lifeboat_engine::report::*;
use proptest::prelude::*;

use crate::support::*;

#[test]
fn every_byte_mode_time_link_and_empty_folder_comes_back() {
    let bot = Bot::new();
    let before = tree(&bot.root());
    let result = bot.backup(BackupType::Manual);
    assert_eq!(result.items, before.len() as u64);
    assert!(!result.degraded && result.warnings.is_empty(), "{:?}", result.warnings);
    let out = bot.restore(&result.backup);
    assert_same_tree(&before, &tree(&out));
    assert_same_tree(&before, &tree(&bot.root()));
    assert!(bot.verify(true).ok);
}

#[test]
fn each_of_several_backups_restores_to_its_own_moment() {
    let bot = Bot::new();
    let mut moments = Vec::new();
    for round in 0..4u64 {
        bot.write("database/accounts.json", format!("[{round}]").as_bytes());
        bot.write(&format!("uploads/{round}.jpg"), &noise(200_000, 100 + round));
        fs::remove_file(bot.path(&format!("sessions/raf/pre-key-{round}.json"))).unwrap();
        let db = rusqlite::Connection::open(bot.path("database.sqlite")).unwrap();
        db.execute("UPDATE saldo SET jumlah = jumlah + 1 WHERE id % 1000 = ?1", [round as i64]).unwrap();
        drop(db);
        let kind = if round == 2 { BackupType::Daily } else { BackupType::Hourly };
        moments.push((bot.backup(kind).backup, tree(&bot.root())));
    }
    for (backup, expected) in &moments {
        assert_same_tree(expected, &tree(&bot.restore(backup)));
    }
    let listed: Vec<String> =
        bot.engine().list_backups(&ListFilter::default()).unwrap().into_iter().map(|info| info.backup).collect();
    let newest_first: Vec<String> = moments.iter().rev().map(|(backup, _)| backup.clone()).collect();
    assert_eq!(listed, newest_first);
}

#[test]
fn a_selection_restores_that_and_nothing_else() {
    let bot = Bot::new();
    let backup = bot.backup(BackupType::Manual).backup;
    let out = bot.try_restore(&backup, &["category:database", "uploads/**/*.jpg"]).unwrap();
    let files: Vec<_> =
        tree(&out).into_iter().filter(|(_, seen)| seen.content.is_some()).map(|(path, _)| path).collect();
    let expected = ["database.sqlite", "uploads/reports/2026/11/T1/a.jpg", "uploads/reports/2026/11/T1/b.jpg"];
    assert_eq!(files, expected.map(std::path::PathBuf::from));
}

#[test]
fn what_a_backup_does_not_have_is_not_found_with_the_nearest_name() {
    let bot = Bot::new();
    let backup = bot.backup(BackupType::Manual).backup;
    let error = bot.try_restore(&backup, &["confg.json"]).unwrap_err();
    assert_eq!(error.code(), "E_NOT_FOUND");
    assert!(error.to_string().contains("config.json"), "{error}");
    let error = bot.try_restore("backup_MANUAL_2020-01-01T00-00-00-000Z", &[]).unwrap_err();
    assert_eq!(error.code(), "E_NOT_FOUND");
    assert!(error.to_string().contains(&backup), "{error}");
}

#[test]
fn a_dry_run_says_what_would_be_and_writes_nothing() {
    let bot = Bot::new();
    let backup = bot.backup(BackupType::Manual).backup;
    let target = bot.dir.path().join("never");
    let options = RestoreOptions { target: Some(target.clone()), dry_run: true, ..RestoreOptions::default() };
    let control = lifeboat_engine::Control::silent();
    let result = bot.engine().restore(&BackupRef::Name(backup), &options, &control).unwrap();
    assert_eq!(result.plan.create.len(), tree(&bot.root()).len());
    assert!(result.plan.bytes > 8_000_000);
    assert!(!target.exists());
}

#[test]
fn a_restore_never_mixes_with_what_is_there() {
    let bot = Bot::new();
    let backup = bot.backup(BackupType::Manual).backup;
    let target = bot.dir.path().join("full");
    fs::create_dir(&target).unwrap();
    fs::write(target.join("mine.txt"), "mine").unwrap();
    let options = RestoreOptions { target: Some(target.clone()), ..RestoreOptions::default() };
    let control = lifeboat_engine::Control::silent();
    let error = bot.engine().restore(&BackupRef::Name(backup), &options, &control).unwrap_err();
    assert_eq!(error.code(), "E_RESTORE");
    assert_eq!(fs::read_dir(&target).unwrap().count(), 1);
}

#[test]
fn point_in_time_takes_the_newest_backup_before_it() {
    let bot = Bot::new();
    let first = bot.backup(BackupType::Manual).backup;
    bot.write("config.json", b"{\"v\":2}");
    std::thread::sleep(std::time::Duration::from_millis(20));
    bot.backup(BackupType::Manual);
    let infos = bot.engine().list_backups(&ListFilter::default()).unwrap();
    let at = infos[0].timestamp - 1;
    let options = RestoreOptions { target: Some(bot.dir.path().join("then")), ..RestoreOptions::default() };
    let control = lifeboat_engine::Control::silent();
    let result = bot.engine().restore(&BackupRef::At { at }, &options, &control).unwrap();
    assert_eq!(result.backup, first);
    let options = RestoreOptions { target: Some(bot.dir.path().join("before")), ..options };
    let error = bot.engine().restore(&BackupRef::At { at: 0 }, &options, &control).unwrap_err();
    assert_eq!(error.code(), "E_NOT_FOUND");
}

/// A change to a root, as a test makes it.
#[derive(Clone, Debug)]
enum Change {
    Write { file: u8, len: usize, seed: u64 },
    Remove { file: u8 },
    Append { file: u8, len: usize, seed: u64 },
}

fn changes() -> impl Strategy<Value = Vec<Vec<Change>>> {
    let lengths = prop_oneof![4 => 0usize..2_000, 2 => 100_000usize..200_000, 1 => 3_000_000usize..6_000_000];
    let change = prop_oneof![
        4 => (0u8..24, lengths.clone(), any::<u64>()).prop_map(|(file, len, seed)| Change::Write { file, len, seed }),
        1 => (0u8..24).prop_map(|file| Change::Remove { file }),
        1 => (0u8..24, 0usize..50_000, any::<u64>()).prop_map(|(file, len, seed)| Change::Append { file, len, seed }),
    ];
    prop::collection::vec(prop::collection::vec(change, 1..12), 1..4)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]
    #[test]
    fn whatever_changes_between_backups_each_restores_exactly(rounds in changes()) {
        let bot = Bot::empty();
        let name = |file: u8| format!("{}/{file}.bin", ["uploads", "database", "sessions/a", "x/y/z"][usize::from(file % 4)]);
        let mut moments = Vec::new();
        for (at, round) in rounds.into_iter().enumerate() {
            for change in round {
                match change {
                    Change::Write { file, len, seed } => bot.write(&name(file), &noise(len, seed)),
                    Change::Remove { file } => drop(fs::remove_file(bot.path(&name(file)))),
                    Change::Append { file, len, seed } => {
                        let mut bytes = fs::read(bot.path(&name(file))).unwrap_or_default();
                        bytes.extend(noise(len, seed));
                        bot.write(&name(file), &bytes);
                    }
                }
            }
            let kind = if at % 2 == 0 { BackupType::Hourly } else { BackupType::Daily };
            moments.push((bot.backup(kind).backup, tree(&bot.root())));
        }
        for (backup, expected) in &moments {
            assert_same_tree(expected, &tree(&bot.restore(backup)));
        }
        prop_assert!(bot.verify(true).ok);
    }
}
