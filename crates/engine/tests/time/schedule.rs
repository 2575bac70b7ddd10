//! The schedule lives in the vault: however many ask, and whenever they do, each run is made once.

use std::fs;
use std::sync::Mutex;

use lifeboat_engine::operations::{AnyOperation, RunDue};
use lifeboat_engine::report::*;
use lifeboat_engine::supervise::protocol::Failure;
use lifeboat_engine::vault::lock::Lock;
use lifeboat_engine::watch::lost::lost;
use lifeboat_engine::watch::{Watch, ledger};
use lifeboat_engine::{Control, vault};

use crate::support::*;

const HOUR: i64 = 3_600_000;
/// 2025-03-01, 12:00 UTC, a Saturday.
const START: i64 = 1_740_830_400_000;

fn at(now: i64) -> Control {
    Control::silent().with_clock(move || now)
}

fn run_due(bot: &Bot, now: i64) -> Option<BackupType> {
    bot.engine().run_due(Some("UTC"), &at(now)).unwrap().map(|made| made.kind)
}

fn runs(bot: &Bot) -> Vec<(Option<BackupType>, RunResult)> {
    let filter = HistoryFilter { operation: Some("BACKUP".into()), ..Default::default() };
    bot.engine().history(&filter).unwrap().iter().map(|run| (run.kind, run.result)).collect()
}

/// Makes the root unreadable for a while.
fn without_root<T>(bot: &Bot, work: impl FnOnce() -> T) -> T {
    let away = bot.dir.path().join("away");
    fs::rename(bot.root(), &away).unwrap();
    let done = work();
    fs::rename(&away, bot.root()).unwrap();
    done
}

#[test]
fn the_first_backup_is_due_at_once_and_the_next_by_the_schedule() {
    let bot = Bot::new();
    assert!(Watch::new(&bot.config).look(Some("UTC"), START, START + 60_000).unwrap().backup.is_some());
    assert_eq!(run_due(&bot, START + 60_000), Some(BackupType::Hourly));
    assert_eq!(run_due(&bot, START + 120_000), None);
    let look = Watch::new(&bot.config).look(Some("UTC"), START, START + 120_000).unwrap();
    assert_eq!((look.backup.is_none(), look.wake), (true, Some(START + HOUR)));
    assert_eq!(run_due(&bot, START + HOUR), Some(BackupType::Hourly));
    assert_eq!(run_due(&bot, START + 14 * HOUR), Some(BackupType::Daily));
}

#[test]
fn of_many_that_come_at_once_one_makes_it() {
    let bot = Bot::new();
    bot.engine().create_backup(BackupType::Manual, &BackupOptions::default(), &at(START)).unwrap();
    for hour in 1..4 {
        let made = Mutex::new(Vec::new());
        std::thread::scope(|scope| {
            for _ in 0..6 {
                scope.spawn(|| made.lock().unwrap().extend(run_due(&bot, START + hour * HOUR)));
            }
        });
        assert_eq!(made.into_inner().unwrap(), [BackupType::Hourly]);
    }
    assert_eq!(runs(&bot).len(), 4);
}

#[test]
fn what_failed_is_tried_again_an_hour_later_and_once_whoever_asks() {
    let bot = Bot::new();
    bot.engine().create_backup(BackupType::Manual, &BackupOptions::default(), &at(START)).unwrap();
    let mut bot = bot;
    for kind in [BackupType::Hourly, BackupType::Weekly] {
        let off = lifeboat_engine::config::ScheduleConfig { enabled: Some(false), ..Default::default() };
        bot.config.schedules.insert(kind, off);
    }
    let due = START + 14 * HOUR;
    without_root(&bot, || {
        assert!(bot.engine().run_due(Some("UTC"), &at(due)).is_err());
        assert_eq!(run_due(&bot, due + HOUR / 2), None);
        assert!(bot.engine().run_due(Some("UTC"), &at(due + HOUR)).is_err());
        assert_eq!(run_due(&bot, due + 5 * HOUR), None);
    });
    assert_eq!(runs(&bot).len(), 3);
    assert_eq!(run_due(&bot, due + 24 * HOUR), Some(BackupType::Daily), "by the schedule");
}

