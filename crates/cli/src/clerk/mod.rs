//! The clerk: looks up in a vault what a host asks for, question after question, in a process of its own. The protocol is
//! `lifeboat_engine::supervise::question`.
//!
//! It may be killed at any moment, because a disk may hang: it does nothing that would leave anything half done. It promises:
//! each question is answered by itself, also while another one takes its time; and an end soon after its host's.

mod hosts;

use std::io::{self, BufRead, BufReader, Read, Write};
use std::sync::Arc;
use std::time::{Duration, Instant};

use lifeboat_engine::supervise::question::{Ask, Question, RINGS, answer};
use lifeboat_engine::vault::place;
use lifeboat_engine::watch::{self, Watch};
use lifeboat_engine::{Config, Error, Result};
use serde::Serialize;

use crate::exit;
use hosts::Hosts;

/// An event that is to be kept may tell of each path of a restore.
const LONGEST_QUESTION: u64 = 64 << 20;
/// What is asked for when the host ends is still done, if it is done soon.
const LAST_WORDS: Duration = Duration::from_secs(2);
/// So long the end of a host may take once its files are closed.
const GOING: Duration = Duration::from_secs(1);

/// Serves until its stdin ends, and returns the exit code.
pub fn run() -> u8 {
    let host = parent();
    let hosts = Arc::new(Hosts::new(|| drop(write(RINGS))));
    let mut stdin = BufReader::new(io::stdin());
    let busy = Arc::new(());
    let code = loop {
        let mut line = Vec::new();
        match (&mut stdin).take(LONGEST_QUESTION).read_until(b'\n', &mut line) {
            Ok(_) if line.last() == Some(&b'\n') => {}
            Ok(_) => break exit::DONE,
            Err(_) => break exit::FAILED,
        }
        let Ok(Question { number, config, ask }) = serde_json::from_slice(&line) else {
            eprintln!("A question cannot be read. Are host and clerk of the same version?");
            break exit::FAILED;
        };
        // In the order in which it was said, whichever thread comes first.
        hosts.note(&ask);
        let (hosts, busy) = (hosts.clone(), busy.clone());
        let work = move || {
            let result = exit::caught(|| serve(&config, ask, &hosts));
            let _ = write(&answer(number, &result));
            drop(busy);
        };
        if std::thread::Builder::new().spawn(work).is_err() {
            let error = Error::internal("no thread can be started");
            let _ = write(&answer(number, &Err(error)));
        }
    };
    let until = Instant::now() + LAST_WORDS;
    let leave = std::thread::spawn(move || {
        while Arc::strong_count(&busy) > 1 {
            std::thread::sleep(Duration::from_millis(5));
        }
        hosts.leave_all(|| has_ended(host));
    });
    while !leave.is_finished() && Instant::now() < until {
        std::thread::sleep(Duration::from_millis(5));
    }
    code
}

fn serve(config: &Config, ask: Ask, hosts: &Hosts) -> Result<String> {
    let vault = || place::of(&config.backup_dir);
    let watch = Watch::new(config);
    match ask {
        Ask::Status { now } => json(&watch::status(config, None, now)?),
        Ask::Backups { filter } => json(&watch::backups(config, &filter)?),
        Ask::History { filter } => json(&watch::history(&vault(), &filter)?),
        Ask::Look { zone, since, now } => json(&watch.look(zone.as_deref(), since, now)?),
        Ask::Claim { consumers, holder, now } => json(&watch.claim(&consumers, &holder, now)?),
        Ask::Take { id, consumer, now } => json(&watch.take(id, consumer.as_deref(), now)?),
        Ask::Release { id, consumer } => json(&watch.release(id, &consumer)?),
        Ask::Lost { operation, failure, told, now } => {
            json(&watch::lost::lost(config, &operation, &failure, told, now))
        }
        Ask::Enter { host } => json(&hosts.say(&host.id, &vault())?),
        Ask::Leave { host } => json(&hosts.say(&host, &vault())?),
        Ask::HoldStill { host, token } => json(&hosts.hold_still(&host, &token, &vault())),
        Ask::TellStill { host, token, has_read } => json(&hosts.tell_still(&host, &token, has_read, &vault())),
    }
}

/// Whoever has started this process.
fn parent() -> Option<u32> {
    #[cfg(unix)]
    return Some(std::os::unix::process::parent_id());
    #[cfg(not(unix))]
    None
}

/// A process that is killed closes its files a moment before it is gone.
fn has_ended(host: Option<u32>) -> bool {
    let until = Instant::now() + GOING;
    while host.is_some() && Instant::now() < until {
        if parent() != host {
            return true;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    false
}

fn json<T: Serialize + ?Sized>(result: &T) -> Result<String> {
    serde_json::to_string(result).map_err(|error| Error::internal(format!("an answer has no JSON form: {error}")))
}

/// A whole line: the lock keeps those of other threads out of it.
fn write(line: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(line.as_bytes())?;
    out.flush()
}
