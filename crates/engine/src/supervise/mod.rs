//! The processes that work for a host, seen from the host: start them, talk to them, notice their silence and their death.
//!
//! The host opens no file of the root, and none of the vault: it gives each operation to a [worker](Supervisor), asks the
//! [clerk](Clerk) what only has to be looked up, and relays what they say. What blocks here runs on threads of its own and
//! never on Node's. Threads and not an async runtime: waiting for a child through SIGCHLD would meet libuv, which owns that
//! signal in the same process.
//!
//! It promises: one answer for each operation and each question, whatever becomes of the process, and within its
//! [`WorkerPatience`], also where a disk hangs and the process cannot be ended; secrets only through the pipe; and that a vault is
//! unlocked by its passphrase once in the life of a [`Supervisor`], because scrypt costs 128 MB and half a second.

mod cancel;
mod clerk;
mod desk;
mod patience;
mod pieces;
mod process;
pub mod protocol;
pub mod question;
mod undead;
mod unusable;

use std::path::PathBuf;
use std::process::ExitStatus;
use std::sync::Mutex;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use zeroize::Zeroizing;

pub use cancel::Cancel;
pub use clerk::{Answered, Clerk};
pub use patience::WorkerPatience;
use patience::{Quiet, in_words};
use process::{Heard, Process, WorkerMode, describe};
use protocol::{Failure, Request, Signal};

use crate::Config;
use crate::mutex::lock as locked;
use crate::operations::AnyOperation;
use crate::seal::places::Environment;
use crate::secret::{MasterKey, Secret};
use crate::watch::News;

/// Starts a worker for each operation on one root, and keeps the key that the first of them unlocked.
pub struct Supervisor {
    worker: PathBuf,
    config: Config,
    patience: WorkerPatience,
    unlocked: Mutex<Option<UnlockedKey>>,
}

/// A master key, and the passphrase that opened it: with another one it does not count. A worker does not use it for a vault
/// that it is not of.
struct UnlockedKey {
    key: MasterKey,
    passphrase: Option<Secret>,
}

/// What a supervisor waits for.
enum WorkerEvent {
    Heard(Heard),
    Cancel,
}