#[test]
fn what_was_cancelled_or_cut_off_is_tried_again_too() {
    let bot = Bot::new();
    bot.engine().create_backup(BackupType::Manual, &BackupOptions::default(), &at(START)).unwrap();
    let cancelled = at(START + HOUR);
    cancelled.cancel();
    assert_eq!(bot.engine().run_due(Some("UTC"), &cancelled).unwrap_err().code(), "E_ABORTED");
    assert_eq!(run_due(&bot, START + HOUR + 60_000), None);
    assert_eq!(run_due(&bot, START + 2 * HOUR), Some(BackupType::Hourly));
    // As it is left by a machine that goes down.
    let book = rusqlite::Connection::open(bot.vault().join("logbook.sqlite")).unwrap();
    let run = serde_json::json!({ "operation": "BACKUP", "type": "HOURLY", "at": START + 3 * HOUR, "durationMs": 0,
        "result": "running", "scheduled": true });
    let sql = "INSERT INTO runs (at, operation, type, result, run) VALUES (?1, 'BACKUP', 'HOURLY', 'running', ?2)";
    book.execute(sql, rusqlite::params![START + 3 * HOUR, run.to_string()]).unwrap();
    assert_eq!(run_due(&bot, START + 3 * HOUR + 60_000), None, "it is known how it ended, and tried again later");
    assert_eq!(runs(&bot)[0], (Some(BackupType::Hourly), RunResult::Interrupted));
    assert_eq!(run_due(&bot, START + 4 * HOUR), Some(BackupType::Hourly));
}

#[test]
fn a_worker_that_could_not_start_is_in_the_history_and_tried_again() {
    let bot = Bot::new();
    bot.engine().create_backup(BackupType::Manual, &BackupOptions::default(), &at(START)).unwrap();
    let failure = Failure { code: "E_WORKER".into(), message: "The worker cannot be started.".into() };
    let operation = AnyOperation::RunDue(RunDue { zone: Some("UTC".into()) });
    assert!(lost(&bot.config, &operation, &failure, false, START + HOUR).is_none(), "it is kept");
    assert_eq!(runs(&bot)[0], (Some(BackupType::Hourly), RunResult::Failure));
    let told = Watch::new(&bot.config).events().unwrap();
    assert_eq!(told.iter().filter(|event| event.event == "backup:failure").count(), 1);
    assert_eq!(run_due(&bot, START + HOUR + 60_000), None);
    assert_eq!(run_due(&bot, START + 2 * HOUR), Some(BackupType::Hourly));
    // Without a vault nothing can keep it.
    let empty = Bot::new();
    assert!(
        lost(&empty.config, &operation, &failure, false, START).is_some_and(|news| news.name() == "backup:failure")
    );
}

#[test]
fn a_worker_that_is_lost_while_somebody_is_at_work_is_written_down_later_and_told_once() {
    let bot = Bot::new();
    bot.engine().create_backup(BackupType::Manual, &BackupOptions::default(), &at(START)).unwrap();
    let failure = Failure { code: "E_WORKER".into(), message: "The worker cannot be started.".into() };
    let operation = AnyOperation::RunDue(RunDue { zone: Some("UTC".into()) });
    let held = Lock::acquire(&bot.vault(), "PRUNE", false, &Control::silent()).unwrap();
    let untold = lost(&bot.config, &operation, &failure, false, START + HOUR);
    assert_eq!(untold.map(|news| news.name()), Some("backup:failure"));
    drop(held);
    assert!(lost(&bot.config, &operation, &failure, true, START + HOUR).is_none());
    assert_eq!(runs(&bot)[0], (Some(BackupType::Hourly), RunResult::Failure));
    let kept = Watch::new(&bot.config).events().unwrap();
    assert!(kept.iter().all(|event| event.event != "backup:failure"), "it was told from memory");
}

