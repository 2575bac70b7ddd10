//! An app that runs while files come back: it has them in memory, and writes them again.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use lifeboat_engine::presence::{Host, Presence, stillness};
use lifeboat_engine::report::*;
use lifeboat_engine::restore::afterwards::{RELOAD, RESTART};
use lifeboat_engine::watch::Logbook;

use crate::in_place::restore;
use crate::support::Bot;

const TICKETS: &str = "database/reports.json";

/// A bot with twenty tickets in a backup, and one on the disk; and the backup's name.
fn with_lost_tickets() -> (Bot, String) {
    let bot = Bot::new();
    bot.write(TICKETS, b"[\"twenty tickets\"]");
    let backup = bot.backup(BackupType::Manual).backup;
    bot.write(TICKETS, b"[\"one\"]");
    (bot, backup)
}

/// What the file says, read between an app's truncating it and writing it.
fn tickets(bot: &Bot) -> String {
    let read = || fs::read_to_string(bot.path(TICKETS)).unwrap();
    std::iter::repeat_with(read).find(|text| text.ends_with(']')).unwrap()
}

fn wanted(watch: bool) -> RestoreOptions {
    RestoreOptions { items: vec![TICKETS.into()], watch, ..RestoreOptions::default() }
}

/// A host as an app's process would be one.
fn app(vault: &Path, can: impl FnOnce(&mut Host)) -> Presence {
    let mut host =
        Host { id: "app".into(), process: "app".into(), pid: 4711, name: "bot.js".into(), ..Host::default() };
    can(&mut host);
    Presence::enter(vault, host).unwrap()
}

/// Does something again and again on a thread of its own, until it is dropped.
struct Meanwhile(Arc<AtomicBool>, Option<JoinHandle<()>>);

impl Meanwhile {
    fn each(pause: u64, mut work: impl FnMut() + Send + 'static) -> Meanwhile {
        let stop = Arc::<AtomicBool>::default();
        let seen = stop.clone();
        let thread = std::thread::spawn(move || {
            while !seen.load(Ordering::Relaxed) {
                work();
                std::thread::sleep(Duration::from_millis(pause));
            }
        });
        Meanwhile(stop, Some(thread))
    }
}

impl Drop for Meanwhile {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
        let ended = self.1.take().unwrap().join();
        assert!(ended.is_ok() || std::thread::panicking());
    }
}

/// Takes the events of the host `app`, as its listener would, after it has read the file.
fn listener(vault: PathBuf, read: impl Fn() + Send + 'static) -> Meanwhile {
    Meanwhile::each(10, move || {
        let logbook = Logbook::open(&vault).unwrap();
        for event in logbook.events().unwrap() {
            if event.event == RELOAD && event.value["host"] == "app" {
                let token = event.value["token"].as_str().unwrap();
                assert!(stillness::hold(&vault, token, "app", Duration::from_secs(5)).unwrap());
                read();
                logbook.acknowledge(event.id).unwrap();
            }
        }
    })
}

#[test]
fn an_app_that_reads_again_gets_it_under_its_feet_and_is_waited_for() {
    let (bot, backup) = with_lost_tickets();
    let _app = app(&bot.vault(), |host| host.reloads = true);
    let memory = Arc::new(std::sync::Mutex::new("one".to_string()));
    let (seen, path) = (memory.clone(), bot.path(TICKETS));
    let _listener = listener(bot.vault(), move || *seen.lock().unwrap() = fs::read_to_string(&path).unwrap());
    let started = Instant::now();
    let result = restore(&bot, &backup, wanted(true)).unwrap();
    assert_eq!(result.mode, Some(RestoreMode::Live), "{:?}", result.reason);
    assert_eq!(result.reloaded_by, ["bot.js (process 4711)"]);
    assert_eq!(*memory.lock().unwrap(), tickets(&bot), "it has read before the restore ends");
    assert!(result.advice.is_none() && result.overwritten.is_empty(), "{result:?}");
    assert!(started.elapsed() < Duration::from_secs(20), "who has read again is not watched");
}

#[test]
fn an_app_that_saves_without_a_pause_writes_nothing_over_what_is_being_restored() {
    let (bot, backup) = with_lost_tickets();
    let _app = app(&bot.vault(), |host| host.reloads = true);
    let (path, vault) = (bot.path(TICKETS), bot.vault());
    // As an app does with its one thread: it saves what it has in memory, and takes events in between.
    let (mut memory, mut number) = (vec!["one".to_string()], 0);
    let _app_thread = Meanwhile::each(1, move || {
        number += 1;
        memory.push(format!("ticket {number}"));
        fs::write(&path, serde_json::to_vec(&memory).unwrap()).unwrap();
        if number % 10 > 0 {
            return;
        }
        let logbook = Logbook::open(&vault).unwrap();
        for event in logbook.events().unwrap().iter().filter(|event| event.value["host"] == "app") {
            let token = event.value["token"].as_str().unwrap();
            assert!(stillness::hold(&vault, token, "app", Duration::from_secs(5)).unwrap());
            memory = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
            stillness::tell(&vault, token, "app", true);
            logbook.acknowledge(event.id).unwrap();
        }
    });
    for round in 0..10 {
        let result = restore(&bot, &backup, wanted(true)).unwrap();
        assert!(tickets(&bot).starts_with("[\"twenty tickets\""), "round {round}: {}", tickets(&bot));
        assert!(result.overwritten.is_empty() && result.advice.is_none(), "round {round}: {result:?}");
        std::thread::sleep(Duration::from_millis(30));
        assert!(tickets(&bot).starts_with("[\"twenty tickets\",\"ticket"), "it goes on from there: {}", tickets(&bot));
    }
}

