//! Databases of every shape: page sizes, names, journal modes, a file that moves while it is read.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use lifeboat_engine::capture::sqlite::{BlockSink, CaptureOutcome, JournalKind, capture};
use lifeboat_engine::{Control, Result};
use rusqlite::Connection;

use crate::image::{Image, Stage, make_bank};
use crate::process::Process;

#[test]
fn every_page_size_and_journal_mode_at_rest_is_captured_byte_for_byte_without_a_trace() {
    for page_size in [512, 1024, 2048, 4096, 8192, 16384, 32768, 65536] {
        for mode in ["delete", "truncate", "persist", "wal"] {
            let stage = Stage::new();
            let bank = stage.bank(500, &format!("PRAGMA page_size = {page_size}; PRAGMA journal_mode = {mode}"));
            let before = stage.listing();
            let (captured, image) = stage.capture(&bank);
            assert_eq!(stage.listing(), before, "{page_size} {mode}");
            assert_eq!(image.bytes(), fs::read(&bank).unwrap(), "{page_size} {mode}");
            assert_eq!(captured.page_size, page_size);
            assert_eq!(captured.journal, if mode == "wal" { JournalKind::Wal } else { JournalKind::Rollback });
            assert!(captured.undisturbed && captured.recovered.is_none());
            image.check_bank(500);
        }
    }
}

#[test]
fn a_wal_database_in_use_is_captured_without_a_trace() {
    for page_size in [512, 4096, 65536] {
        let stage = Stage::new();
        let bank = stage.bank(3_000, &format!("PRAGMA page_size = {page_size}; PRAGMA journal_mode = wal"));
        let user = Process::start("wal", &bank);
        let before = stage.listing();
        let (captured, image) = stage.capture(&bank);
        assert_eq!(stage.listing(), before);
        assert_eq!((captured.journal, captured.page_size, captured.undisturbed), (JournalKind::Wal, page_size, true));
        image.check_bank(3_000);
        user.kill();
    }
}

#[test]
fn an_untouched_large_database_costs_one_look_under_the_lock() {
    let stage = Stage::new();
    let bank = stage.bank(20_000, "");
    std::thread::sleep(std::time::Duration::from_millis(100));
    let (captured, image) = stage.capture(&bank);
    assert_eq!((captured.locks, captured.corrected, captured.undisturbed), (1, 0, true));
    image.check_bank(20_000);
}

#[test]
fn any_name_will_do() {
    for name in
        [&b"a b?mode=rwc&x#y%41.db"[..], b"line\nbreak", b"latin \xe9\xff.sqlite", b"file:x?vfs=none", b"'\"`$(x)"]
    {
        for mode in ["delete", "wal"] {
            let stage = Stage::new();
            let bank = stage.root.join(OsStr::from_bytes(name));
            make_bank(&bank, 3_000, &format!("PRAGMA journal_mode = {mode}"));
            let user = (mode == "wal").then(|| Process::start("wal", &bank));
            let before = stage.listing();
            let (captured, image) = stage.capture(&bank);
            assert!(captured.recovered.is_none());
            image.check_bank(3_000);
            assert_eq!(stage.listing(), before);
            drop(user);
        }
    }
}

#[test]
fn a_path_that_is_too_long_for_sqlite_is_no_obstacle() {
    let stage = Stage::new();
    let bank = stage.bank(3_000, "");
    let mut folder = stage.root.clone();
    for _ in 0..5 {
        folder.push("n".repeat(200));
    }
    fs::create_dir_all(&folder).unwrap();
    let far = folder.join("bank.sqlite");
    fs::rename(&bank, &far).unwrap();
    let (captured, image) = stage.capture(&far);
    assert!(captured.recovered.is_some());
    image.check_bank(3_000);
}

/// Does something to the database when a certain block has been read.
struct Meddler {
    image: Image,
    at: u64,
    deed: Option<Box<dyn FnOnce()>>,
}

impl BlockSink for Meddler {
    fn put(&mut self, index: u64, block: Vec<u8>) -> Result<()> {
        if index == self.at
            && let Some(deed) = self.deed.take()
        {
            deed();
        }
        self.image.put(index, block)
    }
    fn finish(&mut self, size: u64) -> Result<()> {
        self.image.finish(size)
    }
    fn restart(&mut self) {
        self.image.restart();
    }
}

fn meddle(stage: &Stage, bank: &Path, deed: impl FnOnce() + 'static) -> (Result<CaptureOutcome>, Image) {
    let mut sink = Meddler { image: Image::default(), at: 100, deed: Some(Box::new(deed)) };
    let outcome = capture(bank, &stage.options(), &mut sink, &Control::silent());
    assert!(sink.deed.is_none(), "the block was never read");
    (outcome, sink.image)
}

