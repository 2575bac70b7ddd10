//! What a killed process leaves behind.

use std::time::Duration;

use crate::image::{BALANCE, Stage};
use crate::process::Process;

#[test]
fn a_hot_journal_is_played_back_on_a_copy_and_nothing_in_the_root_changes() {
    let stage = Stage::new();
    let bank = stage.bank(3_000, "");
    Process::start("spill", &bank).kill();
    assert!(stage.root.join("bank.sqlite-journal").metadata().unwrap().len() > 0, "there is no hot journal");
    let before = stage.listing();
    let (captured, image) = stage.capture(&bank);
    assert_eq!(stage.listing(), before);
    assert!(captured.recovered.unwrap().contains("never finished"));
    image.check_bank(3_000);
    assert_ne!(std::fs::read(&bank).unwrap(), image.bytes(), "the file was sound without its journal");
}

#[test]
fn a_writer_that_has_spilled_is_waited_for() {
    let stage = Stage::new();
    let bank = stage.bank(12_000, "");
    let spiller = Process::start("spill", &bank);
    let waiting = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(500));
        spiller.stop()
    });
    let (captured, image) = stage.capture(&bank);
    assert_eq!(waiting.join().unwrap(), "rolled back");
    assert!(captured.recovered.is_none());
    image.check_bank(12_000);
}

#[test]
fn a_writer_that_stays_is_not_waited_for_forever() {
    let stage = Stage::new();
    let bank = stage.bank(3_000, "");
    let spiller = Process::start("spill", &bank);
    let mut options = stage.options();
    options.lock_timeout = Duration::from_millis(300);
    let (captured, image) = stage.capture_with(&bank, &options, Duration::ZERO);
    assert!(captured.recovered.unwrap().contains("another process has kept it locked"));
    image.check_bank(3_000);
    assert_eq!(spiller.stop(), "rolled back");
}

#[test]
fn a_wal_left_by_a_crash_counts() {
    let stage = Stage::new();
    let bank = stage.bank(3_000, "PRAGMA journal_mode = wal");
    Process::start("wal", &bank).kill();
    assert!(stage.root.join("bank.sqlite-shm").exists());
    let before = stage.listing();
    let (captured, image) = stage.capture(&bank);
    assert_eq!(stage.listing(), before);
    assert!(captured.recovered.is_none());
    image.check_bank(3_000);
    assert_eq!(image.balance(1), BALANCE + 1);
}

#[test]
fn a_wal_without_its_shm_is_recovered_on_a_copy() {
    let stage = Stage::new();
    let bank = stage.bank(3_000, "PRAGMA journal_mode = wal");
    Process::start("wal", &bank).kill();
    std::fs::remove_file(stage.root.join("bank.sqlite-shm")).unwrap();
    let before = stage.listing();
    let (captured, image) = stage.capture(&bank);
    assert_eq!(stage.listing(), before);
    assert!(captured.recovered.is_some());
    image.check_bank(3_000);
    assert_eq!(image.balance(1), BALANCE + 1);
}

#[test]
fn a_torn_end_of_a_wal_is_left_out() {
    let stage = Stage::new();
    let bank = stage.bank(3_000, "PRAGMA journal_mode = wal");
    Process::start("wal", &bank).kill();
    let wal = std::fs::OpenOptions::new().write(true).open(stage.root.join("bank.sqlite-wal")).unwrap();
    wal.set_len(wal.metadata().unwrap().len() - 1000).unwrap();
    for shm in [true, false] {
        if !shm {
            std::fs::remove_file(stage.root.join("bank.sqlite-shm")).unwrap();
        }
        let (_, image) = stage.capture(&bank);
        let (_folder, db) = image.restored();
        // The second of its two transactions, which took from the even accounts, is torn.
        let even: i64 = db.query_row("SELECT balance FROM account WHERE id = 2", [], |row| row.get(0)).unwrap();
        assert_eq!(even, BALANCE, "shm: {shm}");
        assert_eq!(image.balance(1), BALANCE + 1, "shm: {shm}");
    }
}

/// A commit over several databases is one file, the super-journal, that all their journals name: it is there until the
/// instant of the commit. SQLite deletes it after a rollback; in the root we do not.
#[cfg(unix)]
#[test]
fn a_crash_in_a_commit_over_several_databases_is_judged_by_their_super_journal() {
    let stage = Stage::new();
    let bank = stage.bank(3_000, "");
    Process::start("spill", &bank).kill();
    let super_journal = stage.root.join("bank.sqlite-mj0123459ab");
    let journal = stage.root.join("bank.sqlite-journal");
    std::fs::write(&super_journal, format!("{}\0", journal.display())).unwrap();
    let mut bytes = std::fs::read(&journal).unwrap();
    let name = super_journal.to_str().unwrap().as_bytes();
    // The last record of a journal: lock page, name, its length, the sum of its bytes, magic.
    let page = 0x4000_0000u32 / 4096 + 1;
    let sum = name.iter().fold(0u32, |sum, byte| sum.wrapping_add(*byte as i8 as u32));
    bytes.extend_from_slice(&page.to_be_bytes());
    bytes.extend_from_slice(name);
    bytes.extend_from_slice(&(name.len() as u32).to_be_bytes());
    bytes.extend_from_slice(&sum.to_be_bytes());
    bytes.extend_from_slice(&[0xd9, 0xd5, 0x05, 0xf9, 0x20, 0xa1, 0x63, 0xd7]);
    std::fs::write(&journal, bytes).unwrap();

    let before = stage.listing();
    let (_, image) = stage.capture(&bank);
    assert_eq!(stage.listing(), before);
    image.check_bank(3_000);

    std::fs::remove_file(&super_journal).unwrap();
    let before = stage.listing();
    let (_, image) = stage.capture(&bank);
    assert_eq!(stage.listing(), before);
    assert_eq!(image.bytes(), std::fs::read(&bank).unwrap(), "a committed transaction was rolled back");
}