#[test]
fn a_listener_that_fails_is_not_waited_for() {
    let (bot, backup) = with_lost_tickets();
    let _app = app(&bot.vault(), |host| host.reloads = true);
    let vault = bot.vault();
    let _listener = Meanwhile::each(10, move || {
        for event in Logbook::open(&vault).unwrap().events().unwrap() {
            if let Some(token) = event.value["token"].as_str() {
                stillness::hold(&vault, token, "app", Duration::from_secs(5)).unwrap();
                stillness::tell(&vault, token, "app", false);
            }
        }
    });
    let started = Instant::now();
    let result = restore(&bot, &backup, wanted(false)).unwrap();
    assert!(started.elapsed() < Duration::from_secs(30), "it was waited for");
    assert!(result.reloaded_by.is_empty());
    assert!(result.advice.unwrap().contains("Start it again now"));
}

#[test]
fn an_app_that_only_applies_restores_gets_all_of_it_at_its_next_start() {
    let (bot, backup) = with_lost_tickets();
    let running = app(&bot.vault(), |host| (host.applies, host.restarts) = (true, true));
    let result = restore(&bot, &backup, wanted(true)).unwrap();
    assert_eq!((result.mode, result.staged), (Some(RestoreMode::OnRestart), true), "{:?}", result.reason);
    assert!(result.advice.unwrap().contains("starting again"));
    let asked = Logbook::open(&bot.vault()).unwrap().events().unwrap();
    assert_eq!(asked.iter().filter(|event| event.event == RESTART && event.value["host"] == "app").count(), 1);
    assert_eq!(tickets(&bot), "[\"one\"]");
    // The app goes on until then.
    bot.write(TICKETS, b"[\"one\",\"two\"]");
    drop(running);
    bot.engine().apply_pending_restore(&lifeboat_engine::Control::silent()).unwrap().unwrap();
    assert_eq!(tickets(&bot), "[\"twenty tickets\"]");
}

#[test]
fn who_asked_for_the_next_start_decides_when_that_is() {
    let (bot, backup) = with_lost_tickets();
    let _app = app(&bot.vault(), |host| (host.applies, host.restarts) = (true, true));
    let options = RestoreOptions { mode: RestoreMode::OnRestart, ..wanted(true) };
    let result = restore(&bot, &backup, options).unwrap();
    assert!(result.advice.unwrap().contains("Start the bot again"));
    let events = Logbook::open(&bot.vault()).unwrap().events().unwrap();
    assert!(events.iter().all(|event| event.event != RESTART));
}

#[test]
fn one_of_a_cluster_that_does_not_read_again_is_reason_enough_to_wait_for_the_start() {
    let (bot, backup) = with_lost_tickets();
    let _one = app(&bot.vault(), |host| (host.applies, host.reloads) = (true, true));
    let _two = app(&bot.vault(), |host| {
        (host.id, host.process, host.applies) = ("other".into(), "other".into(), true);
    });
    let result = restore(&bot, &backup, RestoreOptions { dry_run: true, ..wanted(true) }).unwrap();
    assert_eq!(result.mode, Some(RestoreMode::OnRestart));
    // A script that only asks for something has nothing in memory.
    drop(_two);
    let _script = app(&bot.vault(), |host| (host.id, host.process) = ("script".into(), "script".into()));
    let result = restore(&bot, &backup, RestoreOptions { dry_run: true, ..wanted(true) }).unwrap();
    assert_eq!(result.mode, Some(RestoreMode::Live));
}

#[test]
fn photos_are_in_nobodys_memory() {
    let bot = Bot::new();
    let backup = bot.backup(BackupType::Manual).backup;
    let _app = app(&bot.vault(), |host| host.applies = true);
    fs::remove_dir_all(bot.path("uploads/reports")).unwrap();
    let result = restore(&bot, &backup, RestoreOptions::default()).unwrap();
    assert!(!result.staged, "{:?}", result.reason);
    assert!(bot.path("uploads/reports/2026/11/T1/a.jpg").is_file());
}

