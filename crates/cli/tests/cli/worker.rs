//! The worker, as a host meets it: one request in, progress and one answer out, and an end when the host ends.

use std::io::{BufRead, BufReader, Lines, Read, Write};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::bot::{Bot, document};

/// A host's end of a worker.
struct Host {
    child: Child,
    stdin: Option<ChildStdin>,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Host {
    fn new(bot: &Bot) -> Host {
        let mut command = bot.process(["worker"], false);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Host { stdin: child.stdin.take(), child, lines }
    }

    fn say(&mut self, line: &str) {
        writeln!(self.stdin.as_mut().unwrap(), "{line}").unwrap();
    }

    /// Without the signs of life, which come where a machine is slow.
    fn line(&mut self) -> Option<Value> {
        let lines = self.lines.by_ref().map(|line| serde_json::from_str(&line.unwrap()).unwrap());
        lines.into_iter().find(|line| *line != json!("alive"))
    }

    /// All that is left to be said, and the exit code.
    fn rest(mut self) -> (Vec<Value>, i32) {
        let mut answers = Vec::new();
        while let Some(answer) = self.line() {
            answers.push(answer);
        }
        (answers, self.child.wait().unwrap().code().unwrap())
    }

    /// The last line is the answer, whatever came before.
    fn answer(self) -> Value {
        let (mut answers, _) = self.rest();
        answers.pop().expect("an answer")
    }

    fn die(&mut self) {
        drop(self.stdin.take());
    }
}

fn request(bot: &Bot, operation: Value) -> Value {
    json!({
        "config": { "root": bot.root(), "backupDir": bot.vault(), "keyFile": bot.key_file() },
        "operation": operation,
    })
}

fn backup(bot: &Bot) -> String {
    request(bot, json!({ "op": "createBackup", "with": { "type": "API", "options": { "full": true } } })).to_string()
}

#[test]
fn one_request_gets_progress_and_then_one_result() {
    let bot = Bot::new();
    // A backup of so small a bot is over before there is progress to tell of: hold it up.
    let held = bot.hold_database();
    let mut host = Host::new(&bot);
    host.say(&backup(&bot));
    let first = host.line().unwrap();
    assert!(first["progress"]["phase"].is_string(), "{first}");
    drop(held);
    let (answers, code) = host.rest();
    let (last, before) = answers.split_last().unwrap();
    assert_eq!(last["result"]["success"], true, "{last}");
    assert_eq!(last["result"]["type"], "API");
    assert!(before.iter().all(|answer| answer["progress"]["phase"].is_string()), "{before:?}");
    assert_eq!(code, 0);

    for (operation, path) in [
        (json!({ "op": "listBackups", "with": {} }), "/result/0/backup"),
        (
            json!({ "op": "listItems", "with": { "backup": "latest", "filter": { "items": ["database"] } } }),
            "/result/1/path",
        ),
        (json!({ "op": "verify", "with": { "options": { "deep": true } } }), "/result/packs"),
        (json!({ "op": "status", "with": {} }), "/result/storage/used"),
        (
            json!({ "op": "restore", "with": { "backup": "latest", "options": { "target": bot.beside("restored") } } }),
            "/result/restored/0",
        ),
    ] {
        let mut host = Host::new(&bot);
        host.say(&request(&bot, operation.clone()).to_string());
        let answer = host.answer();
        assert!(answer.pointer(path).is_some(), "{operation}: {answer}");
    }
    assert!(bot.beside("restored").join("config.json").is_file());
}

#[test]
fn an_error_of_the_engine_is_an_answer() {
    let bot = Bot::new();
    bot.backup();
    let mut host = Host::new(&bot);
    let name = "backup_DAILY_2020-01-01T00-00-00-000Z";
    host.say(&request(&bot, json!({ "op": "listItems", "with": { "backup": name } })).to_string());
    let (answers, code) = host.rest();
    assert_eq!(answers.len(), 1);
    assert_eq!(answers[0]["error"]["code"], "E_NOT_FOUND");
    assert!(answers[0]["error"]["message"].as_str().unwrap().contains(name));
    assert_eq!(code, 1);
}

#[test]
fn a_passphrase_is_paid_for_once() {
    let bot = Bot::new();
    let mut first = request(&bot, json!({ "op": "createBackup", "with": { "type": "API" } }));
    first["config"]["keyFile"] = Value::Null;
    first["config"]["passphrase"] = json!("perahu sekoci");
    let mut host = Host::new(&bot);
    host.say(&first.to_string());
    let (answers, _) = host.rest();
    let key = answers.iter().find_map(|answer| answer.get("key")).expect("the key, for the next worker").clone();
    assert_eq!(key.as_str().unwrap().len(), 64);
    assert!(answers.last().unwrap()["result"].is_object(), "the key comes before the result");

    let mut second = first;
    second["config"]["passphrase"] = Value::Null;
    second["key"] = key;
    let mut host = Host::new(&bot);
    host.say(&second.to_string());
    let (answers, code) = host.rest();
    assert_eq!(code, 0, "{answers:?}");
    assert!(answers.iter().all(|answer| answer.get("key").is_none()), "who has the key is not told it again");
}

#[test]
fn cancel_ends_with_e_aborted_and_leaves_no_half_backup() {
    let bot = Bot::new();
    let before = bot.backup();
    let held = bot.hold_database();
    let mut host = Host::new(&bot);
    host.say(&backup(&bot));
    host.line().expect("progress: it has begun");
    host.say("\"something newer\"");
    host.say("\"cancel\"");
    let answer = host.answer();
    assert_eq!(answer["error"]["code"], "E_ABORTED", "{answer}");
    drop(held);
    whole_and_only(&bot, &before);
}

#[test]
fn a_worker_ends_soon_after_its_host() {
    let bot = Bot::new();
    let before = bot.backup();
    let held = bot.hold_database();
    let mut host = Host::new(&bot);
    host.say(&backup(&bot));
    host.line().expect("progress: it has begun");
    let dead_since = Instant::now();
    host.die();
    let code = host.child.wait().unwrap().code();
    assert!(dead_since.elapsed() < Duration::from_secs(12), "{:?}", dead_since.elapsed());
    assert_eq!(code, Some(1));
    drop(held);
    whole_and_only(&bot, &before);
}

#[test]
fn a_worker_notices_that_nobody_reads_its_answers() {
    let bot = Bot::new();
    let before = bot.backup();
    let held = bot.hold_database();
    let mut command = bot.process(["worker"], false);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    drop(child.stdout.take());
    writeln!(stdin, "{}", backup(&bot)).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(1), "while its stdin is still open");
    drop(held);
    whole_and_only(&bot, &before);
}

