//! What is noticed, and what is remembered.

use std::fs;

use lifeboat_engine::config::Size;
use lifeboat_engine::report::*;
use lifeboat_engine::watch::{Event, Watch};
use lifeboat_engine::{Control, Engine, vault};

use crate::support::*;

const HOUR: i64 = 3_600_000;
/// 2025-03-01, 12:00 UTC.
const START: i64 = 1_740_830_400_000;

fn at(now: i64) -> Control {
    Control::silent().with_clock(move || now)
}

fn backup_at(bot: &Bot, kind: BackupType, now: i64) -> BackupResult {
    bot.engine().create_backup(kind, &BackupOptions::default(), &at(now)).unwrap()
}

fn events(bot: &Bot) -> Vec<Event> {
    Watch::new(&bot.config).events().unwrap()
}

/// Takes all that wait, and says what they were.
fn take(bot: &Bot) -> Vec<String> {
    let watch = Watch::new(&bot.config);
    let events = events(bot);
    events.iter().for_each(|event| watch.take(event.id, None, START).unwrap());
    assert_eq!(watch.events().unwrap(), []);
    events.into_iter().map(|event| event.event).collect()
}

#[test]
fn backups_that_stop_are_told_once_a_day_until_there_is_one_again() {
    let bot = Bot::new();
    backup_at(&bot, BackupType::Hourly, START);
    assert_eq!(take(&bot), ["backup:success"]);
    let watch = Watch::new(&bot.config);
    assert!(watch.notice(None, START, START + 26 * HOUR).unwrap().is_empty());
    assert_eq!(take(&bot), [""; 0]);
    for minute in 1..60 {
        assert!(watch.notice(None, START, START + 26 * HOUR + minute * 60_000).unwrap().is_empty());
    }
    let told = events(&bot);
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].value["limitMs"], 26 * HOUR);
    assert_eq!(take(&bot), ["backup:stale"]);
    assert!(watch.notice(None, START, START + 50 * HOUR).unwrap().is_empty());
    assert_eq!(take(&bot), [""; 0]);
    assert!(watch.notice(None, START, START + 51 * HOUR).unwrap().is_empty());
    assert_eq!(take(&bot), ["backup:stale"]);
    backup_at(&bot, BackupType::Hourly, START + 52 * HOUR);
    assert_eq!(take(&bot), ["backup:success"]);
    assert!(watch.notice(None, START, START + 52 * HOUR + 27 * HOUR).unwrap().is_empty());
    assert_eq!(take(&bot), ["backup:stale"]);
}

#[test]
fn a_vault_that_fills_up_is_told_at_80_and_at_95_percent() {
    let mut bot = Bot::empty();
    bot.write("uploads/a.jpg", &noise(4 << 20, 1));
    backup_at(&bot, BackupType::Manual, START);
    take(&bot);
    let used = vault::usage(&bot.vault()).unwrap().used;
    let mut at_percent = |percent: u64| {
        bot.config.max_local_storage = Size(used * 100 / percent);
        assert!(Watch::new(&bot.config).notice(None, START, START).unwrap().is_empty());
        take(&bot)
    };
    assert_eq!(at_percent(70), [""; 0]);
    assert_eq!(at_percent(85), ["storage:warning"]);
    assert_eq!(at_percent(86), [""; 0]);
    assert_eq!(at_percent(97), ["storage:warning"]);
    assert_eq!(at_percent(99), [""; 0]);
    // A little below a limit, and above it again, is no news.
    assert_eq!(at_percent(94), [""; 0]);
    assert_eq!(at_percent(96), [""; 0]);
    assert_eq!(at_percent(78), [""; 0]);
    assert_eq!(at_percent(82), [""; 0]);
    assert_eq!(at_percent(50), [""; 0]);
    assert_eq!(at_percent(85), ["storage:warning"]);
}

