//! Where a [`Clerk`]'s questions are handed in and its answers given out: one thread, that starts the process, remembers who
//! waits for what and until when, and ends the process when it is late or not needed.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::time::Duration;

use super::clerk::{Answered, Clerk, ClerkEvent, Errand};
use super::encode;
use super::patience::{Watchful, WorkerPatience, in_words};
use super::process::{Heard, Process, WorkerMode, describe};
use super::protocol::Failure;
use super::question::{Ask, ClerkLine, Question};
use crate::Config;
use crate::presence::Host;

/// It has nothing to finish but to take its hosts off the list.
const END: Duration = Duration::from_secs(3);

pub(super) struct Desk {
    clerk: Arc<Clerk>,
    tell: Sender<ClerkEvent>,
    events: Receiver<ClerkEvent>,
    time: Watchful,
    process: Option<Process>,
    /// How many processes there were.
    processes: u64,
    /// The number of the last question.
    last: u64,
    waiting: HashMap<u64, WaitingErrand>,
    /// Who is to be seen, by id.
    hosts: HashMap<String, (Config, Host)>,
    /// What whoever asked last has said.
    patience: WorkerPatience,
    /// When there was something to do for the last time.
    used: Duration,
}

struct WaitingErrand {
    until: Duration,
    answered: Answered,
}

impl Desk {
    pub fn new(clerk: Arc<Clerk>, tell: Sender<ClerkEvent>, events: Receiver<ClerkEvent>) -> Desk {
        Desk {
            clerk,
            tell,
            events,
            time: Watchful::start(),
            process: None,
            processes: 0,
            last: 0,
            waiting: HashMap::new(),
            hosts: HashMap::new(),
            patience: WorkerPatience::default(),
            used: Duration::ZERO,
        }
    }

    pub fn run(mut self) {
        let mut news = None;
        loop {
            let turn = self.turn();
            match news.take().map_or_else(|| self.events.recv_timeout(turn), Ok) {
                Ok(event) => self.handle(event),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            let now = self.time.now();
            if self.waiting.values().any(|waiting| waiting.until <= now) {
                self.give_up();
            }
            if !self.waiting.is_empty() || now < self.used + self.patience.idle {
                continue;
            }
            if self.hosts.values().any(|(_, host)| host.is_app()) {
                self.used = now;
                // Somebody has killed it: the hosts are to be seen all the same.
                let _ = self.start();
                continue;
            }
            news = self.clerk.close(&self.events);
            if news.is_none() {
                break;
            }
        }
        if let Some(mut process) = self.process.take() {
            process.end(END);
        }
    }

    /// How long to wait for news.
    fn turn(&mut self) -> Duration {
        match self.waiting.values().map(|waiting| waiting.until).min() {
            Some(until) => self.time.turn(until, true),
            None => self.time.turn(self.used + self.patience.idle, false),
        }
    }

    fn handle(&mut self, event: ClerkEvent) {
        match event {
            ClerkEvent::Ask(errand) => self.take(*errand),
            ClerkEvent::Leave(host) => {
                if let Some((config, _)) = self.hosts.remove(&host)
                    && self.process.is_some()
                {
                    self.ask(config, Ask::Leave { host }, Answered::ignored());
                }
            }
            // Of one that was given up: nobody waits for it.
            ClerkEvent::Heard(of, _) if of != self.processes => {}
            ClerkEvent::Heard(_, Heard::Line(line)) => self.hear(&line),
            ClerkEvent::Heard(_, Heard::Unreadable(why)) => self.lose(&format!("says what cannot be read: {why}")),
            ClerkEvent::Heard(_, Heard::End) => self.lose("died"),
        }
    }

    fn take(&mut self, errand: Errand) {
        let Errand { ask, config, patience, answered } = errand;
        self.patience = patience;
        let started = self.start();
        self.remember(&ask, &config);
        match started {
            Ok(()) => self.ask(config, ask, answered),
            Err(failure) => answered.call(Err(failure)),
        }
    }

    /// Who is to be seen is told to the next process, too.
    fn remember(&mut self, ask: &Ask, config: &Config) {
        match ask {
            Ask::Enter { host } => drop(self.hosts.insert(host.id.clone(), (config.clone(), host.clone()))),
            Ask::Leave { host } => drop(self.hosts.remove(host)),
            _ => {}
        }
    }

    fn ask(&mut self, config: Config, ask: Ask, answered: Answered) {
        self.last += 1;
        let question = Question { number: self.last, config, ask };
        let line = match encode(&question) {
            Ok(line) => line,
            Err(failure) => return answered.call(Err(failure)),
        };
        let now = self.time.now();
        self.used = now;
        self.waiting.insert(self.last, WaitingErrand { until: now + self.patience.question, answered });
        if let Some(process) = &self.process {
            process.say(line);
        }
    }

    fn start(&mut self) -> Result<(), Failure> {
        if self.process.is_some() {
            return Ok(());
        }
        let number = self.processes + 1;
        let tell = self.tell.clone();
        let hear = move |heard| tell.send(ClerkEvent::Heard(number, heard)).is_ok();
        self.process = Some(Process::start(&self.clerk.executable, WorkerMode::Clerk, &self.clerk.vault, hear)?);
        self.processes = number;
        for (config, host) in self.hosts.values().cloned().collect::<Vec<_>>() {
            self.ask(config, Ask::Enter { host }, Answered::ignored());
        }
        Ok(())
    }

    fn hear(&mut self, line: &[u8]) {
        let Ok(line) = serde_json::from_slice::<ClerkLine<'_>>(line) else {
            return self.lose("says what is no answer of this version");
        };
        if line.rings {
            self.clerk.ring();
        }
        if let Some(waiting) = line.number.and_then(|number| self.waiting.remove(&number)) {
            let result = line.result.map_or("null", |result| result.get());
            waiting.answered.call(line.error.map_or_else(|| Ok(result.to_owned()), Err));
        }
    }

    /// Somebody has waited long enough. What holds one question holds all: nobody knows which comes next.
    fn give_up(&mut self) {
        let Some(mut process) = self.process.take() else { return };
        let end = match process.kill() {
            Some(_) => "It was ended. Does a disk hang (`dmesg`)? Try again.",
            None => {
                "It cannot even be killed: it waits for a disk that does not answer. Look at the disk (`dmesg`, `mount`)."
            }
        };
        let message = format!(
            "The vault {} does not answer: the process that reads it was silent for {}. {end}",
            self.clerk.vault.display(),
            in_words(self.patience.question)
        );
        self.fail_all(&message);
    }

    /// The process is gone, or of no use.
    fn lose(&mut self, what: &str) {
        let Some(mut process) = self.process.take() else { return };
        let how = process.end(END).map_or_else(String::new, |status| format!(" ({})", describe(status)));
        let words = process.last_words();
        self.fail_all(&format!(
            "The process that reads the vault {} {what}{how}; the vault is whole. Try again.{words}",
            self.clerk.vault.display()
        ));
    }

    fn fail_all(&mut self, message: &str) {
        for (_, waiting) in self.waiting.drain() {
            waiting.answered.call(Err(Failure::worker(message.to_owned())));
        }
    }
}
