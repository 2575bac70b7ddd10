//! Processes that keep a database open, and go on using it.

use std::path::Path;
use std::time::Instant;

use lifeboat_engine::restore::live::{self, Replacement};
use rusqlite::Connection;

use crate::bank::{PATIENCE, Stage, era, make_bank, replace};
use crate::process::Process;

const WAL: &str = "PRAGMA journal_mode = wal";

/// `few`: only one page in a hundred differs.
fn bank_of_eras(stage: &Stage, accounts: i64, pragmas: &str, few: bool) -> Replacement {
    if !few {
        return stage.bank("bank.sqlite", accounts, pragmas);
    }
    let one = stage.replacement("bank.sqlite");
    make_bank(&one.live, accounts, 1, "");
    std::fs::copy(&one.live, &one.staged).unwrap();
    let run = |path: &Path, sql: &str| Connection::open(path).unwrap().execute_batch(sql).unwrap();
    // Four accounts share a page.
    run(&one.staged, "UPDATE era SET number = 2; UPDATE account SET balance = balance + 400000 WHERE id % 400 = 1");
    run(&one.live, pragmas);
    one
}

/// Restores under five connections that read and write all the time, and back again.
fn restore_under_a_bot(accounts: i64, pragmas: &str, few: bool) {
    let stage = Stage::new();
    let one = bank_of_eras(&stage, accounts, pragmas, few);
    let bot = Process::start("bot", &one.live);
    let begun = Instant::now();
    let replaced = replace(&one).unwrap();
    let took = begun.elapsed();
    let words = bot.stop();
    let numbers: Vec<i64> = words.split(' ').map(|word| word.parse().unwrap()).collect();
    let column = |at: usize| numbers.iter().skip(at).step_by(6).copied();
    println!(
        "{} MB, {pragmas:?}: took {took:.1?}, locked {:.1?}, {} pages; the bot: {} looks, {} transfers, {} busy; \
         slowest look {} ms, slowest transfer {} ms",
        one.staged.metadata().unwrap().len() / 1_000_000,
        replaced.locked,
        replaced.pages_written,
        column(1).sum::<i64>(),
        column(2).sum::<i64>(),
        column(3).sum::<i64>(),
        column(4).max().unwrap(),
        column(5).max().unwrap(),
    );
    assert!(column(0).eq([2; 5]), "a connection does not see what was restored: {words}");
    assert_eq!(era(&one.live), 2);
    assert_eq!(era(&one.old), 1);
    live::put_back(&one.live, &one.old, &one.undone, PATIENCE).unwrap();
    assert_eq!(era(&one.live), 1);
}

const MEGABYTES_5: i64 = 4_800;
const MEGABYTES_120: i64 = 118_000;

#[test]
fn a_bot_on_a_rollback_database_sees_what_was_restored() {
    restore_under_a_bot(MEGABYTES_5, "", false);
    restore_under_a_bot(MEGABYTES_5, "", true);
}

#[test]
fn a_bot_on_a_wal_database_sees_what_was_restored() {
    restore_under_a_bot(MEGABYTES_5, WAL, false);
    restore_under_a_bot(MEGABYTES_5, WAL, true);
}

#[test]
#[ignore = "large: 120 MB; run by hand for its figures"]
fn large_rollback() {
    restore_under_a_bot(MEGABYTES_120, "", false);
    restore_under_a_bot(MEGABYTES_120, "", true);
}

#[test]
#[ignore = "large: 120 MB; run by hand for its figures"]
fn large_wal() {
    restore_under_a_bot(MEGABYTES_120, WAL, false);
    restore_under_a_bot(MEGABYTES_120, WAL, true);
}

#[test]
#[ignore = "large: 120 MB; run by hand for its figures"]
fn large_without_a_bot() {
    for pragmas in ["", WAL] {
        for few in [false, true] {
            let stage = Stage::new();
            let one = bank_of_eras(&stage, MEGABYTES_120, pragmas, few);
            let begun = Instant::now();
            let replaced = replace(&one).unwrap();
            println!("{pragmas:?}, few: {few}: took {:.1?}, {replaced:.1?}", begun.elapsed());
            assert_eq!(era(&one.live), 2);
        }
    }
}

#[test]
fn connections_that_rest_have_the_restored_schema_too() {
    for pragmas in ["", WAL] {
        let stage = Stage::new();
        let one = stage.replacement("bank.sqlite");
        let make = |path: &Path, sql: &str| Connection::open(path).unwrap().execute_batch(sql).unwrap();
        make(&one.live, &format!("{pragmas}; CREATE TABLE a (x); INSERT INTO a VALUES (1); CREATE TABLE gone (x)"));
        make(&one.live, "INSERT INTO gone VALUES (1)");
        // The same tables in other places, with a column more, and one table less.
        make(&one.staged, "CREATE TABLE early (x); CREATE TABLE a (x); INSERT INTO a VALUES (2)");
        make(&one.staged, "CREATE INDEX by_x ON a (x); ALTER TABLE a ADD COLUMN y DEFAULT 5; PRAGMA user_version = 9");
        let mut sums = Process::start("ask:SELECT sum(x) FROM a", &one.live);
        let mut stars = Process::start("ask:SELECT * FROM a ORDER BY x", &one.live);
        let mut writer = Process::start("ask:INSERT INTO a (x) VALUES (0) RETURNING x", &one.live);
        let mut gone = Process::start("ask:SELECT x FROM gone", &one.live);
        assert_eq!((&*sums.next(), &*gone.next()), ("1", "1"));
        replace(&one).unwrap();
        assert_eq!(sums.next(), "2");
        assert_eq!(writer.next(), "0");
        assert_eq!(stars.next(), "0");
        assert!(gone.next().contains("no such table"));
        let db = Connection::open(&one.live).unwrap();
        let look = |sql: &str| db.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap();
        assert_eq!(look("SELECT count(*) FROM a WHERE y = 5 AND x = 2"), 1);
        assert_eq!(look("PRAGMA user_version"), 9);
        drop(db);

        live::put_back(&one.live, &one.old, &one.undone, PATIENCE).unwrap();
        assert_eq!(gone.next(), "1");
        assert_eq!(sums.next(), "1");
        assert_eq!(writer.next(), "0");
        for process in [sums, stars, writer, gone] {
            assert_eq!(process.stop(), "asked");
        }
    }
}

#[test]
fn a_reader_of_a_wal_database_keeps_what_it_sees_and_holds_nobody_up() {
    let stage = Stage::new();
    let one = stage.bank("bank.sqlite", 500, WAL);
    let mut reader = Process::start("ask:BEGIN;SELECT sum(balance) FROM account", &one.live);
    let begun = Instant::now();
    replace(&one).unwrap();
    assert!(begun.elapsed() < PATIENCE / 4);
    assert_eq!(reader.next(), "500000");
    assert_eq!(era(&one.live), 2);
    // It is a WAL database still, and whoever finishes with it may checkpoint as always.
    assert_eq!(reader.stop(), "asked");
    let db = Connection::open(&one.live).unwrap();
    let mode: String = db.query_row("PRAGMA journal_mode", [], |row| row.get(0)).unwrap();
    assert_eq!(mode, "wal");
    db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get::<_, i64>(0)).unwrap();
    assert_eq!(era(&one.live), 2);
}
