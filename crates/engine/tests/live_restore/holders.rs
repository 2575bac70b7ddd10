//! Who has a file open.

use lifeboat_engine::restore::holders::{self, Hold, PossiblyOpen, holders, is_open_elsewhere};
use rusqlite::Connection;

use crate::bank::Stage;
use crate::process::Process;

#[test]
fn whoever_has_a_database_open_is_named() {
    for pragmas in ["", "PRAGMA journal_mode = wal"] {
        let stage = Stage::new();
        let (a, b) = (stage.bank("a.sqlite", 10, pragmas).live, stage.bank("b.sqlite", 10, "").live);
        let ours = Connection::open(&a).unwrap();
        let all = [a.clone(), b.clone(), stage.root.join("none.sqlite")];
        assert!(holders(&all).unwrap().holders.is_empty(), "we do not count ourselves");
        let process = Process::start("hold:BEGIN IMMEDIATE", &a);
        let found = holders(&all).unwrap().holders;
        assert_eq!(found.len(), 1);
        assert_eq!((&found[0].path, found[0].pid), (&a, process.id()));
        assert!(found[0].name.starts_with("live_restore"), "{}", found[0].name);
        assert!(holders(&[b]).unwrap().holders.is_empty());
        // Also under another name, and when it has none any more.
        let renamed = stage.root.join("renamed.sqlite");
        std::fs::rename(&a, &renamed).unwrap();
        assert_eq!(holders(&[renamed]).unwrap().holders.len(), 1);
        drop(ours);
    }
}

#[test]
fn a_side_file_that_is_open_is_enough() {
    let stage = Stage::new();
    let a = stage.bank("a.sqlite", 10, "").live;
    let journal = stage.root.join("a.sqlite-journal");
    Connection::open(&journal).unwrap().execute_batch("CREATE TABLE a (x)").unwrap();
    let process = Process::start("hold:BEGIN IMMEDIATE", &journal);
    assert_eq!(holders(std::slice::from_ref(&a)).unwrap().holders[0].pid, process.id());
    process.stop();
    assert!(holders(&[a]).unwrap().holders.is_empty());
}

/// How each process has `path` open.
fn holds(asked: &PossiblyOpen) -> Vec<(u32, Hold)> {
    let found = holders::of(std::slice::from_ref(asked)).unwrap().holders;
    found.into_iter().map(|holder| (holder.pid, holder.hold)).collect()
}

#[test]
fn a_database_that_is_open_under_a_name_that_is_gone_is_found_by_that_name() {
    for pragmas in ["", "PRAGMA journal_mode = wal"] {
        let stage = Stage::new();
        let path = stage.bank("a.sqlite", 10, pragmas).live;
        let process = Process::start("hold:BEGIN IMMEDIATE", &path);
        std::fs::remove_file(&path).unwrap();
        let astray = [(process.id(), Hold::Astray)];
        assert_eq!(holds(&PossiblyOpen::database(&path)), astray);
        // Another one in its place does not hide it, and has no user.
        std::fs::write(&path, "another").unwrap();
        assert_eq!(holds(&PossiblyOpen::database(&path)), astray);
        assert!(holders(std::slice::from_ref(&path)).unwrap().user().is_none());
        // A file may be called so.
        let odd = stage.root.join("odd.sqlite (deleted)");
        std::fs::rename(&path, &odd).unwrap();
        let file = std::fs::File::open(&odd).unwrap();
        let _sleeper = Sleeper::with(file);
        assert!(holds(&PossiblyOpen::database(&stage.root.join("odd.sqlite"))).is_empty());
    }
}

#[test]
fn a_database_that_was_moved_away_is_known_by_its_inode() {
    let stage = Stage::new();
    let path = stage.bank("a.sqlite", 10, "").live;
    let ino = std::os::unix::fs::MetadataExt::ino(&std::fs::metadata(&path).unwrap());
    let process = Process::start("hold:BEGIN IMMEDIATE", &path);
    std::fs::rename(&path, stage.root.join("b.sqlite")).unwrap();
    assert_eq!(
        holds(&PossiblyOpen { ino: Some(ino), ..PossiblyOpen::database(&path) }),
        [(process.id(), Hold::Astray)]
    );
}

#[test]
fn a_log_that_was_deleted_beside_an_open_database_is_told_from_one_that_is_there() {
    let stage = Stage::new();
    let path = stage.bank("a.sqlite", 10, "PRAGMA journal_mode = wal").live;
    let process = Process::start("hold:BEGIN IMMEDIATE", &path);
    assert_eq!(holds(&PossiblyOpen::database(&path)), [(process.id(), Hold::Here)]);
    std::fs::remove_file(stage.root.join("a.sqlite-wal")).unwrap();
    assert_eq!(holds(&PossiblyOpen::database(&path)), [(process.id(), Hold::Torn)]);
}

#[test]
fn a_journal_that_comes_and_goes_with_each_commit_is_no_lost_file() {
    let stage = Stage::new();
    let path = stage.bank("a.sqlite", 3500, "").live;
    let _bot = Process::start("bot", &path);
    for _ in 0..300 {
        for (_, hold) in holds(&PossiblyOpen::database(&path)) {
            assert_eq!(hold, Hold::Here);
        }
    }
}

#[test]
fn the_kernel_knows_whether_anybody_has_a_file_open() {
    let stage = Stage::new();
    let path = stage.bank("a.sqlite", 10, "").live;
    assert_eq!(is_open_elsewhere(&path), Some(false));
    let process = Process::start("hold:BEGIN IMMEDIATE", &path);
    assert_eq!(is_open_elsewhere(&path), Some(true));
    process.stop();
    assert_eq!(is_open_elsewhere(&path), Some(false));
    assert_eq!(is_open_elsewhere(&stage.root.join("none")), None);
}

#[test]
fn ten_thousand_paths_are_one_look() {
    let stage = Stage::new();
    let path = stage.bank("a.sqlite", 10, "").live;
    let process = Process::start("hold:BEGIN IMMEDIATE", &path);
    let mut asked: Vec<PossiblyOpen> =
        (0..10_000).map(|n| PossiblyOpen::database(&stage.root.join(format!("{n}.sqlite")))).collect();
    asked.push(PossiblyOpen::database(&path));
    let begun = std::time::Instant::now();
    let found = holders::of(&asked).unwrap().holders;
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].pid, process.id());
    assert!(begun.elapsed() < std::time::Duration::from_secs(5), "{:?}", begun.elapsed());
    eprintln!("10,000 paths: {:?}", begun.elapsed());
}

/// A process that has a file open, and does nothing.
struct Sleeper(std::process::Child);

impl Sleeper {
    fn with(file: std::fs::File) -> Sleeper {
        Sleeper(std::process::Command::new("sleep").arg("60").stdin(file).spawn().unwrap())
    }
}

impl Drop for Sleeper {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
