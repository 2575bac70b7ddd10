//! Who has a file open.

use lifeboat_engine::restore::holders::holders;
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