#[test]
fn what_happens_is_kept_in_order_whoever_asked_for_it() {
    let bot = Bot::new();
    let first = backup_at(&bot, BackupType::Manual, START).backup;
    fs::rename(bot.root(), bot.dir.path().join("away")).unwrap();
    assert!(bot.engine().create_backup(BackupType::Manual, &BackupOptions::default(), &at(START + 1)).is_err());
    fs::rename(bot.dir.path().join("away"), bot.root()).unwrap();
    bot.engine().for_host().create_backup(BackupType::Manual, &BackupOptions::default(), &at(START + 2)).unwrap();
    let waiting = events(&bot);
    let kinds: Vec<&str> = waiting.iter().map(|event| event.event.as_str()).collect();
    assert_eq!(kinds, ["backup:success", "backup:failure", "backup:success"]);
    assert_eq!(waiting[0].value["backup"], first.as_str());
    assert_eq!(waiting[1].value["code"], "E_SOURCE");
}

#[test]
fn what_was_cancelled_or_met_another_operation_is_no_bad_news() {
    let bot = Bot::new();
    backup_at(&bot, BackupType::Manual, START);
    take(&bot);
    let lock = vault::lock::Lock::acquire(&bot.vault(), "BACKUP HOURLY", false, &at(START)).unwrap();
    let refused = bot.engine().create_backup(BackupType::Manual, &BackupOptions::default(), &at(START + 1));
    assert_eq!(refused.unwrap_err().code(), "E_BUSY");
    let restore = |control: &Control| {
        let restored = bot.engine().restore(&BackupRef::Name("latest".into()), &RestoreOptions::default(), control);
        restored.unwrap_err().code()
    };
    assert_eq!(restore(&at(START + 2)), "E_BUSY");
    drop(lock);
    let cancelled = at(START + 3);
    cancelled.cancel();
    let ended = bot.engine().create_backup(BackupType::Daily, &BackupOptions::default(), &cancelled);
    assert_eq!(ended.unwrap_err().code(), "E_ABORTED");
    assert_eq!(events(&bot), []);
    // What was refused did nothing; what was cancelled had begun.
    let runs = bot.engine().history(&HistoryFilter::default()).unwrap();
    let seen: Vec<_> = runs.iter().map(|run| (run.kind, run.code.as_deref())).collect();
    assert_eq!(seen, [(Some(BackupType::Daily), Some("E_ABORTED")), (Some(BackupType::Manual), None)]);
    assert!(bot.engine().status().unwrap().last_failure.is_none());
}

#[test]
fn the_history_says_what_happened_and_survives_the_catalog() {
    let bot = Bot::new();
    let engine = bot.engine();
    let made = backup_at(&bot, BackupType::Daily, START);
    engine.verify(None, false, &at(START + 1000)).unwrap();
    engine.prune(&PruneOptions::default(), &at(START + 2000)).unwrap();
    let file = bot.dir.path().join("a.tar.gz");
    engine
        .export_backup(
            "latest",
            &file,
            &ExportOptions { encrypt: Some(false), ..Default::default() },
            &at(START + 3000),
        )
        .unwrap();
    engine.import_backup(&file, None, &at(START + 4000)).unwrap();
    fs::rename(bot.root(), bot.dir.path().join("away")).unwrap();
    assert!(engine.create_backup(BackupType::Hourly, &BackupOptions::default(), &at(START + 5000)).is_err());
    for name in ["catalog.sqlite", "catalog.sqlite-wal", "catalog.sqlite-shm"] {
        let _ = fs::remove_file(bot.vault().join(name));
    }
    let runs = engine.history(&HistoryFilter::default()).unwrap();
    let seen: Vec<(&str, RunResult)> = runs.iter().map(|run| (run.operation.as_str(), run.result)).collect();
    let success = RunResult::Success;
    let expected = [
        ("BACKUP", RunResult::Failure),
        ("IMPORT", success),
        ("EXPORT", success),
        ("PRUNE", success),
        ("VERIFY", success),
        ("BACKUP", success),
    ];
    assert_eq!(seen, expected);
    assert_eq!((runs[0].code.as_deref(), runs[0].kind), (Some("E_SOURCE"), Some(BackupType::Hourly)));
    assert_eq!((runs[5].at, runs[5].backup.as_ref(), runs[5].size), (START, Some(&made.backup), Some(made.size)));
    let filter = HistoryFilter { operation: Some("backup".into()), limit: Some(1), ..Default::default() };
    assert_eq!(engine.history(&filter).unwrap().len(), 1);
    let filter = HistoryFilter { since: Some(START + 1000), until: Some(START + 2000), ..Default::default() };
    assert_eq!(engine.history(&filter).unwrap().len(), 2);
}

