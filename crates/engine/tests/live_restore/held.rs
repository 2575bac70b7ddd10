//! Databases that others will not let go of.

use std::time::{Duration, Instant};

use lifeboat_engine::restore::live;
use lifeboat_engine::{Control, Error};
use rusqlite::Connection;

use crate::bank::{PATIENCE, Stage, again, era, replace, replace_within};
use crate::process::Process;

const SHORT: Duration = Duration::from_millis(700);
const WRITE: &str = "BEGIN IMMEDIATE; UPDATE account SET notes = randomblob(9) WHERE id = 1";
const WAL: &str = "PRAGMA journal_mode = wal";

#[test]
fn a_writer_that_stays_is_waited_for_with_a_bound_and_nothing_changes() {
    for (pragmas, held) in [("", WRITE), (WAL, WRITE), ("", "BEGIN; SELECT * FROM account"), ("", "BEGIN EXCLUSIVE")] {
        let stage = Stage::new();
        let one = stage.bank("bank.sqlite", 500, pragmas);
        let holder = Process::start(&format!("hold:{held}"), &one.live);
        let before = std::fs::read(&one.live).unwrap();
        let begun = Instant::now();
        let error = replace_within(&[&one], SHORT).unwrap_err();
        assert!(begun.elapsed() >= SHORT && begun.elapsed() < SHORT * 5, "{:?}", begun.elapsed());
        assert_eq!(error.code(), "E_RESTORE");
        assert!(error.to_string().contains("bank.sqlite is in use by"), "{error}");
        #[cfg(target_os = "linux")]
        assert!(error.to_string().contains(&format!("process {}", holder.id())), "{error}");
        assert_eq!(std::fs::read(&one.live).unwrap(), before);
        assert_eq!(Stage::names(&stage.workspace), ["bank.sqlite.new"]);
        assert_eq!(holder.stop(), "held");
        assert_eq!(era(&one.live), 1);
    }
}

#[test]
fn a_writer_that_ends_in_time_is_waited_for() {
    for pragmas in ["", WAL] {
        let stage = Stage::new();
        let one = stage.bank("bank.sqlite", 500, pragmas);
        let holder = Process::start(&format!("hold:{WRITE}"), &one.live);
        let ending = std::thread::spawn(move || {
            std::thread::sleep(SHORT);
            holder.stop()
        });
        replace(&one).unwrap();
        assert_eq!(ending.join().unwrap(), "held");
        assert_eq!(era(&one.live), 2);
    }
}

#[test]
fn one_database_that_is_held_keeps_the_others_as_they_are_and_usable() {
    for held in [0, 1] {
        let stage = Stage::new();
        let all = [stage.bank("a.sqlite", 500, ""), stage.bank("b.sqlite", 500, WAL)];
        let holder = Process::start(&format!("hold:{WRITE}"), &all[held].live);
        let mut other = Process::start(
            "ask:UPDATE account SET notes = randomblob(9) WHERE id = 1 RETURNING id",
            &all[1 - held].live,
        );
        let restoring = {
            let all = all.iter().map(again).collect();
            std::thread::spawn(move || live::replace(all, 3 * SHORT, &Control::silent()))
        };
        let mut answers = 0;
        while !restoring.is_finished() {
            assert_eq!(other.next(), "1", "another writer was kept waiting for longer than its patience");
            answers += 1;
        }
        assert!(answers > 3);
        assert_eq!(restoring.join().unwrap().unwrap_err().code(), "E_RESTORE");
        assert_eq!((other.stop(), holder.stop()), ("asked".into(), "held".into()));
        assert!(all.iter().all(|one| era(&one.live) == 1));
    }
}

#[test]
fn an_app_that_takes_two_databases_the_other_way_round_is_no_deadlock() {
    let stage = Stage::new();
    let (a, b) = (stage.bank("a.sqlite", 500, ""), stage.bank("b.sqlite", 500, ""));
    let path = b.live.clone();
    let attached = format!("ATTACH '{}' AS a", a.live.display());
    let app = std::thread::spawn(move || {
        let db = Connection::open(path).unwrap();
        db.execute_batch(&attached).unwrap();
        db.busy_timeout(Duration::from_millis(1000)).unwrap();
        let end = Instant::now() + 2 * SHORT;
        let mut done = 0;
        while Instant::now() < end {
            let sql = "BEGIN; UPDATE main.account SET notes = randomblob(9) WHERE id = 1;
                       UPDATE a.account SET notes = randomblob(9) WHERE id = 1; COMMIT";
            match db.execute_batch(sql) {
                Ok(()) => done += 1,
                Err(_) => db.execute_batch("ROLLBACK").unwrap(),
            }
        }
        done
    });
    live::replace(vec![a, b], PATIENCE, &Control::silent()).unwrap();
    assert!(app.join().unwrap() > 10);
    for name in ["a.sqlite", "b.sqlite"] {
        assert_eq!(era(&stage.root.join(name)), 2);
    }
}

#[test]
fn waiting_can_be_cancelled() {
    let stage = Stage::new();
    let one = stage.bank("bank.sqlite", 500, "");
    for held in [WRITE, "BEGIN EXCLUSIVE"] {
        let holder = Process::start(&format!("hold:{held}"), &one.live);
        let control = Control::silent();
        let restoring = {
            let (one, control) = (again(&one), control.clone());
            std::thread::spawn(move || live::replace(vec![one], Duration::from_secs(60), &control))
        };
        std::thread::sleep(SHORT);
        let begun = Instant::now();
        control.cancel();
        assert!(matches!(restoring.join().unwrap(), Err(Error::Aborted)));
        assert!(begun.elapsed() < 3 * SHORT);
        assert_eq!(holder.stop(), "held");
        assert_eq!(era(&one.live), 1);
    }
}
