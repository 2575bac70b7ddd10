//! A restore that is killed, or finds the disk full, at any point.

use std::time::Duration;

use lifeboat_engine::restore::live;

use crate::bank::{PATIENCE, Stage, era, replace, replace_all};
use crate::process::Process;

const WAL: &str = "PRAGMA journal_mode = wal";

fn kill_restores(accounts: i64, kills: u32, pragmas: &str) {
    let stage = Stage::new();
    let one = stage.bank("bank.sqlite", accounts, pragmas);
    let begun = std::time::Instant::now();
    let mut whole = Process::start("restore:bank.sqlite", stage.folder());
    assert_eq!(whole.next(), "restored");
    let time = begun.elapsed();
    live::put_back(&one.live, &one.old, &one.undone, PATIENCE).unwrap();
    let mut ends = [0; 3];
    for kill in 0..kills {
        std::fs::remove_file(&one.old).unwrap_or_default();
        let mut restoring = Process::start("restore:bank.sqlite", stage.folder());
        restoring.begin();
        std::thread::sleep(time * kill / kills);
        restoring.kill();
        let era_now = era(&one.live);
        ends[era_now as usize] += 1;
        // Whichever it is, it can be finished, and undone.
        replace(&one).unwrap();
        assert_eq!(era(&one.live), 2);
        assert_eq!(era(&one.old), 1);
        live::put_back(&one.live, &one.old, &one.undone, PATIENCE).unwrap();
        assert_eq!(era(&one.live), 1);
    }
    println!("{pragmas:?}: {kills} kills within {time:.1?}: {} old, {} new", ends[1], ends[2]);
    assert!(ends[1] > 0);
}

#[test]
fn a_kill_at_any_moment_leaves_the_old_or_the_new() {
    kill_restores(3_000, 25, "");
    kill_restores(3_000, 25, WAL);
}

#[test]
#[ignore = "large: 60 MB, two hundred kills"]
fn large_kills() {
    for pragmas in ["", WAL] {
        kill_restores(59_000, 100, pragmas);
    }
}

/// Files may have so many bytes: in turn, every size at which something can fail.
#[test]
fn a_disk_that_is_full_at_any_point_leaves_all_old_or_all_new() {
    let stage = Stage::new();
    // The WAL of the second is the largest file of all: near its full size, its commit is what fails.
    let all = [stage.bank("a.sqlite", 100, ""), stage.bank("b.sqlite", 3_000, WAL)];
    let pages = all[1].live.metadata().unwrap().len() / 4096;
    let wal = 32 + pages * (4096 + 24);
    let early = (0..20).map(|step| step * wal / 20);
    let late = (pages * 4096..wal + 4120).step_by(1030);
    let mut outcomes = std::collections::BTreeMap::new();
    for limit in early.chain(late) {
        let mut restoring = Process::start(&format!("restore:a.sqlite,b.sqlite/{limit}"), stage.folder());
        let words = restoring.next();
        drop(restoring);
        let code = words.split(' ').next().unwrap().to_owned();
        let eras = all.each_ref().map(|one| era(&one.live));
        match &*code {
            "restored" => assert_eq!(eras, [2, 2], "limit {limit}"),
            _ => assert_eq!(eras, [1, 1], "limit {limit}: {words}"),
        }
        *outcomes.entry(code).or_insert(0) += 1;
        replace_all(&[&all[0], &all[1]]).unwrap();
        for one in &all {
            live::put_back(&one.live, &one.old, &one.undone, PATIENCE).unwrap();
            std::fs::remove_file(&one.old).unwrap();
            assert_eq!(era(&one.live), 1);
        }
    }
    println!("{outcomes:?}");
    assert!(outcomes.contains_key("restored"));
    assert!(outcomes.contains_key("E_ROLLED_BACK"), "no second commit has failed: {outcomes:?}");
}

/// A bot that was killed in the middle of a transaction, with pages already written to the file.
#[test]
fn a_hot_journal_of_a_writer_that_was_killed_is_played_back_first() {
    for pragmas in ["", WAL] {
        let stage = Stage::new();
        let one = stage.bank("bank.sqlite", 3_000, pragmas);
        let spill = "PRAGMA cache_size = 5; BEGIN IMMEDIATE; UPDATE account SET balance = balance + 1";
        let writer = Process::start(&format!("hold:{spill}"), &one.live);
        let side = if pragmas == WAL { "bank.sqlite-wal" } else { "bank.sqlite-journal" };
        assert!(stage.root.join(side).metadata().unwrap().len() > 0);
        writer.kill();
        live::check(&one.live).unwrap();
        replace(&one).unwrap();
        assert_eq!((era(&one.live), era(&one.old)), (2, 1));
    }
}

#[test]
fn a_bot_that_dies_under_a_restore_does_not_stop_it() {
    let stage = Stage::new();
    let one = stage.bank("bank.sqlite", 4_800, "");
    let bot = Process::start("bot", &one.live);
    let killing = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(30));
        bot.kill();
    });
    replace(&one).unwrap();
    killing.join().unwrap();
    assert_eq!(era(&one.live), 2);
}