#[test]
fn a_logbook_that_is_damaged_is_set_aside_and_nothing_else_suffers() {
    let bot = Bot::new();
    bot.backup(BackupType::Manual);
    let logbook = bot.vault().join("logbook.sqlite");
    let mut holed = fs::read(&logbook).unwrap();
    holed[4096..].fill(0xa5);
    for nonsense in [&b"not a database at all, but long enough to look at"[..], &[0; 4096], b"", &holed] {
        for suffix in ["-wal", "-shm"] {
            let _ = fs::remove_file(bot.vault().join(format!("logbook.sqlite{suffix}")));
        }
        fs::write(&logbook, nonsense).unwrap();
        bot.backup(BackupType::Manual);
        assert!(bot.engine().status().is_ok());
        assert_eq!(bot.engine().history(&HistoryFilter::default()).unwrap().len(), 1);
    }
    // One that cannot even be opened.
    fs::remove_file(&logbook).unwrap();
    fs::create_dir(&logbook).unwrap();
    bot.backup(BackupType::Manual);
    let problems = bot.engine().status().unwrap().problems;
    assert!(problems.iter().any(|problem| problem.message.contains("What happened cannot be read")), "{problems:?}");
    assert!(bot.engine().history(&HistoryFilter::default()).is_err(), "it is not said that nothing happened");
    // What it was seen to the schedule knows from the backups.
    let now = jiff::Timestamp::now().as_millisecond();
    let look = Watch::new(&bot.config).look(Some("UTC"), now, now).unwrap();
    assert!(look.backup.is_none() && look.wake.is_some_and(|wake| wake > now), "{look:?}");
    bot.engine().inspect(&Control::silent()).unwrap();
    fs::remove_dir(&logbook).unwrap();
    bot.backup(BackupType::Manual);
    // One of a newer Lifeboat is left as it is.
    rusqlite::Connection::open(&logbook).unwrap().execute_batch("PRAGMA user_version = 9").unwrap();
    bot.backup(BackupType::Manual);
    let version: i64 =
        rusqlite::Connection::open(&logbook).unwrap().query_row("PRAGMA user_version", [], |row| row.get(0)).unwrap();
    assert_eq!(version, 9);
}

#[test]
fn a_rehearsal_restores_the_newest_backup_and_notices_what_does_not_come_back() {
    let bot = Bot::new();
    let name = backup_at(&bot, BackupType::Daily, START).backup;
    let inspected = bot.engine().inspect(&at(START + HOUR)).unwrap();
    let rehearsal = inspected.rehearsal.expect("the first inspection rehearses");
    assert!(inspected.verify.ok && rehearsal.ok, "{rehearsal:?}");
    assert!(rehearsal.bytes > 0);
    assert_eq!(fs::read_dir(bot.vault().join("tmp")).unwrap().count(), 0);
    assert_eq!(bot.engine().list_backups(&ListFilter::default()).unwrap()[0].verified_at, Some(START + HOUR));
    // Not every day.
    assert!(bot.engine().inspect(&at(START + 25 * HOUR)).unwrap().rehearsal.is_none());
    take(&bot);
    // A pack rots: the next rehearsal notices, the status says so, and a full backup with a verification makes it good.
    let pack = bot.packs().remove(0);
    let mut bytes = fs::read(&pack).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&pack, bytes).unwrap();
    let inspected = bot.engine().inspect(&at(START + 8 * 24 * HOUR)).unwrap();
    let rehearsal = inspected.rehearsal.unwrap();
    assert!(!rehearsal.ok && rehearsal.damaged[0].backups == [name], "{rehearsal:?}");
    assert!(take(&bot).contains(&"integrity:failure".into()));
    let problems = bot.engine().status().unwrap().problems;
    assert!(problems.iter().any(|problem| problem.code == "E_CORRUPT"), "{problems:?}");
    backup_at(&bot, BackupType::Daily, START + 9 * 24 * HOUR);
    bot.engine().prune(&PruneOptions::default(), &at(START + 9 * 24 * HOUR)).unwrap();
    let inspected = bot.engine().inspect(&at(START + 16 * 24 * HOUR)).unwrap();
    assert!(inspected.rehearsal.unwrap().ok);
}