#[test]
fn what_an_app_writes_over_a_restored_file_is_told_loudly() {
    let (bot, backup) = with_lost_tickets();
    let _app = app(&bot.vault(), |host| host.scheduler = Some(1));
    let path = bot.path(TICKETS);
    let begun = Instant::now();
    let _writer = Meanwhile::each(50, move || {
        if begun.elapsed() > Duration::from_secs(2) && !fs::read_to_string(&path).unwrap().contains("two") {
            fs::write(&path, "[\"one\",\"two\"]").unwrap();
        }
    });
    let result = restore(&bot, &backup, wanted(true)).unwrap();
    assert_eq!(result.mode, Some(RestoreMode::Live), "{:?}", result.reason);
    assert_eq!(result.overwritten, [TICKETS]);
    assert!(result.advice.as_ref().unwrap().contains("Stop it"), "{:?}", result.advice);
    assert_eq!(tickets(&bot), "[\"one\",\"two\"]", "it is the app's");
    let [run, ..] = &bot.engine().history(&HistoryFilter::default()).unwrap()[..] else { panic!("no history") };
    assert_eq!((run.operation.as_str(), run.result), ("RESTORE", RunResult::Success));
    assert!(run.warnings.iter().any(|warning| warning.path == TICKETS), "{:?}", run.warnings);
    let events = Logbook::open(&bot.vault()).unwrap().events().unwrap();
    assert!(events.iter().any(|event| event.event == "restore:overwritten" && event.value["paths"][0] == TICKETS));
}

#[test]
fn a_log_that_grows_is_not_written_over() {
    let bot = Bot::new();
    let backup = bot.backup(BackupType::Manual).backup;
    let _app = app(&bot.vault(), |host| host.scheduler = Some(1));
    fs::write(bot.path("logs/out.log"), "short").unwrap();
    let path = bot.path("logs/out.log");
    let _writer = Meanwhile::each(20, move || {
        use std::io::Write;
        fs::File::options().append(true).open(&path).unwrap().write_all(b"one more line\n").unwrap();
    });
    let options = RestoreOptions { items: vec!["logs".into()], watch: false, ..RestoreOptions::default() };
    let result = restore(&bot, &backup, options).unwrap();
    std::thread::sleep(Duration::from_millis(100));
    assert!(result.overwritten.is_empty(), "{:?}", result.overwritten);
    assert!(result.advice.unwrap().contains("Start it again now"));
}

#[test]
fn an_app_that_rewrites_its_files_all_the_time_is_no_bad_disk() {
    let bot = Bot::new();
    let paths: Vec<PathBuf> = (0..12).map(|n| bot.path(&format!("database/state-{n}.json"))).collect();
    for path in &paths {
        fs::write(path, "[]").unwrap();
    }
    let backup = bot.backup(BackupType::Manual).backup;
    let mut round = 0;
    let _writer = Meanwhile::each(1, move || {
        round += 1;
        for path in &paths {
            fs::write(path, format!("[{round}]")).unwrap();
        }
    });
    let rounds = std::env::var("LIFEBOAT_REWRITES").map_or(15, |text| text.parse().unwrap());
    for round in 0..rounds {
        let options =
            RestoreOptions { watch: false, items: vec!["database".into(), "data".into()], ..RestoreOptions::default() };
        let result = restore(&bot, &backup, options);
        assert!(result.is_ok(), "round {round}: {:?}", result.err());
    }
}

#[test]
fn an_app_that_does_not_know_lifeboat_is_seen_by_what_it_has_open() {
    let (bot, backup) = with_lost_tickets();
    let mut stranger = std::process::Command::new("tail")
        .args(["-f", "logs/out.log"])
        .current_dir(bot.root())
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let seen = bot.root().canonicalize().unwrap().join("logs/out.log");
    let fds = format!("/proc/{}/fd", stranger.id());
    let is_open = || fs::read_dir(&fds).unwrap().any(|fd| fs::read_link(fd.unwrap().path()).is_ok_and(|to| to == seen));
    while !is_open() {
        std::thread::sleep(Duration::from_millis(5));
    }
    let result = restore(&bot, &backup, wanted(false));
    stranger.kill().unwrap();
    stranger.wait().unwrap();
    let result = result.unwrap();
    assert_eq!(result.mode, Some(RestoreMode::Live));
    assert!(result.reason.unwrap().contains("tail"));
    assert!(result.advice.unwrap().contains("Start it again now"));
}

#[test]
fn a_second_restore_for_the_next_start_says_that_the_first_is_forgotten() {
    let (bot, backup) = with_lost_tickets();
    let options = RestoreOptions { mode: RestoreMode::OnRestart, ..wanted(true) };
    assert!(!bot.engine().status().unwrap().pending_restore);
    assert!(restore(&bot, &backup, options.clone()).unwrap().warnings.is_empty());
    assert!(bot.engine().status().unwrap().pending_restore);
    let second = restore(&bot, &backup, options).unwrap();
    assert!(second.warnings[0].message.contains("discarded") && second.warnings[0].message.contains(&backup));
}
