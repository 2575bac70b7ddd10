//! The worker process, seen from the host: start it, talk to it, notice its death.
//!
//! The host opens no file of the root: it gives each operation to a worker and relays what that says. Everything here
//! blocks, so it runs on a thread of its own and never on Node's. A thread and not an async runtime: waiting for a
//! child through SIGCHLD would meet libuv, which owns that signal in the same process.
//!
//! It promises: one answer for each operation, whatever becomes of the worker; secrets only through the pipe; and that
//! a vault is unlocked by its passphrase once in the life of a [`Supervisor`], because scrypt costs 128 MB and half a
//! second.

mod cancel;
mod process;
pub mod protocol;

use std::io::Write;
use std::path::PathBuf;
use std::sync::Mutex;

use serde::Deserialize;
use serde_json::value::RawValue;
use zeroize::Zeroizing;

pub use cancel::Cancel;
use process::{Process, died, unreadable};
use protocol::{Failure, Operation, Request};

use crate::Config;
use crate::mutex::lock as locked;
use crate::seal::places::Environment;
use crate::secret::{MasterKey, Secret};
use crate::vault::{checked_json, durable, place};
use crate::watch::News;

/// Starts a worker for each operation on one root, and keeps the key that the first of them unlocked.
pub struct Supervisor {
    worker: PathBuf,
    config: Config,
    unlocked: Mutex<Option<Unlocked>>,
}

/// A master key, and what it belongs to: with another passphrase or another vault it does not count.
struct Unlocked {
    key: MasterKey,
    passphrase: Option<Secret>,
    vault: Vec<u8>,
}