#[test]
fn a_rehearsal_takes_no_more_than_half_of_the_room_that_is_left_and_says_where_that_is_too_little() {
    let mut bot = Bot::empty();
    let disk = SmallDisk::mount(&bot.dir.path().join("disk"), "size=100m");
    bot.config.backup_dir = disk.0.join("vault");
    bot.write("config.json", b"{}");
    bot.database("database.sqlite", 200_000);
    bot.write("uploads/a.jpg", &noise(10 << 20, 1));
    backup_at(&bot, BackupType::Daily, START);
    let rehearse = |day: i64| bot.engine().inspect(&at(START + day * 24 * HOUR)).unwrap().rehearsal;
    let whole = rehearse(0).unwrap();
    assert!(whole.ok && whole.bytes > 10 << 20, "{whole:?}");
    disk.resize("30m");
    let without_media = rehearse(8).unwrap();
    assert!(without_media.ok && (1 << 20..10 << 20).contains(&without_media.bytes), "{without_media:?}");
    disk.resize("16m");
    take(&bot);
    for day in [16, 17] {
        let none = bot.engine().inspect(&at(START + day * 24 * HOUR)).unwrap_err();
        assert!(none.to_string().contains("too little room"), "{none}");
    }
    // That is no damage, and told once.
    assert_eq!(take(&bot), ["inspection:failure"]);
    let problems = bot.engine().status().unwrap().problems;
    assert!(problems.iter().any(|problem| problem.code == "E_RESTORE"), "{problems:?}");
    // Tomorrow it is tried again.
    disk.resize("100m");
    assert!(rehearse(18).is_some_and(|report| report.ok));
    assert!(rehearse(19).is_none());
    assert!(!bot.engine().status().unwrap().problems.iter().any(|problem| problem.code == "E_RESTORE"));
}

#[test]
fn a_month_of_inspections_reads_every_pack_and_finds_damage_wherever_it_is() {
    let bot = Bot::empty();
    for n in 0..10 {
        bot.write(&format!("uploads/{n}.jpg"), &noise(1 << 20, n));
        backup_at(&bot, BackupType::Manual, START + n as i64);
    }
    let packs = bot.packs();
    let now = jiff::Timestamp::now().as_millisecond();
    let victim = &packs[packs.len() / 2];
    let mut bytes = fs::read(victim).unwrap();
    bytes[5000] ^= 1;
    fs::write(victim, bytes).unwrap();
    let mut read = 0;
    let mut found = None;
    for day in 0..28 {
        let report = bot.engine().inspect(&at(now + day * 24 * HOUR)).unwrap().verify;
        read += report.packs;
        if !report.ok {
            found.get_or_insert(day);
        }
    }
    assert!(found.is_some());
    assert!(read >= packs.len() as u64, "{read}");
    assert!(read <= 28 + 28 + packs.len() as u64, "it reads a part each day, and what is damaged again: {read}");
}

#[test]
fn an_archive_that_rots_is_noticed_and_written_anew() {
    let bot = Bot::new();
    let now = jiff::Timestamp::now().as_millisecond();
    let day = |day: i64| at(now + day * 24 * HOUR);
    let weekly = bot.engine().run_scheduled(BackupType::Weekly, &[], false, &at(now)).unwrap();
    let archive = bot.vault().join("archives").join(format!("{}.tar.gz", weekly.backup));
    let object = format!("archives/{}.tar.gz", weekly.backup);
    let whole = bot.engine().inspect(&day(1)).unwrap().verify;
    assert!(whole.bytes < bot.engine().verify(None, false, &day(1)).unwrap().bytes, "it is not its turn");
    let rot = |at: usize| {
        let mut bytes = fs::read(&archive).unwrap();
        bytes[at] ^= 1;
        bytes.truncate(bytes.len() - at % 2);
        fs::write(&archive, bytes).unwrap();
    };
    for (n, place) in [(0, 100), (1, 5001), (2, 0)] {
        rot(place);
        // Whoever asks is told; nothing is changed.
        if n == 1 {
            let report = bot.engine().verify(None, false, &day(2)).unwrap();
            assert_eq!(
                (report.damaged.len(), &report.damaged[0].object, report.damaged[0].healed),
                (1, &object, false)
            );
            assert!(!bot.engine().status().unwrap().healthy);
        }
        take(&bot);
        let report = bot.engine().inspect(&day(15 * (n + 1))).unwrap().verify;
        assert_eq!((report.damaged.len(), &report.damaged[0].object, report.damaged[0].healed), (1, &object, true));
        assert_eq!(take(&bot), ["integrity:failure"]);
        assert!(bot.engine().status().unwrap().healthy);
        assert!(bot.engine().verify(None, false, &day(2)).unwrap().ok);
    }
    let other = Bot::empty();
    let imported = other.engine().import_backup(&archive, None, &Control::silent()).unwrap().backup;
    assert_same_tree(&tree(&bot.root()), &tree(&other.restore(&imported)));
}

