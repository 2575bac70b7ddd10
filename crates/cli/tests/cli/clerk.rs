//! The clerk, as a host meets it: question after question, each answered by itself, and an end when the host ends.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Lines, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::bot::{Bot, document};

/// A host's end of a clerk.
struct Host<'a> {
    bot: &'a Bot,
    child: Child,
    stdin: Option<ChildStdin>,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Host<'_> {
    fn new(bot: &Bot) -> Host<'_> {
        let mut command = bot.process(["clerk"], false);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Host { bot, stdin: child.stdin.take(), child, lines }
    }

    fn ask(&mut self, number: u64, ask: Value) {
        let config = json!({ "root": self.bot.root(), "backupDir": self.bot.vault() });
        let question = json!({ "number": number, "config": config, "ask": ask });
        writeln!(self.stdin.as_mut().unwrap(), "{question}").unwrap();
    }

    fn line(&mut self) -> Value {
        serde_json::from_str(&self.lines.next().expect("an answer").unwrap()).unwrap()
    }

    /// The exit code, once the host has gone.
    fn end(mut self) -> i32 {
        drop(self.stdin.take());
        self.child.wait().unwrap().code().unwrap()
    }
}

fn app(id: &str) -> Value {
    json!({ "op": "enter", "with": { "host": { "id": id, "process": "p", "pid": 4711, "name": "index.js", "zone": "UTC", "applies": true } } })
}

#[test]
fn each_question_is_answered_by_its_number_without_a_key() {
    let bot = Bot::new();
    let made = bot.backup();
    let mut host = Host::new(&bot);
    host.ask(1, json!({ "op": "status", "with": { "now": 1_795_435_200_000_i64 } }));
    host.ask(2, json!({ "op": "backups", "with": { "filter": { "limit": 1 } } }));
    host.ask(3, json!({ "op": "history", "with": {} }));
    let answers: BTreeMap<u64, Value> =
        (0..3).map(|_| host.line()).map(|line| (line["number"].as_u64().unwrap(), line["result"].clone())).collect();
    assert_eq!(answers[&1]["storage"]["backups"], 1);
    assert_eq!(answers[&2][0]["backup"], made.as_str());
    assert_eq!(answers[&3][0]["operation"], "BACKUP");
    assert_eq!(host.end(), 0);
}

#[test]
fn what_hangs_keeps_no_other_question_waiting() {
    let bot = Bot::new();
    bot.backup();
    let logbook = bot.vault().join("logbook.sqlite");
    std::fs::remove_file(&logbook).unwrap();
    assert!(Command::new("mkfifo").arg(&logbook).status().unwrap().success());
    let mut host = Host::new(&bot);
    host.ask(1, json!({ "op": "history", "with": {} }));
    host.ask(2, json!({ "op": "leave", "with": { "host": "1-0123456789ab" } }));
    assert_eq!(host.line()["number"], 2);
    let begun = Instant::now();
    host.end();
    assert!(begun.elapsed() < Duration::from_secs(8), "and none keeps it from ending: {:?}", begun.elapsed());
}

#[test]
fn a_host_is_seen_as_long_as_its_clerk_is_there() {
    let bot = Bot::new();
    bot.backup();
    let seen = || {
        let status = document(&mut bot.lifeboat(["status", "--json"]), 0);
        status["schedule"]["hosts"].as_array().unwrap().len()
    };
    let mut host = Host::new(&bot);
    for (number, id) in [(1, "1-0123456789ab"), (2, "1-0123456789ac")] {
        host.ask(number, app(id));
        assert_eq!(host.line(), json!({ "number": number, "result": null }));
    }
    assert_eq!(seen(), 1, "one process");
    assert_eq!(std::fs::read_dir(bot.vault().join("hosts")).unwrap().count(), 2);
    host.ask(3, json!({ "op": "leave", "with": { "host": "1-0123456789ac" } }));
    host.line();
    assert_eq!(std::fs::read_dir(bot.vault().join("hosts")).unwrap().count(), 1);
    host.end();
    assert_eq!(seen(), 0);
    assert!(!bot.vault().join("hosts").exists(), "nothing is left of it");
}

#[test]
fn a_ring_is_told_to_the_host() {
    let bot = Bot::new();
    bot.backup();
    let mut host = Host::new(&bot);
    host.ask(1, app("1-0123456789ab"));
    host.line();
    std::fs::write(bot.vault().join("hosts/bell"), "").unwrap();
    assert_eq!(host.line(), json!({ "rings": true }));
    host.end();
}

#[test]
fn what_is_no_question_ends_it() {
    let bot = Bot::new();
    let mut host = Host::new(&bot);
    writeln!(host.stdin.as_mut().unwrap(), "nonsense").unwrap();
    assert!(host.lines.next().is_none());
    assert_eq!(host.end(), 1);
}