/// As [`protocol::WorkerAnswer`], with the result left as the text that it is: a list of a million items is not taken apart here.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
enum WorkerLine<'a> {
    Alive,
    #[serde(borrow)]
    Progress(&'a RawValue),
    Key(MasterKey),
    Untold(News),
    #[serde(borrow)]
    Ask(&'a RawValue),
    #[serde(borrow)]
    Result(&'a RawValue),
    Error(Failure),
}

/// A worker whose pipe has ended may take so long to end itself.
const DEATH: std::time::Duration = std::time::Duration::from_secs(10);

/// How a worker ends.
enum WorkerEnd {
    Answered(Result<String, Failure>),
    Unreadable(String),
    Died,
    Silent,
    /// It was told to stop, and did not.
    Deaf,
}

/// What a worker says before it answers.
pub enum WorkerNotice<'a> {
    /// As JSON text.
    Progress(&'a str),
    /// What the vault cannot keep.
    Untold(News),
    /// What a person is to do with a browser, as JSON text.
    Ask(&'a str),
}

impl Supervisor {
    /// `worker` is the `lifeboat` executable.
    pub fn new(worker: PathBuf, config: Config, patience: WorkerPatience) -> Supervisor {
        Supervisor { worker, config, patience, unlocked: Mutex::default() }
    }

    /// Does one operation and returns its result as JSON text. `environment`: the app's at the moment of the call, which goes
    /// over what the configuration says. `said` gets what it says meanwhile.
    pub fn run(
        &self,
        operation: AnyOperation,
        environment: Environment,
        cancel: &Cancel,
        said: &mut dyn FnMut(WorkerNotice<'_>),
    ) -> Result<String, Failure> {
        cancel.check()?;
        let config = self.config.clone();
        let passphrase = environment.passphrase().or(config.passphrase.as_ref()).cloned();
        let request = Request { key: self.key_for(&passphrase), config, environment, operation };
        let (tell, events) = mpsc::channel();
        let heard = tell.clone();
        let hear = move |said| heard.send(WorkerEvent::Heard(said)).is_ok();
        let mut worker = Process::start(&self.worker, WorkerMode::Worker, &self.config.backup_dir, hear)?;
        worker.say(encode(&request)?);
        drop(request);
        cancel.arm(tell);
        let end = self.listen(&worker, &events, &passphrase, said);
        cancel.disarm();
        match end {
            WorkerEnd::Answered(answer) => {
                // It has only to clean up; and the end of its stdin tells it, too, that nobody needs anything of it any more.
                worker.end(self.patience.cancelled);
                answer
            }
            WorkerEnd::Died => Err(died(&mut worker)),
            WorkerEnd::Unreadable(why) => Err(unreadable(&mut worker, &why)),
            WorkerEnd::Silent => Err(silent(
                &mut worker,
                &format!("The worker gave no sign of life for {}, and was killed.", in_words(self.patience.silent)),
            )),
            WorkerEnd::Deaf => Err(silent(
                &mut worker,
                &format!(
                    "The operation was cancelled. Its worker did not stop within {}, and was killed.",
                    in_words(self.patience.cancelled)
                ),
            )),
        }
    }

    /// Reads answers to the last one.
    fn listen(
        &self,
        worker: &Process,
        events: &Receiver<WorkerEvent>,
        passphrase: &Option<Secret>,
        said: &mut dyn FnMut(WorkerNotice<'_>),
    ) -> WorkerEnd {
        let (mut quiet, mut cancelled) = (Quiet::default(), false);
        loop {
            let patience = if cancelled { self.patience.cancelled } else { self.patience.silent };
            let event = events.recv_timeout(quiet.turn(patience));
            let line = match event {
                Ok(WorkerEvent::Heard(Heard::Line(line))) => Zeroizing::new(line),
                Ok(WorkerEvent::Heard(Heard::Unreadable(why))) => return WorkerEnd::Unreadable(why),
                Ok(WorkerEvent::Heard(Heard::End)) | Err(RecvTimeoutError::Disconnected) => return WorkerEnd::Died,
                Ok(WorkerEvent::Cancel) => {
                    worker.say(encode(&Signal::Cancel).unwrap_or_default());
                    (quiet, cancelled) = (Quiet::default(), true);
                    continue;
                }
                Err(RecvTimeoutError::Timeout) if quiet.is_over(patience) => {
                    return if cancelled { WorkerEnd::Deaf } else { WorkerEnd::Silent };
                }
                Err(RecvTimeoutError::Timeout) => continue,
            };
            quiet = Quiet::default();
            // The error itself may quote the line, and the line may be a key.
            let Ok(line) = serde_json::from_slice(&line) else {
                return WorkerEnd::Unreadable("it is not an answer of this version".into());
            };
            match line {
                WorkerLine::Alive => {}
                WorkerLine::Progress(report) => said(WorkerNotice::Progress(report.get())),
                WorkerLine::Untold(news) => said(WorkerNotice::Untold(news)),
                WorkerLine::Ask(ask) => said(WorkerNotice::Ask(ask.get())),
                WorkerLine::Key(key) => {
                    *locked(&self.unlocked) = Some(UnlockedKey { key, passphrase: passphrase.clone() })
                }
                WorkerLine::Result(result) => return WorkerEnd::Answered(Ok(result.get().to_owned())),
                WorkerLine::Error(failure) => return WorkerEnd::Answered(Err(failure)),
            }
        }
    }

    fn key_for(&self, passphrase: &Option<Secret>) -> Option<MasterKey> {
        let unlocked = locked(&self.unlocked);
        unlocked.as_ref().filter(|unlocked| unlocked.passphrase == *passphrase).map(|unlocked| unlocked.key.clone())
    }
}

/// Counts what is written.
struct PieceLength(usize);

impl std::io::Write for PieceLength {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// One line of JSON that is wiped when dropped: it may hold the secrets.
fn encode(value: &impl Serialize) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let failed = |error| Failure::from(&crate::Error::internal(format!("a request has no JSON form: {error}")));
    // As long as it will be: one that grows leaves unwiped copies behind.
    let mut length = PieceLength(0);
    serde_json::to_writer(&mut length, value).map_err(failed)?;
    let mut line = Zeroizing::new(Vec::with_capacity(length.0 + 1));
    serde_json::to_writer(&mut *line, value).map_err(failed)?;
    line.push(b'\n');
    Ok(line)
}

/// The error of an operation whose worker ended without an answer.
fn died(worker: &mut Process) -> Failure {
    // Its pipe has ended, and so has it, or it is just about to.
    let how = worker.end(DEATH).map_or_else(|| "in an unknown way".into(), describe);
    let words = worker.last_words();
    Failure::worker(format!("The worker died ({how}) before it answered; the vault is whole. Try again.{words}"))
}

/// The error of an operation whose worker said something that is no answer.
fn unreadable(worker: &mut Process, why: &str) -> Failure {
    worker.kill();
    let words = worker.last_words();
    Failure::worker(format!(
        "The worker's answer cannot be read: {why}. It was stopped, and the vault is whole. Are the addon and its worker \
         of the same version? Run `npm run build` in Lifeboat's folder.{words}"
    ))
}

/// The error of an operation whose worker hangs.
fn silent(worker: &mut Process, what: &str) -> Failure {
    let end: Option<ExitStatus> = worker.kill();
    let left = match end {
        Some(_) => " Does a disk hang? Look at it (`dmesg`), and try again.",
        None => {
            " It cannot even be killed: it waits for a disk that does not answer. Look at the disk (`dmesg`, `mount`)."
        }
    };
    Failure::worker(format!("{what} The vault is whole.{left}"))
}

impl Failure {
    pub(crate) fn worker(message: String) -> Failure {
        Failure::from(&crate::Error::Worker { message })
    }
}

#[cfg(test)]
mod tests {
    use super::protocol::WorkerAnswer;
    use super::*;
    use crate::report::BackupType;

    #[test]
    fn each_answer_of_the_protocol_is_understood() {
        let key = MasterKey::new([7; 32]);
        for answer in [
            WorkerAnswer::Alive,
            WorkerAnswer::Progress(Default::default()),
            WorkerAnswer::Key(key.clone()),
            WorkerAnswer::Untold(News::backup_failure(BackupType::Daily, "E_NO_SPACE", "…")),
            WorkerAnswer::Ask(crate::store::SignInPrompt {
                url: "https://a".into(),
                code: "AB-CD".into(),
                expires_at: 1,
            }),
            WorkerAnswer::Result(serde_json::json!({ "success": true })),
            WorkerAnswer::Error(Failure { code: "E_BUSY".into(), message: "…".into() }),
        ] {
            let text = serde_json::to_vec(&answer).unwrap();
            match (serde_json::from_slice(&text).unwrap(), answer) {
                (WorkerLine::Alive, WorkerAnswer::Alive) => {}
                (WorkerLine::Progress(text), WorkerAnswer::Progress(_)) => assert!(text.get().contains("phase")),
                (WorkerLine::Untold(news), WorkerAnswer::Untold(_)) => assert_eq!(news.name(), "backup:failure"),
                (WorkerLine::Ask(text), WorkerAnswer::Ask(_)) => assert!(text.get().contains("AB-CD")),
                (WorkerLine::Key(read), WorkerAnswer::Key(_)) => assert!(read == key),
                (WorkerLine::Result(text), WorkerAnswer::Result(_)) => assert_eq!(text.get(), r#"{"success":true}"#),
                (WorkerLine::Error(failure), WorkerAnswer::Error(_)) => assert_eq!(failure.code, "E_BUSY"),
                (_, answer) => panic!("{answer:?} was read as something else"),
            }
        }
    }

    #[test]
    fn a_kept_key_counts_only_for_its_passphrase() {
        let root = tempfile::tempdir().unwrap();
        let config = Config::from_json("{}", root.path()).unwrap();
        let supervisor = Supervisor::new("lifeboat".into(), config, WorkerPatience::default());
        let passphrase = Some(Secret::new("right"));
        assert!(supervisor.key_for(&passphrase).is_none());
        let key = MasterKey::new([7; 32]);
        *locked(&supervisor.unlocked) = Some(UnlockedKey { key, passphrase: passphrase.clone() });
        assert!(supervisor.key_for(&passphrase).is_some());
        assert!(supervisor.key_for(&Some(Secret::new("wrong"))).is_none());
        assert!(supervisor.key_for(&None).is_none());
    }
}