#[test]
fn status_says_what_is_wrong_and_since_when() {
    let bot = Bot::new();
    let engine = bot.engine();
    assert_eq!(engine.status().unwrap().problems[0].code, "E_NOT_FOUND");
    bot.backup(BackupType::Hourly);
    let status = engine.status().unwrap();
    assert!(status.healthy && status.last_failure.is_none(), "{status:?}");
    // A command made it, so commands make them; when the next one comes only cron knows.
    assert_eq!((status.schedule.by, status.schedule.next), (Maker::Commands, None));
    fs::rename(bot.root(), bot.dir.path().join("away")).unwrap();
    bot.try_backup(BackupType::Daily).unwrap_err();
    fs::rename(bot.dir.path().join("away"), bot.root()).unwrap();
    let first = engine.status().unwrap();
    assert_eq!(first.problems[0].code, "E_SOURCE");
    assert_eq!(first.last_failure.as_ref().unwrap().kind, BackupType::Daily);
    std::thread::sleep(std::time::Duration::from_millis(5));
    assert_eq!(engine.status().unwrap().problems[0].since, first.problems[0].since);
    bot.backup(BackupType::Hourly);
    assert!(engine.status().unwrap().healthy);
}

#[test]
fn a_run_whose_process_was_killed_is_remembered_as_that() {
    let bot = Bot::new();
    bot.backup(BackupType::Manual);
    // As a worker leaves it that is killed.
    let running = Run {
        result: RunResult::Running,
        at: START,
        ..bot.engine().history(&HistoryFilter::default()).unwrap().remove(0)
    };
    lifeboat_engine::watch::Logbook::open(&bot.vault()).unwrap().begin(&running).unwrap();
    bot.backup(BackupType::Manual);
    let runs = bot.engine().history(&HistoryFilter::default()).unwrap();
    let results: Vec<_> = runs.iter().map(|run| run.result).collect();
    assert_eq!(results, [RunResult::Success, RunResult::Interrupted, RunResult::Success]);
    assert_eq!(runs[1].code.as_deref(), Some("E_WORKER"));
    // And it is told.
    let told: Vec<Event> = events(&bot).into_iter().filter(|event| event.event == "backup:failure").collect();
    assert_eq!((told.len(), told[0].value["code"].as_str()), (1, Some("E_WORKER")));
}

#[test]
fn a_backup_that_was_whole_when_its_process_was_killed_has_succeeded() {
    let bot = Bot::new();
    backup_at(&bot, BackupType::Daily, START);
    take(&bot);
    let made = backup_at(&bot, BackupType::Hourly, START + HOUR);
    // As a worker leaves it that is killed after its snapshot was there.
    let database = rusqlite::Connection::open(bot.vault().join("logbook.sqlite")).unwrap();
    let sql = "UPDATE runs SET result = 'running', run = json_remove(json_set(run, '$.result', 'running'), '$.backup')
               WHERE type = 'HOURLY'";
    database.execute(sql, []).unwrap();
    database.execute_batch("DELETE FROM events; UPDATE schedule SET seen = 0 WHERE type = 'HOURLY'").unwrap();
    bot.engine().prune(&PruneOptions::default(), &at(START + 2 * HOUR)).unwrap();
    let runs = bot.engine().history(&HistoryFilter { operation: Some("BACKUP".into()), ..Default::default() }).unwrap();
    assert_eq!((runs[0].result, runs[0].backup.as_ref()), (RunResult::Success, Some(&made.backup)));
    let told = events(&bot);
    assert_eq!((told.len(), told[0].event.as_str()), (1, "backup:success"));
    assert_eq!(told[0].value["items"], made.items);
    let ledger = lifeboat_engine::watch::ledger(&bot.vault(), START + 2 * HOUR).unwrap();
    assert_eq!(ledger.lines[&BackupType::Hourly].seen, START + HOUR);
}