/// Runs SQL in a process of its own: in ours, closing the database would drop the locks of the capture under test.
fn elsewhere(path: PathBuf, sql: &'static str) -> impl FnOnce() {
    move || assert_eq!(Process::start(&format!("write once:{sql}"), &path).stop(), "written")
}

#[test]
fn a_database_that_vanishes_while_it_is_read_is_an_error_that_says_so() {
    let stage = Stage::new();
    let bank = stage.bank(12_000, "");
    let path = bank.clone();
    let (outcome, _) = meddle(&stage, &bank, move || fs::remove_file(path).unwrap());
    assert_eq!(outcome.unwrap_err().code(), "E_SOURCE");
}

#[test]
fn a_database_that_is_replaced_while_it_is_read_is_read_anew() {
    let stage = Stage::new();
    let bank = stage.bank(12_000, "");
    let (new, path) = (stage.root.join("new"), bank.clone());
    make_bank(&new, 15_000, "");
    let (outcome, image) = meddle(&stage, &bank, move || fs::rename(new, path).unwrap());
    assert!(matches!(outcome.unwrap(), CaptureOutcome::Consistent(_)));
    assert_eq!(image.restarts, 1);
    image.check_bank(15_000);
}

#[test]
fn a_database_that_shrinks_grows_or_is_rewritten_while_it_is_read_is_captured_as_it_is_then() {
    for (sql, accounts) in [
        ("DELETE FROM account WHERE id > 1000; VACUUM", 1000),
        ("INSERT INTO account SELECT id + 12000, balance, note FROM account", 24_000),
        ("PRAGMA page_size = 8192; VACUUM", 12_000),
        ("PRAGMA journal_mode = wal", 12_000),
    ] {
        let stage = Stage::new();
        let bank = stage.bank(12_000, "");
        let (outcome, image) = meddle(&stage, &bank, elsewhere(bank.clone(), sql));
        let CaptureOutcome::Consistent(captured) = outcome.unwrap() else { panic!("{sql}: raw") };
        assert!(captured.recovered.is_none());
        assert_eq!(captured.journal == JournalKind::Wal, sql.contains("wal"));
        image.check_bank(accounts);
    }
}

#[test]
fn a_wal_database_that_comes_to_life_while_it_is_read_plainly_is_read_again() {
    let stage = Stage::new();
    let bank = stage.bank(12_000, "PRAGMA journal_mode = wal");
    let (outcome, image) =
        meddle(&stage, &bank, elsewhere(bank.clone(), "DELETE FROM account WHERE id > 1000; VACUUM"));
    assert!(matches!(outcome.unwrap(), CaptureOutcome::Consistent(_)));
    assert_eq!(image.restarts, 1);
    image.check_bank(1_000);
}

#[test]
fn a_database_that_is_being_written_like_any_file_is_awaited() {
    let stage = Stage::new();
    let bank = stage.bank(2_000, "");
    let whole = fs::read(&bank).unwrap();
    fs::write(&bank, &whole[..whole.len() / 2]).unwrap();
    let path = bank.clone();
    let rest = std::thread::spawn(move || {
        std::thread::sleep(std::time::Duration::from_millis(20));
        fs::write(path, whole).unwrap();
    });
    let (_, image) = stage.capture(&bank);
    rest.join().unwrap();
    image.check_bank(2_000);
}

#[test]
fn two_names_of_one_file_are_captured_one_after_the_other() {
    let stage = Stage::new();
    let bank = stage.bank(12_000, "");
    let other = stage.root.join("other.sqlite");
    fs::hard_link(&bank, &other).unwrap();
    std::thread::scope(|scope| {
        for path in [&bank, &other, &bank, &other] {
            scope.spawn(|| stage.capture(path).1.check_bank(12_000));
        }
    });
}

#[test]
#[ignore = "large: makes a sparse database of 1 GiB; run by hand"]
fn large_beyond_the_lock_byte_page() {
    for mode in ["delete", "wal"] {
        let stage = Stage::new();
        let bank = stage.bank(1_000, &format!("PRAGMA page_size = 65536; PRAGMA journal_mode = {mode}"));
        let db = Connection::open(&bank).unwrap();
        db.execute_batch("CREATE TABLE heap (bytes); PRAGMA wal_autocheckpoint = 1000").unwrap();
        for _ in 0..11 {
            db.execute("INSERT INTO heap VALUES (zeroblob(100000000))", []).unwrap();
        }
        drop(db);
        let user = Process::start("wal", &bank);
        let (captured, image) = stage.capture(&bank);
        println!("{mode}: longest lock {:.1?} for {} MB", captured.longest_lock, captured.size / 1_000_000);
        assert!(captured.size > 1 << 30);
        image.check_bank(1_000);
        drop(user);
    }
}
