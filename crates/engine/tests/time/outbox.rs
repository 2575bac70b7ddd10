//! The outbox: each consumer takes each event once and in order, whatever becomes of the process that was at it.

use lifeboat_engine::report::*;
use lifeboat_engine::watch::{EventConsumer, Logbook, News, Watch};

use crate::support::*;

const DAY: i64 = 24 * 3_600_000;
const START: i64 = 1_740_830_400_000;

fn bot() -> Bot {
    let bot = Bot::new();
    bot.backup(BackupType::Manual);
    let logbook = Logbook::open(&bot.vault()).unwrap();
    logbook.events().unwrap().iter().for_each(|event| logbook.acknowledge(event.id).unwrap());
    bot
}

fn consumer(app: &str, event: &str, since: i64) -> EventConsumer {
    EventConsumer { name: format!("{app}/{event}/0"), event: event.into(), since }
}

fn bad(kind: BackupType) -> News {
    News::backup_failure(kind, "E_SOURCE", "why")
}

/// A success, which is as large as these are.
fn good(bot: &Bot) -> News {
    News::of_backup(BackupType::Api, &Ok(bot.backup(BackupType::Api))).unwrap()
}

/// What one claim brings: the types of the backups.
fn claim(logbook: &Logbook, consumer: &EventConsumer, holder: &str, alive: &[&str], now: i64) -> Vec<(i64, String)> {
    let claims = logbook.claim(std::slice::from_ref(consumer), holder, &|other| alive.contains(&other), now).unwrap();
    claims.into_iter().map(|one| (one.event.id, one.event.value["type"].as_str().unwrap().to_owned())).collect()
}

/// Takes all there is, in order.
fn take_all(logbook: &Logbook, consumer: &EventConsumer, holder: &str, now: i64) -> Vec<String> {
    let mut taken = Vec::new();
    while let Some((id, kind)) = claim(logbook, consumer, holder, &[], now).pop() {
        logbook.take(id, &consumer.name, now).unwrap();
        taken.push(kind);
    }
    taken
}

#[test]
fn each_consumer_takes_each_event_once_and_in_order() {
    let bot = bot();
    let logbook = Logbook::open(&bot.vault()).unwrap();
    let (app, script) = (consumer("bot", "backup:failure", START), consumer("admin", "backup:failure", START));
    assert!(claim(&logbook, &app, "a", &[], START).is_empty() && claim(&logbook, &script, "s", &[], START).is_empty());
    for kind in [BackupType::Daily, BackupType::Weekly] {
        logbook.tell(&bad(kind), START + 1).unwrap();
    }
    assert_eq!(take_all(&logbook, &script, "s", START + 2), ["DAILY", "WEEKLY"]);
    // What one has taken comes to the other all the same, and what it could not take comes before what is later.
    let (id, kind) = claim(&logbook, &app, "a", &[], START + 2).remove(0);
    assert_eq!(kind, "DAILY");
    logbook.release(id, &app.name).unwrap();
    assert_eq!(take_all(&logbook, &app, "a", START + 3), ["DAILY", "WEEKLY"]);
    assert_eq!(logbook.events().unwrap(), [], "what all have taken goes");
}

#[test]
fn a_claim_ends_a_while_after_its_holder_was_seen_last() {
    let bot = bot();
    let logbook = Logbook::open(&bot.vault()).unwrap();
    let app = consumer("bot", "backup:failure", START);
    logbook.tell(&bad(BackupType::Daily), START + 1).unwrap();
    let one = claim(&logbook, &app, "one", &["one", "two"], START + 2);
    assert_eq!(one.len(), 1);
    let minutes = |n: i64| START + 2 + n * 60_000;
    assert!(claim(&logbook, &app, "two", &["one", "two"], minutes(5)).is_empty(), "the first of a cluster is at it");
    assert!(claim(&logbook, &app, "two", &["two"], minutes(1)).is_empty(), "its clerk alone may have died");
    assert_eq!(claim(&logbook, &app, "two", &["two"], minutes(2)), one, "it has died");
    assert_eq!(claim(&logbook, &app, "one", &[], minutes(0) - DAY), one, "the clock was put back");
    assert!(logbook.holds("one").unwrap() && !logbook.holds("two").unwrap());
    logbook.release_all("one").unwrap();
    assert_eq!(claim(&logbook, &app, "two", &[], minutes(0)), one, "it has said that it ends");
}

#[test]
fn an_errand_waits_for_its_host_and_takes_nobody_s_place() {
    let bot = bot();
    let logbook = Logbook::open(&bot.vault()).unwrap();
    let large = serde_json::json!({ "paths": ["x".repeat(17 << 20)] });
    for n in 0..500 {
        logbook.tell(&bad(BackupType::Daily), START + n).unwrap();
    }
    let ids: Vec<i64> =
        (0..3).map(|_| logbook.send("1-0123456789ab", "restore:reload", &large, START).unwrap()).collect();
    let errands = || logbook.errands().unwrap().into_iter().map(|(_, event)| event.id).collect::<Vec<_>>();
    assert_eq!((errands(), logbook.events().unwrap().len()), (ids.clone(), 503));
    logbook.tell(&bad(BackupType::Weekly), START + 501).unwrap();
    assert_eq!((errands(), logbook.events().unwrap().len()), (ids, 503));
    // Whoever looks at once finds what was just told, also where it is only good news among bad.
    let id = logbook.tell(&good(&bot), START + 502).unwrap();
    assert!(logbook.events().unwrap().iter().any(|event| event.id == id));
}