#[test]
fn a_run_whose_host_ended_in_its_middle_is_told_and_one_that_was_cancelled_is_not() {
    let bot = Bot::new();
    backup_at(&bot, BackupType::Manual, START);
    for abandoned in [false, true] {
        take(&bot);
        let control = at(START + 1);
        if abandoned {
            control.abandon()
        } else {
            control.cancel()
        }
        bot.engine().create_backup(BackupType::Daily, &BackupOptions::default(), &control).unwrap_err();
        let expected = if abandoned { RunResult::Interrupted } else { RunResult::Failure };
        assert_eq!(bot.engine().history(&HistoryFilter::default()).unwrap()[0].result, expected);
        assert_eq!(take(&bot), if abandoned { vec!["backup:failure"] } else { vec![] });
    }
}

#[test]
fn what_no_vault_can_keep_goes_to_whoever_asked() {
    let bot = Bot::new();
    let untold = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    let heard = untold.clone();
    let control = at(START).with_untold(move |news| heard.lock().unwrap().push(news.name()));
    let backup = || bot.engine().create_backup(BackupType::Daily, &BackupOptions::default(), &control);
    fs::rename(bot.root(), bot.dir.path().join("away")).unwrap();
    backup().unwrap_err();
    fs::rename(bot.dir.path().join("away"), bot.root()).unwrap();
    assert_eq!(std::mem::take(&mut *untold.lock().unwrap()), ["backup:failure"]);
    backup().unwrap();
    assert!(untold.lock().unwrap().is_empty());
    for suffix in ["", "-wal", "-shm"] {
        let _ = fs::remove_file(bot.vault().join(format!("logbook.sqlite{suffix}")));
    }
    fs::create_dir(bot.vault().join("logbook.sqlite")).unwrap();
    backup().unwrap();
    assert_eq!(std::mem::take(&mut *untold.lock().unwrap()), ["backup:success"]);
    let stale = Watch::new(&bot.config).notice(None, START, START + 100 * HOUR).unwrap();
    assert_eq!(stale.iter().map(|news| news.name()).collect::<Vec<_>>(), ["backup:stale"]);
}

#[test]
fn backups_that_never_were_are_stale_and_those_that_only_the_catalog_forgot_are_not() {
    let bot = Bot::new();
    let watch = Watch::new(&bot.config);
    let told = |now: i64| watch.notice(None, START, now).unwrap().len();
    assert_eq!((told(START + 26 * HOUR), told(START + 27 * HOUR)), (0, 1), "there is no vault that could keep it");
    backup_at(&bot, BackupType::Hourly, START);
    take(&bot);
    for name in ["catalog.sqlite", "catalog.sqlite-wal", "catalog.sqlite-shm"] {
        let _ = fs::remove_file(bot.vault().join(name));
    }
    assert_eq!(told(START + 20 * HOUR), 0);
    assert_eq!(take(&bot), [""; 0]);
    assert!(bot.engine().status().unwrap().age.is_some());
}