#[test]
fn a_pause_is_no_alarm_and_is_what_is_said_of_old_backups() {
    let bot = Bot::new();
    let engine = bot.engine();
    engine.create_backup(BackupType::Manual, &BackupOptions::default(), &at(START)).unwrap();
    let watch = Watch::new(&bot.config);
    let stale = |now: i64| {
        watch.look(Some("UTC"), START, now).unwrap();
        let events = watch.events().unwrap();
        events.iter().filter(|event| event.event == "backup:stale").count()
    };
    let ends = START + 96 * HOUR;
    engine.pause(ends, &at(START)).unwrap();
    let message =
        |now: i64| lifeboat_engine::watch::status(&bot.config, None, now).unwrap().problems[0].message.clone();
    assert_eq!(stale(START + 72 * HOUR), 0);
    let paused = message(START + 72 * HOUR);
    assert!(paused.contains("paused until 2025-03-05") && paused.contains("lifeboat resume"), "{paused}");
    assert!(!paused.contains("Is the scheduler running?"));
    assert_eq!(watch.look(Some("UTC"), START, START + 72 * HOUR).unwrap().paused, Some(ends));
    // When it ends there is time to make one, also where it is ended by hand.
    assert_eq!(stale(ends + 1), 0);
    engine.pause(ends + 10 * HOUR, &at(ends + 2)).unwrap();
    engine.resume(&at(ends + HOUR)).unwrap();
    assert_eq!(watch.look(Some("UTC"), START, ends + HOUR + 1).unwrap().paused, None);
    assert_eq!(stale(ends + HOUR + 1), 0);
    assert_eq!(stale(ends + 48 * HOUR), 1, "and then it is one");
    assert!(message(ends + 48 * HOUR).contains("Is the scheduler running?"));
    for far in [i64::MAX, ends + 11 * 366 * 24 * HOUR] {
        assert_eq!(engine.pause(far, &at(ends)).unwrap_err().code(), "E_CONFIG");
    }
}

#[test]
fn a_pause_holds_for_everybody_and_ends_by_itself() {
    let bot = Bot::new();
    let engine = bot.engine();
    assert_eq!(engine.pause(START, &at(START - 1)).unwrap_err().code(), "E_NOT_FOUND");
    engine.create_backup(BackupType::Manual, &BackupOptions::default(), &at(START)).unwrap();
    assert_eq!(engine.pause(START, &at(START)).unwrap_err().code(), "E_CONFIG");
    engine.pause(START + 24 * HOUR, &at(START)).unwrap();
    assert_eq!(run_due(&bot, START + 3 * HOUR), None);
    let status = lifeboat_engine::watch::status(&bot.config, None, START + HOUR).unwrap();
    assert_eq!(status.schedule.paused, Some(START + 24 * HOUR));
    engine.create_backup(BackupType::Manual, &BackupOptions::default(), &at(START + 4 * HOUR)).unwrap();
    assert_eq!(run_due(&bot, START + 24 * HOUR), Some(BackupType::Weekly), "what was missed is made up once");
    engine.pause(START + 48 * HOUR, &at(START + 24 * HOUR)).unwrap();
    engine.resume(&at(START + 24 * HOUR)).unwrap();
    assert_eq!(run_due(&bot, START + 25 * HOUR), Some(BackupType::Hourly));
}

#[test]
fn an_inspection_is_made_once_however_many_ask() {
    let bot = Bot::new();
    bot.engine().create_backup(BackupType::Manual, &BackupOptions::default(), &at(START)).unwrap();
    let inspect = |now: i64| bot.engine().inspect_due(Some("UTC"), &at(now)).unwrap().is_some();
    assert!(!inspect(START + HOUR));
    let made = Mutex::new(0);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| *made.lock().unwrap() += usize::from(inspect(START + 18 * HOUR)));
        }
    });
    assert_eq!(made.into_inner().unwrap(), 1);
    assert!(!inspect(START + 19 * HOUR) && inspect(START + 42 * HOUR));
}

#[test]
fn while_another_operation_is_at_work_nothing_is_started() {
    let bot = Bot::new();
    bot.engine().create_backup(BackupType::Manual, &BackupOptions::default(), &at(START)).unwrap();
    let lock = vault::lock::Lock::acquire(&bot.vault(), "BACKUP DAILY", false, &at(START)).unwrap();
    assert!(Watch::new(&bot.config).look(Some("UTC"), START, START + HOUR).unwrap().backup.is_none());
    assert_eq!(run_due(&bot, START + HOUR), None);
    assert_eq!(runs(&bot).len(), 1, "nothing happened");
    drop(lock);
    assert!(ledger(&bot.vault(), START + HOUR).unwrap().lines.contains_key(&BackupType::Weekly));
    assert_eq!(run_due(&bot, START + HOUR), Some(BackupType::Hourly));
}