#[test]
fn what_is_no_request_is_refused_without_repeating_it() {
    let bot = Bot::new();
    for text in ["open sesame", "{\"config\":{},\"operation\":{\"op\":\"sesame\"}}", "", "[]", "\u{0}"] {
        let mut host = Host::new(&bot);
        host.say(text);
        let (answers, code) = host.rest();
        assert_eq!((answers.len(), code), (1, 1), "{text:?}");
        assert_eq!(answers[0]["error"]["code"], "E_WORKER");
        assert!(!answers[0].to_string().contains("sesame"), "{answers:?}");
    }
}

#[test]
fn a_host_that_dies_before_it_has_asked_leaves_no_worker() {
    let bot = Bot::new();
    for beginning in ["", "{\"config\":{}"] {
        let mut host = Host::new(&bot);
        host.stdin.as_mut().unwrap().write_all(beginning.as_bytes()).unwrap();
        host.die();
        assert_eq!(host.child.wait().unwrap().code(), Some(1));
    }
    assert!(!bot.vault().exists());
}

#[test]
fn a_request_without_end_is_refused_at_64_mib() {
    let bot = Bot::new();
    let mut host = Host::new(&bot);
    let mut stdin = host.stdin.take().unwrap();
    let writer = std::thread::spawn(move || {
        let block = vec![b'['; 1 << 20];
        // Until the worker has had enough and is gone.
        while stdin.write_all(&block).is_ok() {}
    });
    let answer = host.line().unwrap();
    assert_eq!(answer["error"]["code"], "E_WORKER");
    assert!(answer["error"]["message"].as_str().unwrap().contains("67108864"), "{answer}");
    assert_eq!(host.child.wait().unwrap().code(), Some(1));
    writer.join().unwrap();
    let mut complaints = String::new();
    host.child.stderr.take().unwrap().read_to_string(&mut complaints).unwrap();
    assert_eq!(complaints, "");
}

#[test]
fn a_worker_that_waits_says_that_it_lives() {
    let bot = Bot::new();
    bot.backup();
    let lock = std::fs::File::open(bot.vault().join("lock")).unwrap();
    lock.lock().unwrap();
    let mut host = Host::new(&bot);
    host.say(
        &request(&bot, json!({ "op": "createBackup", "with": { "type": "API", "options": { "wait": true } } }))
            .to_string(),
    );
    assert_eq!(host.lines.next().unwrap().unwrap(), "\"alive\"");
    lock.unlock().unwrap();
    assert_eq!(host.answer()["result"]["success"], true);
}

#[cfg(unix)]
#[test]
fn a_worker_has_a_session_of_its_own() {
    let bot = Bot::new();
    let held = bot.hold_database();
    let mut host = Host::new(&bot);
    host.say(&backup(&bot));
    host.line().expect("progress: it has begun");
    let pid = host.child.id().to_string();
    let told = std::process::Command::new("ps").args(["-o", "sess=", "-p", &pid]).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&told.stdout).trim(), pid);
    drop(held);
    assert!(host.answer()["result"].is_object());
}

#[cfg(target_os = "linux")]
#[test]
fn a_worker_is_a_quiet_guest() {
    let bot = Bot::new();
    let held = bot.hold_database();
    let mut host = Host::new(&bot);
    let mut asked: Value = serde_json::from_str(&backup(&bot)).unwrap();
    asked["config"]["worker"] = json!({ "nice": 15 });
    host.say(&asked.to_string());
    host.line().expect("progress: it has begun");
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", host.child.id())).unwrap();
    // The fields after the name, which is in brackets: nice is the 19th of all.
    let nice = stat.rsplit(") ").next().unwrap().split(' ').nth(16).unwrap();
    assert_eq!(nice, "15");
    drop(held);
    assert!(host.answer()["result"].is_object());
}

/// Nothing came after that backup, and all that is there is whole.
fn whole_and_only(bot: &Bot, backup: &str) {
    let list = document(&mut bot.lifeboat(["list", "--json"]), 0);
    let names: Vec<&Value> = list.as_array().unwrap().iter().map(|one| &one["backup"]).collect();
    assert_eq!(names, [backup]);
    assert_eq!(document(&mut bot.lifeboat(["verify", "--json", "-q"]), 0)["ok"], true);
}