#[test]
fn damage_in_one_backup_is_not_forgotten_because_another_one_is_whole() {
    let bot = Bot::empty();
    bot.write("a.bin", &noise(1 << 20, 1));
    let first = backup_at(&bot, BackupType::Manual, START).backup;
    let pack = bot.packs().remove(0);
    bot.write("a.bin", &noise(1 << 20, 2));
    let second = backup_at(&bot, BackupType::Manual, START + 1).backup;
    let mut bytes = fs::read(&pack).unwrap();
    bytes[5000] ^= 1;
    fs::write(&pack, bytes).unwrap();
    take(&bot);
    let engine = bot.engine();
    assert!(!engine.verify(Some(&first), false, &at(START + 2)).unwrap().ok);
    assert_eq!(take(&bot), ["integrity:failure"]);
    assert!(engine.verify(Some(&second), false, &at(START + 3)).unwrap().ok);
    assert!(!engine.verify(Some(&first), false, &at(START + 4)).unwrap().ok);
    assert_eq!(take(&bot), [""; 0], "it is told once");
    assert!(engine.status().unwrap().problems.iter().any(|problem| problem.code == "E_CORRUPT"));
    fs::remove_file(&pack).unwrap();
    fs::create_dir(&pack).unwrap();
    // A pack that cannot be read is no reason to read nothing.
    let report = engine.inspect(&at(START + 5));
    assert!(report.is_ok_and(|inspected| !inspected.verify.ok));
}

#[test]
fn whoever_meets_a_running_operation_is_told_how_far_it_is() {
    let bot = Bot::empty();
    bot.write("a.bin", b"1");
    bot.backup(BackupType::Manual);
    let control = Control::silent();
    let lock = lifeboat_engine::vault::lock::Lock::acquire(&bot.vault(), "BACKUP DAILY", false, &control).unwrap();
    let told = lock.told(&control);
    let progress = Progress { phase: "reading".into(), bytes: 43, total_bytes: Some(100), ..Progress::default() };
    std::thread::sleep(std::time::Duration::from_millis(1100));
    told.report(&progress);
    let error = bot.try_backup(BackupType::Manual).unwrap_err();
    assert_eq!(error.code(), "E_BUSY");
    assert!(error.to_string().contains("BACKUP DAILY") && error.to_string().contains("reading: 43 %"), "{error}");
    let running = bot.engine().status().unwrap().running.unwrap();
    assert_eq!(running.progress, Some(progress));
    drop(lock);
    bot.backup(BackupType::Manual);
}

#[test]
fn a_clock_that_was_years_ahead_costs_no_backup() {
    let bot = Bot::new();
    let real = jiff::Timestamp::now().as_millisecond();
    backup_at(&bot, BackupType::Hourly, real - HOUR);
    let ahead = real + 10 * 365 * 24 * HOUR;
    for n in 0..30 {
        bot.write("config.json", format!("{{\"n\":{n}}}").as_bytes());
        let result = bot.engine().run_scheduled(BackupType::Hourly, &[], false, &at(ahead + n * HOUR)).unwrap();
        assert!(result.warnings.is_empty());
    }
    // The clock is right again.
    let engine: Engine = bot.engine();
    let newest = engine.run_scheduled(BackupType::Hourly, &[], false, &at(real)).unwrap().backup;
    let names: Vec<_> =
        engine.list_backups(&ListFilter::default()).unwrap().into_iter().map(|info| info.backup).collect();
    assert!(names.contains(&newest));
    assert_eq!(vault_latest(&bot), newest);
    assert!(engine.status().unwrap().age.is_some_and(|age| age < HOUR));
    assert!(lifeboat_engine::watch::ledger(&bot.vault(), real + HOUR).unwrap().lines[&BackupType::Hourly].seen == real);
    assert!(bot.verify(true).ok);
}

fn vault_latest(bot: &Bot) -> String {
    let target = bot.dir.path().join("latest");
    let options = RestoreOptions { target: Some(target), ..RestoreOptions::default() };
    bot.engine().restore(&BackupRef::Name("latest".into()), &options, &Control::silent()).unwrap().backup
}

#[test]
fn one_backup_behind_another_is_never_taken_for_one_that_was_cut_off() {
    let bot = Bot::empty();
    bot.write("a.bin", b"1");
    bot.backup(BackupType::Manual);
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                for _ in 0..6 {
                    let options = BackupOptions { wait: true, ..BackupOptions::default() };
                    bot.engine().create_backup(BackupType::Manual, &options, &Control::silent()).unwrap();
                }
            });
        }
    });
    let runs = bot.engine().history(&HistoryFilter::default()).unwrap();
    assert_eq!(runs.len(), 19);
    assert!(runs.iter().all(|run| run.result == RunResult::Success), "{runs:?}");
}