#[test]
fn of_a_cluster_each_event_is_taken_by_one() {
    let bot = bot();
    let vault = bot.vault();
    for _ in 0..20 {
        Logbook::open(&vault).unwrap().tell(&bad(BackupType::Daily), START).unwrap();
    }
    let taken = std::sync::Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for holder in ["a", "b", "c", "d"] {
            let (vault, taken) = (&vault, &taken);
            scope.spawn(move || {
                let logbook = Logbook::open(vault).unwrap();
                let app = consumer("bot", "backup:failure", START);
                while !logbook.events().unwrap().is_empty() {
                    for (id, _) in claim(&logbook, &app, holder, &["a", "b", "c", "d"], START + 1) {
                        taken.lock().unwrap().push(id);
                        logbook.take(id, &app.name, START + 1).unwrap();
                    }
                }
            });
        }
    });
    let taken = taken.into_inner().unwrap();
    assert!(taken.is_sorted() && taken.len() == 20, "{taken:?}");
}

#[test]
fn good_news_goes_before_bad_where_there_is_too_much() {
    let bot = bot();
    let logbook = Logbook::open(&bot.vault()).unwrap();
    let success = good(&bot);
    logbook.tell(&bad(BackupType::Daily), START).unwrap();
    for n in 0..505 {
        logbook.tell(&success, START + n).unwrap();
    }
    let events = logbook.events().unwrap();
    assert_eq!((events.len(), events[0].event.as_str()), (500, "backup:failure"));
}

#[test]
fn a_new_consumer_gets_the_bad_news_that_nobody_has_taken_and_the_good_from_now_on() {
    let bot = bot();
    let logbook = Logbook::open(&bot.vault()).unwrap();
    let success = good(&bot);
    logbook.events().unwrap().iter().for_each(|event| logbook.acknowledge(event.id).unwrap());
    logbook.tell(&success, START).unwrap();
    logbook.tell(&bad(BackupType::Daily), START).unwrap();
    let late = START + 1000;
    assert_eq!(take_all(&logbook, &consumer("bot", "backup:failure", late), "a", late), ["DAILY"]);
    let successes = consumer("bot", "backup:success", late);
    assert_eq!(take_all(&logbook, &successes, "a", late), [""; 0]);
    logbook.tell(&success, late + 1).unwrap();
    assert_eq!(take_all(&logbook, &successes, "a", late + 2), ["API"]);
}

#[test]
fn neither_a_clock_that_is_far_ahead_nor_a_long_silence_costs_an_alarm() {
    let bot = bot();
    let logbook = Logbook::open(&bot.vault()).unwrap();
    logbook.tell(&bad(BackupType::Daily), jiff::Timestamp::now().as_millisecond()).unwrap();
    logbook.tell(&bad(BackupType::Weekly), jiff::Timestamp::now().as_millisecond() + 30 * DAY).unwrap();
    assert_eq!(logbook.events().unwrap().len(), 2);
}

#[test]
fn a_logbook_of_an_older_lifeboat_goes_on_with_its_history_its_events_and_its_schedule() {
    let bot = bot();
    let place = bot.vault().join("logbook.sqlite");
    let run = serde_json::json!({ "operation": "BACKUP", "type": "DAILY", "at": START, "durationMs": 1, "result": "success" });
    std::fs::remove_file(&place).unwrap();
    let old = rusqlite::Connection::open(&place).unwrap();
    old.execute_batch(&format!(
        "CREATE TABLE runs (id INTEGER PRIMARY KEY, at INTEGER NOT NULL, operation TEXT NOT NULL, type TEXT, result TEXT NOT NULL, run TEXT NOT NULL);
         CREATE INDEX runs_at ON runs (at);
         CREATE TABLE events (id INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL, event TEXT NOT NULL, value TEXT NOT NULL);
         CREATE TABLE facts (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
         CREATE TABLE checked (pack BLOB PRIMARY KEY, at INTEGER NOT NULL) WITHOUT ROWID;
         INSERT INTO runs (at, operation, type, result, run) VALUES ({START}, 'BACKUP', 'DAILY', 'success', '{run}');
         INSERT INTO events (at, event, value) VALUES ({START}, 'backup:failure', '{{\"type\":\"DAILY\"}}');
         INSERT INTO facts VALUES ('schedule.DAILY', '{START}'), ('inspected', '7'), ('zone', '\"Asia/Jakarta\"');
         PRAGMA user_version = 1;"
    ))
    .unwrap();
    drop(old);
    // Whoever only looks changes nothing, and knows all of it.
    let runs = lifeboat_engine::watch::history(&bot.vault(), &HistoryFilter::default()).unwrap();
    assert_eq!((runs.len(), runs[0].kind), (1, Some(BackupType::Daily)));
    let app = consumer("bot", "backup:failure", START + 1);
    let claims = Watch::new(&bot.config).claim(std::slice::from_ref(&app), "a", START + 2).unwrap();
    assert_eq!(claims.claims.len(), 1);
    let ledger = lifeboat_engine::watch::ledger(&bot.vault(), START + 2).unwrap();
    assert_eq!(ledger.lines[&BackupType::Daily].seen, START);
    assert_eq!(ledger.inspection.map(|line| line.seen), Some(7));
    assert_eq!(Logbook::open(&bot.vault()).unwrap().all_runs().unwrap().len(), 1);
}