/// As [`Answer`], with the result left as the text that it is: a list of a million items is not taken apart here.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
enum Line<'a> {
    #[serde(borrow)]
    Progress(&'a RawValue),
    Key(MasterKey),
    Untold(News),
    #[serde(borrow)]
    Result(&'a RawValue),
    Error(Failure),
}

/// What a worker says before it answers.
pub enum Said<'a> {
    /// As JSON text.
    Progress(&'a str),
    /// What the vault cannot keep.
    Untold(News),
}

impl Supervisor {
    /// `worker` is the `lifeboat` executable.
    pub fn new(worker: PathBuf, config: Config) -> Supervisor {
        Supervisor { worker, config, unlocked: Mutex::default() }
    }

    /// Does one operation and returns its result as JSON text. `environment`: the app's at the moment of the call, which goes
    /// over what the configuration says. `said` gets what it says meanwhile.
    pub fn run(
        &self,
        operation: Operation,
        environment: Environment,
        cancel: &Cancel,
        said: &mut dyn FnMut(Said<'_>),
    ) -> Result<String, Failure> {
        cancel.check()?;
        let config = self.config.clone();
        let passphrase = environment.passphrase().or(config.passphrase.as_ref()).cloned();
        let request = Request { key: self.key_for(&passphrase), config, environment, operation };
        let mut worker = Process::start(&self.worker)?;
        // A worker that dies at once leaves a broken pipe; what it died of says more than that.
        let sent = encode(&request).and_then(|line| worker.requests().write_all(&line).map_err(serde_json::Error::io));
        drop(request);
        if sent.is_ok() {
            cancel.arm(worker.take_requests());
        }
        let answer = self.listen(&mut worker, &passphrase, said);
        // The end of its stdin tells the worker, too, that nobody needs anything of it any more.
        cancel.disarm();
        match answer {
            Ok(Some(answer)) => {
                worker.wait();
                answer
            }
            Ok(None) => Err(died(worker)),
            Err(why) => Err(unreadable(worker, &why)),
        }
    }

    /// Reads answers to the last one; `None` where the worker is gone before that.
    fn listen(
        &self,
        worker: &mut Process,
        passphrase: &Option<Secret>,
        said: &mut dyn FnMut(Said<'_>),
    ) -> Result<Option<Result<String, Failure>>, String> {
        while let Some(line) = worker.line()? {
            // The error itself may quote the line, and the line may be a key.
            match serde_json::from_slice(&line).map_err(|_| "it is not an answer of this version".to_string())? {
                Line::Progress(report) => said(Said::Progress(report.get())),
                Line::Untold(news) => said(Said::Untold(news)),
                Line::Key(key) => self.keep(key, passphrase.clone()),
                Line::Result(result) => return Ok(Some(Ok(result.get().to_owned()))),
                Line::Error(failure) => return Ok(Some(Err(failure))),
            }
        }
        Ok(None)
    }

    /// The public facts of the vault that is there now. Reading them takes no lock from any database of the app.
    fn vault(&self) -> Option<Vec<u8>> {
        let path = place::of(&self.config.backup_dir).join("vault.json");
        durable::read_small(&path, checked_json::MAX_LEN).ok()
    }

    fn key_for(&self, passphrase: &Option<Secret>) -> Option<MasterKey> {
        let vault = self.vault()?;
        locked(&self.unlocked)
            .as_ref()
            .filter(|unlocked| unlocked.passphrase == *passphrase && unlocked.vault == vault)
            .map(|unlocked| unlocked.key.clone())
    }

    fn keep(&self, key: MasterKey, passphrase: Option<Secret>) {
        if let Some(vault) = self.vault() {
            *locked(&self.unlocked) = Some(Unlocked { key, passphrase, vault });
        }
    }
}

/// One line of JSON that is wiped when dropped: it holds the secrets.
fn encode(request: &Request) -> serde_json::Result<Zeroizing<Vec<u8>>> {
    let mut line = Zeroizing::new(Vec::with_capacity(16 << 10));
    serde_json::to_writer(&mut *line, request)?;
    line.push(b'\n');
    Ok(line)
}

impl Failure {
    pub(crate) fn worker(message: String) -> Failure {
        Failure::from(&crate::Error::Worker { message })
    }
}

#[cfg(test)]
mod tests {
    use super::protocol::Answer;
    use super::*;
    use crate::report::BackupType;

    #[test]
    fn each_answer_of_the_protocol_is_understood() {
        let key = MasterKey::new([7; 32]);
        for answer in [
            Answer::Progress(Default::default()),
            Answer::Key(key.clone()),
            Answer::Untold(News::backup_failure(BackupType::Daily, "E_NO_SPACE", "…")),
            Answer::Result(serde_json::json!({ "success": true })),
            Answer::Error(Failure { code: "E_BUSY".into(), message: "…".into() }),
        ] {
            let text = serde_json::to_vec(&answer).unwrap();
            match (serde_json::from_slice(&text).unwrap(), answer) {
                (Line::Progress(text), Answer::Progress(_)) => assert!(text.get().contains("phase")),
                (Line::Untold(news), Answer::Untold(_)) => assert_eq!(news.name(), "backup:failure"),
                (Line::Key(read), Answer::Key(_)) => assert!(read == key),
                (Line::Result(text), Answer::Result(_)) => assert_eq!(text.get(), r#"{"success":true}"#),
                (Line::Error(failure), Answer::Error(_)) => assert_eq!(failure.code, "E_BUSY"),
                (_, answer) => panic!("{answer:?} was read as something else"),
            }
        }
    }

    #[test]
    fn a_kept_key_counts_only_for_its_passphrase_and_its_vault() {
        let root = tempfile::tempdir().unwrap();
        let config = Config::from_json("{}", root.path()).unwrap();
        std::fs::create_dir(&config.backup_dir).unwrap();
        let description = config.backup_dir.join("vault.json");
        std::fs::write(&description, "one").unwrap();
        let supervisor = Supervisor::new("lifeboat".into(), config);
        let passphrase = Some(Secret::new("right"));
        assert!(supervisor.key_for(&passphrase).is_none());
        supervisor.keep(MasterKey::new([7; 32]), passphrase.clone());
        assert!(supervisor.key_for(&passphrase).is_some());
        assert!(supervisor.key_for(&Some(Secret::new("wrong"))).is_none());
        assert!(supervisor.key_for(&None).is_none());
        std::fs::write(&description, "two").unwrap();
        assert!(supervisor.key_for(&passphrase).is_none(), "another vault in the same place");
    }
}
